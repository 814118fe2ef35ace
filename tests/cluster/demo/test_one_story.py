"""`kubectl get mdep`, `fairlead status` and the dashboards tell the same of a model; one story in order."""

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import pytest
import yaml

from fairlead_contract.names import identity_of
from tests.cluster.demo.monitoring import monitored
from tests.cluster.demo.platform import MODELS, DemoCluster, demo_manifest
from tests.cluster.demo.story import Onlookers, Story
from tests.sight.panels import Panels
from tests.sight.prometheus import running_prometheus
from tests.support.platform import Platform
from tests.support.waiting import PATIENCE_S, eventually

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

DEMO = identity_of("demo", MODELS)
ONE_REPLICA = Story({DEMO: 1}, {DEMO: 1}, {"Ready": 1})
READ_S = 30
"""For Prometheus to read what has changed."""

SERVE_RUNNING, SERVE_FAILED = 6, 1
"""Ray Serve's numbers of applications that run, and of those that could not be deployed."""


@pytest.fixture(scope="module")
def onlookers(cluster: DemoCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Onlookers]:
    """Everybody who looks at a cluster that has no model yet."""
    folder = tmp_path_factory.mktemp("onlookers")
    pods = folder / "pods.json"
    machine = Platform(cluster.home.root, cluster.ports.gateway, folder, token=cluster.token)
    with running_prometheus(folder, monitored(cluster, pods)) as prometheus:
        yield Onlookers(cluster, machine, Panels(prometheus), pods)


def test_a_model_that_is_ready(onlookers: Onlookers) -> None:
    """All tell of one replica that is ready, by the same names and facts, and of nothing that is amiss."""
    apply(onlookers.cluster)

    onlookers.agree(ONE_REPLICA, within_s=PATIENCE_S)

    [row], [model], panels = onlookers.rows(), onlookers.models(), onlookers.panels
    engine = onlookers.cluster.model()["status"]["engine"]
    assert (row["MODEL"], row["URL"]) == (model["names"][0], model["url"])
    assert (row["REASON"], model["message"]) == ("Serving", "")
    assert model["kv_cache_tokens"] == engine["kvCacheTokens"]
    assert {DEMO: engine["kvCacheTokens"]} == panels.numbers("model", "How many tokens fit into the KV cache?", "model")
    assert model["max_model_len"] == engine["maxModelLen"]
    await_aside(panels, Aside(healthy={DEMO: 1}, serve={DEMO: SERVE_RUNNING}))
    assert panels.prometheus.firing() == set()


def test_requests_and_tokens(onlookers: Onlookers) -> None:
    """The dashboards count as many requests and tokens, at the gateway and in the engine, as `fairlead usage`."""
    machine = onlookers.machine
    before, by_engine = used(machine), counted_by_engine(onlookers.panels)

    answers = [machine.chat(f"Question {number}", max_tokens=10) for number in range(3)]
    streams = [machine.stream("Tell me more", max_tokens=30, ignore_eos=True) for _ in range(2)]
    for stream in streams:
        stream.wait_for_end(within_s=60)
        assert stream.is_complete, stream.summary()
    assert all(answer.is_success for answer in answers), [answer.text for answer in answers]

    def agreed() -> bool:
        now, panels = used(machine), onlookers.panels
        assert now.requests == before.requests + 5
        assert panels.totals("tenants", "Which models does it use?", "model")[DEMO] == now.requests
        assert counted_by_gateway(panels) == now.tokens
        assert counted_by_engine(panels) - by_engine == now.tokens - before.tokens
        return True

    assert eventually(agreed, within_s=READ_S, what="all have counted the same", pause_s=1)


def test_an_update_that_fails(onlookers: Onlookers) -> None:
    """All tell of the replica that answers while its successor cannot start, and why not, until that is taken back."""
    apply(onlookers.cluster, refused=True)

    onlookers.agree(Story({DEMO: 1}, {DEMO: 1}, {"Degraded": 1}), within_s=PATIENCE_S)

    [model] = onlookers.models()
    assert onlookers.cluster.model()["status"]["lastError"] == model["message"]
    assert "max-model-len" in model["message"]
    await_aside(onlookers.panels, Aside(healthy={DEMO: 1}, serve={DEMO: SERVE_FAILED}))
    assert onlookers.machine.chat("Hello", max_tokens=1).is_success
    apply(onlookers.cluster)
    onlookers.agree(ONE_REPLICA, within_s=PATIENCE_S)


def test_two_replicas(onlookers: Onlookers) -> None:
    """All count a second replica that `kubectl scale` asked for."""
    onlookers.cluster.kubectl("scale", "mdep/demo", "--replicas=2")

    onlookers.agree(Story({DEMO: 2}, {DEMO: 2}, {"Ready": 1}), within_s=PATIENCE_S)

    await_aside(onlookers.panels, Aside(healthy={DEMO: 2}, serve={DEMO: SERVE_RUNNING}))


def test_at_zero(onlookers: Onlookers) -> None:
    """All tell that a model which `kubectl scale` sent to zero has no replica, wants none and is well."""
    onlookers.cluster.kubectl("scale", "mdep/demo", "--replicas=0")

    onlookers.agree(Story({}, {}, {"ScaledToZero": 1}), within_s=PATIENCE_S)

    await_aside(onlookers.panels, Aside(serve={DEMO: SERVE_RUNNING}))


def test_a_start_that_fails(onlookers: Onlookers) -> None:
    """All tell that a model has failed whose engine refuses an argument, for the same reason where they give one."""
    apply(onlookers.cluster, refused=True)

    onlookers.agree(Story({}, {DEMO: 1}, {"Failed": 1}), within_s=PATIENCE_S)

    [row], [model] = onlookers.rows(), onlookers.models()
    assert (row["REASON"], row["MESSAGE"]) == ("BadEngineArgument", model["message"])
    assert "max-model-len" in model["message"]
    missed = {f"{DEMO} Ready", f"{DEMO} WorkloadReady"}
    await_aside(onlookers.panels, Aside(lacking={DEMO: 1}, missed=missed, serve={DEMO: SERVE_FAILED}))


def test_suspended(onlookers: Onlookers) -> None:
    """All tell that a suspended model has no replica and wants none."""
    onlookers.cluster.kubectl("patch", "mdep/demo", "--type=merge", "-p", '{"spec": {"suspend": true}}')

    onlookers.agree(Story({}, {}, {"Suspended": 1}), within_s=PATIENCE_S)

    missed = {f"{DEMO} {condition}" for condition in ("Ready", "RouteReady", "WorkloadReady")}
    await_aside(onlookers.panels, Aside(missed=missed))


def test_deleted(onlookers: Onlookers) -> None:
    """Nobody tells anything of a model that is deleted."""
    onlookers.cluster.kubectl("delete", "mdep/demo", "--wait=false")

    onlookers.agree(Story({}, {}, {}), within_s=PATIENCE_S)


def apply(cluster: DemoCluster, *, refused: bool = False) -> None:
    """Apply the demo's manifest, or one with an argument that its engine refuses."""
    path = demo_manifest(cluster.home.root)
    if refused:
        manifest = yaml.safe_load(path.read_text())
        manifest["spec"]["engine"]["arguments"]["max-model-len"] = 10**7
        path.write_text(yaml.safe_dump(manifest))
    cluster.kubectl("apply", "-f", str(path))


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of prompts and of answers."""

    read: int
    written: int

    def __sub__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.read - other.read, self.written - other.written)


@dataclass(frozen=True, slots=True)
class Used:
    """What was used of the model."""

    requests: int
    tokens: Tokens


def used(machine: Platform) -> Used:
    rows = json.loads(machine.fairlead("usage", "--by", "model", "--json"))["data"]
    row = next((each for each in rows if each["model"] == DEMO), None)
    return Used(row["requests"], Tokens(row["input_tokens"], row["output_tokens"])) if row else Used(0, Tokens(0, 0))


def counted_by_gateway(panels: Panels) -> Tokens:
    return Tokens(*(total(panels, "overview", "How many tokens go in and out?", line) for line in (0, 2)))


def counted_by_engine(panels: Panels) -> Tokens:
    return Tokens(*(total(panels, "model", "How many tokens does it read and write?", line) for line in (0, 1)))


def total(panels: Panels, page: str, title: str, line: int) -> int:
    """Return a sum that has no labels; 0 where nothing has been counted yet."""
    return panels.totals(page, title, line=line).get("", 0)


@dataclass(frozen=True, slots=True)
class Aside:
    """What the dashboards tell besides; zeros are left out."""

    healthy: Mapping[str, int] = field(default_factory=dict)
    """How many replicas of each model Ray Serve calls healthy."""

    lacking: Mapping[str, int] = field(default_factory=dict)
    missed: AbstractSet[str] = frozenset()
    """Models, each with a condition that it does not meet."""

    serve: Mapping[str, int] = field(default_factory=dict)
    """Ray Serve's word on each application."""


def await_aside(panels: Panels, expected: Aside) -> None:
    """Wait until the dashboards tell what is expected; what Ray says comes late, and holds for a minute."""

    def told() -> bool:
        seen = Aside(
            panels.numbers("ray", "How many replicas are healthy, and how many are wanted?", "model"),
            panels.numbers("operator", "Which models lack replicas that they want?", "model"),
            panels.lines("operator", "Which models are not ready, and by which condition?", "model", "condition"),
            panels.numbers("ray", "What does Serve say of each application?", "model"),
        )
        assert seen == expected, seen
        return True

    assert eventually(told, within_s=PATIENCE_S, what=f"the dashboards tell {expected}", pause_s=1)
