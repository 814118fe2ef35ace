"""The doors before models: who passes, and what is said of whom."""

import pytest

from fairlead_contract.errors import Overloaded
from fairlead_gateway.breaker import BreakerRules, Pass, Verdict
from fairlead_gateway.delivery import Delivery
from fairlead_gateway.doors import CircuitOpen, DoorRules, Doors, verdict
from fairlead_gateway.limits import Outcome


def test_only_so_many_pass_at_a_time() -> None:
    """Who is one too many is told to come back, and passes when another has left."""
    door = Doors(DoorRules(running=2)).of("demo")
    passes = [door.enter(0.0), door.enter(0.0)]
    with pytest.raises(Overloaded) as caught:
        door.enter(0.0)
    assert caught.value.retry_after_s is not None
    door.leave(passes[0], Verdict.NEITHER, 0.0)
    assert door.enter(0.0) is Pass.FREELY


def test_models_have_doors_of_their_own() -> None:
    """One failing model closes no other's door, and its circuit is told when it changes."""
    told: list[tuple[str, bool]] = []
    doors = Doors(DoorRules(breaker=BreakerRules(failures=2)), on_circuit=lambda *circuit: told.append(circuit))
    for _ in range(2):
        doors.of("a").leave(doors.of("a").enter(0.0), Verdict.FAILURE, 0.0)
    with pytest.raises(CircuitOpen) as caught:
        doors.of("a").enter(0.0)
    assert caught.value.retry_after_s is not None
    assert doors.of("b").enter(0.0) is Pass.FREELY
    doors.of("a").leave(doors.of("a").enter(60.0), Verdict.SUCCESS, 60.0)
    assert told == [("a", True), ("a", False)]


@pytest.mark.parametrize(
    "outcome, before_first_byte, in_the_stream, hurried, expected",
    [
        pytest.param(Outcome.COMPLETED, "", "", False, Verdict.SUCCESS, id="an answer"),
        pytest.param(Outcome.COMPLETED, "", "", True, Verdict.SUCCESS, id="an answer in time"),
        pytest.param(Outcome.FAILED, "upstream_failed", "", False, Verdict.FAILURE, id="no answer"),
        pytest.param(Outcome.FAILED, "upstream_timeout", "", False, Verdict.FAILURE, id="none in time"),
        pytest.param(Outcome.FAILED, "upstream_timeout", "", True, Verdict.NEITHER, id="none in the client's time"),
        pytest.param(Outcome.FAILED, "model_unavailable", "", False, Verdict.FAILURE, id="nobody there"),
        pytest.param(Outcome.FAILED, "", "engine_died", False, Verdict.FAILURE, id="half an answer"),
        pytest.param(Outcome.FAILED, "model_loading", "", False, Verdict.NEITHER, id="not there yet"),
        pytest.param(Outcome.FAILED, "overloaded", "", False, Verdict.NEITHER, id="full"),
        pytest.param(Outcome.FAILED, "invalid_request", "", False, Verdict.NEITHER, id="a client's mistake"),
        pytest.param(Outcome.FAILED, "", "invalid_request", False, Verdict.NEITHER, id="one that showed late"),
        pytest.param(Outcome.FAILED, "answer_too_long", "", False, Verdict.NEITHER, id="more than there is time for"),
        pytest.param(Outcome.FAILED, "answer_too_large", "", False, Verdict.NEITHER, id="more than fits"),
        pytest.param(Outcome.ABORTED, "", "", False, Verdict.NEITHER, id="a client that left"),
    ],
)
def test_replicas_are_blamed_for_their_own_failures_only(
    outcome: Outcome, before_first_byte: str, in_the_stream: str, hurried: bool, expected: Verdict
) -> None:
    """No client can close a model's door by its mistakes, its haste or its leaving."""
    delivery = Delivery(outcome=outcome, error_code=in_the_stream)
    assert verdict(delivery, before_first_byte, hurried=hurried) is expected
