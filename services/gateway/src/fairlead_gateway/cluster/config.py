"""What a gateway obeys in a cluster: ModelDeployments, a ConfigMap of tenants and a Secret of API keys, all watched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from types import MappingProxyType
from typing import Final

from fairlead_contract.issuers import NO_ISSUERS, Issuers
from fairlead_contract.key_secret import API_KEYS_ENTRY, KeysInSecret
from fairlead_contract.tenants import Tenants
from fairlead_gateway.catalog import RouteIndex
from fairlead_gateway.cluster.api_server import ApiServer, Collection, find_cluster, model_deployments, single
from fairlead_gateway.cluster.documents import DocumentShelf, config_map_entry, secret_entry
from fairlead_gateway.cluster.follower import Follower, Shelf
from fairlead_gateway.cluster.key_secret import ClusterKeySecret
from fairlead_gateway.cluster.routes import ClusterRoutes
from fairlead_gateway.config import issuers_file
from fairlead_gateway.current import Current, Kept
from fairlead_gateway.key_ring import KeyIndex, read_keys
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.settings import ClusterSource, GatewaySettings
from fairlead_gateway.tenants import NO_TENANTS, read_tenants
from fairlead_gateway.watch import watch

WATCH_S: Final = 60.0
KEYS_WATCH_S: Final = 3.0
"""A revoked key opens nothing after 5 s, even where the connection that should have told of it has silently died."""

NO_KEYS_YET: Final = b'{"keys": []}'


class ClusterConfig:
    """Everything that is watched in a cluster; the issuers file, which is mounted, besides.

    Attributes:
        key_store: Where API keys are changed.
    """

    def __init__(
        self,
        api: ApiServer,
        secret: ClusterKeySecret,
        source: ClusterSource,
        settings: GatewaySettings,
        metrics: GatewayMetrics,
    ) -> None:
        told = metrics.config_read
        no_keys: KeyIndex = MappingProxyType({})
        self.key_store = KeysInSecret(secret)
        self._api = api
        self._secret = secret
        self._metrics = metrics
        self._issuers = issuers_file(settings, told)
        if self._issuers is not None:
            self._issuers.poll()
        self._routes = ClusterRoutes(source.upstream, metrics.models)
        self._tenants: Kept[Tenants] = Kept("tenants", read_tenants, absent=NO_TENANTS, on_read=told)
        self._keys: Kept[KeyIndex] = Kept("api-keys", read_keys, absent=no_keys, on_read=told)
        self._key_shelf = DocumentShelf(self._keys, secret_entry(API_KEYS_ENTRY), absent=NO_KEYS_YET)
        self._followers = [
            *(
                self._follower(
                    "routes", model_deployments(namespace), self._routes.shelf(), namespace=namespace, watch_s=WATCH_S
                )
                for namespace in source.namespaces or (None,)
            ),
            self._follower(
                "tenants",
                single("configmaps", namespace=source.tenants.namespace, name=source.tenants.name),
                DocumentShelf(self._tenants, config_map_entry(source.tenants.entry)),
                namespace=source.tenants.namespace,
                watch_s=WATCH_S,
            ),
            self._follower(
                "api-keys",
                single("secrets", namespace=source.api_keys.namespace, name=source.api_keys.name),
                self._key_shelf,
                namespace=source.api_keys.namespace,
                watch_s=KEYS_WATCH_S,
            ),
        ]

    @classmethod
    @asynccontextmanager
    async def open(
        cls, source: ClusterSource, settings: GatewaySettings, metrics: GatewayMetrics
    ) -> AsyncIterator["ClusterConfig"]:
        """Open clients of the cluster in which this gateway runs, or which KUBECONFIG names.

        Raises:
            ValueError: There is no such cluster.
        """
        cluster = find_cluster()
        api, secret = ApiServer(cluster), ClusterKeySecret(cluster, source.api_keys)
        try:
            yield cls(api, secret, source, settings, metrics)
        finally:
            secret.close()
            await api.aclose()

    @property
    def routes(self) -> Current[RouteIndex]:
        """Where requests go."""
        return self._routes

    @property
    def tenants(self) -> Current[Tenants]:
        """For whom they are made, and what they cost."""
        return self._tenants

    @property
    def keys(self) -> Current[KeyIndex]:
        """API keys."""
        return self._keys

    @property
    def loaded(self) -> bool:
        """Whether everything has been listed once; what is lost afterwards stays in force."""
        return all(follower.listed for follower in self._followers)

    def declared_issuers(self) -> Issuers:
        """Return the issuers that are declared at the moment."""
        return NO_ISSUERS if self._issuers is None else self._issuers.value

    def reread_keys(self) -> None:
        """Put API keys in force that this gateway has just changed."""
        if self._secret.written is not None:
            self._key_shelf.put(self._secret.written)

    async def follow(self) -> None:
        """Put changes in force until cancelled."""
        files = [] if self._issuers is None else [self._issuers]
        await asyncio.gather(*(follower.run() for follower in self._followers), watch(files))

    def _follower(
        self, name: str, collection: Collection, shelf: Shelf, *, namespace: str | None, watch_s: float
    ) -> Follower:
        where = namespace or "*"
        return Follower(
            self._api,
            collection,
            shelf,
            name=f"{name} of {where}",
            watch_s=watch_s,
            on_list=partial(self._metrics.listed, name, where),
            on_state=partial(self._metrics.followed, name, where),
        )
