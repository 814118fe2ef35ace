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


SERVE_ADDRESS = "{name}-serve-svc.{namespace}.svc:8000"
"""Where a ModelDeployment's replicas answer in a cluster: the Service that KubeRay makes for a RayService."""


def application_name(deployment: str) -> str:
    """Return the Serve application's name for a ModelDeployment."""
    return deployment


def route_prefix(deployment: str) -> str:
    """Return the path below which a ModelDeployment's replicas answer, on one machine and in a cluster alike."""
    return f"/{deployment}"


def identity_of(name: str, namespace: str | None) -> str:
    """Return the name of a ModelDeployment that no other has: its own on one machine, `namespace/name` in a cluster.

    Secrets are derived from it, and grants, prices and metrics name models by it.
    """
    return name if namespace is None else f"{namespace}/{name}"
