"""A conversation with a model through the gateway, streamed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2

from fairlead_cli.errors import PlatformNotRunning, UnknownName
from fairlead_contract.errors import EngineDied, InvalidRequest

CONNECT_TIMEOUT_S = 10.0
SILENCE_TIMEOUT_S = 300.0
"""A model that was scaled to zero may take minutes until its first token."""


@dataclass(slots=True)
class Conversation:
    """What was said so far, with one model at one gateway."""

    address: str
    token: str
    model: str
    messages: list[dict[str, str]] = field(default_factory=list)

    def say(self, text: str) -> Iterator[str]:
        """Send a message and yield the answer piece by piece; the answer is remembered once it is whole.

        Raises:
            PlatformNotRunning: The gateway does not answer.
            InvalidRequest: The gateway refused the request, in its own words.
            EngineDied: The answer broke off.
        """
        asked = {"role": "user", "content": text}
        pieces: list[str] = []
        for piece in self._stream([*self.messages, asked]):
            pieces.append(piece)
            yield piece
        self.messages += [asked, {"role": "assistant", "content": "".join(pieces)}]

    def _stream(self, messages: list[dict[str, str]]) -> Iterator[str]:
        timeout = httpx2.Timeout(SILENCE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        body = {"model": self.model, "messages": messages, "stream": True}
        url = f"{self.address}/v1/chat/completions"
        try:
            with httpx2.stream(
                "POST", url, json=body, headers=_bearer(self.token), timeout=timeout, trust_env=False
            ) as answer:
                if answer.is_error:
                    answer.read()
                    raise InvalidRequest(_said(answer))
                yield from _pieces(answer.iter_lines())
        except httpx2.HTTPError as error:
            raise PlatformNotRunning(f"the gateway at {self.address} does not answer: {error}") from None


def choose_model(address: str, token: str, wanted: str | None) -> str:
    """Return the model to talk to: the wanted one, or the only one.

    Raises:
        PlatformNotRunning: The gateway does not answer.
        UnknownName: The wanted model does not exist, or none is wanted and there are several.
    """
    try:
        answer = httpx2.get(f"{address}/v1/models", headers=_bearer(token), timeout=CONNECT_TIMEOUT_S, trust_env=False)
    except httpx2.HTTPError as error:
        raise PlatformNotRunning(f"the gateway at {address} does not answer: {error}") from None
    if answer.is_error:
        raise InvalidRequest(_said(answer))
    models = [str(model["id"]) for model in answer.json()["data"]]
    if wanted in models:
        return str(wanted)
    known = ", ".join(models) or "none"
    if wanted is None and len(models) == 1:
        return models[0]
    problem = f"no model {wanted!r}" if wanted else "which model?" if models else "no model is applied"
    raise UnknownName(f"{problem}; models: {known}", param="model")


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    """Yield the text in a stream of server-sent events.

    Raises:
        EngineDied: The stream carries an error, or ends before its end.
    """
    for line in lines:
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        event = json.loads(data)
        if "error" in event:
            raise EngineDied(str(event["error"].get("message", event["error"])))
        for choice in event.get("choices", []):
            if piece := choice.get("delta", {}).get("content"):
                yield str(piece)
    raise EngineDied("the answer broke off; ask again")


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _said(answer: httpx2.Response) -> str:
    """Return the message inside an error envelope, else the whole body."""
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the gateway answers {answer.status_code}: {answer.text[:300]}"
