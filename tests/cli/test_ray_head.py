"""How the local Ray is started."""

import dataclasses

import pytest

from fairlead_cli.credentials import create_credentials
from fairlead_cli.errors import PlatformStartFailed
from fairlead_cli.gateway_process import GatewayProcess
from fairlead_cli.home import Home
from fairlead_cli.ray_head import RayHead
from tests.cli.builders import PORTS


@pytest.fixture
def head(home: Home) -> RayHead:
    create_credentials(home)
    return RayHead(home, PORTS, longest_stream_s=600)


def test_never_open(head: RayHead) -> None:
    """Every process of Ray asks for the token of our own file, whatever the caller's environment says."""
    environment = head.environment({"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "mine", "RAY_AUTH_TOKEN_PATH": "/x"})
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_AUTH_TOKEN_PATH"] == str(head.home.ray_token)
    assert "RAY_AUTH_TOKEN" not in environment


def test_refuses_to_start_open(head: RayHead) -> None:
    """Without a token there is no Ray."""
    head.home.ray_token.write_text("\n")
    with pytest.raises(PlatformStartFailed, match="is missing or empty"):
        head.environment({})


def test_loopback(head: RayHead) -> None:
    """Ray's node and dashboard are on loopback."""
    assert "--node-ip-address=127.0.0.1" in head.command
    assert "--dashboard-host=127.0.0.1" in head.command


def test_no_secret_in_sight(head: RayHead) -> None:
    """No secret is in an argument or an environment of Ray or the gateway; files are named instead."""
    gateway = GatewayProcess(head.home, PORTS, 600)
    seen = [*head.command, *head.environment({}).values(), *gateway.command, *gateway.environment({}).values()]
    for file in (head.home.ray_token, head.home.jwt_key, head.home.hop_key, head.home.pepper):
        assert not [text for text in seen if file.read_text() in text]
        assert file.stat().st_size >= 32


def test_every_port_is_handed_on(head: RayHead) -> None:
    """Every port that was chosen reaches Ray or the gateway, so that two platforms never meet."""
    gateway = GatewayProcess(head.home, PORTS, 600)
    said = " ".join([*head.command, *head.environment({}).values(), *gateway.environment({}).values()])
    missing = [name for name, port in PORTS.model_dump().items() if str(port) not in said and name != "serve"]
    assert missing == []


def test_slow_starts_are_not_inherited(head: RayHead) -> None:
    """PYTHONDONTWRITEBYTECODE, which costs each engine 15 s, is not passed on; other variables are."""
    environment = head.environment({"PYTHONDONTWRITEBYTECODE": "1", "HF_ENDPOINT": "http://hub", "RAY_ADDRESS": "auto"})
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert "RAY_ADDRESS" not in environment
    assert environment["HF_ENDPOINT"] == "http://hub"


def test_streams_set_the_drain(head: RayHead) -> None:
    """HAProxy's hard stop is no shorter than the longest stream."""
    longer = dataclasses.replace(head, longest_stream_s=1200)
    assert int(longer.environment({})["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"]) >= 1200


def test_only_engines_trace(head: RayHead) -> None:
    """Where traces go reaches the engines; of the rest Ray sees nothing, for its own metrics would follow it."""
    chosen = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4318",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m",
    }
    environment = head.environment(chosen)
    told = {name: value for name, value in environment.items() if name.startswith("OTEL_")}
    assert told == {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector:4318/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
    }
    assert not [name for name in head.environment({"OTEL_SERVICE_NAME": "x"}) if name.startswith("OTEL_")]


def test_the_gateway_traces_as_the_user_says(head: RayHead) -> None:
    """The gateway reads the standard variables itself, so it gets them as they are."""
    chosen = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_SAMPLER_ARG": "1"}
    environment = GatewayProcess(head.home, PORTS, 600).environment(chosen)
    assert {name: environment[name] for name in chosen} == chosen
