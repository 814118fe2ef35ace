"""What one replica is given.

`ReplicaSpec` is the Serve application's `args`: only what needs another engine, since a change of it replaces every
replica. `ReplicaTuning` is the deployment's `user_config`, applied to running replicas.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from fairlead_contract.modeldeployment import Task

Executor = Literal["uni", "mp", "ray"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReplicaSpec(_Frozen):
    """An engine, wholly described."""

    name: str = Field(description="Name of the ModelDeployment.")
    served_name: str
    task: Task = "generate"
    source: str = Field(description="Where the weights lie; a URI.")
    engine_arguments: dict[str, JsonValue] = Field(default_factory=dict, description="vLLM's names in kebab-case.")
    tensor: int = 1
    pipeline: int = 1
    executor: Executor = "uni"
    accelerator: bool = Field(default=False, description="False runs the engine on CPU.")
    secret_env: dict[str, str] = Field(
        default_factory=dict,
        description="Variables whose values lie in secrets, as secret/key below FAIRLEAD_SECRETS_DIR; "
        "a variable that is set already is left alone.",
    )


class ReplicaTuning(_Frozen):
    """What can change while a replica runs."""

    stall_after_s: float = Field(
        default=10.0,
        description="Seconds without progress, with work pending, after which an engine counts as hung.",
    )
