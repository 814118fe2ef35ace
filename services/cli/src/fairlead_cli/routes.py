"""What the gateway routes by, made from the applied manifests."""

from collections.abc import Iterable

from fairlead_cli.applied import Applied
from fairlead_cli.home import Home
from fairlead_cli.ports import LOOPBACK
from fairlead_contract.files import write_atomically
from fairlead_contract.routing import RouteTable, Upstream, route_of


def route_table(applied: Iterable[Applied], *, serve_port: int) -> RouteTable:
    """Return the routes of all applied models; a suspended one stays listed."""
    upstream = Upstream(LOOPBACK, serve_port)
    return RouteTable(
        routes=tuple(route_of(entry.deployment, upstream, created_at=entry.created_at) for entry in applied)
    )


def write_routes(home: Home, table: RouteTable) -> None:
    """Replace routes.json; a gateway that watches it follows within a second."""
    write_atomically(home.routes, table.to_json())
