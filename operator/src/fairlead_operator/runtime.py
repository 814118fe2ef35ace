"""Everything that one operator process holds, opened and closed in one place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import structlog
from lightkube.config.kubeconfig import KubeConfig

from fairlead_operator.claims import Claims
from fairlead_operator.cluster import EVERYWHERE, Cluster
from fairlead_operator.facts import Facts
from fairlead_operator.gateways import Gateways
from fairlead_operator.handlers import Handlers
from fairlead_operator.kinds import MODEL_DEPLOYMENT, RAY_SERVICE
from fairlead_operator.metrics import OperatorMetrics
from fairlead_operator.observe import Eye
from fairlead_operator.observed import Identity
from fairlead_operator.reconcile import Reconciler
from fairlead_operator.surroundings import Surroundings
from fairlead_operator.workqueue import WorkQueue

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of an operator."""

    cluster: Cluster
    gateways: Gateways
    claims: Claims
    queue: WorkQueue[Identity]
    reconciler: Reconciler
    handlers: Handlers
    again: asyncio.Event
    """Set when the operator must be put together anew, since there are other kinds to watch."""


@asynccontextmanager
async def open_runtime(
    surroundings: Surroundings, metrics: OperatorMetrics, transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncIterator[Runtime]:
    """Open all connections, and close them.

    Args:
        surroundings: What the operator was given.
        metrics: Where it counts.
        transport: By what the API server is reached, if not by lightkube's own.

    Raises:
        httpx2.HTTPError: The API server does not answer.
    """
    settings = surroundings.settings
    cluster = Cluster(metrics, KubeConfig.from_env(), transport)
    again = asyncio.Event()
    claims = Claims()
    async with httpx2.AsyncClient(trust_env=False) as http:
        try:
            namespaces = settings.namespaces or (EVERYWHERE,)
            for namespace in namespaces:
                for found in await cluster.find(MODEL_DEPLOYMENT, namespace):
                    claims.note(found)
            is_watched = await cluster.knows(RAY_SERVICE, namespaces[0])

            def kuberay_came() -> None:
                if not is_watched:
                    again.set()

            def failed(identity: Identity, error: Exception) -> None:
                _log.warning("a look failed", model="/".join(identity), error=f"{type(error).__name__}: {error}")

            def add(identity: Identity) -> None:
                queue.add(identity)

            gateways = Gateways(cluster, settings, http, metrics, add)
            eye = Eye(cluster, gateways, Facts(http), claims)
            reconciler = Reconciler(cluster, eye, surroundings, metrics, kuberay_came)
            queue = WorkQueue(reconciler.reconcile, failed, metrics.queue.set)
            await gateways.start()
            yield Runtime(cluster, gateways, claims, queue, reconciler, Handlers(claims, add), again)
        finally:
            await cluster.close()
