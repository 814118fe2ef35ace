"""A replica's gauges, which Ray's metrics agent exports before the replica's port is open.

So it is on one machine and in a cluster alike.
"""

import asyncio

from ray.util.metrics import Gauge

REPEAT_EVERY_S = 1.0


class RayGauges:
    """Gauges of `ray.util.metrics`, with the replica's own labels on all of them.

    Ray forgets a gauge that is not set again within two export intervals, so that a dead replica's facts vanish; those
    of a living one must be repeated.
    """

    def __init__(self, *, model: str, replica: str) -> None:
        self._labels = {"model": model, "replica": replica}
        self._gauges: dict[str, Gauge] = {}
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge by its name and labels, now and with every repetition."""
        self._values[name, tuple(labels.items())] = value
        self._export(name, value, labels)

    def repeat(self) -> None:
        """Set all gauges again to what they are."""
        for (name, labels), value in list(self._values.items()):
            self._export(name, value, dict(labels))

    async def repeat_for_ever(self) -> None:
        """Repeat all gauges every second."""
        while True:
            self.repeat()
            await asyncio.sleep(REPEAT_EVERY_S)

    def _export(self, name: str, value: float, labels: dict[str, str]) -> None:
        tags = self._labels | labels
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, tag_keys=tuple(tags))
        self._gauges[name].set(value, tags=tags)
