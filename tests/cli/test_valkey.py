"""The local Valkey, for real."""

import stat
import subprocess
from collections.abc import Iterator

import psutil
import pytest
from redis import Redis

from fairlead_cli.home import Home
from fairlead_cli.processes import identify
from fairlead_cli.valkey import Valkey
from tests.support.processes import listeners
from tests.support.waiting import eventually


@pytest.fixture
def valkey(home: Home) -> Iterator[tuple[Valkey, subprocess.Popen[bytes]]]:
    """A Valkey that answers."""
    home.create_service_folders()
    valkey = Valkey(home)
    valkey.write_configuration()
    process = subprocess.Popen(valkey.command, stdout=subprocess.DEVNULL)
    eventually(valkey.answers, within_s=20, what="Valkey answers")
    yield valkey, process
    process.terminate()
    process.wait()
    home.remove_short_folders()


def test_answers_on_its_socket_alone(valkey: tuple[Valkey, subprocess.Popen[bytes]]) -> None:
    """It answers on a Unix socket that only its owner may open, and listens on no port."""
    running, process = valkey
    assert stat.S_IMODE(running.socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(running.socket.parent.stat().st_mode) == 0o700
    assert identify(process.pid) is not None
    assert listeners_of(process.pid) == []


def test_keeps_what_it_is_told(valkey: tuple[Valkey, subprocess.Popen[bytes]]) -> None:
    """Counters survive: writes go to the append-only file, and nothing is evicted."""
    running, _ = valkey
    with Redis.from_url(running.url) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_nobody_there(home: Home) -> None:
    """Where no Valkey runs, it does not answer, and that is no error."""
    assert not Valkey(home).answers()


def listeners_of(pid: int) -> list[int]:
    return [listener.port for listener in listeners([psutil.Process(pid)])]
