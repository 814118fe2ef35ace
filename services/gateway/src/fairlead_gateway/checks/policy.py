"""Which request fields the gateway lets through, which it drops and which it refuses, each with its reason.

What clients and the engine know is generated (`data/request_fields.json`, by
`python -m fairlead_serving.request_fields`); what is dangerous or would be silently ignored is decided here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType

import msgspec

DROPPED: Mapping[str, str] = MappingProxyType(
    {
        "cache_salt": "the gateway sets it per tenant, so that no tenant can probe another's prefix cache",
        "session_id": "a name that clients choose must not steer the engine; sessions of two tenants could meet",
    }
)

_KV = "it commands transfers between engines, which is the platform's business"
_MEDIA = "it changes how media are loaded and processed, and with it how much memory a request takes"
_STORED = "this server keeps no responses; send the whole conversation in `input`"
_GUIDED = "vLLM has removed it; write `structured_outputs` or `response_format` instead"
_RENDER = "it belongs to routes that are not offered here"

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "priority": "it would let one client overtake all others; limits and plans decide on precedence",
        "request_id": "the gateway names requests; read the `x-request-id` header of the answer",
        "vllm_xargs": "it reaches extensions of the engine that are the operator's to use",
        "kv_transfer_params": _KV,
        "ec_transfer_params": _KV,
        "chat_template": "a template is a program that would run inside the engine; the model's own is used",
        "mm_processor_kwargs": _MEDIA,
        "media_io_kwargs": _MEDIA,
        "mm_payload": _RENDER,
        "return_mm_kwargs": _RENDER,
        "return_token_offsets": _RENDER,
        "routed_experts_prompt_start": "it reads the engine's internals",
        "prompt_embeds": "serialised tensors are not accepted from clients; send text or token ids in `prompt`",
        "use_beam_search": "beams cost far more than the tokens that are counted; use `n` and `temperature`",
        "previous_input_messages": "it is the engine's internal form; send the conversation in `input`",
        "previous_response_id": _STORED,
        "conversation": _STORED,
        "functions": "it is deprecated and would be ignored; write `tools` instead",
        "function_call": "it is deprecated and would be ignored; write `tool_choice` instead",
        "audio": "spoken answers are not offered; leave it out",
        "image": "generated images are not offered; leave it out",
        "web_search_options": "web search is not offered; leave it out",
        "thread": "this server keeps no conversations; send all of it in `messages`",
        "access_programs": "it is a service of OpenAI's own platform",
        "container": "code execution is not offered; leave it out",
        "mcp_servers": "the server calls no tools itself; run them in your client and send `tool_result` blocks",
        "inference_geo": "the server runs where its operator put it; leave it out",
        "guided_json": _GUIDED,
        "guided_regex": _GUIDED,
        "guided_choice": _GUIDED,
        "guided_grammar": _GUIDED,
        "guided_decoding_backend": _GUIDED,
        "guided_whitespace_pattern": _GUIDED,
    }
)
"""Refused wherever they are not null, with the reason that the client is told."""


@dataclass(frozen=True)
class KnownFields:
    """The fields of one endpoint: what the engine knows, and what only the vendors' clients send."""

    engine: frozenset[str]
    client_only: frozenset[str]

    @cached_property
    def names(self) -> frozenset[str]:
        """Every known field."""
        return self.engine | self.client_only


@cache
def known_fields() -> Mapping[str, KnownFields]:
    """Return the generated lists by endpoint kind."""
    content = files("fairlead_gateway").joinpath("data/request_fields.json").read_bytes()
    endpoints = msgspec.json.decode(content)["endpoints"]
    return MappingProxyType(
        {
            kind: KnownFields(frozenset(fields["engine"]), frozenset(fields["client_only"]))
            for kind, fields in endpoints.items()
        }
    )


def nearest(name: str, known: frozenset[str]) -> str | None:
    """Return the known field that a misspelt one most likely meant, or None."""
    close = get_close_matches(name[:80], known - REFUSED.keys(), n=1, cutoff=0.6)
    return close[0] if close else None
