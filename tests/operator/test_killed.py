"""An operator that is killed at a write: whoever comes after it brings about the same, once."""

import copy
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.operator.support.gateway import Gateway
from tests.operator.support.operator import opened, surroundings
from tests.operator.support.world import (
    BUDGETS,
    DEPLOYMENTS,
    EVENTS,
    POLICIES,
    RAY_SERVICES,
    SECRETS,
    World,
    new_world,
)
from tests.operator.support.writes import Killed, Writes

Json = dict[str, Any]

KINDS = (DEPLOYMENTS, RAY_SERVICES, SECRETS, POLICIES, BUDGETS, EVENTS)
MOST_TURNS = 60


async def created(world: World, gateway: Gateway) -> None:
    await world.deploy(scaling={"minReplicas": 1, "maxReplicas": 2})


async def served(world: World, gateway: Gateway) -> None:
    gateway.route(world.namespace)
    await world.serve()


async def changed(world: World, gateway: Gateway) -> None:
    spec = {"engine": {"arguments": {"max-model-len": 4096}}, "scaling": {"maxReplicas": 4}}
    await world.change(DEPLOYMENTS, "demo", {"spec": spec})
    gateway.route(world.namespace, generation=2)
    await world.serve()


async def suspended(world: World, gateway: Gateway) -> None:
    gateway.route(world.namespace, generation=3, state="suspended")
    await world.change(DEPLOYMENTS, "demo", {"spec": {"suspend": True}})


async def resumed(world: World, gateway: Gateway) -> None:
    gateway.route(world.namespace, generation=4)
    await world.change(DEPLOYMENTS, "demo", {"spec": {"suspend": False}})


async def deleted(world: World, gateway: Gateway) -> None:
    gateway.route(world.namespace, generation=4, state="draining")
    await world.delete(DEPLOYMENTS, "demo")


STORY: tuple[Callable[[World, Gateway], Awaitable[None]], ...] = (
    created,
    served,
    changed,
    suspended,
    resumed,
    deleted,
)


async def test_killed_after_each_write(control_plane: ControlPlane, gateway: Gateway) -> None:
    """Killed after its every single write, it converges at every step to what one that lives brings about."""
    async with new_world(control_plane) as undisturbed, new_world(control_plane) as disturbed:
        for step in STORY:
            await step(undisturbed, gateway)
            await step(disturbed, gateway)
            assert await operate(control_plane, undisturbed, gateway, Writes()) == 0
            deaths = await operate(control_plane, disturbed, gateway, Writes(fatal=1))

            assert deaths > 0, step.__name__
            assert await seen(disturbed) == await seen(undisturbed), step.__name__
        assert not await disturbed.find(DEPLOYMENTS)
        assert not await disturbed.find(RAY_SERVICES)


@pytest.mark.long
@pytest.mark.parametrize("step", STORY, ids=lambda step: step.__name__)
async def test_killed_once(
    control_plane: ControlPlane, gateway: Gateway, step: Callable[[World, Gateway], Awaitable[None]]
) -> None:
    """Killed once, at whichever write of a step, it leaves nothing that the next one does not put right."""
    fatal, deaths = 1, 1
    while deaths:
        async with new_world(control_plane) as undisturbed, new_world(control_plane) as disturbed:
            for each in STORY[: STORY.index(step)]:
                for world in (undisturbed, disturbed):
                    await each(world, gateway)
                    await operate(control_plane, world, gateway, Writes())
            for world in (undisturbed, disturbed):
                await step(world, gateway)
            await operate(control_plane, undisturbed, gateway, Writes())
            deaths = await operate(control_plane, disturbed, gateway, Writes(fatal=fatal), once=True)

            assert await seen(disturbed) == await seen(undisturbed), f"{step.__name__}, write {fatal}"
        fatal += 1
    assert fatal > 2


async def operate(
    control_plane: ControlPlane, world: World, gateway: Gateway, writes: Writes, *, once: bool = False
) -> int:
    """Look again and again until nothing is written any more, and return how often the operator was killed.

    Args:
        control_plane: Where the world is.
        world: One namespace.
        gateway: The only one.
        writes: Which write is fatal, of each operator's life.
        once: Whether only the first operator is killed.
    """
    given = surroundings(world.namespace, gateway.address)
    deaths = 0
    for _ in range(MOST_TURNS):
        life = Writes(fatal=None if once and deaths else writes.fatal)
        try:
            async with opened(control_plane, given, life) as operator:
                quiet = False
                while not quiet:
                    before = len(life.seen)
                    await operator.reconciler.reconcile((world.namespace, "demo"))
                    quiet = len(life.seen) == before
        except Killed:
            deaths += 1
        else:
            return deaths
    raise AssertionError(f"never at rest: {life.seen}")


async def seen(world: World) -> Json:
    """Return all objects of a world, without what differs between any two worlds."""
    return {f"{path[1]}": sorted((plain(each, world) for each in await world.find(path)), key=str) for path in KINDS}


def plain(item: Json, world: World) -> Json:
    item = copy.deepcopy(item)
    metadata = item["metadata"]
    for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "namespace"):
        metadata.pop(key, None)
    if item.get("involvedObject"):  # an event: what it says counts, not its name or time
        return {"reason": item["reason"], "message": item["message"], "type": item["type"]}
    for owner in metadata.get("ownerReferences", ()):
        owner["uid"] = ""
    if "data" in item:
        item["data"] = sorted(item["data"])
    for condition in item.get("status", {}).get("conditions", ()):
        condition.pop("lastTransitionTime")
    same: Json = without_namespace(item, world.namespace)
    return same


def without_namespace(item: Any, namespace: str) -> Any:
    match item:
        case dict():
            return {key: without_namespace(value, namespace) for key, value in item.items()}
        case list():
            return [without_namespace(value, namespace) for value in item]
        case str():
            return re.sub(rf"\b{namespace}\b", "namespace", item)
        case _:
            return item
