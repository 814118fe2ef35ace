"""`/v1/models`: what the caller may use, in OpenAI's form or, for Anthropic's clients, in theirs."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends, Request

from fairlead_contract.routing import Route
from fairlead_gateway.api.services import Caller, GatewayServices, Granted

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[Depends(Granted("models"))])


@router.get("")
async def list_models(request: Request, caller: Caller, services: GatewayServices) -> dict[str, Any]:
    """List the models that the caller may use, under every name that requests may carry."""
    named = services.catalog.visible(caller)
    if not _is_anthropic(request):
        return {"object": "list", "data": [_openai(name, route) for name, route in named]}
    data = [_anthropic(name, route) for name, route in named]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}


@router.get("/{model:path}")
async def get_model(model: str, request: Request, caller: Caller, services: GatewayServices) -> dict[str, Any]:
    """Describe one model; its name may hold slashes."""
    route = services.catalog.find(model, caller)
    return _anthropic(model, route) if _is_anthropic(request) else _openai(model, route)


def _is_anthropic(request: Request) -> bool:
    return "anthropic-version" in request.headers


def _openai(name: str, route: Route) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": route.created_at, "owned_by": "fairlead", "task": route.task}


def _anthropic(name: str, route: Route) -> dict[str, Any]:
    created = datetime.fromtimestamp(route.created_at, UTC).isoformat().replace("+00:00", "Z")
    return {"type": "model", "id": name, "display_name": name, "created_at": created}
