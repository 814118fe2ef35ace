"""What a person and a machine see of the status."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from fairlead_cli.invocation import own_command
from fairlead_cli.observed import Observed
from fairlead_cli.render import progress_view, status_json, status_view
from fairlead_cli.status import ModelStatus, Phase, model_rows
from fairlead_cli.welcome import welcome
from fairlead_contract.replica_facts import ReplicaFacts
from tests.cli.builders import application, applied, observed, platform, service

RANKS: dict[str, tuple[ReplicaFacts, ...]] = {
    "demo": (ReplicaFacts("r1", "ready", 0, 0, 12.5, 1000, 4096, ((0, 11), (1, 12))),)
}


def shown(seen: Observed, *, wide: bool = False) -> str:
    console = Console(width=120, file=io.StringIO(), force_terminal=False)
    with console.capture() as capture:
        console.print(status_view(seen, wide=wide))
    return capture.get()


def test_table() -> None:
    """A row tells a model's names, engine, replicas, phase, ranks with their pids, sizes and load time."""
    text = shown(observed(applied(parallelism={"tensor": 2}), facts=RANKS, demo=application()), wide=True)
    header, row = [line for line in text.splitlines() if line.startswith(("MODEL", "demo"))]
    assert header.split()[:6] == ["MODEL", "NAMES", "ENGINE", "READY", "PHASE", "RANKS"]
    for cell in ("vllm", "1/1", "Ready", "2 (pids 11, 12)", "1,000", "4,096", "12s"):
        assert cell in row


def test_dead_services() -> None:
    """A service whose process is gone is not shown as up, and its restarts are told with their reason."""
    dead = service("gateway", alive=False, restarts=2, message="was ended by SIGKILL")
    text = shown(observed(applied(), platform=platform(gateway=dead), demo=application()))
    assert "valkey up" in text
    assert "gateway up" not in text
    assert "gateway: restarted 2 times, was ended by SIGKILL" in text


def test_broken_platform() -> None:
    """What a killed supervisor left behind is told with what to do."""
    assert "left 7 processes" in shown(observed(applied(), platform=None, orphans=7))


def test_messages_below_the_table() -> None:
    """What is wrong with a model stands whole below the table."""
    cause = "spec.parallelism.tensor is 3, which does not divide the model's 4 attention heads: set a divisor"
    text = shown(observed(applied(), demo=application("DEPLOY_FAILED", replicas=0, message=cause)))
    assert cause in " ".join(text.split())


def test_json() -> None:
    """Machines get the same, with every number."""
    said = json.loads(status_json(observed(applied(), facts=RANKS, demo=application())))
    (model,) = said["models"]
    assert (model["phase"], model["ready"], model["kv_cache_tokens"]) == ("Ready", 1, 1000)
    assert model["ranks"] == [[0, 11], [1, 12]]
    assert said["address"] == "http://127.0.0.1:20000"
    assert said["services"]["ray"]["running"] is True


def test_progress_without_a_terminal() -> None:
    """Without a terminal, progress is lines."""
    console = Console(width=40, file=io.StringIO(), force_terminal=False)
    with console.capture() as capture, progress_view(console) as show:
        show([ModelStatus("demo", (), "vllm", Phase.STARTING)])
        show([ModelStatus("demo", (), "vllm", Phase.READY)])
    assert [line.split("] ")[1] for line in capture.get().splitlines()] == ["demo: starting a replica", "demo: ready"]


def test_progress_on_a_terminal() -> None:
    """On a terminal, progress is a picture with a bar while something is downloaded."""
    console = Console(width=80, file=io.StringIO(), force_terminal=True)
    row = ModelStatus("demo", (), "vllm", Phase.DOWNLOADING, download_bytes=1_000_000, download_total_bytes=2_000_000)
    with console.capture() as capture, progress_view(console) as show:
        show([row])
    assert "50 % (1 of 2 MB)" in capture.get()
    assert "━" in capture.get()


def test_welcome(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The closing words hold a curl that works where the person stands, and how to stop."""
    program = tmp_path / ".venv" / "bin" / "fairlead"
    program.parent.mkdir(parents=True)
    program.write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("FAIRLEAD_HOME", raising=False)
    monkeypatch.setattr("sys.argv", [str(program)])
    seen = observed(applied(model={"name": "Chat"}), demo=application())
    text = welcome(platform(), model_rows(seen), attached=False)
    assert "http://127.0.0.1:20000/v1/chat/completions" in text
    assert '"Authorization: Bearer $(.venv/bin/fairlead token)"' in text
    assert '"model": "Chat", "stream": true' in text
    assert text.endswith(".venv/bin/fairlead down")


def test_welcome_talks_to_no_model_that_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example is a model that one can talk to; beside other models alone there is none."""
    monkeypatch.setattr("sys.argv", [str(tmp_path / "fairlead")])
    seen = observed(applied(model={"name": "Vectors", "task": "embed"}), demo=application())
    text = welcome(platform(), model_rows(seen), attached=False)
    assert "curl" not in text
    assert "Chat:" not in text


def test_own_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The printed command names a program outside the folder by its whole path, and a state folder of its own."""
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("FAIRLEAD_HOME", "/state of mine")
    monkeypatch.setattr("sys.argv", [str(tmp_path / "fairlead")])
    assert own_command() == f"FAIRLEAD_HOME='/state of mine' {tmp_path}/fairlead"
