"""Waits until models answer, and tells how far they are."""

import time
from collections.abc import Callable, Collection, Sequence

from fairlead_cli.errors import ModelsFailed, PlatformNotRunning
from fairlead_cli.home import Home
from fairlead_cli.observed import Observed, observe
from fairlead_cli.probe import probe
from fairlead_cli.status import SETTLED, ModelStatus, Phase, model_rows

LOOK_INTERVAL_S = 1.0

Show = Callable[[Sequence[ModelStatus]], None]


def wait_for_models(home: Home, names: Collection[str], show: Show) -> list[ModelStatus]:
    """Wait until each named model answers through the gateway or has failed for good.

    Returns:
        The rows of the named models, in their last state.

    Raises:
        ModelsFailed: Some failed; one line for each, with its root cause.
        PlatformNotRunning: The platform went down meanwhile.
    """
    problems: dict[str, str] = {}
    answered: set[str] = set()
    while True:
        observed = observe(home)
        if observed.platform is None:
            raise PlatformNotRunning("the platform went down; look at: fairlead logs supervisor")
        rows = [row for row in model_rows(observed) if row.model in names]
        show(rows)
        for row in rows:
            if row.phase is Phase.FAILED:
                problems[row.model] = row.message
            elif row.phase in SETTLED and row.model not in answered:
                problem = _probe(home, observed, row)
                if problem:
                    problems[row.model] = problem
                answered.add(row.model)
        if all(row.model in answered or row.model in problems for row in rows):
            break
        time.sleep(LOOK_INTERVAL_S)
    if problems:
        raise ModelsFailed("\n".join(f"{model}: {problem}" for model, problem in sorted(problems.items())))
    return rows


def wait_until_gone(home: Home, name: str, show: Show) -> None:
    """Wait until a deleted model has drained."""
    while True:
        rows = [row for row in model_rows(observe(home)) if row.model == name]
        if not rows:
            return
        show(rows)
        time.sleep(LOOK_INTERVAL_S)


def _probe(home: Home, observed: Observed, row: ModelStatus) -> str | None:
    """Ask a model that has replicas; one scaled to zero is not woken, a suspended one would refuse."""
    if row.phase is not Phase.READY or observed.platform is None:
        return None
    deployment = next(entry.deployment for entry in observed.applied if entry.name == row.model)
    return probe(home, observed.platform, deployment)
