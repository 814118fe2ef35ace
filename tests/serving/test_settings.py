"""What a replica is told by its environment."""

from pathlib import Path

import pytest

from fairlead_contract.errors import EngineStartFailed
from fairlead_serving.settings import ServingSettings

SECRET = "a" * 64


def test_settings_are_read_from_files_and_folders(tmp_path: Path) -> None:
    """The secret is read from its file, folders are taken as named."""
    file = tmp_path / "hop"
    file.write_text(SECRET + "\n")
    named = {
        "FAIRLEAD_HOP_SECRET_FILE": str(file),
        "FAIRLEAD_MODEL_CACHE": "/models",
        "FAIRLEAD_SECRETS_DIR": "/secrets",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector/v1/traces",
    }
    settings = ServingSettings.from_environment(named)
    assert settings == ServingSettings(SECRET, Path("/models"), Path("/secrets"), "http://collector/v1/traces")


@pytest.mark.parametrize("content,said", [(None, "cannot be read"), ("short", "less than 32"), ("ä" * 64, "ASCII")])
def test_a_replica_without_a_good_secret_does_not_start(tmp_path: Path, content: str | None, said: str) -> None:
    """A missing, short or unreadable secret is an error, never an open door."""
    file = tmp_path / "hop"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(EngineStartFailed, match=said):
        ServingSettings.from_environment({"FAIRLEAD_HOP_SECRET_FILE": str(file)})


def test_a_replica_that_was_given_no_secret_does_not_start() -> None:
    """Without the variable, a replica refuses to start and says which one it needs."""
    with pytest.raises(EngineStartFailed, match="FAIRLEAD_HOP_SECRET_FILE is not set"):
        ServingSettings.from_environment({})
