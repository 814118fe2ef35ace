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
    """Answer 200 once routes have been read and until the gateway is told to stop."""
    started = "ready" if services.catalog.loaded else "starting"
    state = "draining" if services.draining() else started
    if state != "ready":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return {"status": state}
