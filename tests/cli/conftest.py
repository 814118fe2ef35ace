"""State folders and small servers for the CLI's tests."""

import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fairlead_cli.home import Home


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A state folder of the test's own, which commands find; its path is short, for Unix sockets."""
    root = Path(tempfile.mkdtemp(prefix="fl-cli-"))
    monkeypatch.setenv("FAIRLEAD_HOME", str(root))
    yield Home(root).create()
    shutil.rmtree(root)


Answer = Callable[[str, str, dict[str, str], Any], tuple[int, str]]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Run a small HTTP server that answers with what a function of method, path, headers and body returns."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, text = answer(self.command, self.path, headers, body)
            self.send_response(status)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
