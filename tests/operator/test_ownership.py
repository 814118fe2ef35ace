"""When an applied object needs no further write: held against what a real API server notes of owners."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from fairlead_contract.names import FIELD_MANAGER
from fairlead_operator.ownership import is_applied
from tests.operator.support.world import JOBS, POLICIES, SECRETS, World

Json = dict[str, Any]


def policy(world: World) -> Json:
    """Return an object with nested lists, keyed and plain ones, and a field that the server fills in."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": "demo",
            "namespace": world.namespace,
            "labels": {"fairlead.dev/model": "demo"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "1-2"}],
        },
        "spec": {
            "podSelector": {"matchLabels": {"fairlead.dev/model": "demo"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": 8000}], "from": [{"podSelector": {}}]}, {"ports": [{"port": 8080}]}],
        },
    }


async def test_applied(world: World) -> None:
    """What was applied needs no write, though the server filled in more."""
    wanted = policy(world)
    live = await apply(world, wanted)

    assert live["spec"]["ingress"][0]["ports"][0]["protocol"] == "TCP"
    assert is_applied(live, wanted, FIELD_MANAGER)


async def test_data(world: World) -> None:
    """Values by their names are compared each by each."""
    wanted = secret(world, {"a": "QQ==", "b": "Qg=="})
    live = await apply(world, wanted)

    assert is_applied(live, wanted, FIELD_MANAGER)
    assert not is_applied(live, secret(world, {"a": "QQ=="}), FIELD_MANAGER)
    assert not is_applied(live, secret(world, {"a": "QQ==", "b": "Qw=="}), FIELD_MANAGER)


def without_label(item: Json) -> None:
    del item["metadata"]["labels"]


def another_port(item: Json) -> None:
    item["spec"]["ingress"][0]["ports"][0]["port"] = 8001


def fewer_rules(item: Json) -> None:
    del item["spec"]["ingress"][1]


def another_annotation(item: Json) -> None:
    item["metadata"]["annotations"] = {"fairlead.dev/x": "y"}


def another_owner(item: Json) -> None:
    item["metadata"]["ownerReferences"][0]["uid"] = "3-4"


@pytest.mark.parametrize("change", [without_label, another_port, fewer_rules, another_annotation, another_owner])
async def test_changed(world: World, change: Callable[[Json], None]) -> None:
    """What is wanted otherwise than it was applied is to be written: more, fewer or other fields."""
    wanted = policy(world)
    live = await apply(world, wanted)
    other = copy.deepcopy(wanted)
    change(other)

    assert not is_applied(live, other, FIELD_MANAGER)
    assert is_applied(await apply(world, other), other, FIELD_MANAGER)


@pytest.mark.parametrize("change", ["image", "command"])
async def test_items(world: World, change: str) -> None:
    """An item of a keyed list that loses or gains a field is to be written."""
    container = {"name": "one", "image": "image", "command": ["run"], "ports": [{"containerPort": 80}]}
    wanted = job(world, container)
    live = await world.apply(JOBS, wanted, FIELD_MANAGER)

    assert is_applied(live, wanted, FIELD_MANAGER)
    assert not is_applied(live, job(world, {**container, "workingDir": "/"}), FIELD_MANAGER)
    assert not is_applied(
        live, job(world, {key: value for key, value in container.items() if key != change}), FIELD_MANAGER
    )


async def test_others_fields(world: World) -> None:
    """What others add is theirs; what they take over is taken back."""
    wanted = policy(world)
    await apply(world, wanted)

    labelled = await world.change(POLICIES, "demo", {"metadata": {"labels": {"theirs": "yes"}}})
    taken = await world.change(POLICIES, "demo", {"metadata": {"labels": {"fairlead.dev/model": "other"}}})

    assert is_applied(labelled, wanted, FIELD_MANAGER)
    assert not is_applied(taken, wanted, FIELD_MANAGER)
    assert is_applied(await apply(world, wanted), wanted, FIELD_MANAGER)


async def test_created_by_others(world: World) -> None:
    """An object that somebody else made alike is not ours before it is applied."""
    wanted = secret(world, {"a": "QQ=="})
    live = await world.create(SECRETS, wanted)

    assert not is_applied(live, wanted, FIELD_MANAGER)


def job(world: World, container: Json) -> Json:
    metadata = {"name": "demo", "namespace": world.namespace, "labels": {"fairlead.dev/model": "demo"}}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}


def secret(world: World, data: Json) -> Json:
    metadata = {"name": "demo", "namespace": world.namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


async def apply(world: World, wanted: Json) -> Json:
    path = POLICIES if wanted["kind"] == "NetworkPolicy" else SECRETS
    return await world.apply(path, wanted, FIELD_MANAGER)
