"""The inference endpoints: what the gateway passes to an engine, and nothing else is passed.

A path that is not in this table never reaches an engine; all of vLLM's administrative routes are outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from fairlead_contract.modeldeployment import Task
from fairlead_contract.surface import ENGINE_PATHS


class Dialect(StrEnum):
    """Whose forms of errors and of streamed events a client expects."""

    OPENAI = "openai"
    RESPONSES = "responses"
    ANTHROPIC = "anthropic"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One inference endpoint.

    Attributes:
        path: Path at the gateway.
        kind: Name of its request form in `data/request_fields.json`, and of its grant.
        upstream_path: Path at the replica, below the model's prefix.
        streamable: Whether `stream: true` means something here.
        counted: Whether the tokens that it reads and generates count against limits.
        audio: Whether it takes a form with a file, and what counts are the seconds of sound in it.
        salted: Whether the engine takes `cache_salt` here, which keeps tenants' prefix caches apart.
        usage_on_request: Whether the engine reports a stream's usage only when `stream_options` asks for it.
        paced: Whether the engine takes `stream_interval` here, the number of tokens that share an event.
        cacheable: Whether a deterministic answer may be kept.
        computed: Whether nothing is sampled, so that every answer is deterministic.
        prompt_fields: Fields whose bytes are the prompt.
        output_fields: Fields that bound the answer's tokens; the first is the preferred name.
        engine_default_output: Tokens the engine generates at most where no field says so, or None for "until it ends".
    """

    path: str
    kind: str
    dialect: Dialect
    upstream_path: str
    streamable: bool = False
    counted: bool = False
    audio: bool = False
    salted: bool = False
    usage_on_request: bool = False
    paced: bool = False
    cacheable: bool = False
    computed: bool = False
    prompt_fields: tuple[str, ...] = ()
    output_fields: tuple[str, ...] = ()
    engine_default_output: int | None = None

    @property
    def paid(self) -> bool:
        """Whether what it uses may have a price."""
        return self.counted or self.audio


_RERANK = Endpoint(
    path="/v1/rerank",
    kind="rerank",
    dialect=Dialect.OPENAI,
    upstream_path="/rerank",
    counted=True,
    salted=True,
    cacheable=True,
    computed=True,
    prompt_fields=("query", "documents"),
    engine_default_output=0,
)

_TRANSCRIPTIONS = Endpoint(
    path="/v1/audio/transcriptions",
    kind="transcriptions",
    dialect=Dialect.OPENAI,
    upstream_path="/v1/audio/transcriptions",
    streamable=True,
    audio=True,
    engine_default_output=0,
)

_TABLE = (
    Endpoint(
        path="/v1/chat/completions",
        kind="chat",
        dialect=Dialect.OPENAI,
        upstream_path="/v1/chat/completions",
        streamable=True,
        counted=True,
        salted=True,
        usage_on_request=True,
        paced=True,
        cacheable=True,
        prompt_fields=("messages", "tools", "documents"),
        output_fields=("max_completion_tokens", "max_tokens"),
    ),
    Endpoint(
        path="/v1/completions",
        kind="completions",
        dialect=Dialect.OPENAI,
        upstream_path="/v1/completions",
        streamable=True,
        counted=True,
        salted=True,
        usage_on_request=True,
        paced=True,
        cacheable=True,
        prompt_fields=("prompt",),
        output_fields=("max_tokens",),
        engine_default_output=16,
    ),
    Endpoint(
        path="/v1/responses",
        kind="responses",
        dialect=Dialect.RESPONSES,
        upstream_path="/v1/responses",
        streamable=True,
        counted=True,
        salted=True,
        cacheable=True,
        prompt_fields=("input", "instructions", "tools"),
        output_fields=("max_output_tokens",),
    ),
    Endpoint(
        path="/v1/messages",
        kind="messages",
        dialect=Dialect.ANTHROPIC,
        upstream_path="/v1/messages",
        streamable=True,
        counted=True,
        salted=True,
        cacheable=True,
        prompt_fields=("messages", "system", "tools"),
        output_fields=("max_tokens",),
    ),
    Endpoint(
        path="/v1/messages/count_tokens",
        kind="count_tokens",
        dialect=Dialect.ANTHROPIC,
        upstream_path="/v1/messages/count_tokens",
        prompt_fields=("messages", "system", "tools"),
    ),
    Endpoint(
        path="/tokenize",
        kind="tokenize",
        dialect=Dialect.OPENAI,
        upstream_path="/tokenize",
        prompt_fields=("prompt", "messages", "tools"),
    ),
    Endpoint(
        path="/detokenize",
        kind="detokenize",
        dialect=Dialect.OPENAI,
        upstream_path="/detokenize",
        prompt_fields=("tokens",),
    ),
    Endpoint(
        path="/v1/embeddings",
        kind="embeddings",
        dialect=Dialect.OPENAI,
        upstream_path="/v1/embeddings",
        counted=True,
        salted=True,
        cacheable=True,
        computed=True,
        prompt_fields=("input",),
        engine_default_output=0,
    ),
    _RERANK,
    replace(_RERANK, path="/v2/rerank"),  # where Cohere's clients ask
    Endpoint(
        path="/v1/score",
        kind="score",
        dialect=Dialect.OPENAI,
        upstream_path="/score",
        counted=True,
        salted=True,
        cacheable=True,
        computed=True,
        prompt_fields=("queries", "documents", "items", "data_1", "data_2", "text_1", "text_2"),
        engine_default_output=0,
    ),
    _TRANSCRIPTIONS,
    replace(
        _TRANSCRIPTIONS,
        path="/v1/audio/translations",
        kind="translations",
        upstream_path="/v1/audio/translations",
    ),
)

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType({endpoint.path: endpoint for endpoint in _TABLE})


@cache
def paths_for(task: Task) -> tuple[str, ...]:
    """Return the paths on which models of a task answer."""
    return tuple(endpoint.path for endpoint in _TABLE if endpoint.upstream_path in ENGINE_PATHS[task])


def dialect_of(path: str) -> Dialect:
    """Return the dialect in which errors on a path are told, also where nothing answers on it."""
    endpoint = ENDPOINTS.get(path)
    if endpoint is not None:
        return endpoint.dialect
    return Dialect.ANTHROPIC if path.startswith("/v1/messages") else Dialect.OPENAI
