"""The API's whole surface as an OpenAPI document: FastAPI's routes as it describes them, and the inference endpoints.

What an inference takes is told by the lists of known fields and by the rules that check them; nothing is written twice.
The gateway does not serve the document: it lies in `docs/reference`, where `make openapi` writes it.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from fairlead_gateway.app import PUBLIC_PATHS, build_app
from fairlead_gateway.checks.fields import REQUIRED, RULES
from fairlead_gateway.checks.policy import DROPPED, REFUSED, known_fields
from fairlead_gateway.checks.rules import schema_of
from fairlead_gateway.endpoints import ENDPOINTS, Dialect, Endpoint

Object = dict[str, Any]

_ERROR: Final = {"default": {"$ref": "#/components/responses/Error"}}
_CREDENTIALS: Final[Object] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token (JWT) or an API key."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "As Anthropic's clients send it."},
}
_VALIDATION: Final = ("HTTPValidationError", "ValidationError")
"""FastAPI's own form of errors, which the gateway replaces by its envelopes."""


def document() -> Object:
    """Return the document."""
    described = build_app().openapi()
    paths: Object = described["paths"]
    components: Object = described.setdefault("components", {})
    schemas: Object = components.setdefault("schemas", {})
    for path, methods in paths.items():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            operation["responses"] |= _ERROR
            if path in PUBLIC_PATHS:
                operation["security"] = []
    for name in _VALIDATION:
        schemas.pop(name, None)
    for endpoint in ENDPOINTS.values():
        schemas[_schema_name(endpoint)] = _request(endpoint)
        paths[endpoint.path] = {"post": _operation(endpoint)}
    components["responses"] = {"Error": _error_response()}
    components["securitySchemes"] = _CREDENTIALS
    return {**described, "security": [{name: []} for name in _CREDENTIALS]}


def _operation(endpoint: Endpoint) -> Object:
    media_type = "multipart/form-data" if endpoint.audio else "application/json"
    streamed = {"text/event-stream": {"schema": {"type": "string"}}} if endpoint.streamable else {}
    return {
        "tags": ["inference"],
        "operationId": endpoint.path.strip("/").replace("/", "_"),
        "summary": f"Granted as the route `{endpoint.kind}`.",
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": {"$ref": f"#/components/schemas/{_schema_name(endpoint)}"}}},
        },
        "responses": {
            "200": {
                "description": "The model's answer, as its engine gives it.",
                "content": {"application/json": {"schema": {"type": "object"}}, **streamed},
            },
            **_ERROR,
        },
    }


def _schema_name(endpoint: Endpoint) -> str:
    return "".join(word.capitalize() for word in endpoint.kind.split("_")) + "Request"


def _request(endpoint: Endpoint) -> Object:
    known = sorted(known_fields()[endpoint.kind].names - REFUSED.keys())
    return {
        "type": "object",
        "properties": {name: _field(endpoint, name) for name in known},
        "required": list(REQUIRED[endpoint.kind]),
        "additionalProperties": False,
    }


def _field(endpoint: Endpoint, name: str) -> Object:
    if name in DROPPED:
        return {"description": f"Ignored: {DROPPED[name]}."}
    schema = dict(schema_of(RULES[endpoint.kind].get(name)))
    if not schema or name in REQUIRED[endpoint.kind]:
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def _error_response() -> Object:
    told = {"message": {"type": "string"}, "type": {"type": "string"}}
    text_or_null = {"type": ["string", "null"]}
    openai = {"type": "object", "properties": {**told, "param": text_or_null, "code": text_or_null}}
    anthropic = {"type": "object", "properties": told}
    return {
        "description": f"In the dialect of the path; {Dialect.ANTHROPIC} has `type` and `request_id` beside the error.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "error": {"anyOf": [openai, anthropic]},
                        "type": {"const": "error"},
                        "request_id": {"type": "string"},
                    },
                    "required": ["error"],
                }
            }
        },
    }


def text() -> str:
    """Return the document as JSON, as it is kept."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
