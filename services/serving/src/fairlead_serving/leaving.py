"""What a worker's pod does before it stops: it tells Ray that its node leaves, and stays while its replica is needed.

Kubernetes runs `python -m fairlead_serving.leaving` in a pod that is evicted, or whose node is emptied. Serve then
starts a replica elsewhere first, sends this one nothing more, and ends it after its last stream. Where Ray's head is
gone too, the whole cluster is leaving, and nobody is waited for.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

ANNOUNCEMENT_S = 30
ANSWER_S = 3
PAUSE_S = 1.0

_RAYLET = "raylet"
_NODE_ID = "--node_id="
_REPLICA_TITLE = "ray::ServeReplica"


@dataclass(frozen=True, slots=True)
class LocalNode:
    """The Ray node of this pod, as its processes show it.

    Args:
        processes: Gives the processes to look at; in a pod, all that there are.
    """

    processes: Callable[[], Iterable[psutil.Process]] = psutil.process_iter

    @property
    def node_id(self) -> str | None:
        """Ray's name for the node; None where no Ray runs."""
        for words in self._command_lines():
            if os.path.basename(words[0]) == _RAYLET:  # noqa: PTH119 - a command, not a file
                return next((word.removeprefix(_NODE_ID) for word in words if word.startswith(_NODE_ID)), None)
        return None

    @property
    def has_replica(self) -> bool:
        """Whether a replica runs here, be it on its way out."""
        return any(words[0].startswith(_REPLICA_TITLE) for words in self._command_lines())

    def _command_lines(self) -> Iterable[list[str]]:
        for process in self.processes():
            with suppress(psutil.Error):
                if words := process.cmdline():
                    yield words


def leave(node: LocalNode, *, head: str, longest_stream_s: int) -> None:
    """Return when the node's replica is needed no longer, or would not be waited for.

    Args:
        node: This pod's.
        head: Address of Ray's head, as host:port.
        longest_stream_s: Seconds after which nothing is waited for.
    """
    end = time.monotonic() + longest_stream_s
    node_id = node.node_id
    if not (node_id and answers(head) and announce(node_id, head=head, longest_stream_s=longest_stream_s)):
        return
    while node.has_replica and answers(head) and time.monotonic() < end:
        time.sleep(PAUSE_S)


def announce(node_id: str, *, head: str, longest_stream_s: int) -> bool:
    """Tell Ray that a node leaves; return whether it heard."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "drain-node", f"--address={head}", f"--node-id={node_id}"]
    said = ["--reason=DRAIN_NODE_REASON_PREEMPTION", "--reason-message=the pod is leaving"]
    until = [f"--deadline-remaining-seconds={longest_stream_s}"]
    try:
        told = subprocess.run([*command, *said, *until], capture_output=True, timeout=ANNOUNCEMENT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return False
    return told.returncode == 0


def answers(head: str) -> bool:
    """Return whether Ray's head is there."""
    host, _, port = head.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Leave, as the pod's own environment says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--longest-stream-s", type=int, required=True)
    chosen = parser.parse_args()
    leave(LocalNode(), head=os.environ["RAY_ADDRESS"], longest_stream_s=chosen.longest_stream_s)


if __name__ == "__main__":
    main()
