"""A small Hugging Face hub: a real HTTP server with the few endpoints that the hub client calls for a snapshot."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server offers, and what it was asked for."""

    files: dict[str, bytes]
    repository: str = "acme/tiny"
    gated: str = "acme/gated"
    token: str = "hf_secret"
    cut_after_bytes: int | None = None
    """Break the connection once, after so many bytes of a file."""

    url: str = ""
    downloads: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Run a hub on a free port of the loopback interface."""

    class Handler(_Handler):
        offered = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    offered: Hub

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        return

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        repository = "/".join(path.removeprefix("/api/models").strip("/").split("/")[:2])
        if repository == self.offered.gated and self.headers.get("Authorization") != f"Bearer {self.offered.token}":
            return self._error(401 if "Authorization" not in self.headers else 403, "GatedRepo")
        if repository not in (self.offered.repository, self.offered.gated):
            return self._error(401, "RepoNotFound")
        if path.startswith("/api/models/"):
            return self._tell(path)
        return self._send_file(path)

    def _tell(self, path: str) -> None:
        revision = path.partition("/revision/")[2] or path.partition("/tree/")[2].split("/")[0] or "main"
        if revision not in ("main", "v1", COMMIT):
            return self._error(404, "RevisionNotFound")
        if "/tree/" in path:
            tree = [{"type": "file", "path": n, "size": len(c), "oid": _etag(c)} for n, c in self.offered.files.items()]
            return self._json(tree)
        siblings = [{"rfilename": name, "size": len(content)} for name, content in self.offered.files.items()]
        self._json({"id": self.offered.repository, "sha": COMMIT, "siblings": siblings, "private": False})
        return None

    def _send_file(self, path: str) -> None:
        name = path.split("/resolve/")[1].split("/", 1)[1]
        content = self.offered.files.get(name)
        if content is None:
            return self._error(404, "EntryNotFound")
        start = self._start(len(content))
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{_etag(content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            self._send_body(name, content[start:])
        return None

    def _send_body(self, name: str, body: bytes) -> None:
        with self.offered.lock:
            self.offered.downloads[name] += 1
            cut = self.offered.cut_after_bytes
            if cut is not None and len(body) > cut:
                self.offered.cut_after_bytes = None
        if cut is None or len(body) <= cut:
            self.wfile.write(body)
            return
        self.wfile.write(body[:cut])
        self.wfile.flush()
        self.close_connection = True

    def _start(self, length: int) -> int:
        asked = self.headers.get("Range", "")
        if self.command == "HEAD" or not asked.startswith("bytes="):
            return 0
        with self.offered.lock:
            self.offered.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").split("-")[0] or 0)
        return start if start < length else 0

    def _error(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _etag(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
