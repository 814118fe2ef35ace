"""The status tells the truth about what was seen."""

from typing import Any

import pytest

from fairlead_cli.status import ModelStatus, Phase, model_rows
from fairlead_contract.replica_facts import ReplicaFacts
from tests.cli.builders import application, applied, observed, platform, service

LOADING = {"demo": (ReplicaFacts("r1", "loading"),)}
DOWNLOADING = {
    "demo": (ReplicaFacts("r1", "downloading", 1, 4), ReplicaFacts("r2", "downloading", 2, 4, download_left_s=7))
}
READY = {"demo": (ReplicaFacts("r1", "ready", 0, 0, 12.5, 1000, 4096, ((0, 11), (1, 12))),)}


@pytest.mark.parametrize(
    "seen, facts, phase",
    [
        ({}, {}, Phase.PENDING),
        ({"demo": application("DEPLOYING", replicas=0)}, {}, Phase.PENDING),
        ({"demo": application("DEPLOYING")}, {}, Phase.STARTING),
        ({"demo": application("DEPLOYING", replicas=2)}, DOWNLOADING, Phase.DOWNLOADING),
        ({"demo": application("DEPLOYING")}, LOADING, Phase.LOADING),
        ({"demo": application("RUNNING")}, READY, Phase.READY),
        ({"demo": application("RUNNING", replicas=0, target=0)}, {}, Phase.SCALED_TO_ZERO),
        ({"demo": application("RUNNING", replicas=0, target=1)}, {}, Phase.UNHEALTHY),
        ({"demo": application("UNHEALTHY")}, {}, Phase.UNHEALTHY),
        ({"demo": application("DEPLOY_FAILED", replicas=0)}, {}, Phase.FAILED),
        ({"demo": application("DEPLOY_FAILED", replicas=1, state="RUNNING")}, READY, Phase.DEGRADED),
        ({"demo": application("DELETING")}, {}, Phase.DELETING),
        ({"platform": None}, {}, Phase.STOPPED),
        ({"serve": None}, {}, Phase.UNKNOWN),
    ],
)
def test_phase(seen: dict[str, Any], facts: dict[str, tuple[ReplicaFacts, ...]], phase: Phase) -> None:
    """A model's phase follows from Serve's state and from what its replicas say."""
    assert only_row(applied(), facts=facts, **seen).phase is phase


def test_suspended() -> None:
    """A suspended model is told as such, with no replica wanted."""
    row = only_row(applied(suspend=True))
    assert (row.phase, row.target) == (Phase.SUSPENDED, 0)


def test_facts_of_a_ready_model() -> None:
    """A ready model's row carries its engine's facts and every rank with its pid."""
    row = only_row(applied(parallelism={"tensor": 2}), facts=READY, demo=application())
    assert (row.load_s, row.kv_cache_tokens, row.max_model_len) == (12.5, 1000, 4096)
    assert row.ranks == ((0, 11), (1, 12))
    assert (row.ready, row.target, row.tensor) == (1, 1, 2)


def test_facts_of_dead_replicas() -> None:
    """What a replica said that Serve no longer knows does not count."""
    facts = {"demo": (ReplicaFacts("gone", "ready", kv_cache_tokens=5, ranks=((0, 99),)),)}
    row = only_row(applied(), facts=facts, demo=application())
    assert row.kv_cache_tokens is None
    assert row.ranks == ()


def test_downloads_add_up() -> None:
    """The download's progress is that of all replicas together, and lasts as long as the slowest that knows."""
    row = only_row(applied(), facts=DOWNLOADING, demo=application("DEPLOYING", replicas=2))
    assert (row.download_bytes, row.download_total_bytes, row.download_left_s) == (3, 8, 7)


def test_more_replicas_on_the_way() -> None:
    """A model that answers while more replicas start is ready, and says how many are missing."""
    row = only_row(applied(), demo=application(replicas=1, target=3))
    assert (row.phase, row.ready, row.target, row.message) == (Phase.READY, 1, 3, "2 more starting")


def test_dead_ray() -> None:
    """Where Ray's process is gone, a model is unknown and the row says why, whatever the state file claims."""
    dead = service("ray", alive=False, message="was ended by SIGKILL")
    row = only_row(applied(), platform=platform(ray=dead), serve=None)
    assert (row.phase, row.message) == (Phase.UNKNOWN, "Ray is not running: was ended by SIGKILL")


def test_dead_gateway() -> None:
    """Where the gateway's process is gone, no address is given out."""
    assert only_row(applied(), demo=application()).url == "http://127.0.0.1:20000/v1"
    assert only_row(applied(), demo=application(), platform=platform(gateway=service("gateway", alive=False))).url == ""


def test_refused_applications() -> None:
    """A model that Ray Serve would not take has failed, in Serve's words."""
    refused = platform(ray=service("ray", message="Ray Serve refused the request (400): no such field"))
    row = only_row(applied(), platform=refused)
    assert (row.phase, row.message) == (Phase.FAILED, "Ray Serve refused the request (400): no such field")


def test_slow_start_is_no_trouble() -> None:
    """Serve's note that a replica takes long is not shown as if something were wrong."""
    slow = "Deployment 'replica' in application 'demo' has 1 replicas that have taken more than 30s to initialize."
    assert only_row(applied(), facts=LOADING, demo=application("DEPLOYING", message=slow)).message == ""


def test_draining_model() -> None:
    """A deleted model that Serve still drains has a row until it is gone."""
    rows = model_rows(observed(demo=application("DELETING")))
    assert [(row.model, row.phase) for row in rows] == [("demo", Phase.DELETING)]


def only_row(*entries: Any, **seen: Any) -> ModelStatus:
    (row,) = model_rows(observed(*entries, **seen))
    return row
