"""Bad input that is different every time."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead_gateway.checks.policy import known_fields
from tests.gateway.bad_input.case import Case
from tests.gateway.bad_input.sender import Sender
from tests.gateway.checks.test_json_bounds import JSON_VALUES
from tests.gateway.checks.test_wrong_requests import VALID

pytestmark = pytest.mark.asyncio(loop_scope="module")

BRIEFLY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PATHS = st.sampled_from(sorted(VALID))
FIELDS = st.sampled_from(sorted({name for fields in known_fields().values() for name in fields.names}))
PARTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["text", "image_url", "input_text", "tool_use", "tool_result", "image", ""])
        | JSON_VALUES
    },
    optional={"text": JSON_VALUES, "image_url": JSON_VALUES, "source": JSON_VALUES, "content": JSON_VALUES},
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "captain"]) | JSON_VALUES},
    optional={
        "content": st.lists(PARTS | JSON_VALUES, max_size=3) | JSON_VALUES,
        "tool_calls": JSON_VALUES,
        "name": JSON_VALUES,
    },
)


async def unharmed(sender: Sender, path: str, body: bytes) -> None:
    assert await sender.faults([Case("generated", path, body, wrong=False)]) == []


@BRIEFLY
@given(path=PATHS, body=st.binary(max_size=200))
async def test_no_bytes_do_harm(sender: Sender, path: str, body: bytes) -> None:
    """Bytes that are no request at all are refused."""
    await unharmed(sender, path, body)


@BRIEFLY
@given(path=PATHS, value=JSON_VALUES)
async def test_no_json_does_harm(sender: Sender, path: str, value: Any) -> None:
    """JSON that is no request is refused."""
    await unharmed(sender, path, json.dumps(value).encode())


@BRIEFLY
@given(path=PATHS, changes=st.dictionaries(FIELDS, JSON_VALUES, max_size=4))
async def test_no_values_do_harm(sender: Sender, path: str, changes: dict[str, Any]) -> None:
    """Known fields with any values are refused or answered."""
    await unharmed(sender, path, json.dumps({**VALID[path], **changes}).encode())


@BRIEFLY
@given(
    path=st.sampled_from(["/v1/chat/completions", "/v1/messages", "/v1/responses"]),
    messages=st.lists(MESSAGE | JSON_VALUES, max_size=4),
)
async def test_no_messages_do_harm(sender: Sender, path: str, messages: list[Any]) -> None:
    """Conversations of any form are refused or answered."""
    field = "input" if path == "/v1/responses" else "messages"
    await unharmed(sender, path, json.dumps({**VALID[path], field: messages}).encode())


async def test_the_gateway_still_serves(sender: Sender) -> None:
    """After all of that the same process answers valid requests."""
    assert await sender.serves()
