"""An identity provider: real keys, and a real HTTP server that can be slow, dead, huge, wrong or elsewhere."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.gateway.builders import NOW

ISSUER = "https://id.example.com/realms/acme"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def private_key(algorithm: str = "RS256", name: str = "one") -> PrivateKey:
    """Return a key of a name, the same one every time: making an RSA key takes a while."""
    del name
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def jwk(kid: str | None = "one", algorithm: str = "RS256", **fields: Any) -> dict[str, Any]:
    """Return the public half of the key of that name, as an identity provider publishes it."""
    known = jwt.get_algorithm_by_name(algorithm)
    published = known.to_jwk(private_key(algorithm, kid or "one").public_key(), as_dict=True)
    published.pop("key_ops", None)
    named = {} if kid is None else {"kid": kid}
    return {**published, **named, "use": "sig", "alg": algorithm, **fields}


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys or (jwk(),)}).encode()


def idp_token(
    kid: str = "one",
    algorithm: str = "RS256",
    *,
    header: dict[str, Any] | None = None,
    named: bool = True,
    without: str = "",
    now: float = NOW,
    **claims: Any,
) -> str:
    """Sign a token with the key of a name as the identity provider does.

    Where it is not `named`, it has no `kid`; `without` leaves a claim out.
    """
    payload = {
        "iss": ISSUER,
        "aud": "fairlead",
        "sub": "ann",
        "tenant": "acme",
        "iat": int(now) - 10,
        "exp": int(now) + 3600,
        **claims,
    }
    payload.pop(without, None)
    headers = {**({"kid": kid} if named else {}), **(header or {})}
    return jwt.encode(payload, private_key(algorithm, kid), algorithm=algorithm, headers=headers)


@dataclass
class Idp:
    """A running identity provider.

    Attributes:
        content: What it publishes.
        script: What it does with a request instead of publishing `content`, if anything.
        asked: How often it was asked, whatever came of it.
    """

    port: int = 0
    content: bytes = field(default_factory=jwks)
    script: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
    asked: int = 0
    heads: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/certs"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            self.asked += 1
            await (self.script or self.publish)(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def publish(self, writer: asyncio.StreamWriter) -> None:
        await answer(writer, "200 OK", self.content)


async def answer(writer: asyncio.StreamWriter, status: str, content: bytes, *headers: str) -> None:
    """Send a whole answer."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(content)}", "connection: close", *headers]
    writer.write("\r\n".join([*lines, "", ""]).encode() + content)
    await writer.drain()


async def never(_writer: asyncio.StreamWriter) -> None:
    """Take the request and say nothing."""
    await asyncio.Event().wait()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Break the connection."""
    writer.transport.abort()


async def flood(writer: asyncio.StreamWriter) -> None:
    """Send JSON without end, to whoever goes on reading."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        await writer.drain()


@asynccontextmanager
async def running_idp() -> AsyncIterator[Idp]:
    """Run an identity provider on a free port."""
    idp = Idp()
    server = await asyncio.start_server(idp.serve, "127.0.0.1", 0)
    idp.port = server.sockets[0].getsockname()[1]
    try:
        yield idp
    finally:
        server.close()
