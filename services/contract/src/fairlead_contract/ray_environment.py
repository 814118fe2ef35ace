"""The environment of Ray's processes, on one machine and in pods.

Ray Serve reads most of this once, when its modules are imported, so it must be set before any process of Ray starts:
for `ray start` locally, for head and worker containers in a cluster. All that has to do with time follows from one
number, the longest stream: a proxy or a replica that is on its way out stays until the last stream may have ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

HAPROXY_FOLDER_MODE = 0o700
"""Ray makes HAProxy's admin socket world-writable, and it takes commands from all comers: the folder guards it."""

METRICS_INTERVAL_MS = 2000
"""After which what replicas say of themselves can be read; Ray's own 10 s would make a status lag."""


@dataclass(frozen=True, slots=True)
class RayPorts:
    """Ports that Ray Serve opens besides its front door; on one machine they must not collide with others.

    Attributes:
        haproxy_stats: HAProxy's statistics page. It cannot be bound to loopback.
        haproxy_metrics: HAProxy's Prometheus metrics. They cannot be bound to loopback.
        replica_first: First of the ports from which each replica takes one; bound to Serve's `http_options.host`.
        replica_last: Last of them.
    """

    haproxy_stats: int = 8404
    haproxy_metrics: int = 9101
    replica_first: int = 30000
    replica_last: int = 31000


def ray_environment(
    *,
    longest_stream_s: int,
    token_file: str | None,
    haproxy_folder: str,
    ports: RayPorts = RayPorts(),
    deregistration_s: int = 2,
    log_to_stderr: bool = False,
    tracing: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Return the environment variables with which every process of Ray starts.

    Args:
        longest_stream_s: Seconds that a stream may last.
        token_file: File (mode 0600) with Ray's authentication token; None where the environment brings the token
            itself, as KubeRay does. Ray never runs open.
        haproxy_folder: Folder of mode `HAPROXY_FOLDER_MODE` for HAProxy's configuration and sockets; keep its path
            under 28 characters, because the sockets lie in a folder below, named after the node.
        ports: Ports besides the front door.
        deregistration_s: Seconds for which a leaving replica still takes requests: until HAProxy has heard of it.
        log_to_stderr: Whether Serve logs to standard error, as pods want it, instead of to buffered files.
        tracing: Where engines send their spans, as `tracing.engine_tracing` says it; Ray itself sends none.
    """
    return {
        "RAY_AUTH_MODE": "token",
        **({"RAY_AUTH_TOKEN_PATH": token_file} if token_file else {}),
        "RAY_USAGE_STATS_ENABLED": "0",
        **_fast_path(),
        **_drain(longest_stream_s, deregistration_s),
        **_health(),
        **_places(haproxy_folder, ports),
        "RAY_SERVE_LOG_TO_STDERR": "1" if log_to_stderr else "0",
        **tracing,
    }


def _fast_path() -> dict[str, str]:
    """Tokens go from HAProxy straight to the replica's port; no token passes through a Ray call.

    What Serve itself still asks of a replica goes by Ray's own calls instead of the gRPC calls that the throughput
    switch would bring: one protocol less that unpickles what it is sent.
    """
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_USE_GRPC_BY_DEFAULT": "0",
        # One log line per request, parsed by a Python actor, for counts that the gateway has with tenant and model.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": str(METRICS_INTERVAL_MS),
        "RAY_metrics_report_interval_ms": str(METRICS_INTERVAL_MS),
        # Ray forgets a gauge after two intervals. Serve would repeat its status every ten seconds, so that most scrapes
        # missed it.
        "RAY_SERVE_STATUS_GAUGE_REPORT_INTERVAL_S": "1",
        # Serve's controller looks around ten times a second, which costs an idle machine 4 % of a processor, half of it
        # in others that it asks. Twice is still faster than any replica starts.
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
    }


def _drain(longest_stream_s: int, deregistration_s: int) -> dict[str, str]:
    """Every change of replicas reloads HAProxy; the old process and the old replica stay until their streams end."""
    return {
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": str(longest_stream_s),
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(longest_stream_s),
        "RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S": str(longest_stream_s),
        "RAY_SERVE_PORT_QUARANTINE_S": str(longest_stream_s + 30),
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(deregistration_s),
    }


def _health() -> dict[str, str]:
    """A replica that says it is unwell is out of routing after about a second, and is not waited for."""
    return {
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
        "RAY_SERVE_FORCE_STOP_UNHEALTHY_REPLICAS": "1",
        "RAY_process_group_cleanup_enabled": "true",
    }


def _places(haproxy_folder: str, ports: RayPorts) -> dict[str, str]:
    return {
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{haproxy_folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{haproxy_folder}/admin.sock",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{haproxy_folder}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": haproxy_folder,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{haproxy_folder}/server-state",
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.haproxy_stats),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.haproxy_metrics),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(ports.replica_first),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(ports.replica_last),
    }
