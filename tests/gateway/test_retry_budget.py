"""The retry budget, at times that the test makes up."""

from fairlead_gateway.retry_budget import RetryBudget, RetryRules


def taken(budget: RetryBudget, now: float, asked: int = 100) -> int:
    return sum(budget.take(now) for _ in range(asked))


def test_allows_a_few_retries_to_whoever_sends_little() -> None:
    """One failed request among three may be sent again."""
    assert taken(RetryBudget(RetryRules(share=0.2, floor=2)), 5.0) == 2


def test_allows_a_share_of_what_was_sent() -> None:
    """Twenty per cent of a hundred requests, and the floor."""
    budget = RetryBudget(RetryRules(share=0.2, floor=2))
    for number in range(100):
        budget.request(1000.0 + number / 20)
    assert taken(budget, 1005.0) == 22


def test_forgets_what_was_ten_seconds_ago() -> None:
    """Requests of long ago pay for no retries, and retries of long ago are paid for."""
    budget = RetryBudget(RetryRules(share=0.5, floor=1))
    for _ in range(10):
        budget.request(1000.0)
    assert taken(budget, 1009.9) == 6
    assert taken(budget, 1010.5) == 0
    assert taken(budget, 1019.9) == 1
    assert taken(budget, 5000.0) == 1


def test_a_share_of_nothing_and_no_floor_is_none() -> None:
    """Retries can be switched off."""
    budget = RetryBudget(RetryRules(share=0, floor=0))
    budget.request(1.0)
    assert taken(budget, 1.0) == 0
