"""The program that fetches weights, as a Job runs it: real processes, a real hub, one cache."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from fairlead_contract.replica_facts import ReplicaFacts, download_progress, parse_facts
from fairlead_contract.source import parse_source
from fairlead_contract.weights import cache_key
from tests.serving.hub_server import Hub
from tests.serving.hub_server import serve as serve_hub
from tests.serving.relay import Relay, relay
from tests.serving.s3_server import Store, store
from tests.support.ports import free_port
from tests.support.waiting import eventually

WEIGHTS = bytes(range(256)) * 50_000
FILES = {"config.json": b'{"model_type": "llama"}', "model.safetensors": WEIGHTS, "tokenizer.json": b"{}"}
HF, S3 = "hf://acme/tiny@v1", "s3://models/tiny"
TOKEN = "hf_secret"
KEY = "s3-secret-key"


@dataclass
class Fetching:
    """What fetches, from where, into which cache."""

    hub: Hub
    hub_link: Relay
    store: Store
    store_link: Relay
    cache: Path
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def start(self, source: str, *options: str, **environment: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "fairlead_serving.fetch", "--model=tiny", f"--source={source}"]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "AWS_"))}
        mirror = {"HF_ENDPOINT": self.hub_link.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": f"{self.cache}-home"}
        keys = self.store.environment("key", KEY, url=self.store_link.url)
        process = subprocess.Popen(
            [*command, f"--cache={self.cache}", *options],
            env=inherited | mirror | keys | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def stop(self) -> None:
        """Leave no process behind where a test failed."""
        for process in self.started:
            with process:
                process.kill()

    def link(self, source: str) -> Relay:
        return self.hub_link if source.startswith("hf") else self.store_link

    def folder(self, source: str) -> Path:
        return self.cache / cache_key(parse_source(source))


@pytest.fixture
def fetching(tmp_path: Path) -> Iterator[Fetching]:
    with ExitStack() as stack:
        hub = stack.enter_context(serve_hub(Hub(dict(FILES), token=TOKEN)))
        bucket = stack.enter_context(store())
        bucket.put("models", {f"tiny/{name}": content for name, content in FILES.items()})
        links = [stack.enter_context(relay(server.url)) for server in (hub, bucket)]
        fetching = Fetching(hub, links[0], bucket, links[1], tmp_path / "cache")
        stack.callback(fetching.stop)
        yield fetching


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def is_complete(folder: Path) -> bool:
    return {file.name: file.read_bytes() for file in folder.iterdir()} == FILES


def facts(port: int) -> ReplicaFacts | None:
    """Return what a Job's metrics page says."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            said = parse_facts(page.read().decode())
    except URLError:
        return None
    return said["tiny"][0] if "tiny" in said else None


@pytest.mark.parametrize("source", [HF, S3])
def test_processes_that_start_together_fetch_once(fetching: Fetching, source: str) -> None:
    """Of two processes with one cache, one downloads and the other waits, and both end well."""
    link = fetching.link(source)
    link.hold_after_bytes = len(WEIGHTS) // 2
    first = fetching.start(source)
    assert link.held.wait(60)
    port = free_port()
    second = fetching.start(source, f"--metrics-port={port}")
    try:
        waiting = eventually(
            lambda: (said := facts(port)) and said.download_total_bytes and said,
            within_s=60,
            what="the second tells the progress of the first",
        )
        assert isinstance(waiting, ReplicaFacts)
        assert waiting.download_bytes < waiting.download_total_bytes == sum(map(len, FILES.values()))
    finally:
        link.go_on.set()
    assert [finish(process)[0] for process in (first, second)] == [0, 0]
    assert is_complete(fetching.folder(source))
    assert link.passed < 1.5 * len(WEIGHTS)


@pytest.mark.parametrize("source", [HF, S3])
def test_a_killed_process_is_succeeded(fetching: Fetching, source: str) -> None:
    """After the one that downloads is killed, nothing half is there to load, and the next finishes it."""
    link = fetching.link(source)
    link.hold_after_bytes = len(WEIGHTS) // 2
    first = fetching.start(source)
    assert link.held.wait(60)
    second = fetching.start(source)
    first.send_signal(signal.SIGKILL)
    assert finish(first)[0] == -signal.SIGKILL
    assert not fetching.folder(source).exists()
    link.go_on.set()
    assert finish(second)[0] == 0
    assert is_complete(fetching.folder(source))
    assert [found.suffix for found in fetching.cache.iterdir() if not found.is_dir()] == [".lock"]


def test_progress_is_on_the_metrics_page_until_the_end(fetching: Fetching) -> None:
    """While weights arrive, the page tells how many of how many bytes in the words of a replica; then it is gone."""
    fetching.store_link.hold_after_bytes = len(WEIGHTS) // 2
    port = free_port()
    process = fetching.start(S3, f"--metrics-port={port}")
    assert fetching.store_link.held.wait(60)
    said = eventually(
        lambda: (now := facts(port)) and now.download_bytes and now, within_s=30, what="the page tells progress"
    )
    assert isinstance(said, ReplicaFacts)
    progress = download_progress([said])
    assert progress is not None
    assert progress.bytes_total == sum(map(len, FILES.values()))
    assert progress.percent is not None
    assert progress.percent <= 50
    fetching.store_link.go_on.set()
    assert finish(process)[0] == 0
    assert facts(port) is None


def test_what_is_there_needs_no_source(fetching: Fetching) -> None:
    """What was fetched is not asked for again, even while the source is away."""
    assert finish(fetching.start(HF))[0] == 0
    assert finish(fetching.start(HF, HF_ENDPOINT="http://127.0.0.1:9"))[0] == 0
    assert fetching.hub.downloads["model.safetensors"] == 1


@pytest.mark.parametrize(
    "source,code,said",
    [
        ("hf://acme/gated", 65, "the repository is gated: accept its terms on the hub and give HF_TOKEN"),
        ("hf://acme/none", 65, "there is no such repository"),
        ("s3://models/none", 65, "holds no config.json"),
        ("hf://acme/tiny", 1, "the hub cannot be reached"),
    ],
)
def test_failures_tell_whether_to_try_again(
    fetching: Fetching, tmp_path: Path, source: str, code: int, said: str
) -> None:
    """The exit code tells a refusal from what may pass, and the cause is in the error file and ends the log."""
    away = {"HF_ENDPOINT": "http://127.0.0.1:9"} if code == 1 else {}
    cause = tmp_path / "termination-log"
    ended, log = finish(fetching.start(source, f"--error-file={cause}", **away))
    assert ended == code
    assert cause.read_text().startswith(f"{source}")
    assert said in cause.read_text()
    assert log.splitlines()[-1].endswith(cause.read_text())


def test_no_secret_is_shown(fetching: Fetching) -> None:
    """Neither the command line nor the log of a download, good or bad, holds a token or a key."""
    bad, more = finish(fetching.start("hf://acme/gated", HF_TOKEN="hf_wrong_secret"))
    fetching.hub_link.hold_after_bytes = len(WEIGHTS) // 2
    process = fetching.start("hf://acme/gated", HF_TOKEN=TOKEN)
    assert fetching.hub_link.held.wait(60)
    command = Path(f"/proc/{process.pid}/cmdline").read_text()
    fetching.hub_link.go_on.set()
    good, log = finish(process)
    _, bucket = finish(fetching.start(S3))
    assert (good, bad) == (0, 65)
    for secret in (TOKEN, "hf_wrong_secret", KEY):
        assert secret not in command + log + more + bucket


def test_nothing_heavy_is_loaded() -> None:
    """The program starts without an engine, without Ray and without torch."""
    program = "import sys, fairlead_serving.fetch; print(sorted({'ray', 'torch', 'vllm'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


def test_what_is_not_downloaded_is_refused(fetching: Fetching) -> None:
    """A source that is mounted, or none at all, is refused with what to write."""
    for source in ("pvc://claim/x", "nonsense"):
        code, said = finish(fetching.start(source))
        assert code == 2
        assert "hf://" in said
