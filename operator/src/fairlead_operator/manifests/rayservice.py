"""The RayService of one model: the Ray cluster, and what Serve runs on it. Pure.

`spec.suspend` is Kueue's, and is never written here.
"""

from collections.abc import Mapping

import yaml

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import HOP_FOLDER, SERVE_PORT, rayservice_name
from fairlead_contract.serve_config import RuntimeProfile, serve_application, serve_config
from fairlead_contract.yaml_documents import Json
from fairlead_operator.manifests.metadata import object_metadata, passed_annotations, passed_labels
from fairlead_operator.settings import Settings
from fairlead_operator.templates.parts import GRACE_BEYOND_STREAMS_S

API_VERSION = "ray.io/v1"
KIND = "RayService"
_ALL_INTERFACES = "0.0.0.0"
_SURGE_PERCENT = 100


def ray_service(
    deployment: ModelDeployment,
    owner: Mapping[str, Json],
    *,
    cluster: Json,
    settings: Settings,
    annotations: Mapping[str, str],
) -> Json:
    """Return the RayService.

    Args:
        deployment: The model.
        owner: The ModelDeployment's own metadata.
        cluster: The Ray cluster, rendered.
        settings: Those by which the cluster was rendered.
        annotations: What is to be remembered of the rendering.
    """
    kept = {**passed_annotations(deployment), **annotations}
    metadata = object_metadata(deployment, owner, rayservice_name(deployment.name), annotations=kept)
    metadata["labels"] = passed_labels(deployment) | metadata["labels"]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata,
        "spec": {
            "serveConfigV2": _serve_config(deployment, settings),
            "rayClusterConfig": cluster,
            "upgradeStrategy": {"type": settings.upgrade_strategy},
            # The head holds requests to a model at zero, and wakes it.
            "excludeHeadPodFromServeSvc": False,
            # Streams of a cluster that was replaced end where they began.
            "rayClusterDeletionDelaySeconds": settings.longest_stream_s + GRACE_BEYOND_STREAMS_S,
        },
    }


def _serve_config(deployment: ModelDeployment, settings: Settings) -> str:
    profile = RuntimeProfile(
        hop_secrets_folder=HOP_FOLDER,
        longest_stream_s=settings.longest_stream_s,
        max_surge_percent=_SURGE_PERCENT if settings.upgrade_strategy == "NewCluster" else 0,
        has_limits=True,
    )
    applications = [serve_application(deployment, profile=profile)]
    config = serve_config(applications, host=_ALL_INTERFACES, port=SERVE_PORT, proxies="EveryNode")
    text: str = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=1000)
    return text
