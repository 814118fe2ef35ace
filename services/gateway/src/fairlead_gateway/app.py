"""The FastAPI application: every route that is not inference.

A route is either in `PUBLIC_PATHS` or asks who is calling; the application refuses to start with one that does neither.
"""

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from fairlead_gateway.api import errors, health, models, requests, usage
from fairlead_gateway.api.services import Services, authenticated

PUBLIC_PATHS = frozenset({"/health", "/ready"})


def create_app(services: Services) -> FastAPI:
    """Build the application around a running gateway.

    Raises:
        RuntimeError: A route is neither public nor authenticated.
    """
    app = FastAPI(title="Fairlead", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    app.include_router(health.router)
    app.include_router(models.router)
    app.include_router(usage.router)
    app.include_router(requests.router)
    errors.install(app)
    for path in unguarded(app.routes):
        raise RuntimeError(f"{path} is neither public nor authenticated")
    return app


def unguarded(routes: list[BaseRoute]) -> Iterator[str]:
    """Yield the paths of routes that nobody guards."""
    for route in routes:
        path = getattr(route, "path", repr(route))
        guarded = isinstance(route, APIRoute) and _asks_who(route.dependant)
        if not guarded and path not in PUBLIC_PATHS:
            yield path


def _asks_who(dependant: Dependant) -> bool:
    return dependant.call is authenticated or any(_asks_who(inner) for inner in dependant.dependencies)
