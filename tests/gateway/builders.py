"""What the gateway's tests are about: tokens, tenants, routes and requests, each valid unless told otherwise."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, TypeVar

from fairlead_contract.issuers import NO_ISSUERS
from fairlead_contract.key_register import KeyRegister
from fairlead_contract.key_store import KeysInFile
from fairlead_contract.routing import Access, Route, RouteTable
from fairlead_contract.tenants import Limits, Tenant, Tenants
from fairlead_gateway.auth import Authenticator
from fairlead_gateway.call import Call, parse
from fairlead_gateway.catalog import Catalog, RouteIndex
from fairlead_gateway.endpoints import ENDPOINTS
from fairlead_gateway.issuers import IssuerDirectory, local_issuer, source_opener
from fairlead_gateway.jwt_tokens import TokenVerifier
from fairlead_gateway.key_desk import KeyDesk
from fairlead_gateway.key_ring import KeyIndex, KeyRing
from fairlead_gateway.principal import Principal
from fairlead_gateway.redis_address import RedisAddress
from fairlead_gateway.redis_link import RedisLink
from fairlead_gateway.tenants import TenantDirectory
from fairlead_gateway.token_claims import TokenRules
from fairlead_gateway.watch import WatchedFile

Held = TypeVar("Held")

KEY = b"k" * 32
PEPPER = b"p" * 32
NOW = 1_800_000_000.0

ACME = Principal(tenant="acme", plan="default", subject="ann")
GLOBEX = Principal(tenant="globex", plan="gold", subject="bob")

CLAIMS: dict[str, Any] = {
    "iss": "fairlead",
    "aud": "fairlead",
    "sub": "ann",
    "tenant": "acme",
    "iat": int(NOW) - 10,
    "exp": int(NOW) + 3600,
}
HEADER: dict[str, Any] = {"alg": "HS256", "typ": "JWT"}


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: str, payload: str, *, key: bytes = KEY, digest: str = "sha256") -> str:
    """Sign exactly these texts, however odd they are."""
    head = f"{base64url(header.encode())}.{base64url(payload.encode())}"
    return f"{head}.{base64url(hmac.new(key, head.encode(), getattr(hashlib, digest)).digest())}"


def token(*, key: bytes = KEY, header: dict[str, Any] | None = None, without: str = "", **claims: Any) -> str:
    """Mint a token; `without` leaves a claim out."""
    payload = {name: value for name, value in {**CLAIMS, **claims}.items() if name != without}
    return signed(json.dumps(HEADER | (header or {})), json.dumps(payload), key=key)


def bearer(credential: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"localhost"), (b"authorization", b"Bearer " + credential.encode())]


def fixed(value: Held) -> WatchedFile[Held]:
    """A file that holds a value and never changes."""
    file: WatchedFile[Held] = WatchedFile(Path("/nonexistent"), lambda _: value, absent=value)
    file.loaded = True
    return file


def tenant_directory(**declared: Limits | Tenant) -> TenantDirectory:
    """Tenants of one plan without limits, each with limits of its own; `acme` and `globex` always among them."""
    tenants = {
        name: given if isinstance(given, Tenant) else Tenant(plan="default", limits=given)
        for name, given in declared.items()
    }
    tenants.setdefault("acme", Tenant(plan="default"))
    tenants.setdefault("globex", Tenant(plan="gold"))
    tenants["closed"] = Tenant(plan="default", disabled=True)
    return TenantDirectory(fixed(Tenants(plans={"default": Limits(), "gold": Limits()}, tenants=tenants)))


def own_issuer() -> IssuerDirectory:
    """The directory of a gateway that takes its own tokens only."""
    return IssuerDirectory(local_issuer(KEY, TokenRules(admins=True)), lambda: NO_ISSUERS, source_opener())


def authenticator(
    *, keys: KeyIndex | None = None, tenants: TenantDirectory | None = None, now: float = NOW
) -> Authenticator:
    return Authenticator(
        TokenVerifier(own_issuer()),
        KeyRing(fixed(keys or {}), PEPPER),
        tenants or tenant_directory(),
        clock=lambda: now,
    )


def key_desk(path: Path, **declared: Tenant) -> KeyDesk:
    """Administration of the keys in a file."""
    register = KeyRegister(KeysInFile(path), PEPPER)
    return KeyDesk(register, tenant_directory(**declared), reread=lambda: None)


def route(name: str = "demo", **fields: Any) -> Route:
    defaults: dict[str, Any] = {
        "served_name": name,
        "revision": "r1",
        "upstream_host": "127.0.0.1",
        "upstream_port": 1,
        "path_prefix": f"/{name}",
        "created_at": 1_700_000_000,
    }
    return Route(name=name, **{**defaults, **fields})


def catalog(*routes: Route) -> Catalog:
    return Catalog(fixed(RouteIndex.of(RouteTable(routes=routes))))


def lost_redis() -> RedisLink:
    """A link to a Redis that is not there."""
    return RedisLink(RedisAddress(path="/nonexistent"))


def only_for(*tenants: str, plans: tuple[str, ...] = ()) -> Access:
    return Access(tenants=tenants, plans=plans)


def body(**fields: Any) -> bytes:
    """A chat request's body."""
    defaults = {"model": "demo", "messages": [{"role": "user", "content": "How are you?"}]}
    return json.dumps({**defaults, **fields}).encode()


def call(path: str = "/v1/chat/completions", content: bytes | None = None, **fields: Any) -> Call:
    """A checked request."""
    return parse(ENDPOINTS[path], body(**fields) if content is None else content, "application/json")
