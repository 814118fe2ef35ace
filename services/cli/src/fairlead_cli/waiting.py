"""Waits until models answer, and tells how far they are."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from fairlead_cli.errors import ModelsFailed, PlatformNotRunning
from fairlead_cli.home import Home
from fairlead_cli.observed import Observed, observe
from fairlead_cli.probe import probe
from fairlead_cli.status import IN_VAIN, SETTLED, ModelStatus, Phase, model_rows

LOOK_INTERVAL_S = 1.0

FIRST_ANSWER_TIMEOUT_S = 180.0
"""From when Ray Serve calls a model ready until it must have answered; small machines are slow while others load."""

Show = Callable[[Sequence[ModelStatus]], None]


def wait_for_models(home: Home, names: Collection[str], show: Show) -> list[ModelStatus]:
    """Wait until each named model answers through the gateway or has failed for good.

    Returns:
        The rows of the named models, in their last state.

    Raises:
        ModelsFailed: Some failed; one line for each, with its root cause.
        PlatformNotRunning: The platform went down meanwhile.
    """
    wait = _Wait(home)
    while True:
        observed = observe(home)
        if observed.platform is None:
            raise PlatformNotRunning("the platform went down; look at: fairlead logs supervisor")
        rows = [row for row in model_rows(observed) if row.model in names]
        show(rows)
        for row in rows:
            wait.look(row, observed)
        if all(wait.is_over(row.model) for row in rows):
            break
        time.sleep(LOOK_INTERVAL_S)
    if wait.problems:
        raise ModelsFailed("\n".join(f"{model}: {problem}" for model, problem in sorted(wait.problems.items())))
    return rows


def wait_until_gone(home: Home, name: str, show: Show) -> None:
    """Wait until a deleted model has drained."""
    while rows := [row for row in model_rows(observe(home)) if row.model == name]:
        show(rows)
        time.sleep(LOOK_INTERVAL_S)


@dataclass(slots=True)
class _Wait:
    """What is known so far of the models that are waited for."""

    home: Home
    problems: dict[str, str] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    ready_since_s: dict[str, float] = field(default_factory=dict)

    def is_over(self, model: str) -> bool:
        return model in self.answered or model in self.problems

    def look(self, row: ModelStatus, observed: Observed) -> None:
        """Learn from one more look at a model; one that Ray Serve calls ready is asked."""
        if self.is_over(row.model):
            return
        if row.phase in IN_VAIN:
            self.problems[row.model] = row.message
        elif row.phase is Phase.READY:
            self._ask(row, observed)
        elif row.phase in SETTLED:
            self.answered.add(row.model)
        else:
            self.ready_since_s.pop(row.model, None)

    def _ask(self, row: ModelStatus, observed: Observed) -> None:
        since_s = self.ready_since_s.setdefault(row.model, time.monotonic())
        deployment = next((entry.deployment for entry in observed.applied if entry.name == row.model), None)
        if deployment is None or observed.platform is None:
            return
        answer = probe(self.home, observed.platform, deployment)
        if answer.problem is None:
            self.answered.add(row.model)
        elif answer.is_final or time.monotonic() - since_s > FIRST_ANSWER_TIMEOUT_S:
            self.problems[row.model] = answer.problem
