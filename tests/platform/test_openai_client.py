"""OpenAI's own client works against the platform unchanged."""

import openai
import pytest

from tests.support.platform import DEMO_MODEL, Platform

pytestmark = pytest.mark.platform

QUESTION = "What does the fairlead on a ship do?"


def test_models(openai_client: openai.OpenAI) -> None:
    """It lists the models and retrieves one by name and by alias."""
    assert DEMO_MODEL in [model.id for model in openai_client.models.list()]
    assert openai_client.models.retrieve(DEMO_MODEL).object == "model"
    assert openai_client.models.retrieve("demo").id in {DEMO_MODEL, "demo"}


def test_chat(openai_client: openai.OpenAI) -> None:
    """A chat answer carries text, a reason for its end and the usage."""
    answer = openai_client.chat.completions.create(
        model=DEMO_MODEL, messages=[{"role": "user", "content": QUESTION}], max_tokens=40
    )
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in {"stop", "length"}
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id


def test_chat_by_alias(openai_client: openai.OpenAI) -> None:
    """A model answers by its alias, under the name that was asked for or its own."""
    answer = openai_client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": QUESTION}], max_tokens=5
    )
    assert answer.model in {DEMO_MODEL, "demo"}


def test_streamed_chat_with_usage(openai_client: openai.OpenAI) -> None:
    """A stream that asks for usage ends with one chunk that has usage and no choices."""
    stream = openai_client.chat.completions.create(
        model=DEMO_MODEL,
        messages=[{"role": "user", "content": QUESTION}],
        max_tokens=40,
        temperature=0.7,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    with_usage = [chunk for chunk in chunks if chunk.usage]
    assert with_usage == [chunks[-1]]
    assert chunks[-1].choices == []
    assert with_usage[0].usage is not None
    assert 0 < with_usage[0].usage.completion_tokens <= 40


def test_streamed_chat_without_usage(openai_client: openai.OpenAI) -> None:
    """A stream that does not ask for usage has a choice in every chunk and shows no usage."""
    stream = openai_client.chat.completions.create(
        model=DEMO_MODEL,
        messages=[{"role": "user", "content": QUESTION}],
        max_tokens=40,
        temperature=0.7,
        stream=True,
    )
    chunks = list(stream)
    assert chunks[-1].choices[0].finish_reason
    assert all(chunk.choices for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)


def test_same_text_streamed_and_whole(openai_client: openai.OpenAI) -> None:
    """The same greedy question has the same answer streamed and whole."""
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]
    whole = openai_client.chat.completions.create(model=DEMO_MODEL, messages=messages, max_tokens=40, temperature=0)
    with openai_client.chat.completions.stream(
        model=DEMO_MODEL, messages=messages, max_tokens=40, temperature=0
    ) as stream:
        streamed = stream.get_final_completion()
    assert streamed.choices[0].message.content == whole.choices[0].message.content


def test_completions(openai_client: openai.OpenAI) -> None:
    """Completions work, whole and streamed, also of several prompts."""
    answer = openai_client.completions.create(model=DEMO_MODEL, prompt=["The ship", "The sea"], max_tokens=5)
    assert len(answer.choices) == 2
    chunks = list(openai_client.completions.create(model=DEMO_MODEL, prompt="The", max_tokens=5, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks)


def test_responses(openai_client: openai.OpenAI) -> None:
    """The Responses API answers."""
    answer = openai_client.responses.create(model=DEMO_MODEL, input=QUESTION, max_output_tokens=40)
    assert answer.output_text
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0


def test_streamed_responses(openai_client: openai.OpenAI) -> None:
    """The Responses API streams its typed events, from created to completed."""
    with openai_client.responses.stream(model=DEMO_MODEL, input=QUESTION, max_output_tokens=40) as stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds
    assert kinds[-1] in {"response.completed", "response.incomplete"}


def test_unknown_model(openai_client: openai.OpenAI) -> None:
    """An unknown model is NotFoundError, in words that name it."""
    with pytest.raises(openai.NotFoundError, match="no-such-model") as caught:
        openai_client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "x"}])
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("no-such-model")


def test_wrong_key(platform: Platform) -> None:
    """A wrong key is AuthenticationError."""
    client = openai.OpenAI(base_url=f"{platform.url}/v1", api_key="fl-nobody-nothing")
    with client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_wrong_value(openai_client: openai.OpenAI) -> None:
    """A value out of range is BadRequestError that names the field."""
    with pytest.raises(openai.BadRequestError) as caught:
        openai_client.chat.completions.create(
            model=DEMO_MODEL, messages=[{"role": "user", "content": "x"}], temperature=-1
        )
    assert caught.value.param == "temperature"


def test_rate_limit(platform: Platform) -> None:
    """A reached limit is RateLimitError after as many attempts as the client was told to make."""
    with client_of(platform, requestsPerMinute=1) as client:
        client.with_options(max_retries=0).models.list()
        say(client)
        with pytest.raises(openai.RateLimitError) as caught:
            say(client.with_options(max_retries=0))
    assert caught.value.code == "rate_limit_exceeded"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 61


@pytest.mark.long
@pytest.mark.timeout(180)
def test_retries_after_rate_limit(platform: Platform) -> None:
    """The client waits as Retry-After says and then succeeds by itself."""
    with client_of(platform, requestsPerMinute=1) as client:
        say(client)
        assert say(client.with_options(max_retries=2)).choices


def say(client: openai.OpenAI) -> openai.types.chat.ChatCompletion:
    return client.chat.completions.create(
        model=DEMO_MODEL, messages=[{"role": "user", "content": "Hello"}], max_tokens=3, temperature=1
    )


def client_of(platform: Platform, **limits: int) -> openai.OpenAI:
    """Return a client of a new tenant with limits."""
    return openai.OpenAI(base_url=f"{platform.url}/v1", api_key=platform.tenant(**limits))
