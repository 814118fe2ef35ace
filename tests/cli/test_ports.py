"""Ports of a platform."""

import os
import socket

from fairlead_cli.port_owner import port_owner
from fairlead_cli.ports import choose_ports, is_free


def test_all_different_and_free() -> None:
    """Every port of a platform is free and used once, the ranges included."""
    ports = choose_ports(8080)
    chosen = ports.model_dump()
    workers = range(ports.first_worker, ports.last_worker + 1)
    replicas = range(ports.first_replica, ports.last_replica + 1)
    singles = [port for name, port in chosen.items() if not name.startswith(("first_", "last_"))]
    everything = [*singles, *workers, *replicas]
    assert len(everything) == len(set(everything))
    assert (len(workers), len(replicas)) == (300, 200)
    assert ports.gateway == 8080
    assert all(is_free(port) for port in everything if port != 8080)


def test_taken_port() -> None:
    """A port that someone listens on is not free, and the listener can be named."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not is_free(port)
        owner = port_owner(port)
        assert owner is not None
        assert owner.endswith(f"(pid {os.getpid()})")


def test_nobody_listens() -> None:
    """A free port has no owner."""
    assert port_owner(choose_ports(8080).serve) is None
