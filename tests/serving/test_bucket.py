"""Downloading from a bucket, with the real client and a real S3 server."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_contract.errors import DownloadFailed, DownloadRefused
from fairlead_serving.bucket import download_into
from tests.serving.relay import Relay, relay
from tests.serving.s3_server import Store, store

WEIGHTS = bytes(range(256)) * 20_000
MODEL = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": WEIGHTS,
    "1_Pooling/config.json": b"{}",
    "tokenizer.json": b"",
}
OTHERS = {"pytorch_model.bin": b"a pickle", "modeling_tiny.py": b"import os", "README.md": b"about"}
URI = "s3://models/llama"


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with store() as running:
        yield running


@pytest.fixture
def bucket(server: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    use(monkeypatch, server.environment())
    server.put("models", {f"llama/{name}": content for name, content in (MODEL | OTHERS).items()})
    yield server
    server.reset()


@pytest.fixture
def link(bucket: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A relay between the client and the server."""
    with relay(bucket.url) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    return made


def use(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def fetch(folder: Path, uri: str = URI) -> list[tuple[int, int]]:
    """Download and return the progress that was told."""
    told: list[tuple[int, int]] = []
    download_into(folder, uri, uri.removeprefix("s3://"), lambda done, total: told.append((done, total)))
    return told


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def piece(folder: Path, name: str) -> Path:
    """Return where an object of the model lies while it is fetched."""
    etag = hashlib.md5(MODEL[name], usedforsecurity=False).hexdigest()
    pieces = folder / ".fetching"
    pieces.mkdir(exist_ok=True)
    return pieces / hashlib.sha256(f"llama/{name}\0{etag}".encode()).hexdigest()


def test_a_models_files_arrive_and_nothing_else(bucket: Store, folder: Path) -> None:
    """Safetensors, configuration and tokenizer below the prefix are fetched; pickles, code and neighbours are not."""
    bucket.client.put_object(Bucket="models", Key="llama-2/config.json", Body=b"another model")
    told = fetch(folder)
    assert files(folder) == MODEL
    total = sum(len(content) for content in MODEL.values())
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_whole_bucket_may_be_the_model(bucket: Store, folder: Path) -> None:
    """Without a prefix, and with slashes at its end, the model is found."""
    bucket.put("whole", MODEL)
    fetch(folder, "s3://whole/")
    assert files(folder) == MODEL


def test_a_cut_connection_is_gone_on_with(link: Relay, folder: Path) -> None:
    """Where a connection breaks in the middle of an object, the rest of it is fetched."""
    link.cut_after_bytes = len(WEIGHTS) // 2
    fetch(folder)
    assert files(folder) == MODEL
    assert link.cut_after_bytes is None
    assert link.passed < 1.5 * len(WEIGHTS)


def test_what_a_killed_process_left_is_gone_on_with(link: Relay, folder: Path) -> None:
    """Of an object that lies there in part, only the rest is fetched."""
    piece(folder, "model.safetensors").write_bytes(WEIGHTS[:-1000])
    told = fetch(folder)
    assert files(folder) == MODEL
    assert told[-1][0] == told[-1][1]
    assert link.passed < len(WEIGHTS) // 10


def test_damaged_pieces_are_not_used(bucket: Store, folder: Path) -> None:
    """What has not the checksum that the bucket tells is thrown away, and the next try fetches it anew."""
    piece(folder, "model.safetensors").write_bytes(bytes(len(WEIGHTS)))
    with pytest.raises(DownloadFailed, match=r"s3://models/llama: model.safetensors has another checksum"):
        fetch(folder)
    fetch(folder)
    assert files(folder) == MODEL


def test_an_object_that_changed_is_fetched_anew(bucket: Store, folder: Path) -> None:
    """A piece of an object that was replaced meanwhile is not mixed with the new one."""
    piece(folder, "model.safetensors").write_bytes(WEIGHTS[:100])
    bucket.client.put_object(Bucket="models", Key="llama/model.safetensors", Body=b"new weights")
    fetch(folder)
    assert files(folder)["model.safetensors"] == b"new weights"
    assert not (folder / ".fetching").exists()


def test_a_full_disk_is_named(bucket: Store, folder: Path) -> None:
    """Where nothing more can be written, the error says what to do."""
    piece(folder, "model.safetensors").symlink_to("/dev/full")
    with pytest.raises(DownloadFailed, match=r"the disk is full: free some space.*raise spec.cache.weights.size"):
        fetch(folder)


@pytest.mark.parametrize(
    "uri,said",
    [
        ("s3://nobodys/llama", "there is no such bucket: correct spec.model.source"),
        ("s3://models/none", "holds no config.json: name the model's own folder"),
        ("s3://models", "holds no config.json: name the model's own folder"),
    ],
)
def test_what_is_no_model_is_refused(bucket: Store, folder: Path, uri: str, said: str) -> None:
    """A bucket or prefix that is not there, or no model, is refused in one line and nothing of it is fetched."""
    with pytest.raises(DownloadRefused) as refusal:
        fetch(folder, uri)
    assert refusal.value.message.startswith(uri)
    assert said in refusal.value.message
    assert files(folder) == {}


def test_a_model_without_safetensors_is_refused(bucket: Store, folder: Path) -> None:
    """A prefix with pickled weights alone is refused before it is fetched."""
    bucket.put("pickled", {"config.json": b"{}", "pytorch_model.bin": b"a pickle"})
    with pytest.raises(DownloadRefused, match=r"holds no \*.safetensors"):
        fetch(folder, "s3://pickled")


def test_missing_rights_are_named(bucket: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without rights, and a key that nobody has, are told what to give; a reader is let in."""
    stranger, reader = bucket.user("stranger"), bucket.user("reader", "s3:ListBucket", "s3:GetObject")
    with bucket.guarded():
        use(monkeypatch, stranger)
        with pytest.raises(DownloadRefused, match="lets these credentials not read: give AWS_ACCESS_KEY_ID"):
            fetch(folder)
        use(monkeypatch, bucket.environment("AKIAUNKNOWN", "s3cr3t-in-no-message"))
        with pytest.raises(DownloadRefused, match="the access key is unknown: give AWS_ACCESS_KEY_ID") as refusal:
            fetch(folder)
        assert "s3cr3t" not in refusal.value.message
        use(monkeypatch, reader)
        fetch(folder)
    assert files(folder) == MODEL


def test_missing_credentials_are_named(bucket: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any credentials the error says which to give, and how."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(DownloadRefused, match=r"there are no credentials: .* by secretKeyRef in spec.engine.env"):
        fetch(folder)


def test_a_store_that_is_away_is_named(bucket: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server, the error says to look at the network, and that may pass."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(DownloadFailed, match="the store cannot be reached") as failure:
        fetch(folder)
    assert failure.value.retryable
