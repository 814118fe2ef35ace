"""The gateway's settings."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from fairlead_gateway.settings import ClusterSource, GatewaySettings, InCluster

FILES = ("routes_file", "tenants_file", "api_keys_file", "jwt_key_file", "pepper_file", "hop_key_file")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly what must be given."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name in FILES:
        monkeypatch.setenv(f"FAIRLEAD_GATEWAY_{name.upper()}", f"/etc/fairlead/{name}")
    monkeypatch.setenv("FAIRLEAD_GATEWAY_REDIS_URL", "unix:///run/valkey.sock")


def settings() -> GatewaySettings:
    return GatewaySettings()


def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is FAIRLEAD_GATEWAY_ and its name."""
    monkeypatch.setenv("FAIRLEAD_GATEWAY_PORT", "9000")
    monkeypatch.setenv("FAIRLEAD_GATEWAY_LONGEST_STREAM_S", "42.5")
    assert (settings().port, settings().longest_stream_s) == (9000, 42.5)


def test_listens_on_loopback_by_default() -> None:
    """Nothing is open to a network that nobody opened."""
    assert (settings().host, settings().metrics_host) == ("127.0.0.1", "127.0.0.1")


def test_a_cluster_is_read_by_its_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source `kubernetes` needs a ConfigMap and a Secret, and no files."""
    monkeypatch.setenv("FAIRLEAD_GATEWAY_API_KEYS_SECRET", "fairlead/api-keys")
    with pytest.raises(ValidationError, match="give FAIRLEAD_GATEWAY_SOURCE=kubernetes, or remove"):
        settings()
    monkeypatch.setenv("FAIRLEAD_GATEWAY_SOURCE", "kubernetes")
    with pytest.raises(ValidationError, match="or remove FAIRLEAD_GATEWAY_API_KEYS_FILE"):
        settings()
    for name in ("ROUTES_FILE", "TENANTS_FILE", "API_KEYS_FILE"):
        monkeypatch.delenv(f"FAIRLEAD_GATEWAY_{name}")
    with pytest.raises(ValidationError, match="give FAIRLEAD_GATEWAY_TENANTS_CONFIG_MAP"):
        settings()
    monkeypatch.setenv("FAIRLEAD_GATEWAY_TENANTS_CONFIG_MAP", "fairlead/tenants/tenants.yaml")
    monkeypatch.setenv("FAIRLEAD_GATEWAY_NAMESPACES", "team-a, team-b")
    assert settings().source_given == ClusterSource(
        namespaces=("team-a", "team-b"),
        tenants=InCluster("fairlead", "tenants", "tenants.yaml"),
        api_keys=InCluster("fairlead", "api-keys"),
        upstream="{name}-serve-svc.{namespace}.svc:8000",
    )


def test_files_are_needed_where_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a source the gateway reads files, and says which is missing."""
    monkeypatch.delenv("FAIRLEAD_GATEWAY_ROUTES_FILE")
    with pytest.raises(ValidationError, match="give FAIRLEAD_GATEWAY_ROUTES_FILE"):
        settings()


@pytest.mark.parametrize(
    "name, value",
    [
        ("NAMESPACES", "Team_A"),
        ("API_KEYS_SECRET", "api-keys"),
        ("TENANTS_CONFIG_MAP", "fairlead/tenants"),
        ("UPSTREAM", "{name}"),
        ("UPSTREAM", "{name.__class__}:8000"),
        ("UPSTREAM", "http://{name}:8000"),
        ("SOURCE", "consul"),
        ("PORT", "70000"),
        ("BODY_BYTES", "0"),
        ("KEEP_ALIVE_S", "-1"),
        ("LOG_LEVEL", "loud"),
        ("PORT", "x"),
        ("ALLOWED_HOSTS", "https://api.example.com"),
        ("ALLOWED_HOSTS", "api.example.com:8080"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("MEDIA_DOMAINS", "127.0.0.1"),
        ("MEDIA_DOMAINS", "localhost"),
    ],
)
def test_refuses_what_is_out_of_range(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value that makes no sense is refused at the start, by its name."""
    monkeypatch.setenv(f"FAIRLEAD_GATEWAY_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        settings()


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in the environment is words between commas; nothing is an empty list."""
    monkeypatch.setenv("FAIRLEAD_GATEWAY_ALLOWED_HOSTS", "API.example.com, localhost,")
    monkeypatch.setenv("FAIRLEAD_GATEWAY_TRUSTED_PROXIES", "10.0.0.0/8")
    monkeypatch.setenv("FAIRLEAD_GATEWAY_MEDIA_DOMAINS", "")
    read = settings()
    assert read.allowed_hosts == ("api.example.com", "localhost")
    assert [str(network) for network in read.trusted_proxies] == ["10.0.0.0/8"]
    assert read.media_domains == ()


def test_is_frozen() -> None:
    """No setting changes while the gateway runs."""
    with pytest.raises(ValidationError, match="frozen"):
        settings().__setattr__("port", 1)


@pytest.mark.parametrize("given", [(), ("REDIS_URL", "REDIS_URL_FILE")])
def test_needs_one_redis(monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]) -> None:
    """Redis is named exactly once."""
    monkeypatch.delenv("FAIRLEAD_GATEWAY_REDIS_URL")
    for name in given:
        monkeypatch.setenv(f"FAIRLEAD_GATEWAY_{name}", "redis://x")
    with pytest.raises(ValidationError, match="exactly one"):
        settings()


def test_a_redis_url_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A URL that holds a password is read from a file and never shown."""
    file = tmp_path / "url"
    file.write_text("redis://:secret@host\n")
    monkeypatch.delenv("FAIRLEAD_GATEWAY_REDIS_URL")
    monkeypatch.setenv("FAIRLEAD_GATEWAY_REDIS_URL_FILE", str(file))
    assert settings().redis == "redis://:secret@host"


def test_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printed settings hold no password."""
    monkeypatch.setenv("FAIRLEAD_GATEWAY_REDIS_URL", "redis://:canary@host")
    assert "canary" not in repr(settings())
    assert settings().redis == "redis://:canary@host"


def test_every_setting_is_described() -> None:
    """Each setting says what it is; each duration and size says its unit."""
    for name, field in GatewaySettings.model_fields.items():
        if name.endswith("port"):
            assert field.title
            continue
        assert field.title
        assert field.description
        extra = field.json_schema_extra
        unit = extra.get("unit") if isinstance(extra, dict) else None
        assert unit == {"s": "s", "bytes": "byte"}.get(name.rsplit("_", 1)[-1])


def test_traces_go_where_the_standard_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's own variables say where traces go and how many, unless the gateway's say it."""
    assert settings().traces_endpoint is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    assert (settings().traces_endpoint, settings().traces_ratio) == ("http://collector:4318/v1/traces", 0.25)
    monkeypatch.setenv("FAIRLEAD_GATEWAY_TRACES_ENDPOINT", "http://own/v1/traces")
    monkeypatch.setenv("FAIRLEAD_GATEWAY_TRACES_RATIO", "1")
    assert (settings().traces_endpoint, settings().traces_ratio) == ("http://own/v1/traces", 1)


@pytest.mark.parametrize(
    "name, value, field",
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "traces_endpoint"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:secret@collector", "traces_endpoint"),
        ("OTEL_TRACES_SAMPLER_ARG", "much", "traces_ratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "traces_ratio"),
    ],
)
def test_refuses_a_wrong_standard_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str) -> None:
    """A standard variable that makes no sense is refused like any other, and credentials belong into no URL."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=field):
        settings()


def test_the_cache_has_a_redis_of_its_own_where_one_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a word the cache shares the other Redis; its own is named once, in the open or in a file."""
    assert settings().cache_redis is None
    monkeypatch.setenv("FAIRLEAD_GATEWAY_CACHE_REDIS_URL", "redis://cache")
    assert (settings().cache_redis, settings().redis) == ("redis://cache", "unix:///run/valkey.sock")
    file = tmp_path / "url"
    file.write_text("redis://:secret@cache\n")
    monkeypatch.setenv("FAIRLEAD_GATEWAY_CACHE_REDIS_URL_FILE", str(file))
    with pytest.raises(ValidationError, match="at most one"):
        settings()
    monkeypatch.delenv("FAIRLEAD_GATEWAY_CACHE_REDIS_URL")
    assert settings().cache_redis == "redis://:secret@cache"
