"""Downloading from a hub, with the real hub client and a real HTTP server.

Each download runs in a process of its own: the hub client reads its environment once, when it is imported.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serving.hub_server import COMMIT, Hub, serve

WEIGHTS = bytes(range(256)) * 50_000
_PROGRAM = """
import json, sys
from pathlib import Path
from fairlead_contract.errors import FairleadError
from fairlead_serving.sources import fetch
seen = []
try:
    cache = Path(sys.argv[2]) if sys.argv[2] else None
    folder = fetch(sys.argv[1], cache, lambda done, total: seen.append([done, total]))
    print(json.dumps({"folder": str(folder), "seen": seen, "files": sorted(f.name for f in folder.iterdir())}))
except FairleadError as error:
    print(json.dumps({"code": error.code, "message": error.message}))
"""


@dataclass
class Download:
    """A download in a process of its own."""

    hub: Hub
    home: Path
    """Where the hub client has its own cache."""

    cache: Path | None
    """Ours; None lets the hub client keep what it downloads."""

    def start(self, uri: str, **environment: str) -> "subprocess.Popen[str]":
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        chosen = {"HF_ENDPOINT": self.hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(self.home)}
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, uri, str(self.cache or "")],
            env=kept | chosen | environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: "subprocess.Popen[str]") -> dict[str, object]:
        said, _ = process.communicate(timeout=120)
        result: dict[str, object] = json.loads(said.splitlines()[-1])
        return result

    def __call__(self, uri: str, **environment: str) -> dict[str, object]:
        return self.finish(self.start(uri, **environment))


@pytest.fixture(params=["the hub client's cache", "a cache of ours"])
def download(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Download]:
    """Downloads into either kind of cache: both hold the same promises."""
    files = {
        "config.json": b'{"model_type": "llama"}',
        "model.safetensors": WEIGHTS,
        "tokenizer.json": b"{}",
        "pytorch_model.bin": b"a pickle",
        "modeling_tiny.py": b"import os",
        "README.md": b"about",
    }
    with serve(Hub(files)) as hub:
        yield Download(hub, tmp_path / "home", tmp_path / "cache" if request.param == "a cache of ours" else None)


def test_weights_configuration_and_tokenizer_arrive_and_nothing_else(download: Download) -> None:
    """Safetensors, configuration and tokenizer are fetched; pickles, code and the rest are not."""
    result = download("hf://acme/tiny")
    assert result["files"] == ["config.json", "model.safetensors", "tokenizer.json"]
    assert set(download.hub.downloads) == {"config.json", "model.safetensors", "tokenizer.json"}


def test_progress_is_told_in_bytes(download: Download) -> None:
    """While a model arrives, the bytes that are there and those expected are told, up to the whole."""
    seen = download("hf://acme/tiny@v1")["seen"]
    assert isinstance(seen, list)
    total = len(WEIGHTS) + len(download.hub.files["config.json"]) + len(download.hub.files["tokenizer.json"])
    assert seen[-1] == [total, total]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_second_start_downloads_nothing(download: Download) -> None:
    """What lies in the cache is not fetched again, even while the hub is away."""
    first = download("hf://acme/tiny")
    again = download("hf://acme/tiny", HF_ENDPOINT="http://127.0.0.1:9")
    assert again["folder"] == first["folder"]
    assert COMMIT in str(first["folder"]) or download.cache is not None
    assert download.hub.downloads["model.safetensors"] == 1


def test_replicas_that_start_together_download_once(download: Download) -> None:
    """Two processes that want the same model fetch its weights once."""
    processes = [download.start("hf://acme/tiny") for _ in range(2)]
    folders = {str(download.finish(process)["folder"]) for process in processes}
    assert len(folders) == 1
    assert download.hub.downloads["model.safetensors"] == 1


def test_a_download_that_broke_off_is_resumed(download: Download) -> None:
    """After a cut connection, only the missing bytes are asked for."""
    download.hub.cut_after_bytes = 11_000_000
    result = download("hf://acme/tiny")
    if "folder" not in result:
        result = download("hf://acme/tiny")
    assert (Path(str(result["folder"])) / "model.safetensors").read_bytes() == WEIGHTS
    assert any(asked.startswith("bytes=") and asked != "bytes=0-" for asked in download.hub.ranges)


@pytest.mark.parametrize(
    "uri,said",
    [
        ("hf://acme/gated", "the repository is gated: accept its terms"),
        ("hf://acme/none", "there is no such repository, or it is private"),
        ("hf://acme/tiny@v9", "the repository has no such revision"),
    ],
)
def test_a_refusal_is_explained(download: Download, uri: str, said: str) -> None:
    """Gated, missing and unknown revisions each say what to do."""
    result = download(uri)
    assert result["code"] == "download_refused"
    assert str(result["message"]).startswith(f"{uri}: {said}")


def test_a_token_opens_a_gated_repository(download: Download) -> None:
    """With HF_TOKEN, a gated repository is fetched."""
    assert "folder" in download("hf://acme/gated", HF_TOKEN=download.hub.token)


def test_half_a_snapshot_is_not_used_while_the_hub_is_away(download: Download) -> None:
    """Where a part of a model lies in the cache and the hub is away, the error names the hub."""
    download.hub.files["model-2.safetensors"] = WEIGHTS
    fetched = Path(str(download("hf://acme/tiny")["folder"]))
    (fetched / "model-2.safetensors").unlink()
    if download.cache is not None:
        fetched.rename(f"{fetched}.partial")
    result = download("hf://acme/tiny", HF_ENDPOINT="http://127.0.0.1:9")
    assert "the hub cannot be reached" in str(result["message"])


def test_a_hub_that_is_away_is_named(download: Download) -> None:
    """Without a hub and without a cached model, the error says to look at the network."""
    result = download("hf://acme/tiny", HF_ENDPOINT="http://127.0.0.1:9")
    assert "the hub cannot be reached" in str(result["message"])
