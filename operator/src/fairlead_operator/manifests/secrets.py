"""The secrets of one model: that of the hop from gateway to replica, and that of its Ray. Pure.

Both are derived from one root, so that nobody has to keep them: whoever plans again, plans the same. Another root
reaches replicas when they start again.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from fairlead_contract.hop import hop_secret
from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import hop_secret_name, identity_of, ray_token_name
from fairlead_contract.yaml_documents import Json
from fairlead_operator.manifests.metadata import object_metadata

RAY_TOKEN_KEY = "auth_token"  # noqa: S105 - where KubeRay looks for it


def hop_secret_object(deployment: ModelDeployment, owner: Mapping[str, Json], root: bytes) -> Json:
    """Return the Secret that replicas mount: one file, named after the model."""
    identity = identity_of(deployment.name, owner["namespace"])
    value = hop_secret(root, identity)
    return _secret(deployment, owner, hop_secret_name(deployment.name), {deployment.name: value})


def ray_token_object(deployment: ModelDeployment, owner: Mapping[str, Json], root: bytes) -> Json:
    """Return the Secret with the token that all parts of the model's Ray ask of each other.

    A model that is made anew gets another token.
    """
    label = f"fairlead/ray/{identity_of(deployment.name, owner['namespace'])}/{owner['uid']}"
    token = hmac.new(root, label.encode(), hashlib.sha256).hexdigest()
    return _secret(deployment, owner, ray_token_name(deployment.name), {RAY_TOKEN_KEY: token})


def _secret(deployment: ModelDeployment, owner: Mapping[str, Json], name: str, values: Mapping[str, str]) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": object_metadata(deployment, owner, name),
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }
