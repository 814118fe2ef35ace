"""What the person on call sees of a running platform, through a real Prometheus that reads it as the documents say."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from charts.dashboards.__main__ import DASHBOARDS
from charts.dashboards.grafana import Panel

from tests.sight.prometheus import Prometheus, one_machine, running_prometheus
from tests.sight.promql import legend_labels, with_values
from tests.support.manifests import manifest
from tests.support.platform import Platform
from tests.support.waiting import eventually

pytestmark = [pytest.mark.platform, pytest.mark.long]

PANELS = [pytest.param(panel, id=f"{page.name}: {panel.title}") for page in DASHBOARDS for panel in page.panels]
ANSWERED = "sum(rate(fairlead_request_total[1m])) > 0 and sum(rate(vllm:generation_tokens_total[1m])) > 0"


@pytest.fixture(scope="module")
def prometheus(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen the platform answer, stream and refuse."""
    targets = platform.home / "scrape-targets.json"
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), one_machine(targets)) as running:
        eventually(lambda: running.number("sum(up)") == 3, within_s=60, what="every target is read")
        few = platform.tenant(requestsPerMinute=1)

        def asked() -> bool:
            for token in (None, few, "wrong"):
                platform.chat(token=token, max_tokens=5)
            platform.stream(max_tokens=20).wait_for_end(within_s=60)
            return bool(running.query(ANSWERED))

        eventually(asked, within_s=60, what="Prometheus has seen answers", pause_s=1)
        yield running


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_shows_something(prometheus: Prometheus, panel: Panel) -> None:
    """Each query is answered, with the labels that its legend names, unless its panel says when it is empty."""
    for query in panel.queries:
        found = prometheus.query(with_values(query.expression))
        assert found or panel.empty, query.expression
        for series in found:
            assert legend_labels(query.legend) <= {*series["metric"], "model"}, query.legend


@pytest.mark.parametrize(
    "expression",
    [
        'count by (model) (fairlead_replica_phase{phase="ready"} == 1)',
        "sum by (model) (ray_serve_deployment_replica_healthy)",
        "count by (model) (vllm:kv_cache_usage_perc)",
    ],
)
def test_it_tells_the_story_of_the_status(prometheus: Prometheus, platform: Platform, expression: str) -> None:
    """Replicas, Ray and engines count as many of a model, under its name, as `fairlead status` does."""

    def agreed() -> bool:
        # An engine tells how it is with each of its steps, and only then.
        platform.chat(max_tokens=5, temperature=1)
        seen = {series["metric"]["model"]: int(series["value"][1]) for series in prometheus.query(expression)}
        return seen == {row["model"]: row["ready"] for row in platform.status()["models"] if row["ready"]}

    assert eventually(agreed, within_s=60, what="both say the same", pause_s=1)


def test_nothing_fires_while_all_is_well(prometheus: Prometheus) -> None:
    """A platform that serves raises no alarm."""
    assert prometheus.firing() == set()


@pytest.mark.timeout(600)
def test_a_file_that_is_refused(prometheus: Prometheus, platform: Platform) -> None:
    """A tenants file that means nothing raises an alarm at once that names it."""
    file = platform.home / "tenants.yaml"
    good = file.read_text()
    try:
        file.write_text("tenants: [")
        alert = prometheus.fires("FairleadConfigurationRefused", within_s=60)
    finally:
        file.write_text(good)
    assert alert["labels"]["file"] == "tenants.yaml"


@pytest.mark.timeout(600)
def test_redis_is_lost(prometheus: Prometheus, platform: Platform) -> None:
    """Valkey that does not answer for a minute raises an alarm, which ends when it answers again."""
    with stopped(platform.service_pids()["valkey"]):
        prometheus.fires("FairleadRedisLost", within_s=240)
    eventually(lambda: "FairleadRedisLost" not in prometheus.firing(), within_s=60, what="it ends", pause_s=1)


@pytest.mark.timeout(600)
def test_the_gateway_is_lost(prometheus: Prometheus, platform: Platform) -> None:
    """A gateway that cannot be read for a minute raises an alarm."""
    with stopped(platform.service_pids()["gateway"]):
        prometheus.fires("FairleadGatewayDown", within_s=240)


@pytest.mark.timeout(900)
def test_a_model_that_cannot_start(prometheus: Prometheus, platform: Platform) -> None:
    """A model whose engine refuses to start raises alarms: Serve calls it failed, and its requests fail."""
    path = platform.write(manifest("broken", arguments={"max-model-len": 10**7}))
    platform.run("apply", "-f", str(path), timeout_s=300)
    try:
        unhealthy = prometheus.fires("FairleadModelUnhealthy", within_s=600)
        with ThreadPoolExecutor(8) as clients, asking(clients, platform, "broken"):
            failing = prometheus.fires("FairleadRequestsFail", within_s=600)
    finally:
        platform.delete("broken")
    assert unhealthy["labels"]["model"] == failing["labels"]["model"] == "broken"


@pytest.mark.timeout(900)
def test_replicas_that_die(prometheus: Prometheus, platform: Platform) -> None:
    """An engine that is killed again and again raises alarms: its replicas come and go, and streams begin late."""
    platform.apply(manifest("fragile"))
    try:
        for _ in range(5):
            platform.engine_core("fragile").kill()
            with ThreadPoolExecutor(4) as clients:
                list(clients.map(lambda _: insist(platform, "fragile"), range(4)))
        alert = prometheus.fires("FairleadReplicasDieAgainAndAgain", within_s=240)
        late = prometheus.fires("FairleadStreamsBeginLate", within_s=240)
    finally:
        platform.delete("fragile")
    assert alert["labels"]["model"] == late["labels"]["model"] == "fragile"


def insist(platform: Platform, model: str) -> None:
    """Ask until a stream is complete, as a client does whose first request met the engine while it died."""

    def answered() -> bool:
        stream = platform.stream(model=model, max_tokens=5)
        stream.wait_for_end(within_s=240)
        return stream.is_complete

    eventually(answered, within_s=240, what=f"a stream of {model} is complete", pause_s=0.5)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process stand still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def asking(clients: ThreadPoolExecutor, platform: Platform, model: str) -> Iterator[None]:
    """Let clients ask a model without end."""
    going = True

    def ask() -> None:
        while going:
            platform.completion_answers(model)

    waiting = [clients.submit(ask) for _ in range(4)]
    try:
        yield
    finally:
        going = False
        for client in waiting:
            client.result()
