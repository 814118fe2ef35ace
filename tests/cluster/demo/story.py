"""What `kubectl get mdep`, `fairlead status` and the dashboards tell of the models of one cluster."""

import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead_cli.applied import read_applied, remove_applied, write_applied
from fairlead_contract.manifest import parse_object
from fairlead_contract.names import identity_of
from tests.cluster.demo.monitoring import look_up_pods
from tests.cluster.demo.platform import MODELS, DemoCluster
from tests.sight.panels import Panels
from tests.support.platform import Platform
from tests.support.waiting import eventually


@dataclass(frozen=True, slots=True)
class Story:
    """How many replicas each model has and shall have, and how many models are in which phase; zeros are left out."""

    ready: Mapping[str, int]
    wanted: Mapping[str, int]
    phases: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Onlookers:
    """Those who look at one cluster, each in a way of its own."""

    cluster: DemoCluster
    machine: Platform
    """The platform as that of one machine, which its Ray, gateway and Valkey are."""

    panels: Panels
    pods: Path
    """Where Prometheus reads which pods there are."""

    def agree(self, story: Story, *, within_s: float) -> None:
        """Wait until all of them tell the same story.

        Raises:
            AssertionError: They do not; says what each told last.
        """

        def agreed() -> bool:
            look_up_pods(self.cluster, self.pods)
            told = {"kubectl": self.kubectl(), "fairlead": self.fairlead(), "dashboards": self.dashboards()}
            assert all(each == story for each in told.values()), told
            return True

        assert eventually(agreed, within_s=within_s, what=f"all tell {story}", pause_s=1)

    def kubectl(self) -> Story:
        """Return what `kubectl get mdep` tells."""
        rows = self.rows()
        counts = {identity_of(row["NAME"], row["NAMESPACE"]): row["READY"].split("/") for row in rows}
        return Story(
            _without_zeros({model: int(ready) for model, (ready, _) in counts.items()}),
            _without_zeros({model: int(wanted) for model, (_, wanted) in counts.items()}),
            Counter(row["PHASE"] for row in rows),
        )

    def rows(self) -> list[dict[str, str]]:
        """Return the lines that `kubectl get mdep -o wide` prints, by the heads of its columns."""
        head, *lines = self.cluster.kubectl("get", "mdep", "-A", "-o", "wide").splitlines() or [""]
        columns = [(match[0], match.start()) for match in re.finditer(r"\S+", head)]
        ends = [start for _, start in columns[1:]] + [None]
        return [
            {name: line[start:end].strip() for (name, start), end in zip(columns, ends, strict=True)} for line in lines
        ]

    def fairlead(self) -> Story:
        """Return what `fairlead status` tells."""
        models = self.models()
        return Story(
            _without_zeros({identity_of(each["model"], MODELS): each["ready"] for each in models}),
            _without_zeros({identity_of(each["model"], MODELS): each["target"] for each in models}),
            Counter(each["phase"] for each in models),
        )

    def models(self) -> list[dict[str, Any]]:
        """Return the models of `fairlead status`, by the manifests that the API server has."""
        items = json.loads(self.cluster.kubectl("get", "mdep", "-o", "json"))["items"]
        held = {each.name: each for each in map(parse_object, items)}
        home = self.cluster.home
        for gone in {each.name for each in read_applied(home)} - held.keys():
            remove_applied(home, gone)
        write_applied(home, held.values(), now=int(time.time()))
        found: list[dict[str, Any]] = self.machine.status()["models"]
        return found

    def dashboards(self) -> Story:
        """Return what the dashboards tell."""
        return Story(
            self.panels.numbers("overview", "How many replicas are ready?", "model"),
            self.panels.numbers("ray", "How many replicas are healthy, and how many are wanted?", "model", line=1),
            self.panels.numbers("operator", "How many models are in which phase?", "phase"),
        )


def _without_zeros(counts: Mapping[str, int]) -> Mapping[str, int]:
    return {name: count for name, count in counts.items() if count}
