"""The plan from a ModelDeployment to a running pool: one Ray Serve application, as Serve's REST API takes it.

Pure: the CLI sends the result to a local Ray, the operator writes it into a RayService. What changes often (bounds,
time-outs, tuning) lies under `deployments`, because a change under `args` or `runtime_env` replaces every replica.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from fairlead_contract.modeldeployment import EnvVar, ModelDeployment, Scaling
from fairlead_contract.names import IMPORT_PATH, REPLICA_DEPLOYMENT, application_name, route_prefix
from fairlead_contract.replica import Executor, ReplicaSpec, ReplicaTuning
from fairlead_contract.sizing import PROCESSES_MEMORY, gpus_per_replica, host_of
from fairlead_contract.yaml_documents import Json

HEALTH_CHECK_PERIOD_S = 2
HEALTH_CHECK_TIMEOUT_S = 10
CONSTRUCTOR_RETRIES = 2
"""Few: an engine that cannot start says why the first time."""

DEFAULT_MAX_NUM_SEQS = 256
"""vLLM's own default for requests in one batch."""

METRICS_INTERVAL_S = 1.0
LOOK_BACK_PERIOD_S = 5.0


@dataclass(frozen=True, slots=True)
class RuntimeProfile:
    """What the surroundings give to every replica, on one machine or in a cluster."""

    hop_secrets_folder: str
    """Folder whose files, one per ModelDeployment, hold the hop secrets."""

    secrets_folder: str | None = None
    """Folder whose `<secret>/<key>` files stand for secretKeyRefs; None where the pod's environment holds them."""

    longest_stream_s: int = 600
    """From which drain, HAProxy's hard stop and a pod's grace are computed."""

    env: dict[str, str] = field(default_factory=dict)
    """Further environment of every replica."""

    max_surge_percent: int = 0
    """Replicas that may start beyond the wanted number before an update stops old ones; 0 stops old ones first."""

    has_limits: bool = False
    """Whether each replica is held to its size, as a pod is, also where the manifest leaves the size open."""


def serve_config(
    applications: Sequence[Json], *, host: str, port: int, proxies: Literal["HeadOnly", "EveryNode"]
) -> dict[str, Json]:
    """Return what Serve's REST API takes: all applications, and where its proxies listen."""
    return {
        "proxy_location": proxies,
        "http_options": {"host": host, "port": port},
        "applications": list(applications),
    }


def serve_application(deployment: ModelDeployment, *, profile: RuntimeProfile) -> dict[str, Json]:
    """Return the Serve application of one ModelDeployment."""
    return {
        "name": application_name(deployment.name),
        "route_prefix": route_prefix(deployment.name),
        "import_path": IMPORT_PATH,
        "runtime_env": {"env_vars": _environment(deployment, profile)},
        "args": replica_spec(deployment).model_dump(mode="json"),
        "deployments": [_deployment(deployment, profile)],
    }


def replica_spec(deployment: ModelDeployment) -> ReplicaSpec:
    """Return what needs another engine when it changes."""
    spec = deployment.spec
    return ReplicaSpec(
        name=deployment.name,
        served_name=deployment.served_name,
        task=spec.model.task,
        source=spec.model.source,
        engine_arguments=spec.engine.arguments,
        tensor=spec.parallelism.tensor,
        pipeline=spec.parallelism.pipeline,
        executor=_executor(deployment),
        accelerator=spec.resources.accelerator is not None,
        secret_env={variable.name: _secret_path(variable) for variable in spec.engine.env if variable.value_from},
    )


def revision(deployment: ModelDeployment) -> str:
    """Return 16 hex digits that change whenever the same question may get another answer."""
    model = deployment.spec.model
    identity = [model.source, deployment.served_name, model.task, deployment.spec.engine.arguments]
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def max_ongoing_requests(deployment: ModelDeployment) -> int:
    """Return how many requests one replica takes at once.

    Serve's limit is a semaphore whose queue the autoscaler cannot see, so it stays above what the engine batches and
    above what the autoscaler aims at.
    """
    sequences = deployment.spec.engine.arguments.get("max-num-seqs")
    batch = sequences if isinstance(sequences, int) else DEFAULT_MAX_NUM_SEQS
    return max(2 * deployment.spec.scaling.target_ongoing_requests, 2 * batch)


def _executor(deployment: ModelDeployment) -> Executor:
    """Tensor parallelism stays within a node (vLLM's processes); pipeline stages on GPUs span nodes (Ray)."""
    if gpus_per_replica(deployment) and deployment.spec.parallelism.pipeline > 1:
        return "ray"
    return "mp" if deployment.spec.parallelism.ranks > 1 else "uni"


def _secret_path(variable: EnvVar) -> str:
    assert variable.value_from is not None  # noqa: S101 - the caller asked for variables from secrets
    reference = variable.value_from.secret_key_ref
    return f"{reference.name}/{reference.key}"


def _environment(deployment: ModelDeployment, profile: RuntimeProfile) -> dict[str, str]:
    environment = dict(profile.env)
    environment["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] = "0"  # media come from the domain that was checked, or not at all
    environment["FAIRLEAD_HOP_SECRET_FILE"] = f"{profile.hop_secrets_folder}/{deployment.name}"
    if profile.secrets_folder:
        environment["FAIRLEAD_SECRETS_DIR"] = profile.secrets_folder
    if not deployment.spec.resources.accelerator:
        environment |= _cpu_environment(deployment, profile)
    return environment | {variable.name: variable.value for variable in deployment.spec.engine.env if variable.value}


def _cpu_environment(deployment: ModelDeployment, profile: RuntimeProfile) -> dict[str, str]:
    """Leave threads unpinned, since the cores are shared, and divide them among the ranks."""
    resources, ranks, host = deployment.spec.resources, deployment.spec.parallelism.ranks, host_of(deployment)
    environment = {"VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    if resources.cpu or profile.has_limits:
        environment["OMP_NUM_THREADS"] = str(max(1, int(host.cpu) // ranks))
    if resources.memory or profile.has_limits:
        # Half of what the processes leave is for the KV cache, the rest for weights and activations; vLLM takes whole
        # GiB per rank.
        environment["VLLM_CPU_KVCACHE_SPACE"] = str(max(1, (host.memory - PROCESSES_MEMORY) // 2**31 // ranks))
    return environment


def _deployment(deployment: ModelDeployment, profile: RuntimeProfile) -> dict[str, Json]:
    ongoing = max_ongoing_requests(deployment)
    return {
        "name": REPLICA_DEPLOYMENT,
        "autoscaling_config": _autoscaling(deployment.spec.scaling),
        "max_ongoing_requests": ongoing,
        "max_queued_requests": ongoing,
        "health_check_period_s": HEALTH_CHECK_PERIOD_S,
        "health_check_timeout_s": HEALTH_CHECK_TIMEOUT_S,
        "graceful_shutdown_timeout_s": profile.longest_stream_s,
        "graceful_shutdown_wait_loop_s": 1,
        "max_surge_percent": profile.max_surge_percent,
        "max_constructor_retry_count": CONSTRUCTOR_RETRIES,
        "user_config": ReplicaTuning().model_dump(mode="json"),
        "logging_config": {"enable_access_log": False},  # the gateway has one, with the tenant in it
        **_reservation(deployment),
    }


def _autoscaling(scaling: Scaling) -> dict[str, Json]:
    """Return the bounds, equal ones too: between a fixed number and bounds, Serve would replace every replica."""
    autoscaling: dict[str, Json] = {
        "min_replicas": scaling.min_replicas,
        "max_replicas": scaling.max_replicas,
        "target_ongoing_requests": scaling.target_ongoing_requests,
        "upscale_delay_s": scaling.upscale_delay_seconds,
        "downscale_delay_s": scaling.downscale_delay_seconds,
        "metrics_interval_s": METRICS_INTERVAL_S,
        "look_back_period_s": LOOK_BACK_PERIOD_S,
    }
    if scaling.idle_seconds_to_zero is not None and scaling.min_replicas == 0:
        autoscaling["downscale_to_zero_delay_s"] = scaling.idle_seconds_to_zero
    return autoscaling


def _reservation(deployment: ModelDeployment) -> dict[str, Json]:
    """Within one node the replica's actor holds all GPUs; over nodes, each GPU has a bundle, as vLLM wants it.

    Bundles are packed: a node has as many GPUs as a stage has ranks, so stages fill nodes one by one.
    """
    host = host_of(deployment)
    if _executor(deployment) == "ray":
        rank = {"GPU": 1}
        return {
            "ray_actor_options": {"num_cpus": 1, "num_gpus": 0},
            "placement_group_bundles": [rank | {"CPU": 1}] + [rank] * (deployment.spec.parallelism.ranks - 1),
            "placement_group_strategy": "PACK",
        }
    return {"ray_actor_options": {"num_cpus": host.logical_cpus, "num_gpus": host.gpus}}
