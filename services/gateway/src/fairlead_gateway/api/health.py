"""Whether the gateway lives, and whether traffic should come to it; both without credentials, both without details."""

from fastapi import APIRouter, Response, status

from fairlead_gateway.api.services import GatewayServices

router = APIRouter(tags=["health"])


@router.get("/health")
async def health() -> dict[str, str]:
    """Answer while the event loop runs."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(services: GatewayServices, response: Response) -> dict[str, str]:
    """Answer 200 once routes have been read and until the gateway is told to stop.

    In a cluster tenants and API keys must have been read too. An API server that is lost later changes nothing: what
    is known stays in force, and a gateway that nobody asks would help nobody.
    """
    started = "ready" if services.loaded() else "starting"
    state = "draining" if services.draining() else started
    if state != "ready":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return {"status": state}
