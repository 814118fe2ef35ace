"""The description of the API says what the gateway does."""

from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from fairlead_gateway.app import PUBLIC_PATHS, build_app
from fairlead_gateway.checks.policy import REFUSED
from fairlead_gateway.endpoints import ENDPOINTS
from fairlead_gateway.openapi import document, text

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


def test_golden() -> None:
    """The document in the reference is what the code describes; `make openapi` writes it anew."""
    assert REFERENCE.read_text(encoding="utf-8") == text()


def test_every_route_is_described() -> None:
    """Whatever can be asked is in the document, and needs credentials there where it does."""
    described = document()
    routes = {route.path_format for route in build_app().routes if isinstance(route, APIRoute)}
    assert described["paths"].keys() == routes | ENDPOINTS.keys()
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert (operation.get("security") == []) == (path in PUBLIC_PATHS)
            assert operation["responses"].keys() & {"200", "201"}
            assert "default" in operation["responses"]


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_request_holds_known_fields_alone(path: str) -> None:
    """Fields that are refused are not offered; those that are offered have the bounds that are checked."""
    described = document()
    [name] = [name for name in described["components"]["schemas"] if name.lower() == _expected(path)]
    schema = described["components"]["schemas"][name]
    assert not schema["properties"].keys() & REFUSED.keys()
    assert schema["additionalProperties"] is False
    assert schema["properties"]["model"] == {"type": "string", "minLength": 1, "maxLength": 256}


def _expected(path: str) -> str:
    return ENDPOINTS[path].kind.replace("_", "") + "request"
