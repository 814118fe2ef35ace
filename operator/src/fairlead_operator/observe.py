"""Looks at the world around one ModelDeployment: reads, never writes."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from fairlead_contract.names import MODEL_LABEL, rayservice_name, weights_name
from fairlead_operator.claims import Claims
from fairlead_operator.cluster import Cluster
from fairlead_operator.facts import Facts
from fairlead_operator.gateways import Gateways
from fairlead_operator.kinds import EVENT, JOB, POD, RAY_SERVICE, VOLUME_CLAIM
from fairlead_operator.observed import Json, Observed

WORTH_A_LOOK = 5
"""Objects of one model whose warnings are read; those of more would say the same."""


@dataclass(frozen=True, slots=True)
class Eye:
    """What it takes to look."""

    cluster: Cluster
    gateways: Gateways
    facts: Facts
    claims: Claims

    async def observe(self, deployment: Json) -> Observed:
        """Return one look.

        Raises:
            httpx2.HTTPError: The API server does not answer or refuses.
        """
        namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        rayservice, pods, job, volume_claim = await asyncio.gather(
            self.cluster.get(RAY_SERVICE, namespace, rayservice_name(name)),
            self.cluster.find(POD, namespace, labels={MODEL_LABEL: name}),
            self.cluster.get(JOB, namespace, weights_name(name)),
            self.cluster.get(VOLUME_CLAIM, namespace, weights_name(name)),
        )
        living = tuple(pod for pod in pods if "deletionTimestamp" not in pod["metadata"])
        return Observed(
            at=datetime.now(UTC).replace(microsecond=0),
            rayservice=rayservice,
            has_kuberay=rayservice is not None or await self.cluster.knows(RAY_SERVICE, namespace),
            pods=living,
            warnings=await self._warnings(namespace, rayservice, living, volume_claim),
            job=job,
            volume_claim=volume_claim,
            gateways=self.gateways.views((namespace, name)),
            facts=await self.facts.of(name, living),
            rivals=self.claims.rivals(deployment),
        )

    async def _warnings(
        self, namespace: str, rayservice: Json | None, pods: tuple[Json, ...], volume_claim: Json | None
    ) -> tuple[Json, ...]:
        """Return the warnings about what does not come up; nothing is asked while all pods run."""
        waiting = [pod for pod in pods if pod.get("status", {}).get("phase", "Pending") == "Pending"]
        if volume_claim and volume_claim.get("status", {}).get("phase") != "Bound":
            waiting.append(volume_claim)
        if rayservice and not pods:
            waiting.append(rayservice)
        found = await asyncio.gather(
            *(
                self.cluster.find(EVENT, namespace, fields={"type": "Warning", "involvedObject.uid": _uid(each)})
                for each in waiting[:WORTH_A_LOOK]
            )
        )
        return tuple(event for events in found for event in events)


def _uid(item: Json) -> str:
    uid: str = item["metadata"]["uid"]
    return uid
