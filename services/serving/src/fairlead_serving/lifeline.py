"""Ties an engine's processes to the replica that started them.

When a replica is killed, its engine would live on and hold its memory. vLLM loads this as a plugin in each process
that it starts; there, a thread waits for the parent's death and ends the process with it. A pidfd is watched, so that
nothing is polled and a reused process id cannot mislead it.
"""

import multiprocessing
import os
import select
import signal
import threading


def arm() -> None:
    """End this process as soon as the one that started it is gone; outside of an engine's processes, do nothing."""
    if multiprocessing.parent_process() is None or _is_armed():
        return
    parent = os.getppid()
    threading.Thread(target=_follow, args=(parent,), name=_THREAD_NAME, daemon=True).start()


_THREAD_NAME = "fairlead-lifeline"


def _is_armed() -> bool:
    return any(thread.name == _THREAD_NAME for thread in threading.enumerate())


def _follow(parent: int) -> None:
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        descriptor = None
    if descriptor is not None and os.getppid() == parent:
        select.select([descriptor], [], [])
    os.kill(os.getpid(), signal.SIGKILL)
