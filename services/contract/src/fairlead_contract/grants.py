"""Which models and routes a principal may use; how much of them is told by limits, apart from this.

A tenant's grants are the outer bound. Scopes of a token or an API key narrow it, never widen it. A scope is a word:

    models:demo    the ModelDeployment `demo`, under each of its names
    routes:chat    the route `chat`

Where any scope names a model, only models so named are left; the same holds for routes. A model is named by its
ModelDeployment's name, in a cluster with its namespace before it (`models:team-a/demo`), which nobody else can claim,
as an alias could be.
"""

import difflib
import re
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, field_validator

from fairlead_contract.errors import InvalidValue
from fairlead_contract.mistakes import mistake

ROUTES = frozenset(
    {"chat", "completions", "responses", "messages", "count_tokens", "tokenize", "detokenize"}
    | {"embeddings", "rerank", "score", "transcriptions", "translations"}
    | {"models", "usage", "requests", "keys"}
)
"""Every route that asks who is calling, by the name under which it is granted."""

SCOPE_PATTERN = r"^(models|routes):[A-Za-z0-9._/-]{1,128}$"

_SCOPE = re.compile(SCOPE_PATTERN)


class Grants(BaseModel):
    """What may be used; None is everything that a model's `spec.access` admits."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    models: frozenset[str] | None = Field(default=None, description="Names of ModelDeployments.")
    routes: frozenset[str] | None = Field(default=None, description="Names of routes.")

    def allow_model(self, deployment: str) -> bool:
        """Return whether a ModelDeployment may be used."""
        return self.models is None or deployment in self.models

    def allow_route(self, route: str) -> bool:
        """Return whether a route may be used."""
        return self.routes is None or route in self.routes

    def cover(self, other: "Grants") -> bool:
        """Return whether everything that others allow is allowed by these too."""
        return _within(other.models, self.models) and _within(other.routes, self.routes)


def _within(inner: frozenset[str] | None, outer: frozenset[str] | None) -> bool:
    return outer is None or (inner is not None and inner <= outer)


class DeclaredGrants(Grants):
    """Grants as people write them: a route that does not exist is a mistake."""

    @field_validator("routes")
    @classmethod
    def _routes_exist(cls, routes: frozenset[str] | None) -> frozenset[str] | None:
        for route in sorted((routes or frozenset()) - ROUTES):
            raise mistake(f"{route!r} is no route", _remedy(route))
        return routes


def is_scope(word: str) -> bool:
    """Return whether a word is a scope of ours; an identity provider's tokens hold others besides."""
    return _SCOPE.fullmatch(word) is not None


def narrowing(scopes: Iterable[str]) -> Grants | None:
    """Return what scopes narrow a tenant's grants to, or None where none of them is ours.

    A scope for something that does not exist narrows to nothing: what is misspelt opens nothing.
    """
    named: dict[str, set[str]] = {"models": set(), "routes": set()}
    for scope in scopes:
        kind, separator, name = scope.partition(":")
        if separator and kind in named:
            named[kind].add(name)
    if not any(named.values()):
        return None
    return Grants(
        models=frozenset(named["models"]) if named["models"] else None,
        routes=frozenset(named["routes"]) if named["routes"] else None,
    )


def check_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return scopes that somebody typed, in order and once each.

    Raises:
        InvalidValue: One of them is no scope.
    """
    checked = dict.fromkeys(scopes)
    for scope in checked:
        if not is_scope(scope):
            raise InvalidValue(
                f"{scope!r} is no scope; write models:NAME or routes:NAME, such as models:demo", param="scope"
            )
        kind, _, name = scope.partition(":")
        if kind == "routes" and name not in ROUTES:
            raise InvalidValue(f"{scope!r} names no route; {_remedy(name)}", param="scope")
    return tuple(checked)


def _remedy(route: str) -> str:
    near = difflib.get_close_matches(route, ROUTES, n=1)
    return f"write {near[0]!r}" if near else f"write one of: {', '.join(sorted(ROUTES))}"
