"""ModelDeployment: the only definition of the manifest, on one machine and in a cluster alike.

The custom resource definition is generated from these models (`crd`), and so is the plan of a running pool
(`serve_config`). YAML writes camelCase, Python snake_case.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator
from pydantic.alias_generators import to_camel

from fairlead_contract.cel import rule, rules, unchanging
from fairlead_contract.engine_arguments import check_arguments
from fairlead_contract.mistakes import mistake
from fairlead_contract.names import MAX_NAME_LENGTH
from fairlead_contract.quantity import CpuQuantity, MemoryQuantity
from fairlead_contract.source import Source, parse_source, source_rules
from fairlead_contract.tenants import Limits, TenantName

DNS_LABEL_PATTERN = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"
SERVED_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$"
ENV_NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
PLATFORM_VARIABLES = ("FAIRLEAD_", "RAY_")
"""How the names of variables start that only the platform sets."""

ServedName = Annotated[str, Field(min_length=1, max_length=128, pattern=SERVED_NAME_PATTERN)]
Task = Literal["generate", "embed", "score", "transcribe"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


class Model(_Part):
    """Which weights, and by which names clients ask for them."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.aliases.all(alias, self.aliases.exists_one(other, other == alias))"
                " && (!has(self.name) || !(self.name in self.aliases))",
                "a name stands twice; keep it once",
                at="aliases",
            )
        )
    )

    source: str = Field(
        max_length=1024,
        description="Where the weights lie: hf://org/name@revision, file:///folder, pvc://claim/folder, "
        "s3://bucket/prefix or oci://registry/image@digest.",
        json_schema_extra=source_rules(),
    )
    name: ServedName | None = Field(
        default=None, description="The model name that clients send; metadata.name if not given."
    )
    aliases: tuple[ServedName, ...] = Field(default=(), max_length=16, description="Further names for the same model.")
    task: Task = Field(
        default="generate",
        description="What the model is used for.",
        json_schema_extra=rules(unchanging("what the model is used for")),
    )

    @field_validator("source")
    @classmethod
    def _source_is_known(cls, source: str) -> str:
        parse_source(source)
        return source

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [name for name in (self.name, *self.aliases) if name]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise mistake(f"the name {twice!r} stands twice", "keep it once", at="aliases")
        return self


class SecretKeyRef(_Part):
    """A value inside a secret."""

    name: str = Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    key: str = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._-]+$")


class ValueFrom(_Part):
    secret_key_ref: SecretKeyRef


class EnvVar(_Part):
    """One environment variable of the engine: given in clear, or taken from a secret."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.value) != has(self.valueFrom)",
                "has neither or both of value and valueFrom; write exactly one of the two",
            ),
            rule(
                " && ".join(f"!self.name.startsWith('{prefix}')" for prefix in PLATFORM_VARIABLES),
                "belongs to the platform; choose another variable",
                at="name",
            ),
        )
    )

    name: str = Field(max_length=128, pattern=ENV_NAME_PATTERN)
    value: str | None = Field(default=None, max_length=4096)
    value_from: ValueFrom | None = None

    @model_validator(mode="after")
    def _has_one_value(self) -> Self:
        if (self.value is None) == (self.value_from is None):
            found = "has neither" if self.value is None else "has both"
            raise mistake(f"{found} value and valueFrom", "write exactly one of the two")
        if self.name.startswith(PLATFORM_VARIABLES):
            raise mistake(f"{self.name} belongs to the platform", "choose another variable", at="name")
        return self


class Engine(_Part):
    """What runs the model."""

    name: Literal["vllm"] = Field(default="vllm", json_schema_extra=rules(unchanging("the engine")))
    arguments: dict[str, JsonValue] = Field(
        default_factory=dict,
        max_length=64,
        description="vLLM's own arguments without dashes in front, such as max-model-len: 8192.",
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Container image of the engine; clusters only.",
    )
    env: tuple[EnvVar, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )

    @field_validator("arguments")
    @classmethod
    def _arguments_are_known(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        check_arguments(arguments)
        return arguments

    @model_validator(mode="after")
    def _variables_differ(self) -> Self:
        names = [variable.name for variable in self.env]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise mistake(f"the variable {name} stands twice", "keep it once", at=f"env[{index}]")
        return self


class Parallelism(_Part):
    """How one replica is spread over accelerators (or, without one, over processes)."""

    tensor: int = Field(default=1, ge=1, le=64, description="Ranks that share each layer, within one node.")
    pipeline: int = Field(default=1, ge=1, le=64, description="Stages of layers, one node each.")

    @property
    def ranks(self) -> int:
        """Engine processes of one replica, and so its GPUs if it has an accelerator."""
        return self.tensor * self.pipeline


class Resources(_Part):
    """What one replica reserves."""

    accelerator: str | None = Field(
        default=None,
        max_length=63,
        pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        description="Kind of GPU, such as nvidia-l4 or nvidia-h100-80gb; none given means CPU.",
    )
    cpu: CpuQuantity | None = Field(default=None, description="CPU cores, such as 4 or 500m.")
    memory: MemoryQuantity | None = Field(default=None, description="Memory, such as 16Gi.")


class Toleration(_Part):
    """A taint of nodes that does not keep replicas away."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.operator != 'Exists' || !has(self.value)",
                "operator Exists takes no value; remove value, or write operator: Equal",
                at="value",
            ),
            rule(
                "self.operator != 'Equal' || has(self.key)",
                "operator Equal needs a key; add key, or write operator: Exists",
                at="key",
            ),
            rule(
                "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
                "counts for effect NoExecute only; write effect: NoExecute, or remove it",
                at="tolerationSeconds",
            ),
        )
    )

    key: str | None = Field(default=None, max_length=317)
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = Field(default=None, max_length=63)
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _fits_operator(self) -> Self:
        if self.operator == "Exists" and self.value is not None:
            raise mistake("operator Exists takes no value", "remove value, or write operator: Equal", at="value")
        if self.operator == "Equal" and self.key is None:
            raise mistake("operator Equal needs a key", "add key, or write operator: Exists", at="key")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise mistake(
                "counts for effect NoExecute only", "write effect: NoExecute, or remove it", at="tolerationSeconds"
            )
        return self


class Placement(_Part):
    """On which nodes replicas may run; clusters only."""

    node_selector: dict[str, str] = Field(default_factory=dict, max_length=32)
    tolerations: tuple[Toleration, ...] = Field(default=(), max_length=32)
    runtime_class_name: str | None = Field(default=None, max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")


class Scaling(_Part):
    """How many replicas, and when the number changes."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.minReplicas <= self.maxReplicas",
                "is above maxReplicas; write at most maxReplicas, or raise maxReplicas",
                at="minReplicas",
            ),
        )
    )

    min_replicas: int = Field(default=1, ge=0, le=1000)
    max_replicas: int = Field(default=1, ge=1, le=1000)
    target_ongoing_requests: int = Field(
        default=32, ge=1, le=10_000, description="Requests in flight per replica that the autoscaler aims at."
    )
    upscale_delay_seconds: int = Field(default=10, ge=0, le=3600)
    downscale_delay_seconds: int = Field(default=300, ge=0, le=86_400)
    idle_seconds_to_zero: int | None = Field(
        default=None,
        ge=1,
        le=604_800,
        description="Idle time after which the last replica stops, while minReplicas is 0.",
    )

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise mistake(
                f"is {self.min_replicas}, above maxReplicas {self.max_replicas}",
                f"write at most {self.max_replicas}, or raise maxReplicas",
                at="minReplicas",
            )
        return self


class ResponseCache(_Part):
    enabled: bool = True
    ttl_seconds: int = Field(default=3600, ge=1, le=604_800, description="How long a finished answer is replayed.")


class WeightsCache(_Part):
    size: MemoryQuantity | None = Field(
        default=None,
        description="Room for the weights that are downloaded, such as 40Gi, where the cluster keeps a volume for each "
        "model; if not given, as much as the memory that they are loaded into.",
    )


class Cache(_Part):
    """What is kept so that it need not be computed or downloaded again."""

    responses: ResponseCache = Field(default_factory=ResponseCache)
    weights: WeightsCache = Field(default_factory=WeightsCache)


class Access(_Part):
    """Who may use the model; neither named means every tenant."""

    tenants: tuple[TenantName, ...] = Field(default=(), max_length=1000)
    plans: tuple[TenantName, ...] = Field(default=(), max_length=100)


class Spec(_Part):
    model: Model
    engine: Engine = Field(default_factory=Engine)
    parallelism: Parallelism = Field(default_factory=Parallelism)
    resources: Resources = Field(default_factory=Resources)
    placement: Placement = Field(default_factory=Placement)
    scaling: Scaling = Field(default_factory=Scaling)
    cache: Cache = Field(default_factory=Cache)
    limits: Limits = Field(default_factory=Limits, description="Caps of the model, over all tenants together.")
    access: Access = Field(default_factory=Access)
    suspend: bool = Field(default=False, description="True stops the model; it stays listed and answers 503.")

    @model_validator(mode="after")
    def _sequences_cover_the_target(self) -> Self:
        sequences = self.engine.arguments.get("max-num-seqs")
        target = self.scaling.target_ongoing_requests
        if isinstance(sequences, int) and sequences < target and self.scaling.max_replicas > self.scaling.min_replicas:
            raise mistake(
                f"is {target}, above the engine's max-num-seqs {sequences}, so replicas would queue before they scale",
                f"write at most {sequences}",
                at="scaling.targetOngoingRequests",
            )
        return self


_NAME_REMEDY = "write lower-case letters, digits and dashes that start with a letter, such as my-model"


class Metadata(BaseModel):
    """The part of Kubernetes' object metadata that a manifest may carry; what the API server adds is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, alias_generator=to_camel, populate_by_name=True)

    name: str = Field(min_length=1)
    namespace: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _name_is_short_dns_label(cls, name: str) -> str:
        if len(name) > MAX_NAME_LENGTH:
            raise mistake(f"has {len(name)} characters", f"write at most {MAX_NAME_LENGTH}")
        if not re.fullmatch(DNS_LABEL_PATTERN, name):
            raise mistake(f"is {name!r}", _NAME_REMEDY)
        return name


class ModelDeployment(_Part):
    """A model that Fairlead serves."""

    # Those on the name stand here because a definition may not add rules to the metadata.
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"size(self.metadata.name) <= {MAX_NAME_LENGTH}",
                f"is too long; write at most {MAX_NAME_LENGTH} characters",
                at="metadata.name",
            ),
            rule(
                f"self.metadata.name.matches(r'{DNS_LABEL_PATTERN}')",
                f"is no name of a model; {_NAME_REMEDY}",
                at="metadata.name",
            ),
            rule(
                "has(self.spec.model.name) || !(self.metadata.name in self.spec.model.aliases)",
                "repeats metadata.name, by which clients ask for the model; remove it, or write spec.model.name",
                at="spec.model.aliases",
            ),
        )
    )

    api_version: Literal["fairlead.dev/v1alpha1"]
    kind: Literal["ModelDeployment"]
    metadata: Metadata
    spec: Spec

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if self.spec.model.name is None and self.metadata.name in self.spec.model.aliases:
            raise mistake(
                "repeats metadata.name, by which clients ask for the model",
                "remove it, or write spec.model.name",
                at="spec.model.aliases",
            )
        return self

    @property
    def name(self) -> str:
        """The ModelDeployment's own name."""
        return self.metadata.name

    @property
    def served_name(self) -> str:
        """The model name that clients send and that the engine knows."""
        return self.spec.model.name or self.metadata.name

    @property
    def names(self) -> tuple[str, ...]:
        """Every name by which clients may ask for the model."""
        return (self.served_name, *self.spec.model.aliases)

    @property
    def source(self) -> Source:
        """Where the weights lie."""
        return parse_source(self.spec.model.source)
