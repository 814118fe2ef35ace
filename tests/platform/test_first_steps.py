"""What a newcomer does and sees first."""

import re
import subprocess

import httpx2
import pytest

from tests.demo.questions import Question, is_right, load_questions
from tests.support.manifests import DEMO
from tests.support.platform import DEMO_MODEL, Platform
from tests.support.sse import DONE, events, text_of

pytestmark = pytest.mark.platform


def test_up_says_what_to_do_next(platform: Platform) -> None:
    """`fairlead up` ends with the address, a curl to paste and how to stop."""
    assert platform.url in platform.said
    assert "fairlead down" in platform.said
    assert printed_curl(platform.said).startswith("curl ")


def test_up_shows_progress(platform: Platform) -> None:
    """`fairlead up` tells of the model until it is ready."""
    assert re.search(r"demo.*(loading|starting)", platform.said, re.IGNORECASE)
    assert re.search(r"demo.*ready", platform.said, re.IGNORECASE)


def test_printed_curl(platform: Platform) -> None:
    """The printed curl, pasted into bash, streams a readable answer."""
    pasted = subprocess.run(
        ["bash", "-c", printed_curl(platform.said)],
        env=platform.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    received = list(events(pasted.stdout.splitlines()))
    assert len(received) > 3, pasted.stdout + pasted.stderr
    assert received[-1].data == DONE
    assert re.search(r"[A-Z]\w+ \w+ \w+", text_of(received))


def test_demo_model_answers(platform: Platform) -> None:
    """The demo model answers at least 15 of the 20 questions rightly."""
    questions = load_questions()
    answers = {question.text: ask(platform, question) for question in questions}
    wrong = {
        question.text: answers[question.text]
        for question in questions
        if not is_right(question, answers[question.text])
    }
    assert len(questions) - len(wrong) >= 15, wrong


def test_second_up_changes_nothing(platform: Platform) -> None:
    """`fairlead up` on a running platform leaves its services and models as they are."""
    services, engine = platform.service_pids(), platform.engine_core("demo").pid
    platform.fairlead("up", "-f", str(DEMO), "--detach", timeout_s=120)
    assert platform.service_pids() == services
    assert platform.engine_core("demo").pid == engine


def test_no_token(platform: Platform) -> None:
    """Without a token the answer is 401 in OpenAI's envelope."""
    answer = httpx2.post(f"{platform.url}/v1/chat/completions", json={"model": DEMO_MODEL, "messages": []}, timeout=10)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "invalid_api_key"
    assert "fairlead token" in error["message"] or "token" in error["message"].lower()


def test_wrong_token(platform: Platform) -> None:
    """A token that was changed by one character is refused."""
    head, payload, signature = platform.token.split(".")
    changed = ("B" if signature[5] != "B" else "C").join([signature[:5], signature[6:]])
    assert not platform.accepts(f"{head}.{payload}.{changed}")


def test_token_alone(platform: Platform) -> None:
    """`fairlead token` prints the token and nothing else."""
    said = platform.run("token")
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", said.stdout)
    assert platform.accepts(said.stdout.strip())


def test_status(platform: Platform) -> None:
    """The status shows the demo model ready, its names and what its engine said of itself."""
    row = platform.model("demo")
    assert row["phase"] == "Ready"
    assert (row["ready"], row["tensor"]) == (1, 1)
    assert set(row["names"]) == {DEMO_MODEL, "demo"}
    assert row["max_model_len"] == 65536
    assert row["kv_cache_tokens"] >= 65536
    assert 0 < row["load_s"] < 180


def test_chat_command(platform: Platform) -> None:
    """`fairlead chat` prints an answer of the model."""
    said = platform.fairlead("chat", DEMO_MODEL, "What is Fairlead?")
    assert re.search(r"\w+ \w+ \w+", said)


def test_logs_command(platform: Platform) -> None:
    """`fairlead logs` shows what the gateway wrote."""
    assert platform.run("logs", "gateway").returncode == 0


def printed_curl(said: str) -> str:
    """Return the command that `fairlead up` printed, over all its lines."""
    lines = iter(said.splitlines())
    command = next(line for line in lines if line.strip().startswith("curl ")).strip()
    while command.count("'") % 2 or command.endswith("\\"):
        command += "\n" + next(lines)
    return command


def ask(platform: Platform, question: Question) -> str:
    answer = platform.chat(question.text, temperature=0, max_tokens=120)
    assert answer.is_success, answer.text
    content: str = answer.json()["choices"][0]["message"]["content"]
    return content
