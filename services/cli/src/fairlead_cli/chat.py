"""A conversation with a model through the gateway, streamed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2

from fairlead_cli.applied import read_applied
from fairlead_cli.errors import UnknownName
from fairlead_cli.gateway_client import bearer, get, said, silent
from fairlead_cli.home import Home
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
                "POST", url, json=body, headers=bearer(self.token), timeout=timeout, trust_env=False
            ) as answer:
                if answer.is_error:
                    answer.read()
                    raise InvalidRequest(said(answer))
                yield from _pieces(answer.iter_lines())
        except httpx2.HTTPError as error:
            raise silent(self.address, error) from None


def only_model(home: Home) -> str:
    """Return the served name of the one applied model.

    Raises:
        UnknownName: There is none, or more than one.
    """
    names = [entry.deployment.served_name for entry in read_applied(home)]
    if len(names) != 1:
        problem = "which model? name one of" if names else "no model is applied; see: fairlead apply --help"
        raise UnknownName(f"{problem}: {', '.join(names)}" if names else problem, param="model")
    return names[0]


def check_model(address: str, token: str, model: str) -> str:
    """Return the model if the gateway serves it to the holder of the token.

    Raises:
        PlatformNotRunning: The gateway does not answer.
        InvalidRequest: The gateway refused to list its models, in its own words.
        UnknownName: There is no such model, at least not for that tenant.
    """
    known = [str(entry["id"]) for entry in get(address, "/v1/models", token)["data"]]
    if model not in known:
        raise UnknownName(f"no model {model!r}; models: {', '.join(known) or 'none'}", param="model")
    return model


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
