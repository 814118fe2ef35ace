"""What can be reached, and by whom."""

import httpx2
import pytest

from fairlead_contract.hop import hop_secret
from fairlead_contract.names import HOP_HEADER
from tests.support.platform import DEMO_MODEL, Platform
from tests.support.processes import listeners, platform_processes

pytestmark = pytest.mark.platform

ADMINISTRATION = {
    "POST": (
        "/abort_requests", "/classify", "/collective_rpc", "/fault_tolerance/apply", "/finish_weight_update",
        "/generative_scoring", "/inference/v1/generate", "/init_weight_transfer_engine", "/invocations",
        "/is_scaling_elastic_ep", "/pause", "/ping", "/pooling", "/release_kv_cache_memory", "/reset_encoder_cache",
        "/reset_mm_cache", "/reset_prefix_cache", "/resume", "/scale_elastic_ep", "/shutdown_weight_transfer_engine",
        "/sleep", "/start_draft_weight_update", "/start_profile", "/start_weight_update", "/stop_profile",
        "/update_weight_version", "/update_weights", "/v1/chat/completions/render", "/v1/completions/render",
        "/v1/load_lora_adapter", "/v1/responses/resp_1/cancel", "/v1/unload_lora_adapter", "/wake_up",
        "/weight_checker",
    ),
    "GET": (
        "/fault_tolerance/status", "/get_world_size", "/is_paused", "/is_sleeping", "/kv_event_sources", "/load",
        "/metrics", "/ping", "/server_info", "/tokenizer_info", "/v1/responses/resp_1", "/version", "/weight_info",
    ),
}  # fmt: skip
"""Routes of vLLM that are not inference."""

REQUESTS = [(method, path) for method, paths in ADMINISTRATION.items() for path in paths]

OPEN_PORTS = {"haproxy_stats", "haproxy_metrics", "ray_metrics", "autoscaler_metrics", "dashboard_metrics"}
"""Ports that Ray and HAProxy cannot bind to loopback."""


@pytest.mark.parametrize("method,path", REQUESTS)
def test_administration_through_the_gateway(platform: Platform, method: str, path: str) -> None:
    """No administrative route of vLLM is reached through the gateway, with a valid token."""
    for prefix in ("", "/demo", "/v1/../demo"):
        answer = httpx2.request(method, platform.url + prefix + path, headers=platform.headers(), timeout=10)
        assert answer.status_code in {400, 404, 405}, answer.text
        assert "vllm" not in answer.text.lower()


@pytest.mark.parametrize("headers", [{}, {HOP_HEADER: "wrong"}, {HOP_HEADER: ""}], ids=["none", "wrong", "empty"])
def test_replica_without_hop_secret(platform: Platform, headers: dict[str, str]) -> None:
    """Ray Serve's port and a replica's own port refuse who does not carry the hop secret, on every route."""
    body = {"model": DEMO_MODEL, "prompt": "x", "max_tokens": 1}
    for base in (serve_url(platform), *replica_urls(platform)):
        refused = httpx2.post(f"{base}/v1/completions", json=body, headers=headers, timeout=10)
        assert refused.status_code in {401, 403}, f"{base}: {refused.text}"
        for path in ("/v1/models", "/metrics", "/openapi.json", "/health"):
            assert httpx2.get(base + path, headers=headers, timeout=10).status_code in {401, 403}, base + path


def test_replica_with_another_models_secret(platform: Platform) -> None:
    """The hop secret of another model does not open a replica."""
    root = (platform.home / "auth" / "hop.key").read_bytes()
    answer = httpx2.get(f"{serve_url(platform)}/v1/models", headers={HOP_HEADER: hop_secret(root, "other")}, timeout=10)
    assert answer.status_code == 403


def test_administration_with_hop_secret(platform: Platform) -> None:
    """Even with the hop secret a replica offers no administrative route."""
    headers = {HOP_HEADER: (platform.home / "auth" / "hop" / "demo").read_text().strip()}
    assert httpx2.get(f"{serve_url(platform)}/v1/models", headers=headers, timeout=10).is_success
    for method, path in REQUESTS:
        answer = httpx2.request(method, serve_url(platform) + path, headers=headers, timeout=10)
        assert answer.status_code == 404, f"{method} {path}: {answer.status_code}"


@pytest.mark.parametrize("token", [None, "wrong"])
def test_ray_dashboard(platform: Platform, token: str | None) -> None:
    """Ray's dashboard refuses who does not carry its token."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    dashboard = f"http://127.0.0.1:{platform.ports['dashboard']}"
    for path in ("/api/serve/applications/", "/api/jobs/", "/nodes?view=summary", "/api/cluster_status", "/logs/"):
        assert httpx2.get(dashboard + path, headers=headers, timeout=10).status_code in {401, 403}, path
    job = httpx2.post(f"{dashboard}/api/jobs/", json={"entrypoint": "id"}, headers=headers, timeout=10)
    assert job.status_code in {401, 403}


def test_only_loopback(platform: Platform) -> None:
    """Nothing listens beyond this machine but the ports that Ray and HAProxy cannot bind to loopback."""
    allowed = {port for name, port in platform.ports.items() if name in OPEN_PORTS}
    found = listeners(platform_processes(platform.home))
    assert platform.port in {listener.port for listener in found}
    names = {port: name for name, port in platform.ports.items()}
    beyond = {
        f"{listener.port} ({names.get(listener.port, 'undeclared')}, pid {listener.pid})"
        for listener in found
        if not listener.is_loopback and listener.port not in allowed
    }
    assert not beyond


def test_open_ports_take_no_command(platform: Platform) -> None:
    """The ports that are open beyond loopback answer reading requests only."""
    for name in OPEN_PORTS & platform.ports.keys():
        url = f"http://127.0.0.1:{platform.ports[name]}/"
        for method in ("POST", "PUT", "DELETE"):
            try:
                answer = httpx2.request(method, url, content=b"s=demo&action=drain", timeout=10)
            except httpx2.HTTPError:
                continue
            assert answer.status_code >= 400, f"{name}: {method} {answer.status_code}"


def test_home_is_private(platform: Platform) -> None:
    """The state folder and every secret in it are readable by their owner alone."""
    assert platform.home.stat().st_mode & 0o777 == 0o700
    secrets = [path for path in (platform.home / "auth").rglob("*") if path.is_file()]
    assert secrets
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in secrets} == {path.name: "0o0" for path in secrets}


def serve_url(platform: Platform) -> str:
    return f"http://127.0.0.1:{platform.ports['serve']}/demo"


def replica_urls(platform: Platform) -> list[str]:
    """Return the replicas' own addresses."""
    ports = platform.ports
    own = range(ports["first_replica"], ports["last_replica"] + 1)
    found = {listener.port for listener in listeners(platform_processes(platform.home)) if listener.port in own}
    assert found, "no replica listens on a port of its own"
    return [f"http://127.0.0.1:{port}/demo" for port in sorted(found)]
