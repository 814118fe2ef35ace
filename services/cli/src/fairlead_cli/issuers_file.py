"""issuers.yaml: written once without any issuer, then the user's to edit."""

from fairlead_cli.home import Home
from fairlead_contract.files import create_once

DEFAULT_ISSUERS = """\
# Whose tokens (JWT) the gateway takes besides those of `fairlead token`: your identity provider's. The gateway reads
# this file again as soon as you save it. docs/identity.md has examples for Keycloak, Auth0 and Entra.

issuers: {}

# issuers:
#   keycloak:
#     issuer: https://id.example.com/realms/acme
#     audience: fairlead
#     algorithm: RS256
#     keys: {url: https://id.example.com/realms/acme/protocol/openid-connect/certs}
#     tenant: {claim: groups, values: {ml-team: local}}
"""


def create_issuers(home: Home) -> None:
    """Write the default issuers file where there is none."""
    create_once(home.issuers, DEFAULT_ISSUERS.encode())
