"""`/v1/admin/keys`: API keys of all tenants, for admins."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from fairlead_contract.api_keys import MAX_LIFETIME_S, KeyRecord, KeyWanted, LimitsWanted
from fairlead_contract.tenants import Limits
from fairlead_gateway.api.json_body import read_body
from fairlead_gateway.api.services import Caller, GatewayServices, GrantedToAdmins

router = APIRouter(prefix="/v1/admin/keys", tags=["keys"], dependencies=[Depends(GrantedToAdmins("keys"))])

MAX_PAGE: Final = 1000
DAY_S: Final = 24 * 3600
MAX_GRACE_S: Final = 90 * DAY_S

KeyState = Literal["active", "expired", "revoked"]


class RotationWanted(BaseModel):
    """How a key is to be rotated."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    grace_seconds: int = Field(default=DAY_S, ge=0, le=MAX_GRACE_S, description="How long the old secret stays good.")
    ttl_seconds: int | None = Field(
        default=None, ge=1, le=MAX_LIFETIME_S, description="How long the key is valid; null leaves that as it was."
    )


class Key(BaseModel):
    """A key, without what opens anything."""

    object: Literal["api_key"] = "api_key"
    id: str
    tenant: str
    name: str
    state: KeyState
    scopes: tuple[str, ...]
    limits: Limits
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    grace_until: datetime | None = Field(description="Until when a secret from before a rotation opens, if any does.")


class ShownKey(Key):
    """A key that was made just now."""

    key: str = Field(description="The key in clear; it is shown this once.")


class KeyList(BaseModel):
    """Keys of all tenants, or of one, in the order in which they were made."""

    object: Literal["list"] = "list"
    data: list[Key]
    has_more: bool = Field(description="Whether there are more; ask for those `after` the last one's id.")


def _body(form: type[BaseModel], *, required: bool) -> dict[str, Any]:
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": form.model_json_schema()}}}
    }


@router.post("", status_code=status.HTTP_201_CREATED, openapi_extra=_body(KeyWanted, required=True))
async def create_key(request: Request, response: Response, caller: Caller, services: GatewayServices) -> ShownKey:
    """Make a key for a tenant; the answer alone holds it in clear."""
    key, record = await services.keys.create(await read_body(request, KeyWanted), caller)
    return _shown(key, record, response)


@router.get("")
async def list_keys(
    services: GatewayServices,
    tenant: Annotated[str | None, Query(description="Only keys of this tenant.")] = None,
    after: Annotated[str | None, Query(description="Id of the last key of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most keys of this page.")] = 100,
) -> KeyList:
    """List keys, revoked and expired ones too, page by page."""
    keys, has_more = await services.keys.page(tenant, after=after, limit=limit)
    now = datetime.now(UTC)
    return KeyList(data=[_key(each, now) for each in keys], has_more=has_more)


@router.get("/{key_id}")
async def get_key(key_id: str, services: GatewayServices) -> Key:
    """Describe one key."""
    return _key(await services.keys.find(key_id), datetime.now(UTC))


@router.post("/{key_id}/rotate", openapi_extra=_body(RotationWanted, required=False))
async def rotate_key(
    key_id: str, request: Request, response: Response, caller: Caller, services: GatewayServices
) -> ShownKey:
    """Give a key a new secret under the same id and with the same rights; the old one is good for a time of grace."""
    wanted = await read_body(request, RotationWanted)
    lifetime = None if wanted.ttl_seconds is None else timedelta(seconds=wanted.ttl_seconds)
    grace = timedelta(seconds=wanted.grace_seconds)
    key, record = await services.keys.rotate(key_id, caller, grace=grace, lifetime=lifetime)
    return _shown(key, record, response)


@router.patch("/{key_id}", openapi_extra=_body(LimitsWanted, required=True))
async def limit_key(key_id: str, request: Request, caller: Caller, services: GatewayServices) -> Key:
    """Give a key other limits of its own; they are in force within a second."""
    wanted = await read_body(request, LimitsWanted)
    return _key(await services.keys.limit(key_id, wanted.limits, caller), datetime.now(UTC))


@router.delete("/{key_id}")
async def revoke_key(key_id: str, caller: Caller, services: GatewayServices) -> Key:
    """Revoke a key; it opens nothing any more, and stays listed."""
    return _key(await services.keys.revoke(key_id, caller), datetime.now(UTC))


def _shown(key: str, record: KeyRecord, response: Response) -> ShownKey:
    response.headers["cache-control"] = "no-store"
    return ShownKey(key=key, **_fields(record, datetime.now(UTC)))


def _key(record: KeyRecord, now: datetime) -> Key:
    return Key(**_fields(record, now))


def _fields(record: KeyRecord, now: datetime) -> dict[str, Any]:
    grace = max((old.expires_at for old in record.retired), default=now)
    return {
        "id": record.id,
        "tenant": record.tenant,
        "name": record.name,
        "state": _state(record, now),
        "scopes": record.scopes,
        "limits": record.limits,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "revoked_at": record.revoked_at,
        "grace_until": grace if grace > now and record.is_active(now) else None,
    }


def _state(record: KeyRecord, now: datetime) -> KeyState:
    if record.revoked_at is not None:
        return "revoked"
    return "active" if record.is_active(now) else "expired"
