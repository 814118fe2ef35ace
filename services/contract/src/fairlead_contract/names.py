"""Names that more than one part of Fairlead spells."""

API_GROUP = "fairlead.dev"
API_VERSION_NAME = "v1alpha1"
API_VERSION = f"{API_GROUP}/{API_VERSION_NAME}"
KIND = "ModelDeployment"
PLURAL = "modeldeployments"
SINGULAR = "modeldeployment"
SHORT_NAME = "mdep"
CATEGORIES = ("all", "fairlead")
"""Groups of kinds by which `kubectl get` finds ours too."""

MAX_NAME_LENGTH = 40
"""Longest ModelDeployment name: a RayService's is at most 47 characters, and children add a suffix."""

HOP_HEADER = "x-fairlead-hop"
"""Carries the secret of the hop from gateway to replica."""

AUDIO_SECONDS_HEADER = "x-fairlead-audio-seconds"
"""With which a replica says how many seconds of sound a request holds, begun ones counted whole; streamed or not."""

REQUEST_ID_HEADER = "x-request-id"

DEFAULT_GATEWAY_PORT = 8080

REPLICA_DEPLOYMENT = "replica"
"""The one Serve deployment of each application."""

IMPORT_PATH = "fairlead_serving.app:build"
"""What Ray Serve imports to build an application."""

JWT_ISSUER = "fairlead"
JWT_AUDIENCE = "fairlead"
TENANT_CLAIM = "tenant"
SCOPE_CLAIM = "scope"
"""Space-separated words (RFC 8693, section 4.2)."""

ADMIN_SCOPE = "admin"
"""Whose holder may see the use of every tenant, not only of the token's own, and administer API keys."""


def application_name(deployment: str) -> str:
    """Return the Serve application's name for a ModelDeployment."""
    return deployment


def route_prefix(deployment: str) -> str:
    """Return the path below which a ModelDeployment's replicas answer, on one machine and in a cluster alike."""
    return f"/{deployment}"


# What a ModelDeployment becomes in a cluster.

FIELD_MANAGER = "fairlead-operator"
"""By which the API server knows which fields the operator writes."""

MODEL_LABEL = f"{API_GROUP}/model"
"""On everything that is made for a model, with its name; also on pods."""

TEMPLATE_ANNOTATION = f"{API_GROUP}/pod-template"
"""On a RayService: the version of the pod templates by which it was rendered."""

POD_SETTINGS_ANNOTATION = f"{API_GROUP}/pod-settings"
"""On a RayService: the operator's settings by which its pods were rendered, as JSON."""

CLUSTER_ANNOTATION = f"{API_GROUP}/cluster"
"""On a RayService: changes whenever another Ray cluster is needed."""

ROLLOUT_ANNOTATION = f"{API_GROUP}/rollout"
"""On a ModelDeployment: any new value moves its pods to the operator's present templates and settings."""

FINALIZER = f"{API_GROUP}/drain"
"""On a ModelDeployment: it stays until its last requests have been answered."""

GATEWAY_LABELS = {"app.kubernetes.io/name": "fairlead", "app.kubernetes.io/component": "gateway"}
OPERATOR_LABELS = {"app.kubernetes.io/name": "fairlead", "app.kubernetes.io/component": "operator"}

SERVE_PORT = 8000
DASHBOARD_PORT = 8265
RAY_METRICS_PORT = 8080
AUTOSCALER_METRICS_PORT = 44217
DASHBOARD_METRICS_PORT = 44227

HOP_FOLDER = "/var/run/fairlead/hop"
"""Where pods find the hop secret, in a file with the model's name."""


def rayservice_name(deployment: str) -> str:
    return deployment


def serve_service_name(deployment: str) -> str:
    """Return the Service by which KubeRay makes a model's replicas, and the head that wakes them, reachable."""
    return f"{deployment}-serve-svc"


def hop_secret_name(deployment: str) -> str:
    return f"{deployment}-hop"


def ray_token_name(deployment: str) -> str:
    return f"{deployment}-ray-token"


def network_policy_name(deployment: str) -> str:
    return f"{deployment}-ray"


def head_network_policy_name(deployment: str) -> str:
    return f"{deployment}-ray-head"


def disruption_budget_name(deployment: str) -> str:
    return deployment


def weights_name(deployment: str) -> str:
    """Return the name of the volume claim for a model's weights, and of the job that fills it."""
    return f"{deployment}-weights"


def identity_of(name: str, namespace: str | None) -> str:
    """Return the name of a ModelDeployment that no other has: its own on one machine, `namespace/name` in a cluster.

    Secrets are derived from it, and grants, prices and metrics name models by it.
    """
    return name if namespace is None else f"{namespace}/{name}"
