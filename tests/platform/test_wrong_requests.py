"""Wrong requests get a clear refusal, and the engine survives them all."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
import psutil
import pytest

from tests.support.platform import DEMO_MODEL, Platform
from tests.support.processes import is_alive

pytestmark = pytest.mark.platform

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]


@dataclass(frozen=True)
class Wrong:
    """One wrong request and the status that it deserves."""

    body: Any = None
    path: str = CHAT
    status: int = 400
    method: str = "POST"
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    param: str | None = None


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": DEMO_MODEL, "messages": HELLO, "max_tokens": 3} | fields


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def schema_format(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}


WRONG = {
    "no body": Wrong(raw=b""),
    "broken JSON": Wrong(raw=b'{"model": "fairlead-demo", "messages": ['),
    "a list": Wrong(body=[1]),
    "text": Wrong(body="Hello"),
    "null": Wrong(raw=b"null"),
    "JSON that ends twice": Wrong(raw=json.dumps(chat()).encode() + b"{}"),
    "a key that stands twice": Wrong(raw=b'{"model": "a", "model": "fairlead-demo", "messages": []}'),
    "bytes that are no UTF-8": Wrong(raw=b'{"model": "\xff\xfe"}'),
    "NaN": Wrong(raw=b'{"model": "fairlead-demo", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}'),
    "a thousand brackets": Wrong(raw=b"[" * 1000),
    "a hundred thousand brackets": Wrong(raw=b'{"model": "fairlead-demo", "messages": ' + b"[" * 100_000),
    "a huge body": Wrong(raw=b'{"model": "' + b"x" * 20_000_000 + b'"}', status=413),
    "a form": Wrong(raw=b"model=x", headers={"content-type": "application/x-www-form-urlencoded"}, status=415),
    "no model": Wrong(body={"messages": HELLO}, param="model"),
    "a model that is a number": Wrong(body=chat(model=7), param="model"),
    "an unknown model": Wrong(body=chat(model="no-such-model"), status=404),
    "no messages": Wrong(body={"model": DEMO_MODEL}, param="messages"),
    "empty messages": Wrong(body=chat(messages=[])),
    "messages that are text": Wrong(body=chat(messages="Hello")),
    "an unknown role": Wrong(body=chat(messages=[{"role": "captain", "content": "x"}])),
    "a message without content": Wrong(body=chat(messages=[{"role": "user"}])),
    "content that is a number": Wrong(body=chat(messages=[{"role": "user", "content": 7}])),
    "an unknown field": Wrong(body=chat(temprature=1), param="temprature"),
    "a field of the engine's internals": Wrong(body=chat(kv_transfer_params={"do_remote_decode": True})),
    "a priority": Wrong(body=chat(priority=-5)),
    "a template": Wrong(body=chat(chat_template="{{ messages }}")),
    "temperature as text": Wrong(body=chat(temperature="hot"), param="temperature"),
    "temperature below 0": Wrong(body=chat(temperature=-0.1), param="temperature"),
    "temperature above 2": Wrong(body=chat(temperature=1e9), param="temperature"),
    "top_p above 1": Wrong(body=chat(top_p=1.5), param="top_p"),
    "top_k below -1": Wrong(body=chat(top_k=-7), param="top_k"),
    "max_tokens of zero": Wrong(body=chat(max_tokens=0)),
    "max_tokens below 0": Wrong(body=chat(max_tokens=-3), param="max_tokens"),
    "max_tokens as a fraction": Wrong(body=chat(max_tokens=1.5), param="max_tokens"),
    "max_tokens beyond the model": Wrong(body=chat(max_tokens=10_000_000)),
    "max_tokens beyond 64 bits": Wrong(raw=json.dumps(chat()).replace("3}", "9" * 400 + "}").encode()),
    "n of zero": Wrong(body=chat(n=0), param="n"),
    "n beyond measure": Wrong(body=chat(n=100_000), param="n"),
    "stream as text": Wrong(body=chat(stream="yes"), param="stream"),
    "stream options without stream": Wrong(body=chat(stream_options={"include_usage": True})),
    "a penalty out of range": Wrong(body=chat(frequency_penalty=9), param="frequency_penalty"),
    "logprobs beyond measure": Wrong(body=chat(logprobs=True, top_logprobs=5000)),
    "a stop that is a number": Wrong(body=chat(stop=7)),
    "a thousand stops": Wrong(body=chat(stop=["x"] * 1000)),
    "a seed beyond 64 bits": Wrong(body=chat(seed=2**70)),
    "a bias for a token that is none": Wrong(body=chat(logit_bias={"word": 1})),
    "a schema of 300 levels": Wrong(body=chat(response_format=schema_format(nested(300)))),
    "a schema that is none": Wrong(body=chat(response_format=schema_format({"type": "captain"}))),
    "a schema of half a megabyte": Wrong(
        body=chat(response_format=schema_format({"enum": [str(number) * 10 for number in range(10_000)]}))
    ),
    "an unknown response format": Wrong(body=chat(response_format={"type": "xml"})),
    "a regular expression that is none": Wrong(body=chat(structured_outputs={"regex": "((("})),
    "a grammar that is none": Wrong(body=chat(structured_outputs={"grammar": "root ::= <<<"})),
    "tools that are text": Wrong(body=chat(tools="hammer")),
    "a choice of tool without tools": Wrong(body=chat(tool_choice={"type": "function", "function": {"name": "f"}})),
    "a prompt beyond the model": Wrong(body={"model": DEMO_MODEL, "prompt": [1] * 66_000}, path="/v1/completions"),
    "a prompt of unknown tokens": Wrong(body={"model": DEMO_MODEL, "prompt": [10**9]}, path="/v1/completions"),
    "a prompt of negative tokens": Wrong(body={"model": DEMO_MODEL, "prompt": [-1]}, path="/v1/completions"),
    "a prompt that is a mapping": Wrong(body={"model": DEMO_MODEL, "prompt": {"a": 1}}, path="/v1/completions"),
    "a response without input": Wrong(body={"model": DEMO_MODEL}, path="/v1/responses"),
    "a response that continues another": Wrong(
        body={"model": DEMO_MODEL, "input": "x", "previous_response_id": "resp_1"}, path="/v1/responses"
    ),
    "a message without max_tokens": Wrong(body={"model": DEMO_MODEL, "messages": HELLO}, path="/v1/messages"),
    "tokens below 0 for detokenize": Wrong(body={"model": DEMO_MODEL, "tokens": [-1]}, path="/detokenize"),
    "a wrong method": Wrong(method="GET", status=405),
    "another wrong method": Wrong(method="DELETE", status=405),
    "an unknown path": Wrong(body=chat(), path="/v1/chat/completion", status=404),
    "a header beyond measure": Wrong(body=chat(), headers={"x-long": "x" * 100_000}, status=431),
}


@pytest.fixture(scope="module")
def engine(platform: Platform) -> psutil.Process:
    """The engine as it was before the first wrong request."""
    return platform.engine_core("demo")


@pytest.fixture(scope="module")
def unlimited(platform: Platform) -> str:
    """A token of a tenant whose limits refuse nothing."""
    return platform.tenant()


@pytest.mark.parametrize("name", WRONG)
def test_wrong_request(platform: Platform, engine: psutil.Process, unlimited: str, name: str) -> None:
    """A wrong request is refused in the dialect's envelope, and the same engine answers the next one."""
    wrong = WRONG[name]
    content = wrong.raw if wrong.raw is not None else json.dumps(wrong.body).encode()
    headers = {"content-type": "application/json"} | platform.headers(unlimited) | wrong.headers

    answer = httpx2.request(wrong.method, platform.url + wrong.path, content=content, headers=headers, timeout=30)

    assert answer.status_code == wrong.status, answer.text[:500]
    error = answer.json()["error"]
    assert len(error["message"]) > 10
    assert "Traceback" not in error["message"]
    assert answer.headers["x-request-id"]
    if wrong.path == "/v1/messages":
        assert answer.json()["type"] == "error"
    else:
        assert set(error) == {"message", "type", "param", "code"}
    if wrong.param:
        assert error["param"] == wrong.param
    assert platform.completion_answers()
    assert is_alive(engine)
