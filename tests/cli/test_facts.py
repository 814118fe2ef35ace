"""What replicas say of themselves on Ray's metrics port."""

from fairlead_cli.facts import scrape_facts
from fairlead_contract.replica_facts import ReplicaFacts, parse_facts

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


def test_no_metrics_port() -> None:
    """Where nobody listens there are no facts, and no error."""
    assert scrape_facts("http://127.0.0.1:1/metrics") == {}
