"""The local Ray: its command line and its environment.

Ray is never started open: every part of it asks for the token of our own file, the user's own Ray token is not touched,
and every port that can be bound to loopback is.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from fairlead_cli.errors import PlatformStartFailed
from fairlead_cli.home import Home
from fairlead_cli.ports import LOOPBACK, Ports
from fairlead_cli.processes import MARK_VARIABLE
from fairlead_contract.ray_environment import RayPorts, ray_environment
from fairlead_contract.tracing import engine_tracing, without_tracing

OBJECT_STORE_BYTES = 200_000_000
"""Weights and tokens never pass through Ray's object store; this is the store's own floor with room to spare."""

CPUS_PER_CORE = 16
"""Ray counts promises, not cores: on a small machine a second deployment would otherwise wait for ever."""

FEWEST_CPUS = 64

_INHERITED_TROUBLE = ("PYTHONDONTWRITEBYTECODE", "RAY_ADDRESS", "RAY_AUTH_TOKEN", "RAY_TMPDIR")
"""Variables of the caller that would slow each engine start by 15 s, point at another Ray, or override our token."""


@dataclass(frozen=True, slots=True)
class RayHead:
    """How the head of a local Ray is started."""

    home: Home
    ports: Ports
    longest_stream_s: int

    @property
    def command(self) -> list[str]:
        ports = self.ports
        options = {
            "node-ip-address": LOOPBACK,
            "port": ports.ray_gcs,
            "ray-client-server-port": ports.ray_client,
            "dashboard-host": LOOPBACK,
            "dashboard-port": ports.dashboard,
            "dashboard-agent-listen-port": ports.dashboard_agent,
            "dashboard-agent-grpc-port": ports.dashboard_agent_grpc,
            "object-manager-port": ports.object_manager,
            "node-manager-port": ports.node_manager,
            "runtime-env-agent-port": ports.runtime_env_agent,
            "metrics-export-port": ports.ray_metrics,
            "min-worker-port": ports.first_worker,
            "max-worker-port": ports.last_worker,
            "num-cpus": max(FEWEST_CPUS, CPUS_PER_CORE * (os.cpu_count() or 1)),
            "object-store-memory": OBJECT_STORE_BYTES,
            "temp-dir": self.home.ray,
            "include-log-monitor": "false",
            "log-style": "record",
            "log-color": "false",
        }
        flags = ["--head", "--block", "--no-monitor", "--disable-usage-stats"]
        return [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", *flags),
            *(f"--{name}={value}" for name, value in options.items()),
        ]

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of Ray and of every replica below it.

        Raises:
            PlatformStartFailed: There is no token, so Ray would start open.
        """
        if not self.home.ray_token.is_file() or not self.home.ray_token.read_bytes().strip():
            raise PlatformStartFailed(f"{self.home.ray_token} is missing or empty; delete it and run fairlead up again")
        named = without_tracing(inherited)
        kept = {name: value for name, value in named.items() if name not in _INHERITED_TROUBLE}
        return kept | self._serve(engine_tracing(inherited)) | self._ray() | {MARK_VARIABLE: str(self.home.root)}

    def _serve(self, tracing: Mapping[str, str]) -> dict[str, str]:
        """Return what every Ray of Fairlead's has, on one machine and in a cluster."""
        ports = RayPorts(
            haproxy_stats=self.ports.haproxy_stats,
            haproxy_metrics=self.ports.haproxy_metrics,
            replica_first=self.ports.first_replica,
            replica_last=self.ports.last_replica,
        )
        return ray_environment(
            longest_stream_s=self.longest_stream_s,
            token_file=str(self.home.ray_token),
            haproxy_folder=str(self.home.haproxy),
            ports=ports,
            tracing=tracing,
        )

    def _ray(self) -> dict[str, str]:
        """Return what keeps several Rays on one machine apart, and this one to itself."""
        return {
            # The one switch by which `ray start` keeps 127.0.0.1 as the node's address; otherwise it looks up the
            # machine's outward address, listens there, and breaks when the laptop changes its network.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            # Ray would kill its own workers, Serve's controller too, when other programs fill the machine's memory.
            "RAY_memory_monitor_refresh_ms": "0",
            "AUTOSCALER_METRIC_PORT": str(self.ports.autoscaler_metrics),
            "DASHBOARD_METRIC_PORT": str(self.ports.dashboard_metrics),
            "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(self.ports.fallback_http),
            "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(self.ports.fallback_grpc),
        }
