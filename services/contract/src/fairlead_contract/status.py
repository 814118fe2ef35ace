"""What the operator writes into a ModelDeployment's status, and `kubectl get mdep` shows."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Phase = Literal[
    "Pending",
    "Scheduling",
    "PullingImage",
    "Downloading",
    "Loading",
    "Compiling",
    "WarmingUp",
    "Ready",
    "ScaledToZero",
    "Degraded",
    "Failed",
    "Suspended",
    "Deleting",
]

Count = Annotated[int, Field(ge=0)]


class _Observed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


class Condition(_Observed):
    """One statement about the model, in the form that all of Kubernetes uses."""

    type: str = Field(min_length=1, max_length=63, pattern=r"^[A-Za-z]+$", description="Such as Ready or Accepted.")
    status: Literal["True", "False", "Unknown"]
    reason: str = Field(min_length=1, max_length=63, pattern=r"^[A-Za-z]+$", description="One word for programs.")
    message: str = Field(max_length=4096, description="One sentence for people.")
    last_transition_time: AwareDatetime
    observed_generation: Count | None = None


class Progress(_Observed):
    """How far the slowest replica has come with its weights."""

    summary: str = Field(max_length=128, description="For people, such as: 42% of 15.2 GB, 3 min left.")
    percent: int | None = Field(default=None, ge=0, le=100)
    bytes_done: Count | None = None
    bytes_total: Count | None = None
    eta_seconds: Count | None = None


class EngineFacts(_Observed):
    """What the engine said of itself when it had started."""

    startup_seconds: float | None = Field(default=None, ge=0, description="From the start of loading to answering.")
    kv_cache_tokens: Count | None = Field(default=None, description="Tokens that fit into one replica's KV cache.")
    max_model_len: Count | None = Field(default=None, description="Tokens that one request may hold, answer included.")


class Choice(_Observed):
    """Something that the manifest left open."""

    what: str = Field(min_length=1, max_length=64, description="Such as tensor parallelism.")
    taken: str = Field(max_length=256, description="What was chosen.")
    why: str = Field(max_length=512, description="In one sentence.")


class Status(_Observed):
    """What was last seen of the model."""

    observed_generation: Count | None = Field(default=None, description="Generation of the spec that this is about.")
    phase: Phase | None = Field(default=None, description="A summary of the conditions.")
    model: str | None = Field(default=None, max_length=128, description="The model name that clients send.")
    url: str | None = Field(default=None, max_length=2048, description="Where clients send their requests.")
    replicas: Count | None = Field(default=None, description="Replicas that exist, ready or not.")
    ready_replicas: Count | None = None
    ready: str | None = Field(default=None, max_length=16, description="Ready of wanted replicas, such as 2/4.")
    selector: str | None = Field(default=None, max_length=1024, description="Labels of the replicas' pods, as text.")
    gpus: Count | None = Field(default=None, description="GPUs that the replicas hold together.")
    progress: Progress | None = None
    engine: EngineFacts | None = None
    choices: tuple[Choice, ...] = Field(
        default=(),
        max_length=32,
        description="What was chosen for the model where the manifest leaves it open, and why.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["what"]},
    )
    last_error: str | None = Field(
        default=None, max_length=1024, description="What is wrong now and what to change, in one line."
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
