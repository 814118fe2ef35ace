"""Where a model's weights lie once they are where an engine can read them. Pure.

The operator mounts by these functions and the replica reads by them, so they cannot disagree. `source` says where the
weights come from.
"""

import hashlib
import re

from fairlead_contract.source import Scheme, Source

CACHE_FOLDER = "/var/cache/fairlead/weights"
"""Where a pod has its weights cache."""

CLAIM_FOLDER = "/var/lib/fairlead/claim"
"""Where a pod has the claim of a pvc:// source, read-only."""

IMAGE_FOLDER = "/var/lib/fairlead/image"
"""Where a pod has the image of an oci:// source."""

FETCH_MODULE = "fairlead_serving.fetch"
"""What a Job runs to fetch weights."""

REFUSED_EXIT_CODE = 65
"""With which it ends where trying again is of no use."""

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_READABLE = 80

_VARIABLES: dict[Scheme, tuple[str, ...]] = {"hf": ("HF_", "HUGGING_FACE_"), "s3": ("AWS_",)}
_NETWORK_VARIABLES = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"}
)


def mounted_folder(source: Source) -> str | None:
    """Return the folder at which a pod finds the weights of a pvc:// or oci:// source; None for other sources.

    An image may have its model at its root or in /models.
    """
    match source.scheme:
        case "pvc":
            return f"{CLAIM_FOLDER}/{source.location.partition('/')[2]}".rstrip("/")
        case "oci":
            return IMAGE_FOLDER
        case _:
            return None


def claim_name(source: Source) -> str:
    """Return the PersistentVolumeClaim of a pvc:// source."""
    return source.location.partition("/")[0]


def image_reference(source: Source) -> str:
    """Return the image of an oci:// source as a container runtime takes it."""
    return f"{source.location}@{source.revision}" if source.revision else source.location


def cache_key(source: Source) -> str:
    """Return the name of a source's folder in a weights cache: readable, and another for each source and revision."""
    identity = f"{source.scheme}://{source.location.rstrip('/')}@{source.revision or ''}"
    readable = _NOT_PLAIN.sub("--", f"{source.scheme}/{source.location.rstrip('/')}")[:_MAX_READABLE]
    return f"{readable}--{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def concerns_fetching(source: Source, variable: str) -> bool:
    """Return whether an engine's environment variable matters for downloading: credentials, mirrors and proxies."""
    return variable.startswith(_VARIABLES.get(source.scheme, ())) or variable.upper() in _NETWORK_VARIABLES
