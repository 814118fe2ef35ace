"""The files that say what a gateway serves and to whom, each watched while it runs."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fairlead_contract.issuers import NO_ISSUERS, Issuers
from fairlead_contract.key_store import KeysInFile
from fairlead_contract.tenants import Tenants
from fairlead_gateway.catalog import RouteIndex, read_routes
from fairlead_gateway.config import issuers_file
from fairlead_gateway.key_ring import KeyIndex, read_keys
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.settings import FileSource, GatewaySettings
from fairlead_gateway.tenants import NO_TENANTS, read_tenants
from fairlead_gateway.watch import WatchedFile, watch


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """All watched files; the one of issuers only where there is one."""

    routes: WatchedFile[RouteIndex]
    tenants: WatchedFile[Tenants]
    keys: WatchedFile[KeyIndex]
    key_store: KeysInFile
    issuers: WatchedFile[Issuers] | None

    @classmethod
    def read(cls, source: FileSource, settings: GatewaySettings, metrics: GatewayMetrics) -> "ConfigFiles":
        """Return the files that the settings name, read once."""
        told = metrics.config_read
        no_keys: KeyIndex = MappingProxyType({})
        files = cls(
            routes=WatchedFile(source.routes, read_routes, absent=RouteIndex(), on_read=told),
            tenants=WatchedFile(source.tenants, read_tenants, absent=NO_TENANTS, on_read=told),
            keys=WatchedFile(source.api_keys, read_keys, absent=no_keys, on_read=told),
            key_store=KeysInFile(source.api_keys),
            issuers=issuers_file(settings, told),
        )
        for file in files.all:
            file.poll()
        return files

    @property
    def all(self) -> list[WatchedFile[Any]]:
        return [self.routes, self.tenants, self.keys, *([] if self.issuers is None else [self.issuers])]

    @property
    def loaded(self) -> bool:
        """Whether a route table has been read at least once."""
        return self.routes.loaded

    def declared_issuers(self) -> Issuers:
        """Return the issuers that are declared at the moment."""
        return NO_ISSUERS if self.issuers is None else self.issuers.value

    def reread_keys(self) -> None:
        """Put API keys in force that this gateway has just changed."""
        self.keys.poll()

    async def follow(self) -> None:
        """Put changes in force until cancelled."""
        await watch(self.all)
