"""The API server, as the operator speaks to it: few verbs, plain JSON, and all writes in one place."""

from collections.abc import Mapping

import httpx2
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.async_client import AsyncClient
from lightkube.types import CascadeType, PatchType

from fairlead_contract.names import FIELD_MANAGER
from fairlead_operator.kinds import Kind
from fairlead_operator.metrics import OperatorMetrics
from fairlead_operator.observed import Json

REQUEST_TIMEOUT_S = 30.0
EVERYWHERE = "*"
"""All namespaces."""

NOT_FOUND = 404
CONFLICT = 409


class Cluster:
    """One API server.

    Every method raises `httpx2.HTTPError` where the server does not answer or refuses; reading what is not there is no
    error.
    """

    def __init__(
        self, metrics: OperatorMetrics, config: KubeConfig, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._metrics = metrics
        self._client = AsyncClient(
            config=config,
            timeout=httpx2.Timeout(REQUEST_TIMEOUT_S),
            field_manager=FIELD_MANAGER,
            trust_env=False,
            transport=transport,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """Return an object, or None where it, or its kind, is not there."""
        try:
            return dict(await self._client.get(kind.resource, name, namespace=namespace))
        except httpx2.HTTPStatusError as error:
            if error.response.status_code == NOT_FOUND:
                return None
            raise

    async def find(
        self,
        kind: Kind,
        namespace: str = EVERYWHERE,
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> tuple[Json, ...]:
        """Return the objects of a kind; none where the server does not know it."""
        found = self._client.list(
            kind.resource,
            namespace=namespace,
            labels=dict(labels) if labels else None,
            fields=dict(fields) if fields else None,
        )
        try:
            return tuple([dict(each) async for each in found])
        except httpx2.HTTPStatusError as error:
            if error.response.status_code == NOT_FOUND:
                return ()
            raise

    async def knows(self, kind: Kind, namespace: str) -> bool:
        """Return whether the server serves a kind."""
        found = self._client.list(kind.resource, namespace=namespace, chunk_size=1)
        try:
            async for _ in found:
                break
        except httpx2.HTTPStatusError as error:
            if error.response.status_code == NOT_FOUND:
                return False
            raise
        return True

    async def apply(self, kind: Kind, wanted: Json) -> Json:
        """Make the wanted fields of an object so, by server-side apply; create it where it is not there."""
        self._metrics.writes.labels(kind.name, "apply").inc()
        metadata = wanted["metadata"]
        return dict(
            await self._client.patch(
                kind.resource,
                metadata["name"],
                wanted,
                namespace=metadata["namespace"],
                patch_type=PatchType.APPLY,
                force=True,
            )
        )

    async def apply_status(self, kind: Kind, wanted: Json) -> None:
        """Make an object's whole status so; it must be there."""
        self._metrics.writes.labels(kind.name, "status").inc()
        metadata = wanted["metadata"]
        await self._client.patch(
            kind.status,
            metadata["name"],
            wanted,
            namespace=metadata["namespace"],
            patch_type=PatchType.APPLY,
            force=True,
        )

    async def set_finalizers(self, kind: Kind, seen: Json, finalizers: list[str]) -> None:
        """Replace an object's finalizers, unless it has changed since it was seen (then 409)."""
        self._metrics.writes.labels(kind.name, "finalizers").inc()
        metadata = seen["metadata"]
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": finalizers}}
        await self._client.patch(
            kind.resource,
            metadata["name"],
            patch,
            namespace=metadata["namespace"],
            patch_type=PatchType.MERGE,
        )

    async def delete(self, kind: Kind, seen: Json) -> None:
        """Delete an object and then, in the background, what it owns; one that has gone is no error."""
        self._metrics.writes.labels(kind.name, "delete").inc()
        metadata = seen["metadata"]
        try:
            await self._client.delete(
                kind.resource, metadata["name"], namespace=metadata["namespace"], cascade=CascadeType.BACKGROUND
            )
        except httpx2.HTTPStatusError as error:
            if error.response.status_code != NOT_FOUND:
                raise

    async def create(self, kind: Kind, wanted: Json) -> None:
        """Create an object; one that is there already is no error."""
        self._metrics.writes.labels(kind.name, "create").inc()
        body = kind.resource(**wanted)
        try:
            await self._client.create(body)
        except httpx2.HTTPStatusError as error:
            if error.response.status_code != CONFLICT:
                raise
