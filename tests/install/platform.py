"""Fairlead on a cluster, as its guide installs it: KubeRay, the kind, the platform, a model."""

import secrets
from dataclasses import dataclass
from typing import Any

import yaml

from tests.install.client import Client
from tests.install.cluster import Cluster
from tests.install.settings import InstallSettings

KUBERAY = "kuberay-operator"
RELEASE = "fairlead"
CRDS_RELEASE = "fairlead-crds"
CLIENTS = "fairlead-clients"
MODELS = "fairlead-models"
HELM_S = 400


@dataclass(frozen=True, slots=True)
class InstalledPlatform:
    """The platform and whoever asks it."""

    cluster: Cluster
    client: Client
    settings: InstallSettings
    jwt_key: str

    def install(self) -> None:
        """Install everything but the model."""
        self._install_kuberay()
        self._helm("upgrade", "--install", CRDS_RELEASE, str(self.settings.crds_chart), "-n", RELEASE)
        auth = {"jwt.key": self.jwt_key, "pepper": secrets.token_hex(32)}
        metadata = {"name": "credentials", "namespace": RELEASE}
        self.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": auth})
        self.upgrade()
        self.client.deploy(f"{self.settings.registry}/fairlead-gateway:{self.settings.tag}", self.settings.pull_policy)

    def upgrade(self, *more: str) -> None:
        """Install the chart fairlead, or upgrade it with other values."""
        given = {
            "image.registry": self.settings.registry,
            "image.tag": self.settings.tag,
            "image.pullPolicy": self.settings.pull_policy,
            "serving.image": self.settings.serving_image,
            "valkey.image": self.settings.valkey_image,
            "auth.existingSecret": "credentials",
        }
        said = [word for name, value in given.items() for word in ("--set-string", f"{name}={value}")]
        values = ["-f", str(self.settings.values)]
        self._helm("upgrade", "--install", RELEASE, str(self.settings.chart), "-n", RELEASE, *values, *said, *more)

    def apply_model(self) -> None:
        """Apply the model and wait until it is ready, as its owner does."""
        self.cluster.namespace(MODELS)
        self.cluster.kubectl("apply", "-n", MODELS, "-f", str(self.settings.model))
        self.wait_until_ready(within_s=self.settings.ready_s)

    def wait_until_ready(self, *, within_s: int) -> None:
        """Wait as `kubectl wait` does."""
        command = ("wait", "--for=condition=Ready", f"mdep/{self.model}", "-n", MODELS, f"--timeout={within_s}s")
        self.cluster.kubectl(*command, timeout_s=within_s + 30)

    @property
    def model(self) -> str:
        name: str = yaml.safe_load(self.settings.model.read_text())["metadata"]["name"]
        return name

    def model_object(self) -> Any:
        return self.cluster.get("mdep", self.model, "-n", MODELS)

    def _install_kuberay(self) -> None:
        for namespace in (RELEASE, KUBERAY):
            self.cluster.namespace(namespace)
        if self.settings.kuberay_chart is None:
            return
        image = {"image.repository": self.settings.kuberay_repository, "image.tag": self.settings.kuberay_tag}
        said = [word for name, value in image.items() for word in ("--set-string", f"{name}={value}")]
        self._helm("upgrade", "--install", KUBERAY, self.settings.kuberay_chart, "-n", KUBERAY, *said)

    def _helm(self, *arguments: str) -> None:
        self.cluster.helm(*arguments, "--wait", "--timeout", f"{HELM_S}s", timeout_s=HELM_S + 30)
