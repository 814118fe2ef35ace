"""The files that say what a gateway serves and to whom, each watched while it runs."""

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from fairlead_contract.issuers import NO_ISSUERS, Issuers
from fairlead_contract.tenants import Tenants
from fairlead_gateway.catalog import RouteIndex, read_routes
from fairlead_gateway.issuers import read_issuers
from fairlead_gateway.key_ring import KeyIndex, read_keys
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.settings import GatewaySettings
from fairlead_gateway.tenants import NO_TENANTS, read_tenants
from fairlead_gateway.watch import WatchedFile


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """All watched files; the one of issuers only where there is one."""

    routes: WatchedFile[RouteIndex]
    tenants: WatchedFile[Tenants]
    keys: WatchedFile[KeyIndex]
    issuers: WatchedFile[Issuers] | None

    @classmethod
    def read(cls, settings: GatewaySettings, metrics: GatewayMetrics) -> "ConfigFiles":
        """Return the files that the settings name, read once."""
        watched = partial(WatchedFile[Any], on_read=metrics.config_read)
        files = cls(
            routes=watched(settings.routes_file, read_routes, absent=RouteIndex()),
            tenants=watched(settings.tenants_file, read_tenants, absent=NO_TENANTS),
            keys=watched(settings.api_keys_file, read_keys, absent=MappingProxyType({})),
            issuers=None
            if settings.issuers_file is None
            else watched(settings.issuers_file, partial(read_issuers, local=settings.issuer), absent=NO_ISSUERS),
        )
        for file in files.all:
            file.poll()
        return files

    @property
    def all(self) -> list[WatchedFile[Any]]:
        return [self.routes, self.tenants, self.keys, *([] if self.issuers is None else [self.issuers])]

    def declared_issuers(self) -> Issuers:
        """Return the issuers that are declared at the moment."""
        return NO_ISSUERS if self.issuers is None else self.issuers.value
