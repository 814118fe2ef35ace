"""Compares what a model's status says with what a request sees, twice a second."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from fairlead_contract.names import API_VERSION, PLURAL
from tests.cluster.demo.platform import MODELS, DemoCluster

EVERY_S = 0.5
PROBE_TIMEOUT_S = 10.0
ASLEEP = ("ScaledToZero", "Loading")
"""Phases in which a request would wake the model or wait for it, so that only the list is asked for."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One comparison."""

    at_s: float
    says_ready: bool
    answers: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far status and requests were apart."""

    longest_lie_s: float
    """For how long the status said ready while requests failed."""

    longest_modesty_s: float
    """For how long it did not say so while requests were answered."""

    sights: int


@dataclass(slots=True)
class Watcher:
    """Watches from `start` until `stop`."""

    api_server: httpx2.Client
    gateway: httpx2.Client
    failures: list[str] = field(default_factory=list)
    """What requests were refused with while the status said ready."""

    _sights: list[Sight] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @classmethod
    @contextmanager
    def of(cls, cluster: DemoCluster) -> Iterator["Watcher"]:
        """Open what it takes to watch the model `demo`."""
        headers = {"authorization": f"Bearer {cluster.token}"}
        with (
            cluster.control_plane.client() as api_server,
            httpx2.Client(base_url=cluster.url, headers=headers, timeout=PROBE_TIMEOUT_S) as gateway,
        ):
            watcher = cls(api_server, gateway)
            try:
                yield watcher
            finally:
                watcher.stop()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="watcher")
        self._thread.start()

    def stop(self) -> Verdict:
        """Watch no more, and say what was seen."""
        self._stop.set()
        if self._thread:
            self._thread.join()
        lies = _longest(self._sights, lambda sight: sight.says_ready and not sight.answers)
        modesty = _longest(self._sights, lambda sight: sight.answers and not sight.says_ready)
        return Verdict(lies, modesty, len(self._sights))

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            answer = self.api_server.get(f"/apis/{API_VERSION}/namespaces/{MODELS}/{PLURAL}/demo")
            if answer.is_success:
                self._look(answer.json())

    def _look(self, found: Any) -> None:
        status = found.get("status", {})
        conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
        says_ready = conditions.get("Ready") == "True"
        may_sleep = found["spec"]["scaling"]["minReplicas"] == 0  # it never would if it were asked without end
        asleep = may_sleep or status.get("phase") in ASLEEP
        refused = self._listed() if says_ready and asleep else self._asked()
        if says_ready and refused:
            self.failures.append(refused)
        self._sights.append(Sight(time.monotonic(), says_ready, not refused))

    def _asked(self) -> str:
        """Return why one token is not to be had."""
        body = {"model": "fairlead-demo", "prompt": "The", "max_tokens": 1, "temperature": 1}
        try:
            answer = self.gateway.post("/v1/completions", json=body)
        except httpx2.HTTPError as error:
            return repr(error)
        return "" if answer.is_success else answer.text

    def _listed(self) -> str:
        """Return why the model cannot be chosen from the list."""
        answer = self.gateway.get("/v1/models")
        return "" if "fairlead-demo" in answer.text else answer.text


def _longest(sights: list[Sight], holds: Callable[[Sight], bool]) -> float:
    """Return the longest time over which each comparison was of one kind."""
    longest, since_s = 0.0, None
    for sight in sights:
        since_s = (since_s or sight.at_s) if holds(sight) else None
        longest = max(longest, sight.at_s - since_s) if since_s else longest
    return longest
