"""A TCP relay before a real server: it cuts a connection once, or holds everything back until it is told to go on."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

PIECE_BYTES = 65_536


class Relay:
    """Passes bytes between clients and one server.

    Attributes:
        url: Where clients connect.
        cut_after_bytes: Break a connection once, after so many bytes of answers on all connections.
        hold_after_bytes: Pass on no more than so many bytes of answers before `go_on` is set.
        held: Set as soon as something is held back.
        go_on: Lets everything through.
    """

    def __init__(self, server: str) -> None:
        self.cut_after_bytes: int | None = None
        self.hold_after_bytes: int | None = None
        self.held = threading.Event()
        self.go_on = threading.Event()
        self.passed = 0
        self._lock = threading.Lock()
        address = urlsplit(server)
        self._server = (str(address.hostname), int(address.port or 80))
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def run(self) -> None:
        """Accept connections until the relay is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                upstream = socket.create_connection(self._server)
                self._sockets += [client, upstream]
                self._start(self._pass, client, upstream)
                self._start(self._answer, upstream, client)

    def close(self) -> None:
        """End every connection."""
        self.go_on.set()
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for one in self._sockets:
            _end(one)
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()

    def _start(self, run: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE_BYTES):
                target.sendall(data)
        _end(target)

    def _answer(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE_BYTES):
                with self._lock:
                    self.passed += len(data)
                    passed = self.passed
                    cut = self.cut_after_bytes is not None and passed > self.cut_after_bytes
                    if cut:
                        self.cut_after_bytes = None
                if cut:
                    break
                if self.hold_after_bytes is not None and passed > self.hold_after_bytes:
                    self.held.set()
                    self.go_on.wait()
                target.sendall(data)
        _end(target)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(server: str) -> Iterator[Relay]:
    """Run a relay before a server on a free port."""
    made = Relay(server)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
