"""The folder of applied manifests, and the routes that follow from it."""

import pytest

from fairlead_cli.applied import read_applied, remove_applied, write_applied
from fairlead_cli.errors import UnknownName
from fairlead_cli.home import Home
from fairlead_cli.routes import route_table, write_routes
from fairlead_contract.errors import ManifestError
from fairlead_contract.routing import RouteTable
from fairlead_contract.serve_config import revision
from tests.cli.builders import applied, deployment


def test_what_was_written_is_read(home: Home) -> None:
    """A manifest comes back whole, with the time of its first application."""
    manifest = deployment(model={"name": "Chat"}, parallelism={"tensor": 2}, engine={"arguments": {"seed": 1}})
    write_applied(home, [manifest], now=100)
    (entry,) = read_applied(home)
    assert entry.deployment.spec == manifest.spec
    assert entry.created_at == 100


def test_a_changed_model_keeps_its_age(home: Home) -> None:
    """A manifest that replaces another of its name is as old as that, so that its names stay its own."""
    write_applied(home, [deployment()], now=100)
    write_applied(home, [deployment(suspend=True)], now=200)
    (entry,) = read_applied(home)
    assert (entry.created_at, entry.deployment.spec.suspend) == (100, True)


def test_oldest_first(home: Home) -> None:
    """Models are listed by age, then by name."""
    write_applied(home, [deployment("z")], now=100)
    write_applied(home, [deployment("b"), deployment("a")], now=200)
    assert [entry.name for entry in read_applied(home)] == ["z", "a", "b"]


def test_removed(home: Home) -> None:
    """A removed model is gone; removing another names those that there are."""
    write_applied(home, [deployment("a"), deployment("b")], now=100)
    remove_applied(home, "a")
    assert [entry.name for entry in read_applied(home)] == ["b"]
    with pytest.raises(UnknownName, match="no model 'a'; applied: b"):
        remove_applied(home, "a")


def test_a_manifest_that_was_edited_wrongly(home: Home) -> None:
    """A mistake in an applied manifest is told with its file."""
    (home.models / "demo.yaml").write_text("kind: Pod")
    with pytest.raises(ManifestError, match=r"demo\.yaml"):
        read_applied(home)


def test_route() -> None:
    """A route carries what the gateway needs: names, where to go, caps, access, cache and age."""
    entry = applied(
        "demo",
        created_at=7,
        model={"name": "Chat", "aliases": ["c"]},
        limits={"requestsPerMinute": 5},
        access={"tenants": ["acme"], "plans": ["gold"]},
        cache={"responses": {"enabled": False, "ttlSeconds": 60}},
    )
    (route,) = route_table([entry], serve_port=8000).routes
    assert route.names == ("Chat", "c")
    assert (route.upstream_host, route.upstream_port, route.path_prefix) == ("127.0.0.1", 8000, "/demo")
    assert route.limits.requests_per_minute == 5
    assert (route.access.tenants, route.access.plans) == (("acme",), ("gold",))
    assert (route.cache_enabled, route.cache_ttl_s) == (False, 60)
    assert (route.created_at, route.suspended) == (7, False)
    assert route.revision == revision(entry.deployment)


def test_suspended_models_stay_listed(home: Home) -> None:
    """A suspended model keeps its route, marked as suspended, in the file that the gateway reads."""
    table = route_table([applied(suspend=True)], serve_port=8000)
    write_routes(home, table)
    assert RouteTable.from_json(home.routes.read_text()) == table
    assert table.routes[0].suspended
