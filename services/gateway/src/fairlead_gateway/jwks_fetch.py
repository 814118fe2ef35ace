"""Fetches a JWKS document: one address, two seconds, 256 KB, nothing followed.

No proxy and no certificate is taken from the environment, so that a stray variable cannot decide whose keys are
believed. A redirect is an error, for the address that is declared is the one that is trusted.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Final

import httpx2

from fairlead_gateway.jwks import MAX_JWKS_BYTES

FETCH_TIMEOUT_S: Final = 2.0
_OK: Final = 200


class FetchFailed(Exception):
    """Why there is no document, in one phrase."""


class JwksFetcher:
    """Fetches from one address.

    Args:
        ca_file: Certificates that the server's may be signed by; None for the system's.
        timeout_s: Time for everything together: name, connection, head and body.
    """

    def __init__(self, url: str, *, ca_file: Path | None = None, timeout_s: float = FETCH_TIMEOUT_S) -> None:
        self._url = url
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._trust: ssl.SSLContext | None = None

    async def __call__(self) -> bytes:
        """Return the document, whatever it says.

        Raises:
            FetchFailed: There is none, or not in time, or not whole.
        """
        try:
            # Reading the system's certificates takes tens of milliseconds, in which no request may stand still.
            if self._trust is None:
                self._trust = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca_file)
            async with asyncio.timeout(self._timeout_s):
                return await self._fetch(self._trust)
        except TimeoutError:
            raise FetchFailed(f"no answer within {self._timeout_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            self._trust = None  # an authority that was renewed meanwhile is read at the next attempt
            raise FetchFailed(str(error) or type(error).__name__) from None

    async def _fetch(self, trust: ssl.SSLContext) -> bytes:
        headers = {"accept": "application/jwk-set+json, application/json", "accept-encoding": "identity"}
        async with (
            httpx2.AsyncClient(
                verify=trust, trust_env=False, follow_redirects=False, timeout=self._timeout_s
            ) as client,
            client.stream("GET", self._url, headers=headers) as answer,
        ):
            if answer.status_code != _OK:
                raise FetchFailed(f"status {answer.status_code}; the address must answer by itself with 200")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise FetchFailed("the answer is compressed, which was not asked for")
            return await _bounded(answer)


async def _bounded(answer: httpx2.Response) -> bytes:
    content = bytearray()
    async for piece in answer.aiter_raw():
        content += piece
        if len(content) > MAX_JWKS_BYTES:
            raise FetchFailed(f"the answer is larger than {MAX_JWKS_BYTES} bytes")
    return bytes(content)
