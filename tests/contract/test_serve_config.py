import json
from pathlib import Path
from typing import Any

import pytest

from fairlead_contract.manifest import load_path
from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.serve_config import RuntimeProfile, revision, serve_application, serve_config
from tests.contract.manifests import deployment

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
GOLDEN = Path(__file__).parent / "golden"
PROFILE = RuntimeProfile(hop_secrets_folder="/home/auth/hop", secrets_folder="/home/secrets")


def example(number: int) -> ModelDeployment:
    """Return the example manifest of a number."""
    [path] = EXAMPLES.glob(f"{number:02}-*.yaml")
    [found] = load_path(path)
    return found


def rendered(of: ModelDeployment, **profile: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an application and its one deployment."""
    application = serve_application(of, profile=RuntimeProfile(hop_secrets_folder="/hop", **profile))
    [replica] = application["deployments"]
    return application, replica


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_golden_examples(number: int) -> None:
    """Each example renders the Serve application that is kept beside the tests."""
    found = example(number)
    application = serve_application(found, profile=PROFILE)
    application["args"]["source"] = application["args"]["source"].replace(str(EXAMPLES), "/examples")

    assert application == json.loads((GOLDEN / f"{found.name}.json").read_text())


def test_tensor_parallel_on_gpus() -> None:
    """The 70B example holds four GPUs in one actor and runs vLLM's own processes over them."""
    application, replica = rendered(example(4))

    assert replica["ray_actor_options"]["num_gpus"] == 4
    assert (application["args"]["tensor"], application["args"]["executor"]) == (4, "mp")
    assert application["args"]["accelerator"] is True


@pytest.mark.parametrize("number", [1, 2])
def test_cpu_examples_hold_no_gpu(number: int) -> None:
    """The CPU examples reserve no GPU and run one rank in one process."""
    application, replica = rendered(example(number))

    assert replica["ray_actor_options"]["num_gpus"] == 0
    assert (application["args"]["tensor"], application["args"]["executor"]) == (1, "uni")
    assert application["args"]["accelerator"] is False


def test_tensor_parallel_on_cpu() -> None:
    """Tensor parallelism without an accelerator runs real ranks in processes and reserves no GPU."""
    application, replica = rendered(deployment(parallelism={"tensor": 2}, resources={"cpu": 4, "memory": "16Gi"}))

    assert (application["args"]["executor"], replica["ray_actor_options"]) == ("mp", {"num_cpus": 4.0, "num_gpus": 0})
    environment = application["runtime_env"]["env_vars"]
    assert (environment["OMP_NUM_THREADS"], environment["VLLM_CPU_KVCACHE_SPACE"]) == ("2", "3")


def test_pipeline_over_nodes() -> None:
    """A pipeline over GPUs has a bundle for each of them, packed onto nodes, and Ray's executor."""
    application, replica = rendered(
        deployment(parallelism={"tensor": 8, "pipeline": 2}, resources={"accelerator": "nvidia-h100", "cpu": 8})
    )

    assert application["args"]["executor"] == "ray"
    assert replica["placement_group_bundles"] == [{"GPU": 1, "CPU": 1}] + [{"GPU": 1}] * 15
    assert replica["placement_group_strategy"] == "PACK"
    assert replica["ray_actor_options"] == {"num_cpus": 1, "num_gpus": 0}


def test_fixed_number_of_replicas() -> None:
    """Equal bounds are bounds like others, for Serve replaces the replicas of whatever begins or ends to have some."""
    _, replica = rendered(deployment(scaling={"minReplicas": 3, "maxReplicas": 3}))

    assert (replica["autoscaling_config"]["min_replicas"], replica["autoscaling_config"]["max_replicas"]) == (3, 3)
    assert "num_replicas" not in replica


def test_whole_cpus() -> None:
    """A replica reserves whole CPUs, which is how Ray counts those of a pod."""
    _, replica = rendered(deployment(resources={"cpu": "1500m"}))

    assert replica["ray_actor_options"]["num_cpus"] == 2


def test_a_size_of_its_own() -> None:
    """Where a manifest leaves the size open, a pod has one all the same, and a machine is the engine's as a whole."""
    free, _ = rendered(deployment())
    held, _ = rendered(deployment(), has_limits=True)

    assert not {"OMP_NUM_THREADS", "VLLM_CPU_KVCACHE_SPACE"} & set(free["runtime_env"]["env_vars"])
    assert held["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == "2"
    assert held["runtime_env"]["env_vars"]["VLLM_CPU_KVCACHE_SPACE"] == "1"


@pytest.mark.parametrize("percent", [0, 100])
def test_successors_start_first_where_there_is_room(percent: int) -> None:
    """Whether an update starts replicas before it stops old ones is the surroundings' to say."""
    _, replica = rendered(deployment(), max_surge_percent=percent)

    assert replica["max_surge_percent"] == percent


def test_everything_serve_takes() -> None:
    """Applications go to Serve with the place of its proxies."""
    application = serve_application(deployment(), profile=PROFILE)

    assert serve_config([application], host="0.0.0.0", port=8000, proxies="EveryNode") == {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": 8000},
        "applications": [application],
    }


def test_scale_to_zero() -> None:
    """Idle time to zero is Serve's own delay."""
    scaling = {"minReplicas": 0, "maxReplicas": 2, "idleSecondsToZero": 60}

    _, replica = rendered(deployment(scaling=scaling))

    assert replica["autoscaling_config"]["min_replicas"] == 0
    assert replica["autoscaling_config"]["downscale_to_zero_delay_s"] == 60


def test_no_scale_to_zero_above_a_floor() -> None:
    """Idle time to zero waits for the floor to be zero, so that `kubectl scale` may raise and lower it."""
    scaling = {"minReplicas": 1, "maxReplicas": 2, "idleSecondsToZero": 60}

    _, replica = rendered(deployment(scaling=scaling))

    assert "downscale_to_zero_delay_s" not in replica["autoscaling_config"]


def test_bounds_need_no_new_engine() -> None:
    """A change of bounds, limits or aliases leaves what would replace the replicas as it is."""
    before, _ = rendered(deployment())
    after, _ = rendered(
        deployment(
            model={"source": "hf://fairlead/demo", "aliases": ["other"]},
            scaling={"maxReplicas": 4, "targetOngoingRequests": 8},
            limits={"requestsPerMinute": 5},
        )
    )

    assert (after["args"], after["runtime_env"]) == (before["args"], before["runtime_env"])
    assert after["deployments"] != before["deployments"]


@pytest.mark.parametrize("target, sequences, expected", [(8, 64, 128), (100, 16, 200), (32, None, 512)])
def test_room_above_the_target(target: int, sequences: int | None, expected: int) -> None:
    """A replica takes at least twice what the autoscaler aims at and twice what the engine batches."""
    arguments = {"max-num-seqs": sequences} if sequences else {}

    _, replica = rendered(deployment(engine={"arguments": arguments}, scaling={"targetOngoingRequests": target}))

    assert replica["max_ongoing_requests"] == expected


def test_drain_covers_the_longest_stream() -> None:
    """A replica that stops waits as long as the longest stream lasts."""
    _, replica = rendered(deployment(), longest_stream_s=900)

    assert replica["graceful_shutdown_timeout_s"] == 900


def test_secrets_travel_by_name_only() -> None:
    """A variable from a secret is rendered as the secret's path, never as a value."""
    env = [
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}},
        {"name": "VLLM_LOGGING_LEVEL", "value": "WARNING"},
    ]

    application, _ = rendered(deployment(engine={"env": env}), secrets_folder="/secrets")

    assert application["args"]["secret_env"] == {"HF_TOKEN": "hub/token"}
    assert "HF_TOKEN" not in application["runtime_env"]["env_vars"]
    assert application["runtime_env"]["env_vars"]["VLLM_LOGGING_LEVEL"] == "WARNING"
    assert application["runtime_env"]["env_vars"]["FAIRLEAD_SECRETS_DIR"] == "/secrets"


def test_revision_follows_answers() -> None:
    """The revision changes with what may change answers, and with nothing else."""
    base = revision(deployment())

    assert revision(deployment(scaling={"maxReplicas": 9})) == base
    assert revision(deployment(engine={"arguments": {"dtype": "float32"}})) != base
    assert revision(deployment(model={"source": "hf://fairlead/demo@v2"})) != base
