"""What scopes and grants allow."""

import pytest

from fairlead_contract.errors import InvalidValue
from fairlead_contract.grants import ROUTES, Grants, check_scopes, narrowing


def test_grants_that_say_nothing_allow_all() -> None:
    """Without grants, a model's own access decides alone."""
    assert Grants().allow_model("demo")
    assert all(Grants().allow_route(route) for route in ROUTES)


def test_an_empty_list_grants_nothing() -> None:
    """Nothing listed is nothing granted, unlike no list at all."""
    none = Grants(models=frozenset(), routes=frozenset())
    assert not none.allow_model("demo")
    assert not none.allow_route("chat")


@pytest.mark.parametrize(
    "scopes, expected",
    [
        ([], None),
        (["openid", "profile", "email:read"], None),
        (["models:a", "models:b"], Grants(models=frozenset({"a", "b"}))),
        (["routes:chat", "openid"], Grants(routes=frozenset({"chat"}))),
        (["models:"], Grants(models=frozenset({""}))),
        (["models"], None),
    ],
)
def test_scopes_narrow_what_they_name(scopes: list[str], expected: Grants | None) -> None:
    """Models narrow models and routes narrow routes; words of others say nothing."""
    assert narrowing(scopes) == expected


def test_typed_scopes_are_kept_once_and_in_order() -> None:
    """Repeating a scope changes nothing."""
    assert check_scopes(["routes:chat", "models:demo", "routes:chat"]) == ("routes:chat", "models:demo")


@pytest.mark.parametrize(
    "scope, words",
    [("demo", "models:NAME"), ("model:demo", "models:NAME"), ("routes:chta", "write 'chat'"), ("models:", "no scope")],
)
def test_a_typed_scope_that_is_none_is_refused(scope: str, words: str) -> None:
    """What somebody types for a key is told to be wrong instead of opening nothing later."""
    with pytest.raises(InvalidValue, match=words):
        check_scopes([scope])


@pytest.mark.parametrize(
    "outer, inner, covered",
    [
        (Grants(), Grants(models=frozenset({"a"})), True),
        (Grants(), Grants(), True),
        (Grants(models=frozenset({"a", "b"})), Grants(models=frozenset({"a"})), True),
        (Grants(models=frozenset({"a"})), Grants(), False),
        (Grants(models=frozenset({"a"})), Grants(models=frozenset({"a", "b"})), False),
        (Grants(routes=frozenset({"chat"})), Grants(models=frozenset({"a"})), False),
        (Grants(routes=frozenset({"chat"})), Grants(models=frozenset({"a"}), routes=frozenset({"chat"})), True),
    ],
)
def test_cover(outer: Grants, inner: Grants, covered: bool) -> None:
    """Grants cover others where they allow all that those allow, of models and of routes."""
    assert outer.cover(inner) is covered
