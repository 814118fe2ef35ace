from typing import Any

import pytest

from fairlead_contract.errors import ManifestError
from fairlead_contract.hop import hop_secret
from fairlead_contract.manifest import parse_object
from fairlead_contract.names import SERVE_ADDRESS
from fairlead_contract.routing import Access, Route, RouteTable, Upstream, route_of, route_of_object
from fairlead_contract.tenants import Limits


@pytest.mark.parametrize(
    "access, admitted",
    [
        (Access(), True),
        (Access(tenants=("acme",)), True),
        (Access(plans=("gold",)), True),
        (Access(tenants=("other",), plans=("gold",)), True),
        (Access(tenants=("other",)), False),
        (Access(plans=("silver",)), False),
    ],
)
def test_access(access: Access, admitted: bool) -> None:
    """A model admits the tenants and plans that it names, and everyone where it names none."""
    assert access.admits("acme", "gold") is admitted


def test_table_survives_json() -> None:
    """The route table reads back as it was written."""
    route = Route(
        name="demo",
        served_name="fairlead-demo",
        aliases=("demo",),
        revision="0",
        upstream_host="127.0.0.1",
        upstream_port=8000,
        path_prefix="/demo",
        created_at=1,
    )
    table = RouteTable(routes=(route,))

    assert RouteTable.from_json(table.to_json()) == table
    assert route.names == ("fairlead-demo", "demo")


def test_hop_secrets_differ() -> None:
    """Each model has a hop secret of its own, which depends on the root."""
    secrets = {hop_secret(root, model) for root in (b"1" * 32, b"2" * 32) for model in ("a", "b")}

    assert len(secrets) == 4


def document(**metadata: Any) -> dict[str, Any]:
    """A ModelDeployment as the API server holds it."""
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": "demo",
            "namespace": "team-a",
            "uid": "0",
            "generation": 3,
            "resourceVersion": "7",
            "creationTimestamp": "2026-11-21T10:00:00Z",
            "managedFields": [],
            **metadata,
        },
        "spec": {
            "model": {"source": "hf://fairlead/demo", "aliases": ["small"], "task": "generate"},
            "limits": {"parallelRequests": 3},
            "access": {"tenants": ["acme"]},
            "cache": {"responses": {"enabled": False, "ttlSeconds": 60}},
        },
        "status": {"phase": "Ready", "conditions": []},
    }


def test_a_route_from_the_object_of_a_cluster() -> None:
    """An object gives a route to the Service that KubeRay makes, with what the manifest says of limits and access."""
    route = route_of_object(document(), SERVE_ADDRESS)

    assert (route.upstream_host, route.upstream_port) == ("demo-serve-svc.team-a.svc", 8000)
    assert (route.path_prefix, route.identity, route.generation) == ("/demo", "team-a/demo", 3)
    assert route.names == ("demo", "small")
    assert route.limits == Limits(parallel_requests=3)
    assert route.access == Access(tenants=("acme",))
    assert (route.cache_enabled, route.cache_ttl_s, route.suspended, route.draining) == (False, 60, False, False)
    assert route.created_at == 1_795_255_200


def test_both_runtimes_route_alike() -> None:
    """What one machine says of a manifest, a cluster says too, but for where it lies."""
    deployment = parse_object(document())
    local = route_of(deployment, Upstream("127.0.0.1", 8000), created_at=1_795_255_200)
    placed = {"namespace": "team-a", "generation": 3}

    assert route_of_object(document(), "127.0.0.1:8000") == local.model_copy(update=placed)
    assert (local.identity, local.generation) == ("demo", None)


def test_an_object_that_is_being_deleted_drains() -> None:
    """A time of deletion is what makes a model drain."""
    assert route_of_object(document(deletionTimestamp="2026-11-21T11:00:00Z"), SERVE_ADDRESS).draining


def test_an_object_that_the_contract_refuses() -> None:
    """What the API server cannot know to be wrong is refused with the model's whole name."""
    wrong = document()
    wrong["spec"]["engine"] = {"arguments": {"max-modl-len": 1}}

    with pytest.raises(ManifestError, match=r"^team-a/demo: spec.engine.arguments"):
        route_of_object(wrong, SERVE_ADDRESS)
