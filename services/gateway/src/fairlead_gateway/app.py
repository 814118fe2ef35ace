"""The FastAPI application: every route that is not inference.

A route is either in `PUBLIC_PATHS` or has a rule that says to whom it is granted, below `ADMIN_PREFIX` to admins alone;
the application refuses to start with one that has neither.
"""

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from fairlead_contract.grants import ROUTES
from fairlead_gateway.api import errors, health, keys, models, requests, usage
from fairlead_gateway.api.services import Granted, GrantedToAdmins, Services

PUBLIC_PATHS = frozenset({"/health", "/ready"})
ADMIN_PREFIX = "/v1/admin/"


def create_app(services: Services) -> FastAPI:
    """Build the application around a running gateway.

    Raises:
        RuntimeError: A route is neither public nor granted by a name that can be granted.
    """
    app = build_app()
    app.state.services = services
    return app


def build_app() -> FastAPI:
    """Build the application without a gateway, which can be described and not asked.

    Raises:
        RuntimeError: A route is neither public nor granted by a name that can be granted.
    """
    app = FastAPI(title="Fairlead", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(health.router)
    app.include_router(models.router)
    app.include_router(usage.router)
    app.include_router(requests.router)
    app.include_router(keys.router)
    errors.install(app)
    for path in unguarded(app.routes):
        raise RuntimeError(f"{path} is neither public nor granted by a name of fairlead_contract.grants")
    return app


def unguarded(routes: list[BaseRoute]) -> Iterator[str]:
    """Yield the paths of routes that nobody guards, or not well enough."""
    for route in routes:
        path = getattr(route, "path", repr(route))
        rule = rule_of(route.dependant) if isinstance(route, APIRoute) else None
        guarded = rule is not None and rule.route in ROUTES
        if path.startswith(ADMIN_PREFIX):
            guarded = guarded and isinstance(rule, GrantedToAdmins)
        if not guarded and path not in PUBLIC_PATHS:
            yield path


def rule_of(dependant: Dependant) -> Granted | None:
    """Return the rule by which a route is granted, or None where nothing guards it."""
    if isinstance(dependant.call, Granted):
        return dependant.call
    return next((rule for inner in dependant.dependencies if (rule := rule_of(inner))), None)
