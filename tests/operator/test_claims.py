"""Who claims which name."""

from typing import Any

from fairlead_operator.claims import Claims
from fairlead_operator.observed import Claim, taken_names

Json = dict[str, Any]


def deployment(name: str, *aliases: str, created_at: str = "2026-01-01T00:00:00Z", served: str = "") -> Json:
    model = {"source": "hf://a/b", "aliases": list(aliases)} | ({"name": served} if served else {})
    metadata = {"namespace": "models", "name": name, "creationTimestamp": created_at}
    return {"metadata": metadata, "spec": {"model": model}}


def test_rivals() -> None:
    """Those are rivals that claim one of the same names, be it as a name or as an alias."""
    claims = Claims()
    for each in (deployment("one", "shared"), deployment("two", served="shared"), deployment("three")):
        claims.note(each)

    assert [each.name for each in claims.rivals(deployment("one", "shared"))] == ["two"]
    assert claims.rivals(deployment("three")) == ()


def test_touched() -> None:
    """Whoever claims a name that another takes or frees has a turn."""
    claims = Claims()
    claims.note(deployment("one", "shared"))

    assert claims.note(deployment("two", "shared")) == {("models", "one")}
    assert claims.note(deployment("two", "shared")) == set()
    assert claims.note(deployment("two", "own")) == {("models", "one")}
    assert claims.note(deployment("two", "shared")) == {("models", "one")}
    assert claims.forget(("models", "two")) == {("models", "one")}
    assert claims.forget(("models", "two")) == set()


def test_oldest_holds_a_name() -> None:
    """The oldest holds a name, and of two of the same second the one that is first by namespace and name."""
    old = Claim("2026-01-01T00:00:00Z", "models", "z-old", ("shared", "own"))
    twin = Claim("2026-01-02T00:00:00Z", "models", "a-twin", ("shared",))
    young = Claim("2026-01-02T00:00:00Z", "models", "b-young", ("shared", "own", "free"))

    assert taken_names(young, (twin, old)) == {"shared": old, "own": old}
    assert taken_names(young, (twin,)) == {"shared": twin}
    assert taken_names(twin, (young,)) == {}
    assert taken_names(old, (twin, young)) == {}
