"""`/v1/usage`: what was used and what it cost, per UTC day, model or key."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from fairlead_gateway.api.services import Caller, GatewayServices, Granted
from fairlead_gateway.ledger.reader import Use
from fairlead_gateway.ledger.sums import Sums
from fairlead_gateway.prices import money
from fairlead_gateway.usage_question import By, UsageQuestion, read_question

router = APIRouter(prefix="/v1/usage", tags=["usage"], dependencies=[Depends(Granted("usage"))])


class Amounts(BaseModel):
    """What some requests came to."""

    requests: int = Field(description="All of them, refused ones included.")
    errors: int = Field(description="Those that ended with an error, or were refused.")
    cached_answers: int = Field(description="Those answered from the response cache, which cost nothing.")
    input_tokens: int = Field(description="Tokens of prompts, those from the engine's prefix cache included.")
    cached_input_tokens: int = Field(description="Tokens of prompts that the engine had in its prefix cache.")
    output_tokens: int = Field(description="Tokens of answers.")
    audio_seconds: int = Field(description="Seconds of sound that were transcribed or translated.")
    unpriced_requests: int = Field(description="Requests that used a model without a price.")
    cost: str | None = Field(
        description="In the currency of the prices, exact, with nine decimals; null where nothing had a price."
    )


class UsageRow(Amounts):
    """What the requests of one tenant came to, on a day, to a model or with a key."""

    tenant: str
    day: str | None = Field(None, description="With `by=day`: the UTC day.")
    model: str | None = Field(None, description="With `by=model`: the ModelDeployment; null where none was found.")
    key: str | None = Field(None, description="With `by=key`: the API key's id; null for tokens.")


class UsageReport(BaseModel):
    """The answer to a question about use."""

    object: Literal["usage"] = "usage"
    first_day: str
    last_day: str
    by: By
    tenant: str | None = Field(description="Whose use; null for every tenant's.")
    data: list[UsageRow]
    total: Amounts


def _parameter(name: str, description: str, **schema: object) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string", **schema}}


_PARAMETERS: Final = [
    _parameter("from", "First UTC day; 29 days before the last, unless given.", format="date"),
    _parameter("to", "Last UTC day, included; today, unless given.", format="date"),
    _parameter("by", "What to sum by.", enum=list(By), default=By.DAY),
    _parameter("tenant", "For admins: a tenant, or * for all of them; the caller's own, unless given."),
]


@router.get("", openapi_extra={"parameters": _PARAMETERS})
async def usage(request: Request, caller: Caller, services: GatewayServices) -> UsageReport:
    """Sum up the use of the caller's tenant over some days."""
    question = read_question(request.query_params.multi_items(), caller, services.ledger.today())
    return report(question, await services.ledger.usage(question.first, question.last, question.tenant))


def report(question: UsageQuestion, uses: Iterable[Use]) -> UsageReport:
    """Sum use up by what was asked for; rows are in the order of tenant and then of day, model or key."""
    label = _LABEL[question.by]
    rows: dict[tuple[str, str], Sums] = {}
    total = Sums()
    for use in uses:
        rows.setdefault((use.tenant, label(use)), Sums()).add(use.sums)
        total.add(use.sums)
    return UsageReport(
        first_day=question.first.isoformat(),
        last_day=question.last.isoformat(),
        by=question.by,
        tenant=question.tenant,
        data=[
            UsageRow.model_validate({"tenant": tenant, question.by: name or None, **_amounts(sums)})
            for (tenant, name), sums in sorted(rows.items(), key=lambda row: row[0])
        ],
        total=Amounts.model_validate(_amounts(total)),
    )


_LABEL: Final[Mapping[By, Callable[[Use], str]]] = {
    By.DAY: lambda use: use.day.isoformat(),
    By.MODEL: lambda use: use.group.model,
    By.KEY: lambda use: use.group.key_id,
}


def _amounts(sums: Sums) -> dict[str, object]:
    return {
        "requests": sums.requests,
        "errors": sums.errors,
        "cached_answers": sums.cached_answers,
        "input_tokens": sums.input_tokens,
        "cached_input_tokens": sums.cached_input_tokens,
        "output_tokens": sums.output_tokens,
        "audio_seconds": sums.audio_seconds,
        "unpriced_requests": sums.unpriced,
        "cost": None if sums.cost is None else money(sums.cost),
    }
