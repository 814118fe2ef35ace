"""Every setting of the gateway, read once from the environment: FAIRLEAD_GATEWAY_<NAME>.

Secrets are given as paths of files, so that no process listing and no dump of an environment shows them. Any host may
be listened on: every route but /health and /ready asks for credentials. What the gateway does not do is TLS, which
belongs to the ingress before it.
"""

import os
import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fairlead_contract.names import DEFAULT_GATEWAY_PORT, JWT_AUDIENCE, JWT_ISSUER, SERVE_ADDRESS
from fairlead_contract.tracing import traces_endpoint, traces_ratio
from fairlead_gateway.checks.media import DOMAIN
from fairlead_gateway.limits import WhenRedisLost

MIB = 1024 * 1024
HOST_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._\-]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\]")


LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
OBJECT: Final = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
ADDRESS_FORM: Final = r"^(?:[A-Za-z0-9.-]|\{name\}|\{namespace\})+:[0-9]{1,5}$"


def _seconds(default: float, title: str, description: str, *, least: float = 0.001) -> float:
    field: float = Field(default, ge=least, title=title, description=description, json_schema_extra={"unit": "s"})
    return field


def _bytes(default: int, title: str, description: str) -> int:
    field: int = Field(default, ge=1024, title=title, description=description, json_schema_extra={"unit": "byte"})
    return field


def _count(default: int, title: str, description: str) -> int:
    field: int = Field(default, ge=1, title=title, description=description)
    return field


def _file(title: str, description: str) -> Path:
    field: Path = Field(title=title, description=description)
    return field


Port = Annotated[int, Field(ge=0, le=65535)]


def _words(value: object) -> object:
    return [word for each in value.split(",") if (word := each.strip())] if isinstance(value, str) else value


def _host(value: str) -> str:
    if not HOST_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no host name; write names without scheme and port, such as api.example.com")
    return value.lower()


def _domain(value: str) -> str:
    if not DOMAIN.fullmatch(value):
        raise ValueError(f"{value!r} is no domain; write names such as images.example.com, without scheme and port")
    return value.lower()


def _namespace(value: str) -> str:
    if not re.fullmatch(LABEL, value):
        raise ValueError(f"{value!r} is no name of a namespace; write names such as models, team-a")
    return value


Namespaces = Annotated[tuple[Annotated[str, AfterValidator(_namespace)], ...], NoDecode, BeforeValidator(_words)]


def _collector(value: str) -> str:
    """Return the URL of a collector; what is wrong with it is told without repeating it, for it may hold a secret."""
    try:
        url = urlsplit(value)
        good = url.scheme in {"http", "https"} and url.hostname and "@" not in url.netloc and url.port != 0
    except ValueError:
        good = False
    if not good or not value.isprintable() or " " in value:
        raise ValueError(
            "this is no address of a collector; write http://HOST:4318/v1/traces, without credentials, "
            "or http://HOST:4318 where it comes from OTEL_EXPORTER_OTLP_ENDPOINT"
        )
    return value


Hosts = Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], NoDecode, BeforeValidator(_words)]
Domains = Annotated[tuple[Annotated[str, AfterValidator(_domain)], ...], NoDecode, BeforeValidator(_words)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_words)]
"""Lists are written with commas, as people write them into an environment."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """Files that say what is served and to whom."""

    routes: Path
    tenants: Path
    api_keys: Path


@dataclass(frozen=True, slots=True)
class InCluster:
    """An entry of an object, or the whole object, in a Kubernetes cluster."""

    namespace: str
    name: str
    entry: str = ""

    @classmethod
    def of(cls, text: str) -> "InCluster":
        """Read `namespace/name` or `namespace/name/entry`."""
        return cls(*text.split("/"))


@dataclass(frozen=True, slots=True)
class ClusterSource:
    """What in a Kubernetes cluster says what is served and to whom.

    Attributes:
        namespaces: Whose ModelDeployments are served; none names all.
        tenants: The entry of a ConfigMap.
        api_keys: The Secret.
        upstream: The form of the address at which a ModelDeployment's replicas answer.
    """

    namespaces: tuple[str, ...]
    tenants: InCluster
    api_keys: InCluster
    upstream: str


class GatewaySettings(BaseSettings):
    """The gateway's settings."""

    model_config = SettingsConfigDict(env_prefix="FAIRLEAD_GATEWAY_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", title="Host", description="Address to listen on.")
    port: Port = Field(DEFAULT_GATEWAY_PORT, title="Port", description="Port of the API; 0 lets the system pick one.")
    metrics_host: str = Field("127.0.0.1", title="Metrics host", description="Address on which /metrics is served.")
    metrics_port: Port = Field(9464, title="Metrics port", description="Port of /metrics; 0 lets the system pick one.")

    source: Literal["files", "kubernetes"] = Field(
        "files", title="Source", description="Where routes, tenants and API keys come from: `files` or `kubernetes`."
    )
    routes_file: Path | None = Field(
        None, title="Routes file", description="JSON route table; changes are in force within a second."
    )
    tenants_file: Path | None = Field(
        None, title="Tenants file", description="YAML with plans and tenants; changes are in force within a second."
    )
    api_keys_file: Path | None = Field(
        None,
        title="API keys file",
        description="JSON with the hashes of API keys; changes are in force within a second.",
    )
    namespaces: Namespaces = Field(
        (),
        title="Namespaces",
        description="Namespaces whose ModelDeployments are served, separated by commas; none serves those of all.",
    )
    tenants_config_map: str | None = Field(
        None,
        pattern=rf"^{LABEL}/{OBJECT}/[A-Za-z0-9._-]{{1,253}}$",
        title="Tenants ConfigMap",
        description="ConfigMap with the YAML of plans and tenants, as namespace/name/entry.",
    )
    api_keys_secret: str | None = Field(
        None,
        pattern=rf"^{LABEL}/{OBJECT}$",
        title="API keys Secret",
        description="Secret with the hashes of API keys, as namespace/name; this gateway changes its entry "
        "`api-keys.json`.",
    )
    upstream: str = Field(
        SERVE_ADDRESS,
        pattern=ADDRESS_FORM,
        title="Upstream",
        description="Where a ModelDeployment's replicas answer in a cluster, as host:port with {name} and {namespace}.",
    )
    jwt_key_file: Path = _file("JWT key file", "Key under which tokens are signed (HS256), at least 32 bytes.")
    pepper_file: Path = _file("Pepper file", "Key of the API keys' hashes; keys of caches are derived from it too.")
    hop_key_file: Path = _file("Hop key file", "Root from which each model's hop secret is derived.")
    issuers_file: Path | None = Field(
        None,
        title="Issuers file",
        description="YAML with other issuers whose tokens are taken; changes are in force within a second.",
    )
    issuer: str = Field(JWT_ISSUER, title="Issuer", description="The `iss` that a token must have.")
    audience: str = Field(JWT_AUDIENCE, title="Audience", description="The `aud` that a token must have.")

    allowed_hosts: Hosts = Field(
        (),
        title="Allowed hosts",
        description="Host names under which the API may be asked, separated by commas; none allows every name.",
    )
    failed_attempts_per_minute: int = Field(
        20,
        ge=0,
        title="Failed attempts",
        description="Requests without valid credentials of one address in a minute; more get 429. 0 bounds nothing.",
    )
    trusted_proxies: Networks = Field(
        (),
        title="Trusted proxies",
        description="Networks of proxies whose X-Forwarded-For is believed, separated by commas.",
    )
    media_domains: Domains = Field(
        (),
        title="Media domains",
        description="Domains, with those below them, from which media in prompts are fetched, separated by commas; "
        "none fetches nothing.",
    )

    redis_url: SecretStr | None = Field(
        None, title="Redis URL", description="Redis or Valkey for limits and cache: redis://, rediss:// or unix://."
    )
    redis_url_file: Path | None = Field(
        None, title="Redis URL file", description="File that holds the Redis URL, where it carries a password."
    )
    cache_redis_url: SecretStr | None = Field(
        None,
        title="Cache's Redis URL",
        description="Redis or Valkey for the cache of answers alone, if it has its own.",
    )
    cache_redis_url_file: Path | None = Field(
        None, title="Cache's Redis URL file", description="File that holds that URL, where it carries a password."
    )
    redis_deadline_s: float = _seconds(0.1, "Redis deadline", "Longest time that a request waits for Redis.")
    when_redis_lost: WhenRedisLost = Field(
        WhenRedisLost.LOCAL,
        title="Without Redis",
        description="`local` limits by this gateway's share from memory, `closed` refuses requests that have limits.",
    )
    gateways: int = _count(1, "Gateways", "How many gateways share the limits, for the share of each without Redis.")
    cache_entry_bytes: int = _bytes(MIB, "Largest cached answer", "Larger answers are not kept.")
    cache_total_bytes: int = _bytes(256 * MIB, "Cache size", "Bytes of all cached answers together.")

    ledger_days: int = _count(7, "Request retention", "Days for which single requests stay in the ledger.")
    ledger_entries: int = _count(
        2_000_000, "Largest ledger", "Most single requests kept, however young; the oldest go first."
    )
    usage_days: int = _count(400, "Usage retention", "Days for which daily sums of use are kept.")
    ledger_buffer_records: int = _count(
        100_000, "Ledger buffer", "Most requests that wait in memory to be written while Redis is lost."
    )
    ledger_flush_s: float = _seconds(2, "Ledger flush", "Time at the end to write what still waits.", least=0)

    body_bytes: int = _bytes(4 * MIB, "Largest request", "Larger request bodies are refused with 413.")
    audio_bytes: int = _bytes(
        26 * MIB, "Largest audio request", "Larger forms with sound are refused; the engine takes files of 25 MiB."
    )
    bodies_bytes: int = _bytes(
        256 * MIB, "Memory for requests", "Bytes of all requests' bodies that are held at a time; more get 503."
    )
    head_timeout_s: float = _seconds(10, "Head time-out", "Time in which a request's head must be complete.")
    body_idle_s: float = _seconds(10, "Body idle time-out", "Longest pause within a request's body.")
    body_total_s: float = _seconds(120, "Body time-out", "Time in which a request's body must be complete.")
    keep_alive_s: float = _seconds(75, "Keep-alive", "Time that an idle connection is kept.")
    write_stall_s: float = _seconds(30, "Write stall", "Time after which a client that reads nothing is dropped.")
    connections: int = _count(8192, "Connections", "Most connections at a time; more are answered 503.")
    connections_per_peer: int = _count(2048, "Connections per peer", "Most connections of one address at a time.")

    connect_timeout_s: float = _seconds(2, "Connect time-out", "Time in which an upstream must accept a connection.")
    first_byte_timeout_s: float = _seconds(180, "First-byte time-out", "Time in which a stream must begin.")
    idle_timeout_s: float = _seconds(120, "Stream idle time-out", "Longest pause within an answer.")
    longest_stream_s: float = _seconds(
        600, "Longest stream", "Time in which an answer must be complete; drain waits as long."
    )
    hold_stream_s: float = _seconds(
        120, "Hold of streams", "Longest time that a stream waits for a model to start; 0 does not wait.", least=0
    )
    hold_whole_s: float = _seconds(
        20, "Hold of whole answers", "Longest time that any other request waits for it; 0 does not wait.", least=0
    )
    held_requests: int = _count(1000, "Held requests", "Most requests that wait for one model; more get 503.")
    stream_silence_s: float = _seconds(
        5, "Stream silence", "Time after which a stream that has not begun gets its head and a comment, and again."
    )
    shared_waiters: int = _count(4096, "Shared waiters", "Most requests that wait for the answer to the same question.")
    running_requests: int = _count(4096, "Running requests", "Most requests of one model at a time; more get 503.")
    breaker_failures: int = _count(5, "Breaker", "Failures of a model in a row after which its requests get 503.")
    breaker_pause_s: float = _seconds(
        1, "Breaker pause", "Time for which they do at first; it doubles up to 30 s while the model goes on failing."
    )
    retry_share: float = Field(
        0.2, ge=0, le=1, title="Retry share", description="Share of a model's requests that may be sent a second time."
    )
    upstream_idle_s: float = _seconds(30, "Upstream keep-alive", "Time that an unused upstream connection is kept.")
    tokens_per_event: int = _count(
        4, "Tokens per event", "Most tokens that share an event of a stream while processors are short; 1 never shares."
    )
    drain_notice_s: float = _seconds(
        0, "Drain notice", "Time between being not ready and accepting no more, for load balancers to notice.", least=0
    )

    traces_endpoint: Annotated[str, AfterValidator(_collector)] | None = Field(
        default_factory=lambda: traces_endpoint(os.environ),
        validate_default=True,
        title="Traces endpoint",
        description="Where spans are sent (OTLP over HTTP), as a whole URL without credentials; without it nothing is "
        "traced. By default what OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT says.",
    )
    traces_ratio: float = Field(
        default_factory=lambda: traces_ratio(os.environ),
        validate_default=True,
        ge=0,
        le=1,
        title="Traces ratio",
        description="Share of requests recorded where the client has not decided. By default what OTEL_TRACES_SAMPLER "
        "and OTEL_TRACES_SAMPLER_ARG say, else 0.01.",
    )
    traced_requests: int = _count(50, "Traced requests", "Most requests recorded per second, whoever asks for it.")
    traces_buffer: int = _count(2048, "Traces buffer", "Most recorded requests that wait for the collector.")

    log_level: str = Field(
        "info", title="Log level", pattern="^(debug|info|warning|error)$", description="Least level logged."
    )
    access_log: bool = Field(
        default=True, title="Access log", description="One line per inference request, without its content."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = {name for name in (*_OF_FILES, *_OF_CLUSTERS) if getattr(self, name) is not None}
        wanted = set(_OF_FILES if self.source == "files" else _OF_CLUSTERS)
        other = "kubernetes" if self.source == "files" else "files"
        for name in sorted(given - wanted):
            raise ValueError(
                f"give FAIRLEAD_GATEWAY_SOURCE={other}, or remove FAIRLEAD_GATEWAY_{name.upper()}, "
                f"which the source {self.source} has no use for"
            )
        for name in sorted(wanted - given):
            raise ValueError(f"give FAIRLEAD_GATEWAY_{name.upper()}, which the source {self.source} needs")
        return self

    @model_validator(mode="after")
    def _one_redis_url(self) -> Self:
        if (self.redis_url is None) == (self.redis_url_file is None):
            raise ValueError("give exactly one of FAIRLEAD_GATEWAY_REDIS_URL and FAIRLEAD_GATEWAY_REDIS_URL_FILE")
        return self

    @model_validator(mode="after")
    def _one_cache_redis_url(self) -> Self:
        if self.cache_redis_url is not None and self.cache_redis_url_file is not None:
            raise ValueError(
                "give at most one of FAIRLEAD_GATEWAY_CACHE_REDIS_URL and FAIRLEAD_GATEWAY_CACHE_REDIS_URL_FILE"
            )
        return self

    @property
    def source_given(self) -> FileSource | ClusterSource:
        """Where routes, tenants and API keys come from."""
        if self.routes_file and self.tenants_file and self.api_keys_file:
            return FileSource(self.routes_file, self.tenants_file, self.api_keys_file)
        if self.tenants_config_map and self.api_keys_secret:
            tenants, keys = InCluster.of(self.tenants_config_map), InCluster.of(self.api_keys_secret)
            return ClusterSource(self.namespaces, tenants, keys, self.upstream)
        raise AssertionError("the settings were not checked")

    @property
    def redis(self) -> str:
        """The Redis URL, secret as it may be.

        Raises:
            OSError: Its file cannot be read.
        """
        return _url(self.redis_url, self.redis_url_file) or ""

    @property
    def cache_redis(self) -> str | None:
        """The URL of the cache's own Redis, secret as it may be; None where it shares the other one.

        Raises:
            OSError: Its file cannot be read.
        """
        return _url(self.cache_redis_url, self.cache_redis_url_file)


_OF_FILES: Final = ("routes_file", "tenants_file", "api_keys_file")
_OF_CLUSTERS: Final = ("tenants_config_map", "api_keys_secret")


def _url(url: SecretStr | None, file: Path | None) -> str | None:
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    return None if url is None else url.get_secret_value()
