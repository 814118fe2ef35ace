"""Under which names the API may be asked.

A web page can make its own name resolve to an address inside a network and so let a browser ask what lies there (DNS
rebinding); a proxy can route by one name what was meant for another. Both arrive with a foreign `Host`.
"""

from collections.abc import Collection
from typing import Final

from fairlead_contract.errors import MisdirectedRequest
from fairlead_gateway.app import PUBLIC_PATHS
from fairlead_gateway.request import Request

_HOST: Final = b"host"


def host_name(host: str) -> str:
    """Return a Host header's name or address in lower case, without the port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def check_host(request: Request, allowed: Collection[str]) -> None:
    """Let a request through whose Host is one of these; none at all lets every request through.

    `/health` and `/ready` are answered under any name: probes ask by address, and the answers tell nothing.

    Raises:
        MisdirectedRequest: It is another.
    """
    if not allowed or request.head.path in PUBLIC_PATHS:
        return
    host = request.head.firsts.get(_HOST, b"").decode("latin-1")
    if host_name(host) not in allowed:
        raise MisdirectedRequest(
            f"This gateway does not answer as `{host[:80]}`. Use the address that its operator gave you; operators "
            f"list such names in FAIRLEAD_GATEWAY_ALLOWED_HOSTS."
        )
