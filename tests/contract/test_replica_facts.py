"""What replicas and Jobs that fetch weights say of themselves on their metrics port."""

import pytest

from fairlead_contract.replica_facts import ReplicaFacts, download_progress, parse_facts, render_bytes

EXPOSITION = """\
# HELP ray_fairlead_replica_phase x
# TYPE ray_fairlead_replica_phase gauge
ray_fairlead_replica_phase{Version="2.60.0",model="demo",phase="loading",replica="r1"} 0.0
ray_fairlead_replica_phase{Version="2.60.0",model="demo",phase="ready",replica="r1"} 1.0
ray_fairlead_startup_seconds{model="demo",replica="r1"} 23.5
ray_fairlead_kv_cache_tokens{model="demo",replica="r1"} 524288.0
ray_fairlead_max_model_len{model="demo",replica="r1"} 65536.0
ray_fairlead_engine_rank{model="demo",pid="12",rank="1",replica="r1"} 1.0
ray_fairlead_engine_rank{model="demo",pid="11",rank="0",replica="r1"} 1.0
ray_fairlead_replica_phase{model="big",phase="downloading",replica="r2"} 1.0
ray_fairlead_download_bytes{model="big",replica="r2"} 1.5e+06
ray_fairlead_download_total_bytes{model="big",replica="r2"} 3e+06
ray_vllm_num_requests_running{model_name="demo"} 3.0
"""


def test_ready_replica() -> None:
    """A ready replica tells its phase, load time, sizes and ranks, in the order of the ranks."""
    facts = ReplicaFacts("r1", "ready", 0, 0, 23.5, 524288, 65536, ((0, 11), (1, 12)))
    assert parse_facts(EXPOSITION)["demo"] == (facts,)


def test_downloading_replica() -> None:
    """A replica that downloads tells how far it is, and nothing yet of its engine."""
    assert parse_facts(EXPOSITION)["big"] == (ReplicaFacts("r2", "downloading", 1_500_000, 3_000_000),)


def test_nothing_else() -> None:
    """Other metrics of Ray and vLLM are passed over."""
    assert set(parse_facts(EXPOSITION)) == {"demo", "big"}


def test_a_job_says_the_same_without_rays_prefix() -> None:
    """A Job that fetches weights tells how far it is, and how long it will take, in the same words."""
    exposition = """\
# TYPE fairlead_replica_phase gauge
fairlead_replica_phase{model="big",phase="downloading",replica="big-weights-x7"} 1.0
fairlead_download_bytes{model="big",replica="big-weights-x7"} 5e+09
fairlead_download_total_bytes{model="big",replica="big-weights-x7"} 2e+10
fairlead_download_remaining_seconds{model="big",replica="big-weights-x7"} 190.4
fairlead_request_running{model="big"} 3.0
"""
    job = ReplicaFacts("big-weights-x7", "downloading", 5_000_000_000, 20_000_000_000, download_left_s=190)
    assert parse_facts(exposition) == {"big": (job,)}


def test_progress_is_that_of_the_slowest() -> None:
    """Of several that download, the one that has the least counts, and those that do something else do not."""
    facts = (
        ReplicaFacts("r1", "downloading", 3_000_000_000, 4_000_000_000, download_left_s=10),
        ReplicaFacts("r2", "downloading", 1_000_000_000, 4_000_000_000, download_left_s=200),
        ReplicaFacts("r3", "loading", 0, 4_000_000_000),
    )
    progress = download_progress(facts)
    assert progress is not None
    assert progress.model_dump() == {
        "summary": "25% of 4.0 GB, 3 min left",
        "percent": 25,
        "bytes_done": 1_000_000_000,
        "bytes_total": 4_000_000_000,
        "eta_seconds": 200,
    }
    assert download_progress(facts[2:]) is None


@pytest.mark.parametrize(
    "facts,summary",
    [
        (ReplicaFacts("r", "downloading"), "finding out what to download"),
        (ReplicaFacts("r", "downloading", 0, 2_100_000), "0% of 2.1 MB"),
        (ReplicaFacts("r", "downloading", 1, 2, download_left_s=59), "50% of 2 bytes, less than a minute left"),
        (ReplicaFacts("r", "downloading", 3, 2, download_left_s=7260), "100% of 2 bytes, 2 h 1 min left"),
    ],
)
def test_progress_in_words(facts: ReplicaFacts, summary: str) -> None:
    """Progress reads as a part of a whole and a rough time, as far as they are known."""
    progress = download_progress([facts])
    assert progress is not None
    assert progress.summary == summary


def test_sizes_in_words() -> None:
    """Sizes are told in the unit in which they are short."""
    assert [render_bytes(size) for size in (999, 1_500, 15_200_000_000, 1_400_000_000_000)] == [
        "999 bytes",
        "1.5 kB",
        "15.2 GB",
        "1.4 TB",
    ]
