import pytest

from fairlead_contract.hop import hop_secret
from fairlead_contract.routing import Access, Route, RouteTable


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
