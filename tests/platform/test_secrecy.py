"""Secrets and prompts stay where they belong."""

import subprocess
import uuid
from collections.abc import Iterable
from pathlib import Path

import httpx2
import pytest

from fairlead_contract.api_keys import KEY_PATTERN
from tests.support.platform import DEMO_MODEL, Platform
from tests.support.processes import command_lines

pytestmark = pytest.mark.platform

PAGES = {
    "ray_metrics": "/metrics",
    "autoscaler_metrics": "/metrics",
    "dashboard_metrics": "/metrics",
    "haproxy_stats": "/stats",
    "haproxy_metrics": "/metrics",
    "gateway_metrics": "/metrics",
}


@pytest.fixture(scope="module")
def canary(platform: Platform) -> str:
    """A word that stood in prompts, answers, user names and refused requests of every kind."""
    word = f"canary{uuid.uuid4().hex}"
    chat = {"model": DEMO_MODEL, "messages": [{"role": "user", "content": word}], "max_tokens": 5}
    requests: list[tuple[str, object]] = [
        ("/v1/chat/completions", chat),
        ("/v1/chat/completions", chat | {"stream": True, "user": word}),
        ("/v1/chat/completions", chat | {"temperature": 0}),
        ("/v1/chat/completions", chat | {"temperature": word}),
        ("/v1/chat/completions", chat | {"tools": word}),
        ("/v1/chat/completions", chat | {"max_tokens": 10**9}),
        ("/v1/chat/completions", {"model": word, "messages": [{"role": "user", "content": word}]}),
        ("/v1/completions", {"model": DEMO_MODEL, "prompt": word, "max_tokens": 5, "stop": [word]}),
        ("/v1/responses", {"model": DEMO_MODEL, "input": word, "max_output_tokens": 5}),
        ("/v1/messages", {"model": DEMO_MODEL, "max_tokens": 5, "messages": [{"role": "user", "content": word}]}),
        ("/tokenize", {"model": DEMO_MODEL, "prompt": word}),
    ]
    for path, body in requests:
        platform.post(path, body)
    httpx2.post(
        f"{platform.url}/v1/chat/completions", content=f'{{"{word}'.encode(), headers=platform.headers(), timeout=10
    )
    return word


def test_prompts_are_in_no_log(platform: Platform, canary: str) -> None:
    """No prompt stands in any log of the platform, of Ray's or of the engine's."""
    logs = [platform.home / "logs", *(platform.home / "ray").glob("session_*/logs")]
    assert sum(path.is_file() for folder in logs for path in folder.rglob("*")) > 10
    assert files_with(canary, logs) == []


def test_prompts_are_on_no_page(platform: Platform, canary: str) -> None:
    """No prompt stands on any metrics or statistics page, nor in a command line."""
    assert [name for name, text in pages(platform).items() if canary in text] == []
    assert canary not in command_lines()


def test_secrets_stay_in_their_files(platform: Platform) -> None:
    """No secret stands in a command line, on a page, or in a file outside the folder of secrets."""
    secrets = {path.name: path.read_text().strip() for path in (platform.home / "auth").rglob("*") if path.is_file()}
    secrets |= {"token": platform.token, "api key": platform.fairlead("keys", "create").strip()}
    assert all(len(secret) >= 32 for secret in secrets.values()), [name for name, s in secrets.items() if len(s) < 32]
    outside = [path for path in platform.home.iterdir() if path.name != "auth"]
    told = {"command lines": command_lines(), **pages(platform)}

    for name, secret in secrets.items():
        assert files_with(secret, outside) == [], name
        assert [where for where, text in told.items() if secret in text] == [], name


def test_api_keys_are_hashed(platform: Platform) -> None:
    """The key file holds keyed hashes, never a key."""
    key = KEY_PATTERN.fullmatch(platform.fairlead("keys", "create").strip())
    assert key, "the key does not stand alone"
    text = (platform.home / "api-keys.json").read_text()
    assert key["id"] in text
    assert key["secret"] not in text


def pages(platform: Platform) -> dict[str, str]:
    """Return every metrics and statistics page."""
    found = {}
    for name, path in PAGES.items():
        try:
            found[name] = platform.page(name, path)
        except httpx2.ConnectError:
            continue  # nobody listens there, so nothing can be read
    assert {"ray_metrics", "gateway_metrics", "haproxy_stats", "haproxy_metrics"} <= found.keys()
    return found


def files_with(word: str, folders: Iterable[Path]) -> list[str]:
    """Return the files below folders that contain a word."""
    search = subprocess.run(
        ["grep", "-rlaF", "--devices=skip", "-f", "-", "--", *map(str, folders)],
        input=word,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return search.stdout.splitlines()
