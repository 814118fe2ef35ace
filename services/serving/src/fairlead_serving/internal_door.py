"""Keeps shut a door of Ray Serve's own that every replica would open.

Each replica starts a gRPC server for calls between deployments: on all addresses, on a random port, without any
authentication, and the first thing it does with a request is to unpickle it, which runs whatever code the sender likes
(Ray 2.60, `serve/_private/replica.py`). Nothing here needs it: requests come through HAProxy to the guarded HTTP port,
and what Serve's own processes ask of a replica goes by Ray's calls, which carry Ray's token.
"""

from ray.serve._private import replica as serve_replica

from fairlead_contract.errors import EngineStartFailed

_BINDING = "add_port_to_grpc_server"


def keep_shut() -> None:
    """Let the replica in this process start that server without a port; call it before the replica is initialised.

    Raises:
        EngineStartFailed: if this version of Ray binds the port elsewhere, so that it cannot be kept shut here.
    """
    if not hasattr(serve_replica, _BINDING):
        raise EngineStartFailed(f"Ray Serve has no {_BINDING} any more: find where its replicas bind their gRPC port")
    setattr(serve_replica, _BINDING, _bind_nothing)


def _bind_nothing(server: object, address: str) -> int:
    return 0
