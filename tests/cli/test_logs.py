"""Logs of services and models."""

import threading
from itertools import islice
from pathlib import Path

import pytest

from fairlead_cli.applied import write_applied
from fairlead_cli.errors import UnknownName
from fairlead_cli.home import Home
from fairlead_cli.logs import follow, last_lines, log_files
from tests.cli.builders import deployment


def test_services(home: Home) -> None:
    """A service has one log; without a name it is those of all services."""
    assert [file.name for file in log_files(home, "gateway")] == ["gateway.log"]
    assert [file.stem for file in log_files(home, None)] == ["supervisor", "valkey", "ray", "gateway"]


@pytest.mark.parametrize("name", ["demo", "Chat"])
def test_model_of_a_platform_that_is_down(home: Home, name: str) -> None:
    """What a model's replicas wrote is found, by any of its names, after the platform went down too."""
    write_applied(home, [deployment(model={"name": "Chat"})], now=1)
    folder = home.ray / "session_latest" / "logs" / "serve"
    folder.mkdir(parents=True)
    for model in ("demo", "demo-big"):
        (folder / f"replica_{model}_replica_abc.log").write_text("")
    assert [file.name for file in log_files(home, name)] == ["replica_demo_replica_abc.log"]


def test_unknown_name(home: Home) -> None:
    """A name that nothing has is refused with those that there are."""
    with pytest.raises(UnknownName, match="supervisor, valkey, ray, gateway"):
        log_files(home, "nothing")


def test_last_lines(tmp_path: Path) -> None:
    """Of a log the last lines are shown, of a missing one none."""
    log = tmp_path / "log"
    assert last_lines(log, 2) == []
    log.write_text("1\n2\n3\n")
    assert last_lines(log, 2) == ["2", "3"]


@pytest.mark.timeout(20)
def test_follow(tmp_path: Path) -> None:
    """What is added to several logs is shown by whole lines, in order, new logs from their start."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("before\n")
    added = follow([old, new])

    def write() -> None:
        with old.open("a") as file:
            file.write("half")
            file.flush()
            file.write(" and half\n")
        new.write_text("first\n")

    writer = threading.Timer(0.2, write)
    writer.start()
    lines = sorted(line for _, line in islice(added, 2))
    writer.join()
    assert lines == ["first", "half and half"]
