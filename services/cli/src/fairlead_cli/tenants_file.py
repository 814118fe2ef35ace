"""tenants.yaml: written once with sane defaults, then the user's to edit."""

from fairlead_cli.home import Home
from fairlead_contract.files import create_once
from fairlead_contract.tenants import Tenants, parse_tenants

DEFAULT_TENANT = "local"

DEFAULT_TENANTS = """\
# Who may use the models here, and how much of them. The gateway reads this file again as soon as you save it.
#
# A limit that is absent is no limit. Where a plan, a tenant and a model (spec.limits) each set one, the smallest holds.
# Tokens are those of prompt and answer together. Besides the two below there are parallelRequests (that run at the same
# time), tokensPerDay and costPerDay (hard quotas of a day of UTC).

plans:
  default:
    requestsPerMinute: 600
    tokensPerMinute: 1000000

tenants:
  # `fairlead token` and `fairlead keys create` act for this tenant unless told otherwise with --tenant.
  local:
    plan: default

  # acme:
  #   plan: default
  #   limits: {requestsPerMinute: 60}
  #   grants: {models: [demo], routes: [chat, models]}  # what it may use; without grants, all
  #   disabled: false

# What a million tokens cost, by the name in a model's manifest. Without a price, requests are counted but not priced.
#
# prices:
#   demo: {input: 0.10, cachedInput: 0.05, output: 0.40}
"""


def create_tenants(home: Home) -> None:
    """Write the default tenants file where there is none."""
    create_once(home.tenants, DEFAULT_TENANTS.encode())


def read_tenants(home: Home) -> Tenants:
    """Read the tenants file, made first where it is missing.

    Raises:
        ManifestError: One line per mistake in it.
    """
    create_tenants(home)
    return parse_tenants(home.tenants.read_text(), where=str(home.tenants))
