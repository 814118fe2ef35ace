"""What stands between a request and a model that is cold, full, failing or asked the same by many."""

from dataclasses import dataclass, field

from fairlead_gateway.doors import Doors
from fairlead_gateway.flights import Flights
from fairlead_gateway.heartbeat import Heartbeats
from fairlead_gateway.holding import Holding

LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class Resilience:
    """The state that requests share.

    Attributes:
        flights: Questions that are under way.
        doors: How many run, and whether they are answered.
        holding: Requests that wait for a model to start; None holds none.
        heartbeats: Signs of life for streams that wait; None sends none.
        longest_s: Seconds from a request to the end of its answer, at most.
    """

    flights: Flights = field(default_factory=Flights)
    doors: Doors = field(default_factory=Doors)
    holding: Holding | None = None
    heartbeats: Heartbeats | None = None
    longest_s: float = LONGEST_S

    def close(self) -> None:
        """Let go of all who wait for a model: the gateway stops."""
        if self.holding is not None:
            self.holding.close()
