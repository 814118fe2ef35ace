"""What a replica is told by its environment: where its files lie, never what is in them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fairlead_contract.errors import EngineStartFailed
from fairlead_contract.tracing import traces_endpoint

HOP_SECRET_FILE = "FAIRLEAD_HOP_SECRET_FILE"  # noqa: S105 - the name of a variable
MIN_SECRET_LENGTH = 32
MODEL_CACHE = "FAIRLEAD_MODEL_CACHE"
SECRETS_DIR = "FAIRLEAD_SECRETS_DIR"


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """Settings of one replica process.

    Attributes:
        hop_secret: The secret that every request must carry, read from the file that `FAIRLEAD_HOP_SECRET_FILE` names.
        model_cache: Folder for downloaded models; None means the user's own caches.
        secrets_folder: Folder with one file `<secret>/<key>` for each secret that an engine's environment refers to.
        traces_endpoint: Where the engine sends its spans, by OpenTelemetry's standard variables; None for nowhere.
    """

    hop_secret: str
    model_cache: Path | None = None
    secrets_folder: Path | None = None
    traces_endpoint: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "ServingSettings":
        """Read the settings.

        Raises:
            EngineStartFailed: if there is no hop secret; a replica that anyone may call must not start.
        """
        return cls(
            hop_secret=_read_hop_secret(environment.get(HOP_SECRET_FILE, "")),
            model_cache=_folder(environment, MODEL_CACHE),
            secrets_folder=_folder(environment, SECRETS_DIR),
            traces_endpoint=traces_endpoint(environment),
        )


def users_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where this user's downloads lie that no hub client keeps."""
    return Path(environment.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "fairlead" / "weights"


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name)
    return Path(value).expanduser() if value else None


def _read_hop_secret(file: str) -> str:
    if not file:
        raise EngineStartFailed(
            f"{HOP_SECRET_FILE} is not set: name a file with the hop secret, a replica does not start open"
        )
    try:
        secret = Path(file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EngineStartFailed(f"the hop secret {file} cannot be read ({error}): write one line of ASCII") from None
    if len(secret) < MIN_SECRET_LENGTH:
        raise EngineStartFailed(
            f"the hop secret in {file} has less than {MIN_SECRET_LENGTH} characters: write 64 hexadecimal digits"
        )
    return secret
