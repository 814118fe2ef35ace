"""A real replica: real Ray Serve with HAProxy, real vLLM on CPU, the demo model."""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fairlead_contract import telemetry
from fairlead_contract.names import HOP_HEADER, IMPORT_PATH, REPLICA_DEPLOYMENT
from tests.serving.ray_head import HOST, RayHead, running_ray
from tests.support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.platform

DEMO = Path(__file__).parents[2] / "docs/examples/demo-model/weights"
NAME = "demo"

ENVIRONMENT = {
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "OMP_NUM_THREADS": "1",
}


def application(ray: RayHead, name: str, **spec: Any) -> dict[str, Any]:
    ray.hop_secret(name)
    arguments = {"dtype": "float32", "enforce-eager": True, "max-num-seqs": 8} | spec.pop("engine_arguments", {})
    source = spec.pop("source", f"file://{DEMO}")
    return {
        "name": name,
        "route_prefix": f"/{name}",
        "import_path": IMPORT_PATH,
        "runtime_env": {"env_vars": ENVIRONMENT | {"FAIRLEAD_HOP_SECRET_FILE": str(ray.folder / "hop" / name)}},
        "args": {"name": name, "served_name": name, "source": source, "engine_arguments": arguments, **spec},
        "deployments": [
            {
                "name": REPLICA_DEPLOYMENT,
                "num_replicas": 1,
                "max_ongoing_requests": 64,
                "health_check_period_s": 2,
                "graceful_shutdown_timeout_s": 120,
                "graceful_shutdown_wait_loop_s": 1,
                "max_constructor_retry_count": 1,
                "ray_actor_options": {"num_cpus": 1},
                "user_config": {"stall_after_s": 10},
            }
        ],
    }


@pytest.fixture(scope="module")
def ray() -> Iterator[RayHead]:
    with running_ray() as head:
        yield head


@pytest.fixture(scope="module")
def demo(ray: RayHead) -> RayHead:
    """A Ray on which the demo model answers."""
    ray.deploy(application(ray, NAME))
    wait_until_ready(ray, NAME)
    return ray


def wait_until_ready(ray: RayHead, name: str) -> None:
    def is_ready() -> bool:
        told = ray.status(name)
        assert told.get("status") != "DEPLOY_FAILED", told
        return told.get("status") == "RUNNING" and call(ray, "GET", "/v1/models", name=name)[0] == 200

    eventually(is_ready, within_s=PATIENCE_S, what=f"{name} to answer", pause_s=0.5)


def request(
    ray: RayHead, method: str, path: str, body: object = None, *, secret: str | None = None, name: str = NAME
) -> urllib.request.Request:
    headers = {"Content-Type": "application/json", HOP_HEADER: ray.hop_secret(name) if secret is None else secret}
    url = f"http://{HOST}:{ray.http}/{name}{path}"
    data = json.dumps(body).encode() if body is not None else None
    return urllib.request.Request(url, method=method, data=data, headers=headers)


def call(
    ray: RayHead, method: str, path: str, body: object = None, *, timeout_s: float = 60, **options: Any
) -> tuple[int, str]:
    """Send a request; return status and body, with status 0 if there was no answer."""
    try:
        with urllib.request.urlopen(request(ray, method, path, body, **options), timeout=timeout_s) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def completion(max_tokens: int, **fields: Any) -> dict[str, Any]:
    return {"model": NAME, "prompt": "What is", "max_tokens": max_tokens, "ignore_eos": True, **fields}


class Stream(threading.Thread):
    """A long stream in the background."""

    def __init__(self, ray: RayHead, max_tokens: int) -> None:
        super().__init__(daemon=True)
        self._request = request(
            ray, "POST", "/v1/completions", completion(max_tokens, stream=True, stream_options={"include_usage": True})
        )
        self.begun = threading.Event()
        self.frames: list[str] = []

    @property
    def tokens(self) -> int:
        """Tokens of a finished stream by the engine's own count; the engine may put several into one frame."""
        assert self.frames[-1] == "[DONE]"
        return int(json.loads(self.frames[-2])["usage"]["completion_tokens"])

    def run(self) -> None:
        try:
            with urllib.request.urlopen(self._request, timeout=PATIENCE_S) as answer:
                for line in answer:
                    if line.startswith(b"data: "):
                        self.frames.append(line.decode().strip().removeprefix("data: "))
                        self.begun.set()
        except OSError as error:
            self.frames.append(f"cut: {error}")


def engine_processes(replica: psutil.Process) -> dict[str, psutil.Process]:
    """Return the processes of a replica's engine by their titles."""
    return {" ".join(p.cmdline()): p for p in replica.children(recursive=True) if "VLLM" in " ".join(p.cmdline())}


def engine_core(replica: psutil.Process) -> psutil.Process:
    return next(process for title, process in engine_processes(replica).items() if "EngineCore" in title)


def fact(ray: RayHead, name: str, **labels: str) -> float | None:
    """Return a replica's gauge, if it is exported."""
    for line in ray.facts().splitlines():
        if line.startswith(f"ray_{name}{{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return None


def test_a_streamed_answer_arrives_in_many_pieces(demo: RayHead) -> None:
    """A stream comes token by token through HAProxy and ends with [DONE]."""
    stream = Stream(demo, 40)
    stream.start()
    stream.join(60)
    assert stream.tokens == 40
    assert len(stream.frames) > 4
    assert all("error" not in frame for frame in stream.frames)


def test_chat_responses_messages_and_tokenize_are_served(demo: RayHead) -> None:
    """The routes of vLLM answer, each in its own dialect."""
    said = [{"role": "user", "content": "Hello"}]
    status, body = call(demo, "POST", "/v1/chat/completions", {"model": NAME, "messages": said, "max_tokens": 4})
    assert (status, json.loads(body)["usage"]["completion_tokens"] > 0) == (200, True)
    status, body = call(demo, "POST", "/v1/responses", {"model": NAME, "input": "Hello", "max_output_tokens": 4})
    assert (status, json.loads(body)["object"]) == (200, "response")
    status, body = call(demo, "POST", "/v1/messages", {"model": NAME, "messages": said, "max_tokens": 4})
    assert (status, json.loads(body)["type"]) == (200, "message")
    status, body = call(demo, "POST", "/tokenize", {"model": NAME, "prompt": "Hello"})
    assert (status, json.loads(body)["count"] > 0) == (200, True)


@pytest.mark.parametrize(
    "method,path", [("GET", "/metrics"), ("GET", "/docs"), ("GET", "/openapi.json"), ("POST", "/invocations"),
                    ("POST", "/scale_elastic_ep"), ("POST", "/sleep"), ("POST", "/collective_rpc")]
)  # fmt: skip
def test_administrative_routes_do_not_exist(demo: RayHead, method: str, path: str) -> None:
    """What vLLM offers for administration is 404 from outside, also with the secret."""
    status, body = call(demo, method, path, {} if method == "POST" else None)
    assert (status, json.loads(body)["error"]["code"]) == (404, "unknown_url")


def test_nobody_gets_in_without_the_secret(demo: RayHead) -> None:
    """A wrong hop secret is refused before anything else is looked at."""
    status, _ = call(demo, "POST", "/v1/completions", completion(1), secret="0" * 64)
    assert status == 403
    status, _ = call(demo, "GET", "/metrics", secret="0" * 64)
    assert status == 403


def test_facts_of_the_start_can_be_read_from_outside(demo: RayHead) -> None:
    """Phase, load time, cache size, maximum length and ranks are on Ray's metrics port."""
    eventually(
        lambda: fact(demo, telemetry.REPLICA_PHASE, model=NAME, phase="ready") == 1, within_s=20, what="the ready phase"
    )
    assert (fact(demo, telemetry.STARTUP_SECONDS, model=NAME) or 0) > 1
    assert (fact(demo, telemetry.KV_CACHE_TOKENS, model=NAME) or 0) > 1000
    assert fact(demo, telemetry.MAX_MODEL_LEN, model=NAME) == 65536
    processes = engine_processes(demo.replicas(NAME)[0]).values()
    rank = re.search(rf"ray_{telemetry.ENGINE_RANK}{{[^}}]*pid=\"(\d+)\"[^}}]*rank=\"0\"", demo.facts())
    assert rank
    assert int(rank[1]) in {process.pid for process in processes}


def test_a_start_that_fails_says_why(demo: RayHead) -> None:
    """Serve's status carries the root cause in one line: what is wrong and what to write instead."""
    demo.deploy(application(demo, "wrong", engine_arguments={"max-model-len": 1_000_000}))

    def message() -> str:
        told = demo.status("wrong")
        said = [deployment["message"] for deployment in told.get("deployments", {}).values()]
        return str(said[0]) if told.get("status") == "DEPLOY_FAILED" else ""

    said = eventually(message, within_s=PATIENCE_S, what="the start to fail", pause_s=0.5)
    demo.remove("wrong")
    line = said.strip().splitlines()[-1]
    assert "EngineStartFailed: spec.engine.arguments.max-model-len is 1000000" in line
    assert "set it to 65536 or less" in line


def test_a_killed_engine_is_told_at_once_and_replaced(demo: RayHead) -> None:
    """When the engine is killed, its streams get an error at once, and a new replica answers without any help."""
    replica = demo.replicas(NAME)[0]
    stream = Stream(demo, 60_000)
    stream.start()
    assert stream.begun.wait(30)
    engine_core(replica).kill()
    stream.join(5)
    assert not stream.is_alive()
    assert any('"error"' in frame for frame in stream.frames[-3:])
    assert_replaced(demo, replica)


@pytest.mark.long
def test_a_stopped_engine_leaves_routing_and_is_replaced(demo: RayHead) -> None:
    """A stopped engine is out of routing within 15 s, replaced within 120 s, and none of its processes is left."""
    replica = demo.replicas(NAME)[0]
    old = [replica, *engine_processes(replica).values()]
    stream = Stream(demo, 60_000)
    stream.start()
    assert stream.begun.wait(30)
    engine_core(replica).suspend()
    eventually(lambda: not replica.is_running() or is_zombie(replica), within_s=15, what="the replica to leave")
    assert any('"error"' in frame or "cut" in frame for frame in stream.frames[-3:])
    assert_replaced(demo, replica)
    assert not any(process.is_running() and not is_zombie(process) for process in old)


@pytest.mark.long
def test_an_engine_does_not_outlive_its_replica(demo: RayHead) -> None:
    """When the replica itself is killed, its engine's processes are gone within 10 s."""
    replica = demo.replicas(NAME)[0]
    engine = list(engine_processes(replica).values())
    replica.kill()
    eventually(
        lambda: all(not process.is_running() or is_zombie(process) for process in engine),
        within_s=10,
        what="the engine to be gone",
    )
    assert_replaced(demo, replica)


@pytest.mark.long
def test_saturation_is_no_hang(demo: RayHead) -> None:
    """Four times as many streams as the engine batches, with long prompts among them, cause no restart."""
    replica = demo.replicas(NAME)[0]
    prompts = threading.Thread(
        target=lambda: [call(demo, "POST", "/v1/completions", completion(1, prompt=[7] * 20_000)) for _ in range(3)]
    )
    streams = [Stream(demo, 2_000) for _ in range(32)]
    for thread in (prompts, *streams):
        thread.start()
    for thread in (prompts, *streams):
        thread.join(PATIENCE_S)
    assert [stream.tokens for stream in streams] == [2_000] * len(streams)
    assert demo.replicas(NAME) == [replica]


@pytest.mark.long
def test_a_stream_outlives_the_removal_of_its_model(demo: RayHead) -> None:
    """A model that is removed finishes its stream first, and then no process of its engine is left."""
    replica = demo.replicas(NAME)[0]
    engine = list(engine_processes(replica).values())
    stream = Stream(demo, 5_000)
    stream.start()
    assert stream.begun.wait(30)
    demo.remove(NAME)
    stream.join(120)
    assert stream.tokens == 5_000
    eventually(
        lambda: all(not process.is_running() or is_zombie(process) for process in [replica, *engine]),
        within_s=30,
        what="the engine to be gone",
    )
    demo.deploy(application(demo, NAME))
    wait_until_ready(demo, NAME)


@pytest.mark.long
def test_tensor_parallelism_runs_in_two_real_ranks(demo: RayHead) -> None:
    """With tensor 2 on CPU, two ranks run, both are told, and the model answers as it does with one."""
    demo.deploy(application(demo, "two", tensor=2, executor="mp"))
    wait_until_ready(demo, "two")
    ranks = eventually(
        lambda: {r for r in ("0", "1") if fact(demo, telemetry.ENGINE_RANK, model="two", rank=r) == 1} == {"0", "1"},
        within_s=20,
        what="both ranks",
    )
    assert ranks
    question = {"prompt": "What is", "max_tokens": 8, "temperature": 0}
    one = json.loads(call(demo, "POST", "/v1/completions", {"model": NAME, **question})[1])
    two = json.loads(call(demo, "POST", "/v1/completions", {"model": "two", **question}, name="two")[1])
    assert one["choices"][0]["text"] == two["choices"][0]["text"]
    demo.remove("two")


def assert_replaced(ray: RayHead, old: psutil.Process) -> None:
    def is_replaced() -> bool:
        running = ray.replicas(NAME)
        return bool(running) and old not in running and call(ray, "POST", "/v1/completions", completion(1))[0] == 200

    eventually(is_replaced, within_s=PATIENCE_S, what="another replica to answer", pause_s=0.5)


def is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
