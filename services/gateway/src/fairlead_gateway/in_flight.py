"""How many requests of each model are under way, so that a model is taken away only when nobody is left behind it."""

from collections import Counter


class InFlight:
    """Requests by their model's identity, from the moment that the model was found to the end of the answer."""

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()

    def enter(self, model: str) -> None:
        """Count a request; whoever enters must `leave`."""
        self._running[model] += 1

    def leave(self, model: str) -> None:
        """Take note that a request is over."""
        self._running[model] -= 1
        if not self._running[model]:
            del self._running[model]

    def of(self, model: str) -> int:
        """Return how many are under way."""
        return self._running[model]
