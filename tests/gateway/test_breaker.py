"""The circuit breaker, at times that the test makes up."""

import pytest

from fairlead_gateway.breaker import Breaker, BreakerRules, Pass, Verdict

RULES = BreakerRules(failures=3, pause_s=1.0, longest_pause_s=4.0)
S, F, N = Verdict.SUCCESS, Verdict.FAILURE, Verdict.NEITHER


def after(*verdicts: Verdict) -> Breaker:
    """A circuit through which requests went one after the other at time 0, with these results."""
    breaker = Breaker(RULES, jitter=lambda: 0.0)
    for verdict in verdicts:
        how = breaker.admit(0.0)
        assert how is not None
        breaker.report(how, verdict, 0.0)
    return breaker


@pytest.mark.parametrize(
    "verdicts, is_open",
    [
        pytest.param([], False, id="nothing happened"),
        pytest.param([F, F], False, id="too few failures"),
        pytest.param([F, F, F], True, id="failures in a row"),
        pytest.param([F, F, S, F, F], False, id="a success between"),
        pytest.param([F, F, N, F], True, id="what says nothing neither counts nor resets"),
        pytest.param([N] * 9, False, id="what says nothing opens nothing"),
    ],
)
def test_opens_after_failures_in_a_row(verdicts: list[Verdict], is_open: bool) -> None:
    """Only failures count, and only those that follow one another."""
    breaker = after(*verdicts)
    assert breaker.open is is_open
    assert (breaker.admit(0.5) is None) is is_open


def test_lets_one_through_at_a_time_after_the_pause() -> None:
    """When the pause is over one request tries, and the others wait for what comes of it."""
    breaker = after(F, F, F)
    assert breaker.admit(0.99) is None
    assert [breaker.admit(1.0), breaker.admit(1.0)] == [Pass.ON_TRIAL, None]


@pytest.mark.parametrize(
    "verdict, is_open, next_pass",
    [(S, False, Pass.FREELY), (F, True, None), (N, True, Pass.ON_TRIAL)],
    ids=["success closes", "failure opens again", "who leaves makes room for another trial"],
)
def test_a_trial_decides(verdict: Verdict, is_open: bool, next_pass: Pass | None) -> None:
    """What comes of the trial says whether the circuit closes."""
    breaker = after(F, F, F)
    assert breaker.admit(1.0) is Pass.ON_TRIAL
    breaker.report(Pass.ON_TRIAL, verdict, 1.0)
    assert breaker.open is is_open
    assert breaker.admit(1.0) is next_pass


def test_pauses_double_up_to_a_bound_and_begin_anew_after_a_success() -> None:
    """A model that goes on failing is asked ever more rarely, never less than at the bound."""
    breaker = after(F, F, F)
    now, pauses = 0.0, []
    for _ in range(4):
        pauses.append(breaker.wait_s(now))
        now += pauses[-1]
        assert breaker.admit(now) is Pass.ON_TRIAL
        breaker.report(Pass.ON_TRIAL, F, now)
    assert pauses == [1.0, 2.0, 4.0, 4.0]
    now += 4.0
    assert breaker.admit(now) is Pass.ON_TRIAL
    breaker.report(Pass.ON_TRIAL, S, now)
    for _ in range(3):
        breaker.report(Pass.FREELY, F, now)
    assert breaker.wait_s(now) == 1.0


def test_late_news_change_nothing_in_an_open_circuit() -> None:
    """A request that was let through before the circuit opened neither closes it nor lengthens its pause."""
    breaker = after(F, F, F)
    for verdict in (S, F, N):
        breaker.report(Pass.FREELY, verdict, 0.9)
    assert breaker.open
    assert breaker.admit(1.0) is Pass.ON_TRIAL


def test_jitter_lengthens_a_pause_by_up_to_a_half() -> None:
    """Gateways that saw the same failure do not return together."""
    breaker = Breaker(RULES, jitter=lambda: 1.0)
    for _ in range(3):
        breaker.report(Pass.FREELY, F, 0.0)
    assert breaker.wait_s(0.0) == 1.5


def test_a_trial_that_lasts_makes_room_for_another() -> None:
    """A long stream on trial says nothing for minutes; the next request need not wait for its end."""
    breaker = after(F, F, F)
    assert breaker.admit(1.0) is Pass.ON_TRIAL
    assert breaker.admit(5.9) is None
    assert breaker.admit(6.0) is Pass.ON_TRIAL
