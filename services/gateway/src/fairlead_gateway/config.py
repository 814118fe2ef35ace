"""What a gateway serves and to whom, wherever that is written: in files, or in a Kubernetes cluster."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from fairlead_contract.issuers import NO_ISSUERS, Issuers
from fairlead_contract.key_store import KeyStore
from fairlead_contract.tenants import Tenants
from fairlead_gateway.catalog import RouteIndex
from fairlead_gateway.current import Current
from fairlead_gateway.issuers import read_issuers
from fairlead_gateway.key_ring import KeyIndex
from fairlead_gateway.settings import GatewaySettings
from fairlead_gateway.watch import WatchedFile


class Config(Protocol):
    """What a gateway obeys; each part may change at any time."""

    @property
    def routes(self) -> Current[RouteIndex]:
        """Where requests go."""

    @property
    def tenants(self) -> Current[Tenants]:
        """For whom they are made, and what they cost."""

    @property
    def keys(self) -> Current[KeyIndex]:
        """API keys."""

    @property
    def key_store(self) -> KeyStore:
        """Where API keys are changed."""

    @property
    def loaded(self) -> bool:
        """Whether the gateway knows enough to be asked."""

    def declared_issuers(self) -> Issuers:
        """Return the issuers that are declared at the moment."""

    def reread_keys(self) -> None:
        """Put API keys in force that this gateway has just changed."""

    async def follow(self) -> None:
        """Put changes in force until cancelled."""


def issuers_file(settings: GatewaySettings, on_read: Callable[[str, bool], None]) -> WatchedFile[Issuers] | None:
    """Return the file that declares issuers, where there is one; in a cluster it is mounted."""
    if settings.issuers_file is None:
        return None
    read = partial(read_issuers, local=settings.issuer)
    return WatchedFile(settings.issuers_file, read, absent=NO_ISSUERS, on_read=on_read)
