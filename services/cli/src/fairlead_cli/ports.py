"""Ports of one platform: fixed where the user meets them, free ones everywhere else."""

import socket
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

LOOPBACK = "127.0.0.1"
BLOCK_START = 20_000
BLOCK_END = 30_000
"""Below the ports that the kernel takes for outgoing connections, from 32768 on."""

RAY_WORKERS = 300
REPLICAS = 200
_RANGE_FIELDS = frozenset({"first_worker", "last_worker", "first_replica", "last_replica"})


class Ports(BaseModel):
    """Every port that a platform listens on, loopback all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gateway: int
    gateway_metrics: int
    serve: int
    ray_gcs: int
    ray_client: int
    dashboard: int
    dashboard_agent: int
    dashboard_agent_grpc: int
    dashboard_metrics: int
    object_manager: int
    node_manager: int
    runtime_env_agent: int
    ray_metrics: int
    autoscaler_metrics: int
    haproxy_stats: int
    haproxy_metrics: int
    fallback_http: int
    fallback_grpc: int
    first_worker: int
    last_worker: int
    first_replica: int
    last_replica: int


def is_free(port: int) -> bool:
    """Return whether a port can be listened on, on every address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def choose_ports(gateway: int) -> Ports:
    """Choose ports that are free now: single ones anywhere in the block, ranges where enough neighbours are free."""
    singles = [name for name in Ports.model_fields if name not in {"gateway", *_RANGE_FIELDS}]
    free = _free_ports()
    workers = _free_range(free, RAY_WORKERS)
    replicas = _free_range(free, REPLICAS)
    chosen = {name: next(free) for name in singles}
    return Ports(
        gateway=gateway,
        first_worker=workers.start,
        last_worker=workers[-1],
        first_replica=replicas.start,
        last_replica=replicas[-1],
        **chosen,
    )


def _free_ports() -> Iterator[int]:
    """Yield free ports, from a start that the kernel chose, so that platforms beside each other do not collide."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        offset = probe.getsockname()[1] * 37 % (BLOCK_END - BLOCK_START)
    for step in range(BLOCK_END - BLOCK_START):
        port = BLOCK_START + (offset + step) % (BLOCK_END - BLOCK_START)
        if is_free(port):
            yield port


def _free_range(free: Iterator[int], length: int) -> range:
    """Return a run of free neighbours, taken from the front of an iterator of free ports."""
    start = last = next(free)
    while last - start + 1 < length:
        port = next(free)
        start = start if port == last + 1 else port
        last = port
    return range(start, last + 1)
