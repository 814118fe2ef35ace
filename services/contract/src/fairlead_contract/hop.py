"""The secret of the hop from gateway to replica.

Nothing but a gateway may talk to a replica. Each ModelDeployment has a secret of its own, derived from one root, so
that a replica that leaks its secret opens no other model.
"""

import hashlib
import hmac


def hop_secret(root: bytes, deployment: str) -> str:
    """Return the hop secret of one ModelDeployment: HMAC-SHA256 over a labelled name, as 64 hex digits."""
    return hmac.new(root, f"fairlead/hop/{deployment}".encode(), hashlib.sha256).hexdigest()
