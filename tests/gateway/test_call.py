import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_contract.errors import FairleadError, UnsupportedMediaType
from fairlead_gateway.call import parse, rewrite
from fairlead_gateway.endpoints import ENDPOINTS
from tests.gateway.builders import body, call, route

CHAT = ENDPOINTS["/v1/chat/completions"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def sent(path: str, fields: dict[str, Any], *, salt: str | None = "salt") -> dict[str, Any]:
    """What the engine gets for a request."""
    checked = call(path, json.dumps(fields).encode())
    fields_sent: dict[str, Any] = json.loads(rewrite(checked, route(served_name="org/Demo"), salt))
    return fields_sent


@pytest.mark.parametrize("path, prompt", [("/v1/chat/completions", "messages"), ("/v1/completions", "prompt")])
def test_tokens_share_events_where_the_gateway_says_so(path: str, prompt: str) -> None:
    """The engine is told the interval, unless the client has named one or every token has its own event."""
    question: dict[str, Any] = (
        {"messages": [{"role": "user", "content": "x"}]} if prompt == "messages" else {prompt: "x"}
    )
    fields = {"model": "demo", "stream": True, **question}
    plain, own = (call(path, json.dumps(fields | more).encode()) for more in ({}, {"stream_interval": 3}))
    assert json.loads(rewrite(plain, route(), "s", tokens_per_event=4))["stream_interval"] == 4
    assert "stream_interval" not in json.loads(rewrite(plain, route(), "s", tokens_per_event=1))
    assert json.loads(rewrite(own, route(), "s", tokens_per_event=4))["stream_interval"] == 3
    assert (plain.tokens_per_event, own.tokens_per_event) == (None, 3)


def test_a_call_says_what_the_policies_need() -> None:
    """Model, streaming, bound, answers, size and determinism are read once."""
    checked = call(stream=True, stream_options={"include_usage": True}, max_completion_tokens=7, n=2, temperature=0.5)
    assert (checked.model, checked.stream, checked.include_usage) == ("demo", True, True)
    assert (checked.max_output_tokens, checked.choices, checked.deterministic) == (7, 2, False)
    assert checked.prompt_bytes == len(json.dumps([{"role": "user", "content": "How are you?"}]))


@pytest.mark.parametrize(
    "fields, deterministic",
    [
        ({}, False),
        ({"temperature": 0}, True),
        ({"temperature": 0.0}, True),
        ({"temperature": 0.1}, False),
        ({"temperature": None}, False),
        ({"seed": 1}, True),
        ({"seed": 0, "temperature": 1}, True),
        ({"seed": None}, False),
        ({"seed": 1, "n": 2}, False),
    ],
)
def test_a_call_is_deterministic_where_greedy_or_seeded_and_single(fields: dict[str, Any], deterministic: bool) -> None:
    """Only such calls may be answered from the cache."""
    assert call(**fields).deterministic is deterministic


def test_completions_are_bounded_by_the_engines_default() -> None:
    """VLLM gives a completion 16 tokens where none are stated."""
    assert call("/v1/completions", b'{"model": "demo", "prompt": "a"}').max_output_tokens == 16


@pytest.mark.parametrize("prompt, answers", [("a", 1), (["a", "b", "c"], 3), ([1, 2, 3], 1), ([[1], [2, 3]], 2)])
def test_every_prompt_of_a_list_is_an_answer(prompt: object, answers: int) -> None:
    """A list of prompts costs as many answers, times `n`."""
    content = json.dumps({"model": "demo", "prompt": prompt, "n": 2}).encode()
    assert call("/v1/completions", content).choices == answers * 2


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_is_accepted_in_every_spelling_of_its_type(content_type: str) -> None:
    """The media type is compared as HTTP says."""
    assert parse(CHAT, body(), content_type).model == "demo"


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/json; charset=latin-1", "multipart/form-data", "application/jsonx"],
)
def test_another_content_type_is_refused(content_type: str | None) -> None:
    """What is not announced as JSON is not parsed."""
    with pytest.raises(UnsupportedMediaType, match="application/json"):
        parse(CHAT, body(), content_type)


def test_the_model_goes_upstream_under_the_name_that_the_engine_knows() -> None:
    """An alias never reaches the engine."""
    assert json.loads(rewrite(call(), route(served_name="org/Demo"), None))["model"] == "org/Demo"


def test_values_keep_their_bytes() -> None:
    """Numbers, escapes and white space inside values arrive as the client wrote them."""
    content = (
        rb'{ "model" : "demo", "temperature": 0.70, "messages":[ {"role":"user", "content":"\u00e9\/ 1e2"} ] ,"seed":1}'
    )
    expected = (
        rb'{"model":"demo","temperature":0.70,"messages":[ {"role":"user", "content":"\u00e9\/ 1e2"} ],"seed":1,'
        rb'"cache_salt":"s"}'
    )
    assert rewrite(call(content=content), route(), "s") == expected


def test_a_stream_is_asked_for_its_usage() -> None:
    """The gateway counts tokens whether or not the client wants to see them."""
    fields = json.loads(body(stream=True))
    assert sent(CHAT.path, fields)["stream_options"] == {"include_usage": True}
    fields["stream_options"] = {"include_usage": False, "continuous_usage_stats": True}
    assert sent(CHAT.path, fields)["stream_options"] == {"include_usage": True}
    fields["stream_options"] = {"include_usage": True, "continuous_usage_stats": True}
    assert sent(CHAT.path, fields)["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}


def test_what_is_not_streamed_gets_no_stream_options() -> None:
    """VLLM refuses `stream_options` without `stream`."""
    assert "stream_options" not in sent(CHAT.path, json.loads(body()))


def test_the_clients_salt_and_session_do_not_reach_the_engine() -> None:
    """No tenant can choose the salt of another."""
    fields = json.loads(body(cache_salt="mine", session_id="s"))
    assert sent(CHAT.path, fields)["cache_salt"] == "salt"
    assert "session_id" not in sent(CHAT.path, fields)
    assert "cache_salt" not in sent(CHAT.path, fields, salt=None)


def test_endpoints_without_a_prefix_cache_get_no_salt() -> None:
    """The tokenizer knows no `cache_salt`."""
    assert sent("/tokenize", {"model": "demo", "prompt": "a"}) == {"model": "org/Demo", "prompt": "a"}


def test_responses_are_never_stored_in_the_engine() -> None:
    """VLLM would keep them in one replica's memory for ever."""
    assert sent("/v1/responses", {"model": "demo", "input": "a"})["store"] is False


def test_messages_keep_anthropics_form() -> None:
    """Nothing of OpenAI's is added to an Anthropic request but the salt."""
    fields = {"model": "demo", "max_tokens": 5, "messages": [{"role": "user", "content": "a"}], "stream": True}
    assert sent("/v1/messages", fields) == {**fields, "model": "org/Demo", "cache_salt": "salt"}


@given(
    st.dictionaries(
        st.sampled_from(["user", "seed", "stop", "documents", "top_p", "stream", "cache_salt", "max_tokens"]), TEXT
    ),
    TEXT.filter(bool),
)
def test_rewriting_changes_only_what_is_the_gateways_to_change(others: dict[str, Any], content: str) -> None:
    """Whatever passes the checks reaches the engine with the same values, in the same order."""
    fields = {"model": "demo", "messages": [{"role": "user", "content": content}], **others}
    try:
        checked = parse(CHAT, json.dumps(fields).encode(), "application/json")
    except FairleadError:
        return
    result = json.loads(rewrite(checked, route(served_name="Demo"), "salt"))
    kept = {name: value for name, value in fields.items() if name != "cache_salt"}
    assert result == {**kept, "model": "Demo", "cache_salt": "salt"}
