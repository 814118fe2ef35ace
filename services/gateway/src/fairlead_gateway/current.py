"""What is in force at the moment, wherever it was read: the last good content is kept, a broken one is not obeyed."""

import logging
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

Parsed = TypeVar("Parsed")
Held_co = TypeVar("Held_co", covariant=True)

log = logging.getLogger(__name__)


class Current(Protocol[Held_co]):
    """A value that may be another one at any time."""

    @property
    def value(self) -> Held_co:
        """What is in force."""


class Kept(Generic[Parsed]):
    """What the last good content meant.

    Args:
        name: What was read, for the log and for metrics.
        parse: Turns the content into a value; whatever it raises means that the content is not obeyed.
        absent: The value until content has been read once.
        on_read: Called with the name after every reading, and with whether it succeeded, for metrics.
    """

    def __init__(
        self,
        name: str,
        parse: Callable[[bytes], Parsed],
        *,
        absent: Parsed,
        on_read: Callable[[str, bool], None] | None = None,
    ) -> None:
        self.name = name
        self.value = absent
        self.loaded = False
        self.problem: str | None = None
        self._parse = parse
        self._on_read = on_read

    def take(self, content: bytes) -> bool:
        """Put content in force; return whether that could be done."""
        try:
            value = self._parse(content)
        except Exception as error:  # noqa: BLE001 - no mistake in what was read may take the gateway down
            self.complain(str(error) or type(error).__name__)
            return False
        self.value, self.loaded, self.problem = value, True, None
        log.info("%s: read", self.name)
        self._tell(ok=True)
        return True

    def complain(self, problem: str) -> None:
        """Tell, once, why what is there is not obeyed."""
        if problem == self.problem:
            return
        self.problem = problem
        kept = "the last good content stays in force" if self.loaded else "nothing of it is in force"
        log.error("%s: %s; %s", self.name, problem, kept)
        self._tell(ok=False)

    def _tell(self, *, ok: bool) -> None:
        if self._on_read is not None:
            self._on_read(self.name, ok)
