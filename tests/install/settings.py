"""What the test of a whole cluster is told: FAIRLEAD_INSTALL_<NAME>, and the cluster that KUBECONFIG names."""

import shutil
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from tests.cluster.binaries import programs_folder

ROOT = Path(__file__).parents[2]


class InstallSettings(BaseSettings):
    """Images, charts and the model; the defaults are what `one-node-images.sh` makes."""

    model_config = SettingsConfigDict(env_prefix="FAIRLEAD_INSTALL_", frozen=True, extra="forbid")

    registry: str = Field("localhost", description="Where Fairlead's images lie.")
    tag: str = Field("0.1.0", description="Their tag.")
    serving_image: str = Field("localhost/fairlead-serving-demo:0.1.0", description="Image in which the model runs.")
    valkey_image: str = Field("localhost/valkey:test", description="Image of Valkey.")
    pull_policy: str = "IfNotPresent"

    kuberay_chart: str | None = Field(
        None, description="KubeRay's chart, a folder or an address; none if KubeRay 1.7 is installed already."
    )
    kuberay_repository: str = Field("quay.io/kuberay/operator", description="Image of KubeRay's operator.")
    kuberay_tag: str = "v1.7.0"

    model: Path = Field(
        Path(__file__).with_name("model.yaml"), description="Manifest of a model that scales from zero to two."
    )
    values: Path = Field(Path(__file__).with_name("values.yaml"), description="Values of the chart fairlead.")
    ready_s: int = Field(900, description="Seconds in which the model must be ready, its image pulled.")

    helm: str = Field("helm", description="The program helm, version 3.14 or newer.")
    kubectl: str = Field(
        default_factory=lambda: shutil.which("kubectl") or str(programs_folder() / "kubectl"),
        description="The program kubectl; by default what is found, or what `make control-plane` built.",
    )

    @property
    def chart(self) -> Path:
        return ROOT / "charts" / "fairlead"

    @property
    def crds_chart(self) -> Path:
        return ROOT / "charts" / "fairlead-crds"
