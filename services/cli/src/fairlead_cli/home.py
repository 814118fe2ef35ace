"""The state folder of local mode: where everything lies that outlives a command.

auth/            jwt.key, ray.token, hop.key, api-keys.pepper, and hop/<model>: created once, readable by you alone
tenants.yaml     plans and tenants; yours to edit, read again by the gateway as you save it
issuers.yaml     whose tokens are taken besides our own; yours to edit, read again as you save it
api-keys.json    API keys as keyed hashes
models/          the manifests that are applied: the truth about which models shall run
routes.json      what the gateway routes by, written from models/
secrets/         <name>/<key>: the values that a manifest's secretKeyRef names
platform.json    ports and processes of the running platform
scrape-targets.json  where Prometheus finds its metrics
logs/ ray/ valkey/
"""

import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fairlead_cli.errors import PreflightFailed
from fairlead_cli.settings import Settings
from fairlead_contract.files import private_folder

HOME_VARIABLE = "FAIRLEAD_HOME"

LONGEST_UNIX_SOCKET_PATH = 107
"""Bytes that the kernel allows for the path of a Unix socket."""

LONGEST_RAY_SOCKET_SUFFIX = len("/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")
"""What Ray puts behind its folder for its longest socket."""

LONGEST_HAPROXY_SOCKET_PATH = 97
"""HAProxy first binds a socket under a temporary name, which is ten bytes longer."""

LONGEST_HAPROXY_SOCKET_SUFFIX = len("/" + "0" * 56 + "/metrics.sock")
"""What Ray puts behind HAProxy's folder for its longest socket: it lies below the node's id."""

SHORT_FOLDER = Path("/tmp")  # noqa: S108 - what lies in it is of mode 0700, and create() checks whose it is
"""Where folders go whose own place is too deep for sockets; a user's TMPDIR may be just as deep."""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one state folder."""

    root: Path

    @property
    def auth(self) -> Path:
        return self.root / "auth"

    @property
    def jwt_key(self) -> Path:
        return self.auth / "jwt.key"

    @property
    def ray_token(self) -> Path:
        return self.auth / "ray.token"

    @property
    def hop_key(self) -> Path:
        return self.auth / "hop.key"

    @property
    def pepper(self) -> Path:
        return self.auth / "api-keys.pepper"

    @property
    def hop_folder(self) -> Path:
        return self.auth / "hop"

    @property
    def tenants(self) -> Path:
        return self.root / "tenants.yaml"

    @property
    def issuers(self) -> Path:
        return self.root / "issuers.yaml"

    @property
    def api_keys(self) -> Path:
        return self.root / "api-keys.json"

    @property
    def routes(self) -> Path:
        return self.root / "routes.json"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def platform(self) -> Path:
        return self.root / "platform.json"

    @property
    def scrape_targets(self) -> Path:
        return self.root / "scrape-targets.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Held while models/ changes and Ray Serve is told of it."""
        return self.root / ".lock"

    @property
    def valkey_data(self) -> Path:
        return self.root / "valkey"

    @property
    def valkey(self) -> Path:
        """Where Valkey's socket lies: beside its data, unless that is too deep."""
        return self.short(self.valkey_data, len("/valkey.sock"))

    @property
    def ray(self) -> Path:
        return self.short(self.root / "ray", LONGEST_RAY_SOCKET_SUFFIX)

    @property
    def haproxy(self) -> Path:
        """Of mode 0700, like all folders here: HAProxy's admin socket takes commands from whoever reaches it."""
        return self.short(self.ray / "haproxy", LONGEST_HAPROXY_SOCKET_SUFFIX, LONGEST_HAPROXY_SOCKET_PATH)

    def short(self, folder: Path, suffix_length: int, longest: int = LONGEST_UNIX_SOCKET_PATH) -> Path:
        """Return a folder short enough for Unix sockets: itself, or one of our own in the temporary folder."""
        if len(str(folder).encode()) + suffix_length <= longest:
            return folder
        digest = hashlib.sha256(f"{os.getuid()}:{self.root}".encode()).hexdigest()[:8]
        return SHORT_FOLDER / f"fl-{digest}" / folder.name

    def create(self) -> "Home":
        """Make the folders that are missing, for their owner alone.

        Raises:
            PreflightFailed: A folder belongs to someone else or cannot be made.
        """
        for folder in (self.root, self.auth, self.hop_folder, self.models, self.secrets, self.logs):
            _make_own(folder)
        return self

    def create_service_folders(self) -> None:
        """Make the folders of Valkey and Ray, which only a platform that starts needs.

        Raises:
            PreflightFailed: A folder belongs to someone else or cannot be made.
        """
        _make_own(self.valkey_data)
        for place in (self.valkey, self.ray, self.haproxy):
            _make_own(place.parent)
            _make_own(place)

    def remove_short_folders(self) -> None:
        """Remove the sockets that lay outside the state folder; logs stay until the next start."""
        for folder in (self.valkey, self.haproxy):
            if not folder.is_relative_to(self.root):
                shutil.rmtree(folder, ignore_errors=True)
                with suppress(OSError):
                    folder.parent.rmdir()


def _make_own(folder: Path) -> None:
    try:
        private_folder(folder)
    except OSError as error:
        raise PreflightFailed(
            f"cannot use {folder}: {error.strerror}; set {HOME_VARIABLE} to a folder of your own"
        ) from None
    if folder.stat().st_uid != os.getuid():
        raise PreflightFailed(f"{folder} belongs to another user; set {HOME_VARIABLE} to a folder of your own")


def find_home() -> Home:
    """Return the state folder that the settings name, made where it is missing.

    Raises:
        PreflightFailed: It belongs to someone else or cannot be made.
    """
    return Home(Settings().home.expanduser().absolute()).create()
