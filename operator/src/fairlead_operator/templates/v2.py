"""The second version: the kubelet asks Ray and Serve's proxy itself, and streams of a leaving worker end first. Pure.

The first left probing to KubeRay, which starts wget in each worker every five seconds and so needs an image that has
it, and takes a worker out of the Service for one slow answer. And a worker that was evicted cut what had not ended
after 30 seconds; Ray has Serve start a replica elsewhere meanwhile, if it is given the time.
"""

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import SERVE_PORT
from fairlead_contract.yaml_documents import Json
from fairlead_operator.surroundings import Surroundings
from fairlead_operator.templates.parts import head_template, ray_cluster, worker_template

_AGENT_PORT = 52365
_PERIOD_S = 5
_PATIENCE_S = 600
"""For a node that is busy: whether an engine makes progress, its replica judges."""


def ray_cluster_v2(deployment: ModelDeployment, surroundings: Surroundings) -> Json:
    """Return a RayService's `rayClusterConfig`."""
    settings = surroundings.settings
    alive = _asking("/api/healthz", _AGENT_PORT, initialDelaySeconds=30, failureThreshold=_PATIENCE_S // _PERIOD_S)
    known = _asking("/api/healthz", _AGENT_PORT, initialDelaySeconds=5, failureThreshold=10)
    serves = _asking("/-/healthz", SERVE_PORT, initialDelaySeconds=5, failureThreshold=2)
    drains = {"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(settings.longest_stream_s)}
    return ray_cluster(
        deployment,
        settings,
        head=head_template(deployment, settings, livenessProbe=alive, readinessProbe=known),
        workers=worker_template(
            deployment, surroundings, environment=drains, livenessProbe=alive, readinessProbe=serves
        ),
    )


def _asking(path: str, port: int, **times: int) -> Json:
    """Return a probe; these paths of Ray's ask for no token."""
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": _PERIOD_S, "timeoutSeconds": 4, **times}
