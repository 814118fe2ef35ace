"""Judges a run of many gateways from outside: what was granted, what was used, and what Redis says of it."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class LimitChecker:
    """Follows every request and keeps its own books.

    Attributes:
        quota: Tokens per day.
        parallel: Requests at the same time.
        spent: Tokens of all requests that have ended.
        faults: What was seen that must not be.
    """

    quota: int
    parallel: int
    spent: int = 0
    granted: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    _reserved: dict[int, int] = field(default_factory=dict)

    def began(self, number: int, reserved: int) -> None:
        """Note a granted request and the most that it may use."""
        self.granted += 1
        self._reserved[number] = reserved
        if len(self._reserved) > self.parallel:
            self.faults.append(f"{len(self._reserved)} requests run, {self.parallel} may")
        if self.spent + sum(self._reserved.values()) > self.quota:
            self.faults.append(f"{self.spent} spent and {sum(self._reserved.values())} open of {self.quota}")

    def ended(self, number: int, used: int) -> None:
        """Note the end of a request, before it is settled, and what it used."""
        reserved = self._reserved.pop(number)
        if used > reserved:
            self.faults.append(f"{used} used, {reserved} reserved")
        self.spent += used

    def seen(self, used: int) -> None:
        """Note what Redis says at some moment."""
        if used > self.quota:
            self.faults.append(f"Redis has {used} of {self.quota}")

    def final(self, *, used: int, running: int) -> None:
        """Note what Redis says when all is settled."""
        if used != self.spent:
            self.faults.append(f"Redis has {used}, {self.spent} were used")
        if running or self._reserved:
            self.faults.append(f"{running} leases and {len(self._reserved)} requests are left")
