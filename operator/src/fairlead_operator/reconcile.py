"""One look at one ModelDeployment and what follows from it: observe, plan, apply, tell.

Nothing is remembered between two looks that the API server does not hold, so a look may be broken off anywhere. Writes
are made only where something differs.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from lightkube.core.exceptions import ApiError

from fairlead_contract.errors import ManifestError
from fairlead_contract.manifest import parse_manifest
from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import FIELD_MANAGER, FINALIZER
from fairlead_contract.status import Status
from fairlead_operator.announcements import announcements
from fairlead_operator.claims import identity_of
from fairlead_operator.cluster import Cluster
from fairlead_operator.conditions import ACCEPTED, PROGRESSING, Case, judge, refused_status
from fairlead_operator.diagnosis import Problem
from fairlead_operator.kinds import EVENT, MODEL_DEPLOYMENT, RAY_SERVICE, Kind, child_kind
from fairlead_operator.metrics import OperatorMetrics
from fairlead_operator.observe import Eye
from fairlead_operator.observed import Identity, Json, Observed
from fairlead_operator.ownership import is_applied
from fairlead_operator.plan import Plan, farewell, plan
from fairlead_operator.progress import Meter
from fairlead_operator.reasons import Trouble
from fairlead_operator.surroundings import Surroundings

RESYNC_S = 60.0
"""After which a model that is settled is looked at without cause."""

UNSETTLED_S = 10.0
"""After which one that is not is looked at: most of what happens to it is an event."""

STARTING_S = 2.0
"""While replicas start, of which only their metrics tell."""

DRAINING_S = 0.5

_AT_REST = frozenset({"Ready", "ScaledToZero", "Suspended"})
_STARTING = frozenset({"downloading", "loading"})

CLIENT_ERROR, SERVER_ERROR = 400, 500

_log = structlog.get_logger()


@dataclass(slots=True)
class Reconciler:
    """Brings about what ModelDeployments ask for."""

    cluster: Cluster
    eye: Eye
    surroundings: Surroundings
    metrics: OperatorMetrics
    kuberay_came: Callable[[], None]
    """Told when the API server serves RayServices."""

    _meter: Meter = field(default_factory=Meter)
    _phases: dict[Identity, str] = field(default_factory=dict)

    async def reconcile(self, identity: Identity) -> float | None:
        """Look at one ModelDeployment, and return the seconds after which to look again.

        Raises:
            httpx2.HTTPError: The API server does not answer or refuses; to be tried again.
        """
        started_s = time.monotonic()
        try:
            delay_s = await self._look(identity)
        except Exception as error:
            self.metrics.reconciles.labels("error").inc()
            self.metrics.errors.labels(type(error).__name__).inc()
            raise
        finally:
            self.metrics.duration_s.observe(time.monotonic() - started_s)
        self.metrics.reconciles.labels("ok").inc()
        return delay_s

    async def _look(self, identity: Identity) -> float | None:
        namespace, name = identity
        found = await self.cluster.get(MODEL_DEPLOYMENT, namespace, name)
        delay_s = await self._reconcile(found) if found else None
        if delay_s is None:
            self._forget(identity)
        return delay_s

    async def _reconcile(self, found: Json) -> float | None:
        """Return the seconds after which to look again, or None where the ModelDeployment has been let go."""
        try:
            deployment = parse_manifest(_manifest(found), where=found["metadata"]["name"])
        except ManifestError as error:
            return await self._refuse(found, error)
        observed = await self.eye.observe(found)
        if observed.has_kuberay:
            self.kuberay_came()
        planned = plan(deployment, metadata=found["metadata"], observed=observed, surroundings=self.surroundings)
        refused = None
        try:
            if await self._bring_about(found, planned, observed):
                return None
        except _Refused as refusal:
            refused = refusal.problem
        status = self._judge(found, deployment, observed, planned, refused)
        await self._tell(found, status)
        return DRAINING_S if planned.draining else _next_look_s(status, observed)

    async def _refuse(self, found: Json, error: ManifestError) -> float | None:
        """Leave everything as it is, and say what is wrong with the manifest; deleting it is still possible."""
        previous = found.get("status", {})
        if _is_deleted(found):
            observed = await self.eye.observe(found)
            planned = farewell(found["metadata"], observed, self.surroundings)
            return None if await self._bring_about(found, planned, observed) else DRAINING_S
        message = "; ".join(str(mistake) for mistake in error.mistakes)
        status = refused_status(
            Problem(Trouble.INVALID_SPEC, " ".join(message.split())[:1000]),
            name=found["metadata"]["name"],
            generation=found["metadata"]["generation"],
            settings=self.surroundings.settings,
            previous=previous,
            at=datetime.now(UTC).replace(microsecond=0),
        )
        await self._tell(found, status)
        return RESYNC_S

    async def _bring_about(self, found: Json, planned: Plan, observed: Observed) -> bool:
        """Do what is planned, and return whether the ModelDeployment has been let go.

        Raises:
            _Refused: The API server does not take something, or someone else's object is in its place.
        """
        if not _is_deleted(found):
            found = await self._set_finalizer(found, is_wanted=planned.finalizer)
        await self._apply(found, planned, observed)
        for ref in planned.delete:
            kind = child_kind(ref.api_version, ref.kind)
            live = await self.cluster.get(kind, ref.namespace, ref.name)
            if live and "deletionTimestamp" not in live["metadata"]:
                await self.cluster.delete(kind, live)
        if _is_deleted(found) and not planned.finalizer:
            await self._set_finalizer(found, is_wanted=False)
            return True
        return False

    async def _set_finalizer(self, found: Json, *, is_wanted: bool) -> Json:
        """Return the ModelDeployment with or without our finalizer; that of others is theirs."""
        finalizers: list[str] = found["metadata"].get("finalizers", [])
        if (FINALIZER in finalizers) == is_wanted:
            return found
        others = [each for each in finalizers if each != FINALIZER]
        await self.cluster.set_finalizers(MODEL_DEPLOYMENT, found, [*others, FINALIZER] if is_wanted else others)
        return found

    async def _apply(self, found: Json, planned: Plan, observed: Observed) -> None:
        kinds = [child_kind(each["apiVersion"], each["kind"]) for each in planned.apply]
        lives = await asyncio.gather(
            *(self._live(kind, each, observed) for kind, each in zip(kinds, planned.apply, strict=True))
        )
        for kind, each, live in zip(kinds, planned.apply, lives, strict=True):
            if live is not None:
                _check_owner(kind, live, found)
                if "deletionTimestamp" in live["metadata"] or is_applied(live, each, FIELD_MANAGER):
                    continue
            await self._apply_one(kind, each)

    async def _live(self, kind: Kind, wanted: Json, observed: Observed) -> Json | None:
        if kind is RAY_SERVICE:
            return observed.rayservice
        return await self.cluster.get(kind, wanted["metadata"]["namespace"], wanted["metadata"]["name"])

    async def _apply_one(self, kind: Kind, wanted: Json) -> None:
        try:
            await self.cluster.apply(kind, wanted)
        except ApiError as error:
            if not CLIENT_ERROR <= (error.status.code or SERVER_ERROR) < SERVER_ERROR:
                raise
            said = f"the API server refuses {kind.name} {wanted['metadata']['name']}: {error.status.message}"
            reason = Trouble.QUOTA_EXCEEDED if "exceeded quota" in said else Trouble.APPLY_REFUSED
            raise _Refused(Problem(reason, f"{' '.join(said.split())[:900]}; see docs/troubleshooting.md")) from error

    def _judge(
        self,
        found: Json,
        deployment: ModelDeployment,
        observed: Observed,
        planned: Plan,
        refused: Problem | None,
    ) -> Status:
        progress = self._meter.read(identity_of(found), (*observed.facts, *observed.fetching), time.monotonic())
        case = Case(
            deployment=deployment,
            metadata=found["metadata"],
            observed=observed,
            plan=planned,
            settings=self.surroundings.settings,
            progress=progress,
            refused=refused,
        )
        return judge(case, found.get("status", {}))

    async def _tell(self, found: Json, status: Status) -> None:
        """Say events first: those of a status that is written are never said again."""
        previous = found.get("status", {})
        body = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        self._count(identity_of(found), status)
        if body == previous:
            return
        for event in announcements(found, previous, status):
            await self.cluster.create(EVENT, event)
        metadata = {key: found["metadata"][key] for key in ("name", "namespace", "uid")}
        wanted = {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": metadata, "status": body}
        await self.cluster.apply_status(MODEL_DEPLOYMENT, wanted)

    def _count(self, identity: Identity, status: Status) -> None:
        model = "/".join(identity)
        ready, _, wanted = (status.ready or "0/0").partition("/")
        self.metrics.replicas.labels(model, "ready").set(int(ready))
        self.metrics.replicas.labels(model, "wanted").set(int(wanted))
        for condition in status.conditions:
            self.metrics.conditions.labels(model, condition.type).set(condition.status == "True")
        before = self._phases.get(identity)
        if status.phase and status.phase != before:
            if before:
                self.metrics.models.labels(before).dec()
            self.metrics.models.labels(status.phase).inc()
            self._phases[identity] = status.phase

    def _forget(self, identity: Identity) -> None:
        """Count a ModelDeployment no more that is gone."""
        model = "/".join(identity)
        before = self._phases.pop(identity, None)
        if before is None:
            return
        self.metrics.models.labels(before).dec()
        self.metrics.replicas.remove_by_labels({"model": model})
        self.metrics.conditions.remove_by_labels({"model": model})


class _Refused(Exception):
    """Something planned cannot be; everything else is judged as it is."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _check_owner(kind: Kind, live: Json, found: Json) -> None:
    """Refuse to take over what was not made for a ModelDeployment of this name."""
    owners = live["metadata"].get("ownerReferences", ())
    if any(owner["kind"] == found["kind"] and owner["name"] == found["metadata"]["name"] for owner in owners):
        return
    name = live["metadata"]["name"]
    raise _Refused(
        Problem(
            Trouble.NAME_OCCUPIED,
            f"there is a {kind.name} {name} that belongs to someone else: delete it, or give the model another name",
        )
    )


def _manifest(found: Json) -> Json:
    return {key: value for key, value in found.items() if key != "status"}


def _is_deleted(found: Json) -> bool:
    return "deletionTimestamp" in found["metadata"]


def _next_look_s(status: Status, observed: Observed) -> float:
    truths = {each.type: each.status for each in status.conditions}
    if truths[PROGRESSING] == "False" and status.phase in _AT_REST and truths[ACCEPTED] == "True":
        return RESYNC_S
    said = (*observed.facts, *observed.fetching)
    return STARTING_S if any(each.phase in _STARTING for each in said) else UNSETTLED_S
