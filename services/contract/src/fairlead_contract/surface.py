"""Which routes of an engine serve which task: what the gateway offers of a model, and what its replica lets in."""

from collections.abc import Mapping
from types import MappingProxyType

from fairlead_contract.modeldeployment import Task

_EVERY_TASK = frozenset({"/tokenize", "/detokenize"})

ENGINE_PATHS: Mapping[Task, frozenset[str]] = MappingProxyType(
    {
        "generate": _EVERY_TASK
        | {
            "/v1/chat/completions",
            "/v1/completions",
            "/v1/responses",
            "/v1/messages",
            "/v1/messages/count_tokens",
        },
        "embed": _EVERY_TASK | {"/v1/embeddings"},
        "score": _EVERY_TASK | {"/rerank", "/score"},
        "transcribe": _EVERY_TASK | {"/v1/audio/transcriptions", "/v1/audio/translations"},
    }
)
"""The paths at a replica, below its model's prefix, to which a client's request may be sent."""
