"""Embeddings, scores and transcriptions through the gateway, from real engines with tiny models."""

import io
import math
import subprocess
import sys
import wave
from array import array
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.support.manifests import manifest
from tests.support.platform import Platform, running_platform
from tests.support.waiting import eventually

pytestmark = [pytest.mark.platform, pytest.mark.timeout(1200)]

RATE = 16_000
DIMENSIONS = 32


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a model of each task but `generate`."""
    weights, manifests = tmp_path_factory.mktemp("weights"), tmp_path_factory.mktemp("manifests")
    # In a process of its own: torch and transformers warn while they load, and would stay loaded.
    subprocess.run([sys.executable, "-m", "tests.support.tiny_models", str(weights)], check=True, capture_output=True)
    for name, task, arguments in (
        ("embedder", "embed", {"max-model-len": 256}),
        ("reranker", "score", {"max-model-len": 256}),
        # Thirty seconds of sound are 1,500 tokens to the encoder, which takes them at once.
        ("whisper", "transcribe", {"max-model-len": 64, "max-num-batched-tokens": 2048}),
    ):
        model = {"source": f"file://{weights / name}", "task": task}
        (manifests / f"{name}.yaml").write_text(manifest(name, arguments=arguments, model=model))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with running_platform(manifests) as running:
            yield running


@pytest.fixture
def client(platform: Platform) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, which asks once."""
    with openai.OpenAI(base_url=f"{platform.url}/v1", api_key=platform.token, max_retries=0) as client:
        yield client


def sound(seconds: float) -> bytes:
    """A tone as a WAV file."""
    tone = array("h", (int(8000 * math.sin(tick / 9)) for tick in range(int(seconds * RATE))))
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", ""))
        writer.writeframes(tone.tobytes())
    return file.getvalue()


def report(platform: Platform, answer: httpx2.Response) -> dict[str, Any]:
    """What the ledger says of a request."""

    def find() -> dict[str, Any]:
        path = f"/v1/requests/{answer.headers['x-request-id']}"
        found = httpx2.get(platform.url + path, headers=platform.headers(), timeout=10)
        assert found.status_code == 200, found.text
        said: dict[str, Any] = found.json()
        return said

    return eventually(find, within_s=10, what="the request in the ledger")


def transcribe(
    platform: Platform, fields: dict[str, str], *, path: str = "transcriptions", seconds: float = 1.5
) -> httpx2.Response:
    return httpx2.post(
        f"{platform.url}/v1/audio/{path}",
        data={"model": "whisper", "language": "en", **fields},
        files={"file": ("speech.wav", sound(seconds))},
        headers=platform.headers(),
        timeout=60,
    )


def test_embeddings(platform: Platform, client: openai.OpenAI) -> None:
    """OpenAI's client gets a vector for each text, the same for the same text, and the tokens that the engine read."""
    answer = client.embeddings.create(model="embedder", input=["fair", "lead", "fair"])
    first, second, third = (item.embedding for item in answer.data)
    assert len(first) == DIMENSIONS
    assert first == pytest.approx(third, abs=1e-5)
    assert first != pytest.approx(second, abs=1e-3)
    assert math.hypot(*first) == pytest.approx(1, abs=1e-3)
    assert answer.usage.prompt_tokens == 3 * (len("fair") + 2)


def test_embeddings_are_charged_and_replayed(platform: Platform) -> None:
    """The ledger holds the engine's count of tokens; the same question again is answered from the cache for nothing."""
    body = {"model": "embedder", "input": "a text that nobody has asked for"}
    first, second = platform.post("/v1/embeddings", body), platform.post("/v1/embeddings", body)
    assert (first.status_code, second.status_code) == (200, 200), first.text
    assert second.content == first.content
    assert first.headers["x-fairlead-cache"] == "miss"
    assert second.headers["x-fairlead-cache"] in {"hit", "shared"}  # the first may be settling still
    charged = report(platform, first)["usage"]
    assert charged["input_tokens"] == first.json()["usage"]["prompt_tokens"] > 0
    assert charged["output_tokens"] == 0
    assert report(platform, second)["usage"] is None


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
def test_rerank(platform: Platform, path: str) -> None:
    """Documents come back with their scores, best first, and as many as were asked for."""
    body = {"model": "reranker", "query": "ropes", "documents": ["a rope", "the sea", "a ship"], "top_n": 2}
    answer = platform.post(path, body)
    assert answer.status_code == 200, answer.text
    scores = [result["relevance_score"] for result in answer.json()["results"]]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert report(platform, answer)["usage"]["input_tokens"] == answer.json()["usage"]["prompt_tokens"]


def test_score(platform: Platform) -> None:
    """Each pair of texts gets a score; one text is paired with all of the other side."""
    answer = platform.post("/v1/score", {"model": "reranker", "text_1": "rope", "text_2": ["a rope", "the sea"]})
    assert answer.status_code == 200, answer.text
    assert [item["index"] for item in answer.json()["data"]] == [0, 1]
    assert all(0 <= item["score"] <= 1 for item in answer.json()["data"])


def test_transcription(platform: Platform, client: openai.OpenAI) -> None:
    """OpenAI's client gets a text and the seconds of its file."""
    answer = client.audio.transcriptions.create(model="whisper", file=("speech.wav", sound(1.5)), language="en")
    assert isinstance(answer.text, str)
    assert answer.usage is not None
    assert answer.usage.to_dict() == {"type": "duration", "seconds": 2}


@pytest.mark.parametrize(
    "path,fields",
    [
        ("transcriptions", {}),
        ("transcriptions", {"stream": "true"}),
        ("transcriptions", {"response_format": "verbose_json"}),
        ("translations", {}),
    ],
)
def test_seconds_are_charged_however_they_are_asked_for(platform: Platform, path: str, fields: dict[str, str]) -> None:
    """Streams and translations, in which the engine tells no seconds, are charged for them as all others are."""
    answer = transcribe(platform, fields, path=path)
    assert answer.status_code == 200, answer.text
    assert answer.text.endswith("data: [DONE]\n\n") is (fields.get("stream") == "true")
    told = report(platform, answer)
    assert told["usage"] == {"input_tokens": 0, "cached_input_tokens": 0, "output_tokens": 0, "audio_seconds": 2}
    assert told["outcome"] == "completed"


def test_a_large_file_arrives_whole(platform: Platform) -> None:
    """A file of 9 MB, five minutes of sound, is heard to its end."""
    answer = transcribe(platform, {"max_completion_tokens": "1"}, seconds=300)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["seconds"] == 300


def test_a_file_that_is_no_sound(platform: Platform, client: openai.OpenAI) -> None:
    """What cannot be decoded is the client's mistake, and costs nothing."""
    with pytest.raises(openai.BadRequestError, match="audio"):
        client.audio.transcriptions.create(model="whisper", file=("speech.wav", b"no sound at all"))


@pytest.mark.parametrize("model,path", [("embedder", "/v1/chat/completions"), ("whisper", "/v1/completions")])
def test_a_model_is_asked_for_its_task_only(platform: Platform, model: str, path: str) -> None:
    """A route that is not for a model's task is refused, with the routes that are."""
    content = {"prompt": "x"} if path == "/v1/completions" else {"messages": [{"role": "user", "content": "x"}]}
    answer = platform.post(path, {"model": model, **content})
    assert answer.status_code == 400
    assert "Ask it at" in answer.json()["error"]["message"]


@pytest.mark.parametrize("model", ["embedder", "reranker"])
def test_models_of_other_tasks_count_tokens_too(platform: Platform, model: str) -> None:
    """A text is tokenized by the model's own tokenizer, whatever its task."""
    answer = platform.post("/tokenize", {"model": model, "prompt": "rope"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] >= len("rope")


def test_the_status_shows_them_as_ready(platform: Platform) -> None:
    """Models without a KV cache are ready like any other, and the list of models tells each one's task."""
    assert {row["model"]: row["phase"] for row in platform.status()["models"]} == {
        "embedder": "Ready",
        "reranker": "Ready",
        "whisper": "Ready",
    }
    listed = httpx2.get(f"{platform.url}/v1/models", headers=platform.headers(), timeout=10).json()["data"]
    assert {model["id"]: model["task"] for model in listed} == {
        "embedder": "embed",
        "reranker": "score",
        "whisper": "transcribe",
    }
