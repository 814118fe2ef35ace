"""The local gateway: its command line and its environment."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from fairlead_cli.home import Home
from fairlead_cli.ports import LOOPBACK, Ports
from fairlead_cli.processes import MARK_VARIABLE
from fairlead_cli.valkey import Valkey

READY_TIMEOUT_S = 2.0
PREFIX = "FAIRLEAD_GATEWAY_"


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    """How the local gateway is started and asked whether it is ready."""

    home: Home
    ports: Ports
    longest_stream_s: int

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "fairlead_gateway"]

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the gateway's environment: paths of secrets, never the secrets; other settings of it pass through."""
        kept = {name: value for name, value in inherited.items() if name != f"{PREFIX}REDIS_URL_FILE"}
        settings = {
            "HOST": LOOPBACK,
            "PORT": str(self.ports.gateway),
            "METRICS_HOST": LOOPBACK,
            "METRICS_PORT": str(self.ports.gateway_metrics),
            "REDIS_URL": Valkey(self.home).url,
            "ROUTES_FILE": str(self.home.routes),
            "TENANTS_FILE": str(self.home.tenants),
            "ISSUERS_FILE": str(self.home.issuers),
            "API_KEYS_FILE": str(self.home.api_keys),
            "JWT_KEY_FILE": str(self.home.jwt_key),
            "PEPPER_FILE": str(self.home.pepper),
            "HOP_KEY_FILE": str(self.home.hop_key),
            "LONGEST_STREAM_S": str(self.longest_stream_s),
        }
        named = {PREFIX + name: value for name, value in settings.items()}
        return kept | named | {MARK_VARIABLE: str(self.home.root)}

    def answers(self) -> bool:
        """Return whether it is ready to take requests."""
        try:
            answer = httpx2.get(
                f"http://{LOOPBACK}:{self.ports.gateway}/ready", timeout=READY_TIMEOUT_S, trust_env=False
            )
        except httpx2.HTTPError:
            return False
        return answer.is_success
