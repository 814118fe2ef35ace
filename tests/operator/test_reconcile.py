"""What an operator brings about on a real API server: created, changed, scaled, renamed, suspended, deleted."""

import json
from typing import Any

import pytest
import yaml

from fairlead_contract.names import FINALIZER
from fairlead_operator.reasons import Trouble
from tests.cluster.control_plane import ControlPlane
from tests.cluster.ray_services import define_ray_services
from tests.operator.support.gateway import Gateway
from tests.operator.support.operator import opened, running, surroundings
from tests.operator.support.troubles import TROUBLES, Provoked
from tests.operator.support.waiting import eventually
from tests.operator.support.world import (
    BUDGETS,
    CLAIMS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    POLICIES,
    RAY_SERVICES,
    SECRETS,
    World,
    new_world,
)
from tests.operator.support.writes import Writes

Json = dict[str, Any]

SOON_S = 30.0


async def test_ready(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """A model becomes ready when Ray Serve runs it and every gateway routes it, and events tell of it."""
    given = surroundings(world.namespace, gateway.address)
    async with running(control_plane, given):
        await world.deploy(resources={"cpu": 1, "memory": "2Gi"})
        rayservice = await until_made(world)
        await until_said(world, "Ready", "False")
        await world.serve()
        await until_said(world, "WorkloadReady", "True")
        assert (await world.condition("Ready"))["reason"] == Trouble.NOT_ROUTED
        gateway.route(world.namespace)
        await until_said(world, "Ready", "True")
        waited = control_plane.kubectl(
            "wait", "--for=condition=Ready", "mdep/demo", f"--namespace={world.namespace}", "--timeout=30s"
        )
        events = await world.find(EVENTS)

    [owner] = rayservice["metadata"]["ownerReferences"]
    found = await world.get(DEPLOYMENTS, "demo")
    assert found is not None
    assert (owner["uid"], owner["controller"]) == (found["metadata"]["uid"], True)
    assert found["metadata"]["finalizers"] == [FINALIZER]
    assert found["status"]["phase"] == "Ready"
    assert found["status"]["url"] == "https://models.example/v1"
    assert "condition met" in waited
    assert [each["reason"] for each in events].count("Serving") == 1
    assert {
        "Secret": len(await world.find(SECRETS)),
        "NetworkPolicy": len(await world.find(POLICIES)),
        "PodDisruptionBudget": len(await world.find(BUDGETS)),
    } == {"Secret": 2, "NetworkPolicy": 2, "PodDisruptionBudget": 1}


async def test_changes(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """Scale, arguments and aliases never touch the Ray cluster; arguments and bounds reach Serve, aliases do not."""
    given = surroundings(world.namespace, gateway.address)
    async with running(control_plane, given):
        await world.deploy(scaling={"minReplicas": 1, "maxReplicas": 4})
        first = await until_made(world)
        control_plane.kubectl("scale", "mdep/demo", "--replicas=2", f"--namespace={world.namespace}")
        scaled = await until_config(world, lambda replica, _: replica["autoscaling_config"]["min_replicas"] == 2)
        await world.change(DEPLOYMENTS, "demo", {"spec": {"engine": {"arguments": {"max-model-len": 4096}}}})
        argued = await until_config(world, lambda _, args: args["engine_arguments"] == {"max-model-len": 4096})
        await world.change(DEPLOYMENTS, "demo", {"spec": {"model": {"aliases": ["another"]}}})
        gateway.route(world.namespace, generation=4)
        await world.serve()
        await until_generation(world, 4)
        renamed = await world.get(RAY_SERVICES, "demo")

    assert renamed is not None
    assert scaled["spec"]["serveConfigV2"] != argued["spec"]["serveConfigV2"]
    assert renamed["metadata"]["generation"] == argued["metadata"]["generation"]
    assert first["spec"]["rayClusterConfig"]["headGroupSpec"] == renamed["spec"]["rayClusterConfig"]["headGroupSpec"]


async def test_image(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """Another image asks for another Ray cluster, and while it is built the status tells why and what it costs."""
    gateway.route(world.namespace, generation=2)
    given = surroundings(world.namespace, gateway.address)
    async with running(control_plane, given):
        await world.deploy(engine={"image": "registry.example/old:1"})
        before = await until_made(world)
        await world.serve()
        await world.change(DEPLOYMENTS, "demo", {"spec": {"engine": {"image": "registry.example/new:2"}}})
        await eventually(
            lambda: changed(world, before), within_s=SOON_S, what="the RayService asks for the other image"
        )
        await world.pod("first", {"phase": "Running"}, cluster="demo-first", image="registry.example/old:1")
        await world.pod("second", {"phase": "Pending"}, cluster="demo-second", image="registry.example/new:2")
        await world.serve(pending=True)
        rolling = await until_said(world, "Progressing", "True", "NewClusterRollout")
        ready = await world.condition("Ready")

    assert "from registry.example/old:1 to registry.example/new:2" in rolling["message"]
    assert ready["status"] == "True"


async def test_suspend(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """A suspended model answers its last requests, then its RayService goes, and it comes back when told to."""
    gateway.route(world.namespace)
    given = surroundings(world.namespace, gateway.address)
    async with running(control_plane, given):
        await world.deploy()
        await until_made(world)
        await world.serve()
        await until_said(world, "Ready", "True")
        gateway.route(world.namespace, generation=2, state="suspended", running=1)
        await world.change(DEPLOYMENTS, "demo", {"spec": {"suspend": True}})
        await until_said(world, "Suspended", "Unknown", "Draining")
        assert await world.get(RAY_SERVICES, "demo")
        gateway.route(world.namespace, generation=2, state="suspended")
        await until_said(world, "Suspended", "True", "Suspended")
        assert await world.get(RAY_SERVICES, "demo") is None
        assert (await world.status())["phase"] == "Suspended"
        await world.change(DEPLOYMENTS, "demo", {"spec": {"suspend": False}})
        await until_made(world)


async def test_delete(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """A deleted model stays until its last stream has ended, gets no new traffic meanwhile, and then goes."""
    gateway.route(world.namespace)
    given = surroundings(world.namespace, gateway.address)
    async with running(control_plane, given):
        await world.deploy()
        await until_made(world)
        await world.serve()
        await until_said(world, "Ready", "True")
        gateway.route(world.namespace, state="draining", running=1)
        await world.delete(DEPLOYMENTS, "demo")
        await until_said(world, "Ready", "False", "Deleting")
        assert await world.get(RAY_SERVICES, "demo")
        gateway.route(world.namespace, state="draining")
        await until_gone(world)
        assert await world.get(RAY_SERVICES, "demo") is None


async def test_delete_is_bounded(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """A stream that never ends holds a deleted model no longer than the longest stream may take."""
    gateway.route(world.namespace, state="draining", running=1)
    given = surroundings(world.namespace, gateway.address, longest_stream_s=1)
    async with running(control_plane, given):
        await world.deploy()
        await until_made(world)
        await world.delete(DEPLOYMENTS, "demo")
        await until_gone(world)


async def test_name_taken(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """Of two models of one name the older serves; the other is told whose it is, and serves once it is free."""
    given = surroundings(world.namespace, gateway.address)
    async with running(control_plane, given):
        await world.deploy("a-first", aliases=("shared",))
        await world.deploy("b-second", aliases=("shared",))
        refused = await until_said(world, "Accepted", "False", "NameTaken", name="b-second")
        assert await world.get(RAY_SERVICES, "b-second") is None
        await world.change(DEPLOYMENTS, "a-first", {"spec": {"model": {"aliases": []}}})
        await until_said(world, "Accepted", "True", name="b-second")
        await until_made(world, "b-second")

    assert f"{world.namespace}/a-first" in refused["message"]


async def test_invalid_spec(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """A misspelt engine argument is refused with its path and what to write; what runs goes on as it was."""
    gateway.route(world.namespace)
    given = surroundings(world.namespace, gateway.address)
    async with running(control_plane, given):
        await world.deploy()
        before = await until_made(world)
        await world.serve()
        await until_said(world, "Ready", "True")
        await world.change(DEPLOYMENTS, "demo", {"spec": {"engine": {"arguments": {"max-modellen": 4096}}}})
        refused = await until_said(world, "Accepted", "False", Trouble.INVALID_SPEC)
        status = await world.status()
        ready = await world.condition("Ready")
        after = await world.get(RAY_SERVICES, "demo")
        await world.delete(DEPLOYMENTS, "demo")
        gateway.routes.clear()
        await until_gone(world)

    assert "spec.engine.arguments.max-modellen" in refused["message"]
    assert "write 'max-model-len'" in refused["message"]
    assert status["lastError"] == refused["message"]
    assert (ready["status"], ready["reason"], ready["observedGeneration"]) == ("True", "ServingPreviousSpec", 1)
    assert after is not None
    assert after["spec"] == before["spec"]


async def test_unknown_accelerator(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """An accelerator that the operator does not know is refused, with those that it knows."""
    given = surroundings(world.namespace, gateway.address)
    async with running(control_plane, given):
        await world.deploy(resources={"accelerator": "nvidia-z9"})
        refused = await until_said(world, "Accepted", "False", Trouble.UNKNOWN_ACCELERATOR)

    assert "nvidia-l4" in refused["message"]


async def test_name_occupied(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """An object of somebody else's that is in the place of one of ours is not taken over."""
    given = surroundings(world.namespace, gateway.address)
    theirs = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "demo-hop"}, "data": {"theirs": "QQ=="}}
    await world.create(SECRETS, theirs)
    async with running(control_plane, given):
        await world.deploy()
        await until_said(world, "WorkloadReady", "False", Trouble.NAME_OCCUPIED)
        kept = await world.get(SECRETS, "demo-hop")

    assert kept is not None
    assert kept["data"] == {"theirs": "QQ=="}


async def test_refused_by_the_server(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """What the API server refuses to take, such as for a quota of objects, is told with its own words."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"secrets": "1"}},
        "status": {"hard": {"secrets": "1"}, "used": {"secrets": "1"}},
    }
    path = ("api/v1", "resourcequotas")
    await world.create(path, quota)
    await world.change(path, "few", {"status": quota["status"]}, subresource="status")
    given = surroundings(world.namespace, gateway.address)
    async with running(control_plane, given):
        await world.deploy()
        said = await until_said(world, "WorkloadReady", "False", Trouble.QUOTA_EXCEEDED)

    assert "secrets=1" in said["message"]


async def test_without_kuberay(
    bare_control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, gateway: Gateway
) -> None:
    """Without KubeRay the status says what to install; when it comes, models start without anybody's doing."""
    monkeypatch.setenv("KUBECONFIG", str(bare_control_plane.kubeconfig))
    async with new_world(bare_control_plane) as world:
        given = surroundings(world.namespace, gateway.address)
        async with opened(bare_control_plane, given) as operator:
            await world.deploy()
            await operator.reconciler.reconcile((world.namespace, "demo"))
            missing = await world.condition("Ready")
            assert not operator.again.is_set()
            with bare_control_plane.client() as client:
                define_ray_services(client)
            await operator.reconciler.reconcile((world.namespace, "demo"))
            assert operator.again.is_set()
            assert await world.get(RAY_SERVICES, "demo")

    assert missing["reason"] == Trouble.KUBERAY_MISSING
    assert "install KubeRay" in missing["message"]


@pytest.mark.parametrize("what", TROUBLES)
async def test_trouble(control_plane: ControlPlane, world: World, gateway: Gateway, what: str) -> None:
    """Each trouble that pods, jobs, volumes and Serve report reaches the status: its reason, and what to change."""
    provoked = TROUBLES[what]
    given = surroundings(world.namespace, gateway.address)
    async with opened(control_plane, given) as operator:
        await world.deploy(**provoked.spec)
        await operator.reconciler.reconcile((world.namespace, "demo"))
        await provoke(world, provoked)
        await operator.reconciler.reconcile((world.namespace, "demo"))
        status = await world.status()
        events = await world.find(EVENTS)

    ready = next(each for each in status["conditions"] if each["type"] == "Ready")
    assert ready["status"] == "False"
    assert ready["reason"] == provoked.reason
    assert provoked.advice in status["lastError"]
    assert status["phase"] == "Failed"
    assert provoked.reason in [each["reason"] for each in events if each["type"] == "Warning"]


async def test_idle_restart(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """An operator that starts anew writes nothing where nothing has changed, and changes no version of an object."""
    gateway.route(world.namespace, "one")
    given = surroundings(world.namespace, gateway.address)
    async with running(control_plane, given):
        await world.deploy("one")
        await world.deploy("two", engine={"arguments": {"max-modellen": 1}})
        await until_made(world, "one")
        await world.serve("one")
        await until_said(world, "Ready", "True", name="one")
        await until_said(world, "Accepted", "False", name="two")
    before = await versions(world)

    writes = Writes()
    async with running(control_plane, given, writes) as operator:
        reconciled = operator.reconciler.metrics.reconciles.labels("ok")
        await eventually(lambda: counted(reconciled, 2), within_s=SOON_S, what="both models are looked at")
        for name in ("one", "two"):
            await operator.reconciler.reconcile((world.namespace, name))

    assert writes.seen == []
    assert await versions(world) == before


async def counted(counter: Any, times: int) -> bool:
    return bool(counter._value.get() >= times)


async def versions(world: World) -> dict[str, str]:
    """Return the version of every object in the world but events."""
    return {
        f"{path[1]}/{each['metadata']['name']}": each["metadata"]["resourceVersion"]
        for path in (DEPLOYMENTS, RAY_SERVICES, SECRETS, POLICIES, BUDGETS)
        for each in await world.find(path)
    }


async def provoke(world: World, provoked: Provoked) -> None:
    """Let Kubernetes, KubeRay and Ray Serve report a trouble."""
    about: Json = {}
    if provoked.claim:
        spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "demo-weights"},
            "spec": spec,
        }
        about = await world.create(CLAIMS, claim)
    if provoked.job:
        container = {"name": "fetch", "image": "image"}
        spec = {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "demo-weights"}, "spec": spec}
        await world.create(JOBS, job)
        await world.change(JOBS, "demo-weights", {"status": provoked.job}, subresource="status")
    if provoked.pod:
        about = await world.pod("demo-worker", provoked.pod)
    if provoked.serve or provoked.ray_cluster:
        status = "DEPLOY_FAILED" if provoked.serve else "DEPLOYING"
        await world.serve(status=status, message=provoked.serve, failure=provoked.ray_cluster)
    if provoked.warning:
        await world.warn(about, *provoked.warning)


async def until_made(world: World, name: str = "demo") -> Json:
    found = await eventually(
        lambda: world.get(RAY_SERVICES, name), within_s=SOON_S, what=f"there is a RayService {name}"
    )
    assert found is not None
    return found


async def until_said(world: World, type_: str, status: str, reason: str = "", *, name: str = "demo") -> Json:
    async def said() -> Json | None:
        condition = await world.condition(type_, name)
        is_said = condition.get("status") == status and reason in ("", condition.get("reason"))
        return condition if is_said else None

    found = await eventually(said, within_s=SOON_S, what=f"{name} is {type_}={status} {reason}")
    assert found is not None
    return found


async def until_generation(world: World, generation: int) -> None:
    async def ready() -> bool:
        condition = await world.condition("Ready")
        return (condition.get("status"), condition.get("observedGeneration")) == ("True", generation)

    await eventually(ready, within_s=SOON_S, what=f"generation {generation} is ready")


async def until_gone(world: World, name: str = "demo") -> None:
    async def gone() -> bool:
        return await world.get(DEPLOYMENTS, name) is None

    await eventually(gone, within_s=SOON_S, what=f"{name} is gone")


async def until_config(world: World, is_wanted: Any) -> Json:
    """Wait until the application is configured as wanted, by its deployment and its arguments."""

    async def configured() -> Json | None:
        found = await world.get(RAY_SERVICES, "demo")
        assert found is not None
        [application] = yaml.safe_load(found["spec"]["serveConfigV2"])["applications"]
        return found if is_wanted(application["deployments"][0], application["args"]) else None

    found = await eventually(configured, within_s=SOON_S, what="Serve is told")
    assert found is not None
    return found


async def changed(world: World, before: Json) -> bool:
    found = await world.get(RAY_SERVICES, "demo")
    return "registry.example/new:2" in json.dumps(found) and found != before
