from hypothesis import given
from hypothesis import strategies as st

from fairlead_gateway.windows import Charge, LocalWindows, SlidingWindow

STEPS = st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 10)), max_size=60)


def reserve(windows: LocalWindows, cost: int, now_ms: int, *, limit: int = 10, key: str = "a") -> bool:
    return windows.reserve([Charge(key, limit, cost)], now_ms).allowed


@given(STEPS)
def test_no_window_ever_holds_more_than_the_limit(steps: list[tuple[int, int]]) -> None:
    """Whatever the pattern of requests, any 60 s hold at most the limit."""
    windows, now_ms, admitted = LocalWindows(), 0, []
    for pause_ms, cost in steps:
        now_ms += pause_ms
        if reserve(windows, cost, now_ms):
            admitted.append((now_ms, cost))
    for start, _ in admitted:
        assert sum(cost for at, cost in admitted if start <= at < start + 60_000) <= 10


@given(STEPS)
def test_a_refused_charge_fits_after_the_wait_that_it_was_told(steps: list[tuple[int, int]]) -> None:
    """Retry-After is true: not a moment too early, and not needlessly late."""
    windows, now_ms = LocalWindows(), 0
    for pause_ms, cost in steps:
        now_ms += pause_ms
        decision = windows.reserve([Charge("a", 10, cost)], now_ms)
        if not decision.allowed:
            wait_ms = decision.states[0].wait_ms
            assert 0 < wait_ms <= 61_000
            assert not reserve(windows, cost, now_ms + wait_ms - 1)
            now_ms += wait_ms
            assert reserve(windows, cost, now_ms)


def test_all_buckets_are_charged_or_none() -> None:
    """A request that one bucket refuses costs nothing in the others."""
    windows = LocalWindows()
    wide, narrow = Charge("wide", 100, 1), Charge("narrow", 1, 1)
    assert windows.reserve([wide, narrow], 0).allowed
    refused = windows.reserve([wide, narrow], 0)
    assert not refused.allowed
    assert [state.used for state in refused.states] == [1, 1]


def test_what_is_given_back_can_be_used_at_once() -> None:
    """A refund goes to the slot of its reservation."""
    windows = LocalWindows()
    decision = windows.reserve([Charge("a", 10, 10)], 5_000)
    windows.settle(decision.slot, [("a", -7)], 8_000)
    assert reserve(windows, 7, 8_000)
    assert not reserve(windows, 1, 8_000)


def test_a_reservation_is_not_given_back_twice() -> None:
    """Once its window has passed, a reservation has left already, and its refund is worth nothing."""
    windows = LocalWindows()
    decision = windows.reserve([Charge("a", 10, 10)], 0)
    assert reserve(windows, 10, 61_000)
    windows.settle(decision.slot, [("a", -10)], 61_000)
    assert not reserve(windows, 1, 61_000)


def test_a_debt_is_charged_when_it_is_known() -> None:
    """What was used beyond a reservation counts from the settlement on."""
    windows = LocalWindows()
    decision = windows.reserve([Charge("a", 10, 1)], 0)
    windows.settle(decision.slot, [("a", 20)], 30_000)
    assert not reserve(windows, 1, 90_000)
    assert reserve(windows, 10, 91_000)


def test_a_clock_that_steps_back_refills_nothing() -> None:
    """All that was charged counts from the earlier time on."""
    windows = LocalWindows()
    assert reserve(windows, 10, 3_600_000)
    assert not reserve(windows, 1, 0)
    assert not reserve(windows, 1, 60_999)
    assert reserve(windows, 1, 61_000)


def test_the_number_of_buckets_is_bounded() -> None:
    """The least recently used bucket is forgotten."""
    windows = LocalWindows(max_buckets=2)
    for key in ("a", "b", "a", "c"):
        reserve(windows, 10, 0, key=key)
    assert [reserve(windows, 10, 0, key=key) for key in ("a", "c")] == [False, False]


def test_an_empty_window_says_that_it_is_reset() -> None:
    """Nothing used means nothing to wait for."""
    assert SlidingWindow().reset_ms(0) == 0
