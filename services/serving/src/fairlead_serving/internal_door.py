"""Keeps a door of Ray Serve's own on this machine, where Ray itself keeps to it.

Each replica starts a gRPC server through which Serve's own proxy hands it the requests that wake it from zero. Ray
guards it with its token, but opens it on all addresses, on a random port, and has no setting for that (Ray 2.60,
`serve/_private/replica.py`). Where the node's own address is the loopback one, nobody else needs to reach it.
"""

import ipaddress
from typing import Any

import ray
from ray.serve._private import replica as serve_replica

from fairlead_contract.errors import EngineStartFailed

_BINDING = "add_port_to_grpc_server"


def keep_local() -> None:
    """Let the replica in this process bind that server to the node's own address if that is a loopback address.

    To be called before the replica is initialised.

    Raises:
        EngineStartFailed: if this version of Ray binds the port elsewhere, so that it cannot be kept here.
    """
    bind = getattr(serve_replica, _BINDING, None)
    if bind is None:
        raise EngineStartFailed(f"Ray Serve has no {_BINDING} any more: find where its replicas bind their gRPC port")
    node = ray.util.get_node_ip_address()
    if ipaddress.ip_address(node).is_loopback:
        setattr(serve_replica, _BINDING, _Local(bind, node))


class _Local:
    """Binds to one address, whatever address is asked for."""

    def __init__(self, bind: Any, node: str) -> None:  # noqa: ANN401 - Ray ships no types
        self._bind = bind
        self._node = node

    def __call__(self, server: object, address: str) -> int:
        port: int = self._bind(server, f"{self._node}:{address.rpartition(':')[2]}")
        return port
