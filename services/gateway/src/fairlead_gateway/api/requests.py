"""`/v1/requests/{id}`: why a request went as it did."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from fairlead_contract.errors import NotFound
from fairlead_gateway.api.services import Caller, GatewayServices, Granted
from fairlead_gateway.ledger.entry import Entry
from fairlead_gateway.limits import Outcome
from fairlead_gateway.prices import money
from fairlead_gateway.principal import Principal

router = APIRouter(prefix="/v1/requests", tags=["usage"], dependencies=[Depends(Granted("requests"))])

MAX_SHOWN_ID = 128


class RequestUsage(BaseModel):
    """What was charged."""

    input_tokens: int
    cached_input_tokens: int = Field(description="Those of the input that the engine had in its prefix cache.")
    output_tokens: int
    audio_seconds: int = Field(description="Seconds of sound that were transcribed or translated.")


class RequestReport(BaseModel):
    """What became of a request; its prompt, its answer and the text of its error are kept nowhere."""

    object: Literal["request"] = "request"
    id: str
    explanation: str = Field(description="In a sentence, why it went as it did.")
    received_at: datetime
    tenant: str
    key: str | None = Field(description="The API key's id; null where a token was used.")
    subject: str = Field(description="The token's `sub`, or the key's name.")
    model: str | None = Field(description="The ModelDeployment; null where none was found.")
    revision: str | None
    route: str
    stream: bool
    status: int = Field(description="HTTP status; 499 where the client left before there was one.")
    outcome: Outcome
    error: str | None = Field(description="Code of the error that the client got.")
    cache: str = Field(description="hit, shared, miss or bypass.")
    usage: RequestUsage | None = Field(description="Null where nothing was charged.")
    cost: str | None = Field(description="In the currency of the prices; null where the model had no price.")
    queue_ms: int | None = Field(description="From the request's head until it was sent to its model.")
    ttft_ms: int | None = Field(description="From the request's head to the first byte of the answer.")
    total_ms: int = Field(description="From the request's head to the end of the reply.")


@router.get("/{request_id}")
async def get_request(
    request_id: str,
    caller: Caller,
    services: GatewayServices,
    tenant: Annotated[
        str | None, Query(description="For admins: whose request it was, if not the own tenant's.")
    ] = None,
) -> RequestReport:
    """Tell the owner of a request, or an admin, why it went as it did."""
    entry = await services.ledger.request(tenant or caller.tenant, request_id) if _may_ask(caller, tenant) else None
    if entry is None:
        raise NotFound(
            f"There is no request `{request_id[:MAX_SHOWN_ID]}` that you may see. "
            f"Requests are listed half a second after their end and kept for {services.ledger.entry_days} days."
        )
    return report(entry)


def report(entry: Entry) -> RequestReport:
    """Return an entry of the ledger as the API shows it."""
    usage = RequestUsage(
        input_tokens=entry.input_tokens,
        cached_input_tokens=entry.cached_input_tokens,
        output_tokens=entry.output_tokens,
        audio_seconds=entry.audio_seconds,
    )
    return RequestReport(
        id=entry.request_id,
        explanation=explanation(entry),
        received_at=datetime.fromtimestamp(entry.at_ms / 1000, UTC),
        tenant=entry.tenant,
        key=entry.key_id or None,
        subject=entry.subject,
        model=entry.model or None,
        revision=entry.revision or None,
        route=entry.route,
        stream=entry.stream,
        status=entry.status,
        outcome=Outcome(entry.outcome),
        error=entry.error or None,
        cache=entry.cache,
        usage=usage if entry.measured else None,
        cost=None if entry.cost is None else money(entry.cost),
        queue_ms=entry.queue_ms,
        ttft_ms=entry.ttft_ms,
        total_ms=entry.total_ms,
    )


def explanation(entry: Entry) -> str:
    """Return in a sentence why a request went as it did."""
    match Outcome(entry.outcome):
        case Outcome.COMPLETED:
            return "The model answered to the end; what the engine counted is charged."
        case Outcome.CACHED:
            return "The answer was in the response cache; the model was not asked, and nothing is charged."
        case Outcome.ABORTED:
            why = f"It was given up with `{entry.error}`" if entry.error else "The client left"
            return f"{why} before the answer was whole; what was worked on is charged."
        case Outcome.REFUSED:
            return f"The request was refused with {entry.status} `{entry.error}` before it reached a model."
        case Outcome.FAILED if entry.ttft_ms is not None:
            return f"The answer broke off with `{entry.error}`; what was delivered is charged."
        case Outcome.FAILED:
            return f"The model did not answer: {entry.status} `{entry.error}`; nothing is charged."


def _may_ask(caller: Principal, tenant: str | None) -> bool:
    return tenant is None or tenant == caller.tenant or caller.is_admin
