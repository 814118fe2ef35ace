"""What should be there for one ModelDeployment, given all that was seen. Pure.

`plan` is the operator's whole intent: what it applies, what it deletes, and whether the ModelDeployment may go. The
same look at the world gives the same plan, so the operator may be killed at any step and starts where it was. What is
to end stays until its last requests have been answered (`draining`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import ROLLOUT_ANNOTATION
from fairlead_contract.yaml_documents import Json
from fairlead_operator.choices import Choice, choices_of
from fairlead_operator.draining import is_drained
from fairlead_operator.manifests import rayservice
from fairlead_operator.manifests.disruption import disruption_budget
from fairlead_operator.manifests.metadata import is_ours, owned
from fairlead_operator.manifests.network import head_network_policy, network_policy
from fairlead_operator.manifests.rayservice import ray_service
from fairlead_operator.manifests.secrets import hop_secret_object, ray_token_object
from fairlead_operator.observed import Observed
from fairlead_operator.pod_settings import PodSettings, Rendering, fingerprint
from fairlead_operator.refusals import Refusal, refusal_of
from fairlead_operator.surroundings import Surroundings
from fairlead_operator.templates import CURRENT_TEMPLATE, TEMPLATES
from fairlead_operator.weights import plan_weights


@dataclass(frozen=True, slots=True)
class Ref:
    """Where one object lies."""

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be brought about."""

    apply: tuple[Json, ...] = ()
    """Objects, each with its owner, in this order, by server-side apply."""

    delete: tuple[Ref, ...] = ()
    """Objects that were seen and shall go, with what they own."""

    finalizer: bool = True
    """Whether the ModelDeployment must not vanish yet."""

    draining: bool = False
    """Whether what is to go stays until its last requests have been answered."""

    template: str | None = None
    """The version of the pod templates; None where no pods are planned."""

    new_cluster: bool = False
    """Whether applying this replaces a Ray cluster that runs."""

    refusal: Refusal | None = None
    choices: tuple[Choice, ...] = ()


def plan(
    deployment: ModelDeployment, *, metadata: Mapping[str, Json], observed: Observed, surroundings: Surroundings
) -> Plan:
    """Plan one ModelDeployment.

    Args:
        deployment: As its manifest says.
        metadata: The object's own, as the API server gives it: namespace, uid, creationTimestamp, deletionTimestamp.
        observed: What was seen.
        surroundings: What the operator was given when it started.
    """
    if "deletionTimestamp" in metadata:
        return farewell(metadata, observed, surroundings)
    refusal = refusal_of(deployment, metadata, observed, surroundings)
    if deployment.spec.suspend:
        return _rest(deployment, metadata, observed, surroundings, refusal)
    if refusal:
        return Plan(refusal=refusal)  # what runs by an earlier spec goes on
    return _running(deployment, metadata, observed, surroundings)


def _running(
    deployment: ModelDeployment, metadata: Mapping[str, Json], observed: Observed, surroundings: Surroundings
) -> Plan:
    before = Rendering.read(observed.rayservice) if observed.rayservice else None
    chosen, cluster = _rendered(deployment, before, surroundings)
    held = chosen.settings.instead_of(surroundings)
    weights = plan_weights(deployment, settings=held.settings, job=observed.job, claim=observed.volume_claim)
    objects = [*_resting(deployment, metadata, held)]
    objects += [owned(each, deployment, metadata) for each in weights.apply]
    may_start = weights.cached and observed.has_kuberay and not _is_leaving(observed.rayservice)
    if may_start:
        served = ray_service(
            deployment, metadata, cluster=cluster, settings=held.settings, annotations=chosen.annotations
        )
        objects.append(served)
    stale = weights.delete_job and observed.job is not None
    return Plan(
        apply=tuple(objects),
        delete=(_job(metadata, observed.job),) if stale else (),
        template=chosen.template,
        new_cluster=may_start and before is not None and before.cluster != chosen.cluster,
        choices=choices_of(deployment, held.settings),
    )


def _rendered(
    deployment: ModelDeployment, before: Rendering | None, surroundings: Surroundings
) -> tuple[Rendering, Json]:
    """Return by what the Ray cluster is rendered, and the cluster.

    A cluster that was rendered before is rendered again by the same version and settings, unless something else than
    those asks for another cluster: then it may as well be made of the present ones.
    """
    rollout = deployment.metadata.annotations.get(ROLLOUT_ANNOTATION, "")
    is_kept = before is not None and rollout in ("", before.rollout)
    if before and is_kept and before.template in TEMPLATES and before.settings.know(deployment):
        cluster = TEMPLATES[before.template](deployment, before.settings.instead_of(surroundings))
        if fingerprint(cluster) == before.cluster:
            return before, cluster
    settings = PodSettings.of(deployment, surroundings)
    cluster = TEMPLATES[CURRENT_TEMPLATE](deployment, settings.instead_of(surroundings))
    return Rendering(CURRENT_TEMPLATE, settings, rollout, fingerprint(cluster)), cluster


def _resting(deployment: ModelDeployment, metadata: Mapping[str, Json], surroundings: Surroundings) -> tuple[Json, ...]:
    """Return the objects that run nothing."""
    return (
        hop_secret_object(deployment, metadata, surroundings.hop_root),
        ray_token_object(deployment, metadata, surroundings.hop_root),
        network_policy(deployment, metadata, surroundings.settings),
        head_network_policy(deployment, metadata, surroundings.settings),
        disruption_budget(deployment, metadata),
    )


def farewell(metadata: Mapping[str, Json], observed: Observed, surroundings: Surroundings) -> Plan:
    """Let streams end, as long as the longest may take; what else the model owns goes with it."""
    if not is_drained(observed, longest_s=surroundings.settings.longest_stream_s):
        return Plan(draining=True)
    return Plan(delete=_ended(metadata, observed), finalizer=False)


def _rest(
    deployment: ModelDeployment,
    metadata: Mapping[str, Json],
    observed: Observed,
    surroundings: Surroundings,
    refusal: Refusal | None,
) -> Plan:
    """Keep what runs nothing; what runs goes when the streams have ended."""
    draining = not is_drained(observed, longest_s=surroundings.settings.longest_stream_s)
    resting = _resting(deployment, metadata, surroundings)
    return Plan(
        apply=resting, delete=() if draining else _ended(metadata, observed), draining=draining, refusal=refusal
    )


def _is_leaving(found: Json | None) -> bool:
    return found is not None and "deletionTimestamp" in found["metadata"]


def _ended(metadata: Mapping[str, Json], observed: Observed) -> tuple[Ref, ...]:
    """Return what runs for the model and is to end."""
    ended = []
    if observed.rayservice and is_ours(observed.rayservice, metadata) and not _is_leaving(observed.rayservice):
        name = observed.rayservice["metadata"]["name"]
        ended.append(Ref(rayservice.API_VERSION, rayservice.KIND, metadata["namespace"], name))
    if observed.job and not _is_leaving(observed.job):
        ended.append(_job(metadata, observed.job))
    return tuple(ended)


def _job(metadata: Mapping[str, Json], job: Json) -> Ref:
    return Ref("batch/v1", "Job", metadata["namespace"], job["metadata"]["name"])
