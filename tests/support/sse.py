"""Streams as a plain HTTP client sees them."""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx2

from tests.support.waiting import eventually

DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event and when it came."""

    data: str
    name: str = ""
    at: float = 0.0

    @property
    def json(self) -> Any:
        """The event's data, decoded."""
        return json.loads(self.data)


def events(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a stream, given its lines."""
    name = ""
    for line in lines:
        if line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            yield Event(line.removeprefix("data:").strip(), name, time.monotonic())
            name = ""


def text_of(received: Iterable[Event]) -> str:
    """Return the text that the chat or completion chunks of a stream spell."""
    choices = (choice for event in received if event.data != DONE for choice in event.json.get("choices", ()))
    return "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices)


@dataclass
class BackgroundStream:
    """A stream that is read on a thread of its own while the test does something else."""

    url: str
    body: Mapping[str, Any]
    token: str
    received: list[Event] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    status: int | None = None
    failure: Exception | None = None
    ended_at: float | None = None

    def start(self) -> "BackgroundStream":
        """Send the request."""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    @property
    def has_ended(self) -> bool:
        """Whether the answer is over, for whatever reason."""
        return self.ended_at is not None

    @property
    def is_complete(self) -> bool:
        """Whether the stream ended as an untroubled one does."""
        return self.failure is None and bool(self.received) and self.received[-1].data == DONE and not self.errors

    @property
    def errors(self) -> list[Any]:
        """What error events said."""
        return [event.json["error"] for event in self.received if event.data != DONE and "error" in event.json]

    @property
    def longest_pause_s(self) -> float:
        """The longest time between two events."""
        times = [event.at for event in self.received]
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)

    def wait_for_events(self, count: int, *, within_s: float) -> None:
        """Wait until so many events have come in all."""
        eventually(
            lambda: len(self.received) >= count or self.has_ended, within_s=within_s, what=f"{count} events of a stream"
        )
        assert len(self.received) >= count, f"the stream ended early: {self.summary()}"

    def wait_for_end(self, *, within_s: float) -> None:
        """Wait until the answer is over."""
        eventually(lambda: self.has_ended, within_s=within_s, what="the end of a stream")
        self._thread.join()

    def summary(self) -> str:
        """Return in one line how the stream went."""
        last = self.received[-1].data[:300] if self.received else "nothing"
        return f"status {self.status}, {len(self.received)} events, last {last!r}, failure {self.failure!r}"

    def _without_comments(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            if line.startswith(":"):
                self.comments.append(line)
            else:
                yield line

    def _read(self) -> None:
        headers = {"authorization": f"Bearer {self.token}"}
        try:
            with httpx2.stream("POST", self.url, json=dict(self.body), headers=headers, timeout=120) as answer:
                self.status = answer.status_code
                self.received.extend([] if answer.is_success else [Event(answer.read().decode())])
                for event in events(self._without_comments(answer.iter_lines())) if answer.is_success else ():
                    self.received.append(event)
        except httpx2.HTTPError as error:
            self.failure = error
        finally:
            self.ended_at = time.monotonic()
