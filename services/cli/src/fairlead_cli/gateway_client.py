"""Questions to the running gateway that are answered at once, in JSON."""

from collections.abc import Mapping
from typing import Any

import httpx2

from fairlead_cli.errors import PlatformNotRunning
from fairlead_contract.errors import InvalidRequest

ANSWER_TIMEOUT_S = 10.0


def get(address: str, path: str, token: str, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Return what the gateway answers.

    Raises:
        PlatformNotRunning: The gateway does not answer.
        InvalidRequest: It refuses, in its own words.
    """
    try:
        answer = httpx2.get(
            address + path, params=query, headers=bearer(token), timeout=ANSWER_TIMEOUT_S, trust_env=False
        )
    except httpx2.HTTPError as error:
        raise silent(address, error) from None
    if answer.is_error:
        raise InvalidRequest(said(answer))
    return answer.json()


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"authorization": f"Bearer {token}"}


def silent(address: str, error: Exception) -> PlatformNotRunning:
    """Return the error that tells that the gateway does not answer."""
    return PlatformNotRunning(f"the gateway at {address} does not answer: {error}")


def said(answer: httpx2.Response) -> str:
    """Return the message inside an error envelope, else the whole body."""
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the gateway answers {answer.status_code}: {answer.text[:300]}"
