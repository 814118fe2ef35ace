from dataclasses import replace
from pathlib import Path

import pytest

from fairlead_contract.errors import ModelNotFound, ModelSuspended
from fairlead_contract.grants import Grants
from fairlead_contract.routing import RouteTable
from fairlead_gateway.catalog import Catalog, RouteIndex, read_routes
from fairlead_gateway.watch import WatchedFile
from tests.gateway.builders import ACME, GLOBEX, catalog, only_for, route


def test_a_model_is_found_by_its_served_name_and_by_every_alias() -> None:
    """All names of a model lead to the same route."""
    demo = route("demo", served_name="org/Demo", aliases=("small", "default"))
    models = catalog(demo)
    assert [models.resolve(name, ACME) for name in ("org/Demo", "small", "default")] == [demo] * 3


def test_the_name_of_the_deployment_is_no_name_of_the_model() -> None:
    """Only served names are public."""
    with pytest.raises(ModelNotFound):
        catalog(route("demo", served_name="org/Demo")).resolve("demo", ACME)


def test_an_unknown_model_is_told_with_the_nearest_name() -> None:
    """A misspelt model gets a hint."""
    with pytest.raises(ModelNotFound, match="Did you mean `llama-8b`") as raised:
        catalog(route("llama-8b")).resolve("lama-8b", ACME)
    assert raised.value.param == "model"


def test_a_model_of_others_does_not_exist_for_a_tenant() -> None:
    """A model that is not yours reads exactly like one that does not exist, in its hint as well."""
    models = catalog(route("secret-model", access=only_for("globex")))
    with pytest.raises(ModelNotFound) as hidden:
        models.resolve("secret-model", ACME)
    with pytest.raises(ModelNotFound) as absent:
        catalog().resolve("secret-model", ACME)
    assert hidden.value.message == absent.value.message
    with pytest.raises(ModelNotFound) as near:
        models.resolve("secret-modem", ACME)
    assert "secret-model`" not in near.value.message


def test_access_is_by_tenant_or_by_plan() -> None:
    """Either of the two opens a model."""
    models = catalog(route("a", access=only_for("acme")), route("b", access=only_for(plans=("gold",))), route("c"))
    assert [name for name, _ in models.visible(ACME)] == ["a", "c"]
    assert [name for name, _ in models.visible(GLOBEX)] == ["b", "c"]


def test_a_suspended_model_is_listed_and_answers_that_it_is_suspended() -> None:
    """Suspension is the owner's will, and it is told."""
    models = catalog(route("demo", suspended=True))
    assert [name for name, _ in models.visible(ACME)] == ["demo"]
    with pytest.raises(ModelSuspended, match="suspended by its owner"):
        models.resolve("demo", ACME)


def test_a_name_claimed_twice_stays_with_the_oldest_model() -> None:
    """A later model cannot take a name over."""
    old = route("old", served_name="chat", created_at=1)
    new = route("new", served_name="chat", created_at=2)
    assert catalog(new, old).resolve("chat", ACME) == old


def test_a_name_that_is_taken_is_listed_once() -> None:
    """A model is listed under the names that lead to it, and under no other's."""
    old, new = route("old", served_name="chat", created_at=1), route("new", aliases=("chat", "more"), created_at=2)
    assert [(name, found.name) for name, found in catalog(new, old).visible(ACME)] == [
        ("chat", "old"),
        ("new", "new"),
        ("more", "new"),
    ]


def test_of_the_same_age_the_first_by_namespace_and_name_owns() -> None:
    """Every gateway gives a name to the same one of two models that were applied in the same second."""
    first, second = route("z", served_name="chat", namespace="a"), route("a", served_name="chat", namespace="a-b")
    assert catalog(second, first).resolve("chat", ACME) == first


def test_a_model_that_is_being_deleted_takes_nothing_new() -> None:
    """It is not listed, and those whom it admits are told; to others it never was there."""
    models = catalog(route("demo", draining=True, access=only_for("acme")))
    assert models.visible(ACME) == []
    with pytest.raises(ModelNotFound, match="is being deleted and takes no new requests") as told:
        models.resolve("demo", ACME)
    assert told.value.param == "model"
    with pytest.raises(ModelNotFound, match="does not exist or you do not have access"):
        models.resolve("demo", GLOBEX)


def test_a_model_that_is_being_deleted_gives_up_its_names() -> None:
    """A name is free for the next oldest as soon as its owner is being deleted."""
    old = route("old", served_name="chat", created_at=1, draining=True)
    new = route("new", served_name="chat", created_at=2)
    assert catalog(new, old).resolve("chat", ACME) == new


def test_grants_name_a_model_of_a_cluster_with_its_namespace() -> None:
    """A grant for a model is none for another of the same name in another namespace."""
    granted = replace(ACME, grants=(Grants(models=frozenset({"team-a/demo"})),))
    models = catalog(route("demo", namespace="team-a"), route("demo", namespace="team-b", served_name="theirs"))
    assert [name for name, _ in models.visible(granted)] == ["demo"]


def test_a_long_model_name_is_not_repeated_in_full() -> None:
    """An error does not echo what a client sent without bound."""
    with pytest.raises(ModelNotFound) as raised:
        catalog().resolve("m" * 5000, ACME)
    assert len(raised.value.message) < 300


def test_routes_follow_the_file(tmp_path: Path) -> None:
    """A model that is applied is routable after the next poll, and one that is deleted is gone."""
    file = WatchedFile(tmp_path / "routes.json", read_routes, absent=RouteIndex())
    models = Catalog(file)
    file.path.write_text(RouteTable(routes=(route("demo"),)).to_json())
    file.poll()
    assert models.resolve("demo", ACME).name == "demo"
    file.path.write_text(RouteTable(routes=()).to_json())
    file.poll()
    with pytest.raises(ModelNotFound):
        models.resolve("demo", ACME)
