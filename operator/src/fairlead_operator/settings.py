"""Every setting of the operator, read once from the environment: FAIRLEAD_OPERATOR_<NAME>.

Lists and nested settings are written as JSON. Secrets are given as paths of files, so that no process listing and no
dump of an environment shows them.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from fairlead_contract.names import GATEWAY_LABELS, OPERATOR_LABELS
from fairlead_contract.quantity import CpuQuantity, MemoryQuantity
from fairlead_contract.ray_environment import RayPorts

PullPolicy = Literal["Always", "IfNotPresent", "Never"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretKey(_Part):
    """One value of a Secret that lies beside the model."""

    name: str
    key: str


class GcsFaultTolerance(_Part):
    """A Redis in which Ray keeps what the head knows, so that replicas serve on while a head is replaced.

    It is Ray's alone: what Ray stores there is unpickled, so whoever may write into it runs code in the pods.
    """

    redis_address: str = Field(description="Such as redis://ray-redis:6379.")
    password: SecretKey | None = None


class HeadSize(_Part):
    """What the head of each Ray cluster gets. It runs Serve's controller and holds requests at zero, but no replica."""

    cpu: CpuQuantity = "500m"
    cpu_limit: CpuQuantity = "2"
    memory: MemoryQuantity = "3Gi"


class WeightsCache(_Part):
    """Where downloaded weights lie."""

    kind: Literal["pod", "node", "pvc"] = Field(
        default="pod",
        description="pod: with the pod, and gone with it; node: in a folder of the node, which takes a namespace that"
        " admits hostPath; pvc: in a volume claim that a job fills once.",
    )
    host_path: str = Field(default="/var/cache/fairlead/weights", description="The folder of kind node.")
    storage_class: str | None = Field(default=None, description="Of kind pvc; the cluster's default if not given.")
    size: MemoryQuantity = Field(default="200Gi", description="Of each model's volume of kind pvc.")
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany"] = Field(
        default="ReadWriteMany", description="Of kind pvc; ReadWriteOnce keeps all replicas on one node."
    )


class Settings(BaseSettings):
    """The operator's settings."""

    model_config = SettingsConfigDict(env_prefix="FAIRLEAD_OPERATOR_", frozen=True, extra="forbid")

    namespaces: tuple[str, ...] = Field(default=(), description="Namespaces to watch; none named means all.")

    serving_image: str = Field(min_length=1, description="Image of pods whose model names none.")
    image_pull_policy: PullPolicy = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = Field(default=(), description="Secrets that lie beside each model.")
    ray_version: str = Field(default="2.60.0", description="Ray's version in the serving image.")
    head: HeadSize = HeadSize()
    weights: WeightsCache = WeightsCache()
    accelerators_file: Path | None = Field(
        default=None, description="YAML that adds kinds of GPUs to those known, or says where they are."
    )

    gateway_namespace: str = Field(min_length=1, description="Where gateways run.")
    gateway_pod_labels: dict[str, str] = Field(default=dict(GATEWAY_LABELS), min_length=1)
    gateway_service: str = Field(default="fairlead-gateway-internal", description="Whose endpoints are gateways.")
    gateway_internal_urls: tuple[str, ...] = Field(
        default=(), description="Where gateways say what they route, instead of the endpoints of the service."
    )
    public_url: str | None = Field(default=None, description="Where clients reach the gateways.")
    hop_root_file: Path = Field(description="The root from which the models' secrets are derived.")

    operator_namespace: str | None = Field(default=None, description="Where this operator runs, if not by gateways.")
    operator_pod_labels: dict[str, str] = Field(default=dict(OPERATOR_LABELS), min_length=1)
    kuberay_pod_labels: dict[str, str] = Field(
        default={"app.kubernetes.io/name": "kuberay-operator"}, min_length=1, description="KubeRay's, in any namespace."
    )
    monitoring_namespace: str | None = Field(default=None, description="From where metrics are scraped.")

    longest_stream_s: int = Field(
        default=600,
        ge=1,
        le=86_400,
        description="From which draining, HAProxy's hard stop and pods' grace are computed.",
    )
    upgrade_strategy: Literal["NewCluster", "None"] = Field(
        default="NewCluster",
        description="NewCluster: change images without a gap, for twice the GPUs meanwhile; None: never by itself.",
    )
    gcs_fault_tolerance: GcsFaultTolerance | None = None

    replica_first_port: int = Field(default=RayPorts().replica_first, ge=1024, le=65535)
    replica_last_port: int = Field(default=RayPorts().replica_last, ge=1024, le=65535)

    host: str = Field(default="0.0.0.0", description="Address on which metrics and health are served.")
    metrics_port: int = Field(default=9090, ge=1, le=65535, description="Serves /metrics.")
    health_port: int = Field(default=8081, ge=1, le=65535, description="Serves /healthz, for probes.")
