"""What the gateway routes by, made from the applied manifests."""

from collections.abc import Iterable

from fairlead_cli.applied import Applied
from fairlead_cli.home import Home
from fairlead_cli.ports import LOOPBACK
from fairlead_contract.files import write_atomically
from fairlead_contract.names import route_prefix
from fairlead_contract.routing import Access, Route, RouteTable
from fairlead_contract.serve_config import revision


def route_table(applied: Iterable[Applied], *, serve_port: int) -> RouteTable:
    """Return the routes of all applied models; a suspended one stays listed."""
    return RouteTable(routes=tuple(_route(entry, serve_port) for entry in applied))


def write_routes(home: Home, table: RouteTable) -> None:
    """Replace routes.json; a gateway that watches it follows within a second."""
    write_atomically(home.routes, table.to_json())


def _route(entry: Applied, serve_port: int) -> Route:
    deployment = entry.deployment
    spec = deployment.spec
    return Route(
        name=deployment.name,
        served_name=deployment.served_name,
        aliases=spec.model.aliases,
        task=spec.model.task,
        revision=revision(deployment),
        upstream_host=LOOPBACK,
        upstream_port=serve_port,
        path_prefix=route_prefix(deployment.name),
        limits=spec.limits,
        access=Access(tenants=spec.access.tenants, plans=spec.access.plans),
        cache_enabled=spec.cache.responses.enabled,
        cache_ttl_s=spec.cache.responses.ttl_seconds,
        suspended=spec.suspend,
        created_at=entry.created_at,
    )
