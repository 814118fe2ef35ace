"""What the chart makes: valid, bounded, and settled by settings that the services know."""

import json
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate

from fairlead_contract.issuers import parse_issuers
from fairlead_contract.tenants import parse_tenants
from fairlead_gateway.settings import GatewaySettings
from fairlead_operator.accelerators import parse_accelerators
from fairlead_operator.settings import Settings as OperatorSettings
from tests.charts.rendering import (
    CHART,
    LEAST,
    NAMESPACE,
    SETS,
    containers,
    environment,
    found,
    merged,
    pods,
    rendered,
    values_of,
)

KUBERNETES = "1.36"
OF_OTHERS = {"HTTPRoute", "ServiceMonitor", "PodMonitor", "PrometheusRule"}
"""Kinds that Kubernetes itself does not know."""

LARGE_NUMBERS = merged(
    LEAST,
    {
        "gateway": {
            "settings": {"body_bytes": 1073741824, "ledger_entries": 20000000, "allowed_hosts": ["a.b", "c.d"]}
        },
        "tenants": {
            "plans": {"default": {"tokensPerDay": 1000000000000}},
            "prices": {"demo": {"input": 0.000001, "output": 1000000}},
        },
    },
)


def given(monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Render the chart, and put the environments of gateway and operator in force."""
    objects = rendered(values)
    for deployment in ("fairlead-gateway", "fairlead-operator"):
        for name, value in environment(objects, deployment).items():
            monkeypatch.setenv(name, value)
    return objects


@pytest.mark.parametrize("name", SETS)
def test_kubernetes_knows_every_field(name: str) -> None:
    """Every object is strictly valid against Kubernetes' schemas."""
    for each in rendered(values_of(name)):
        if each["kind"] not in OF_OTHERS:
            validate(each, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", SETS)
def test_every_variable_is_a_setting(name: str) -> None:
    """What the chart writes into an environment is read by the service: a misspelt name would say nothing."""
    objects = rendered(values_of(name))

    for deployment, prefix, model in (
        ("fairlead-gateway", "FAIRLEAD_GATEWAY_", GatewaySettings),
        ("fairlead-operator", "FAIRLEAD_OPERATOR_", OperatorSettings),
    ):
        ours = {each for each in environment(objects, deployment) if each.startswith("FAIRLEAD_")}
        assert ours <= {f"{prefix}{field.upper()}" for field in model.model_fields}


@pytest.mark.parametrize("name", SETS)
def test_the_services_take_their_environments(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Gateway and operator start with what the chart gives them."""
    given(monkeypatch, values_of(name))

    gateway, operator = GatewaySettings(), OperatorSettings()
    assert gateway.longest_stream_s == operator.longest_stream_s
    assert operator.gateway_namespace == NAMESPACE


def test_values_arrive_as_they_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists, parts of settings and tenants reach gateway and operator as the values say."""
    objects = given(monkeypatch, values_of("production"))

    gateway, operator = GatewaySettings(), OperatorSettings()
    assert gateway.allowed_hosts == ("api.example.com",)
    assert gateway.body_bytes == 16 * 1024 * 1024
    assert (gateway.gateways, gateway.longest_stream_s) == (12, 900)
    assert operator.namespaces == ("models", "team-a")
    assert operator.weights.kind == "pvc"
    assert operator.gcs_fault_tolerance is not None
    assert operator.monitoring_namespace == "monitoring"
    tenants = found(objects, "ConfigMap", "fairlead-tenants")["data"]["tenants.yaml"]
    assert parse_tenants(tenants, where="tenants.yaml").tenants.keys() == {"acme", "research"}
    issuers = found(objects, "ConfigMap", "fairlead-issuers")["data"]["issuers.yaml"]
    assert parse_issuers(issuers, where="issuers.yaml").issuers["company"].tenant.claim == ("groups",)
    accelerators = found(objects, "ConfigMap", "fairlead-accelerators")["data"]["accelerators.yaml"]
    assert "nvidia-h100-nvl" in parse_accelerators(accelerators, where="accelerators.yaml")


def test_large_numbers_stay_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that Helm would write as 1e+09 arrives as it was written."""
    objects = given(monkeypatch, LARGE_NUMBERS)

    gateway = GatewaySettings()
    assert (gateway.body_bytes, gateway.ledger_entries) == (1073741824, 20000000)
    assert gateway.allowed_hosts == ("a.b", "c.d")
    tenants = parse_tenants(found(objects, "ConfigMap", "fairlead-tenants")["data"]["tenants.yaml"], where="tenants")
    assert tenants.plans["default"].tokens_per_day == 10**12


@pytest.mark.parametrize("name", SETS)
def test_every_pod_is_restricted(name: str) -> None:
    """Every pod runs as somebody, without capabilities, on a root that it cannot write, with a bound of memory."""
    objects = rendered(values_of(name))

    for _, pod in pods(objects):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for _, container in containers(objects):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", SETS)
def test_tokens_are_where_they_are_needed(name: str) -> None:
    """Only gateway and operator have a token of the API server."""
    have = {owner for owner, pod in pods(rendered(values_of(name))) if pod["automountServiceAccountToken"]}

    assert have == {"fairlead-gateway", "fairlead-operator"}


def test_no_secret_stands_in_an_environment_or_an_argument() -> None:
    """What is secret is read from files alone."""
    objects = rendered(LEAST)
    secrets = {value for each in objects if each["kind"] == "Secret" for value in each.get("data", {}).values()}

    assert len(secrets) == 7  # two of auth, one hop root, four of Redis
    for _, container in containers(objects):
        shown = json.dumps([container.get("env"), container.get("command"), container.get("args")])
        assert not any(secret in shown for secret in secrets)
        assert "secretKeyRef" not in shown


def test_a_gateway_may_end_its_streams() -> None:
    """Kubernetes waits for a gateway longer than the longest stream takes after the drain's notice."""
    pod = dict(pods(rendered(values_of("production"))))["fairlead-gateway"]

    assert pod["terminationGracePeriodSeconds"] > 900 + 20


def test_existing_secrets_are_used() -> None:
    """Where Secrets are named, none is made, and pods mount those."""
    secrets = {
        "auth": {"existingSecret": "my-auth", "existingHopSecret": "my-hop", "existingApiKeysSecret": "my-keys"},
        "redis": {"existingSecret": "my-redis"},
        "existingTenantsConfigMap": "my-tenants",
    }
    objects = rendered(merged(LEAST, secrets))

    assert [each["kind"] for each in objects if each["kind"] in {"Secret", "ConfigMap"}] == []
    mounted = {
        volume["secret"]["secretName"] for _, pod in pods(objects) for volume in pod["volumes"] if "secret" in volume
    }
    assert mounted == {"my-auth", "my-hop", "my-redis"}
    told = environment(objects, "fairlead-gateway")
    assert told["FAIRLEAD_GATEWAY_API_KEYS_SECRET"] == f"{NAMESPACE}/my-keys"
    assert told["FAIRLEAD_GATEWAY_TENANTS_CONFIG_MAP"] == f"{NAMESPACE}/my-tenants/tenants.yaml"
    [role] = [each for each in objects if each["kind"] == "Role" and each["metadata"]["name"] == "fairlead-gateway"]
    assert {name for rule in role["rules"] for name in rule["resourceNames"]} == {"my-keys", "my-tenants"}


def test_a_redis_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without a password may stand in the values; then there is no Valkey."""
    objects = given(
        monkeypatch, merged(LEAST, {"valkey": {"enabled": False}, "redis": {"url": "redis://redis.example:6379"}})
    )

    assert GatewaySettings().redis == "redis://redis.example:6379"
    assert not any(each["kind"] == "StatefulSet" for each in objects)


def test_the_ledger_is_durable_and_the_cache_is_not() -> None:
    """The ledger's Valkey evicts nothing and keeps a file on a volume; the cache's evicts and keeps none."""
    objects = rendered(LEAST)
    ledger, cache = (found(objects, "StatefulSet", f"fairlead-{one}")["spec"] for one in ("ledger", "cache"))

    def arguments(spec: dict[str, Any]) -> dict[str, str]:
        given = spec["template"]["spec"]["containers"][0]["args"]
        return dict(zip(given[::2], given[1::2], strict=True))

    assert {"--appendonly": "yes", "--maxmemory-policy": "noeviction"}.items() <= arguments(ledger).items()
    assert {"--appendonly": "no", "--save": "", "--maxmemory-policy": "allkeys-lru"}.items() <= arguments(cache).items()
    assert [claim["metadata"]["name"] for claim in ledger["volumeClaimTemplates"]] == ["data"]
    assert "volumeClaimTemplates" not in cache


@pytest.mark.parametrize("keep", [False, True])
def test_what_an_uninstallation_leaves(keep: bool) -> None:
    """Secrets and the ledger's volume stay where the values say so, and go otherwise."""
    objects = rendered(merged(LEAST, {"keepOnUninstall": keep}))
    policies = {
        (each["metadata"].get("annotations") or {}).get("helm.sh/resource-policy")
        for each in objects
        if each["kind"] == "Secret"
    }

    assert policies == {"keep" if keep else None}
    retention = found(objects, "StatefulSet", "fairlead-ledger")["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert retention["whenDeleted"] == ("Retain" if keep else "Delete")


def test_selectors_find_their_own_pods_alone() -> None:
    """Services, policies and budgets select the pods of one component, whatever labels the values add."""
    pod = {"pod": {"labels": {"app.kubernetes.io/component": "x", "team": "a"}}}
    objects = rendered(merged(LEAST, {"gateway": pod, "operator": pod, "commonLabels": {"cost": "7"}}))
    labels = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in objects
        if each["kind"] in {"Deployment", "StatefulSet"}
    }
    assert {"team": "a", "cost": "7"}.items() <= labels["fairlead-gateway"].items()

    selected = {
        each["metadata"]["name"]: [
            name for name, own in labels.items() if each["spec"]["selector"].items() <= own.items()
        ]
        for each in objects
        if each["kind"] == "Service"
    }
    assert selected == {
        "fairlead-gateway": ["fairlead-gateway"],
        "fairlead-gateway-internal": ["fairlead-gateway"],
        "fairlead-operator": ["fairlead-operator"],
        "fairlead-ledger": ["fairlead-ledger"],
        "fairlead-cache": ["fairlead-cache"],
    }


def test_two_releases_share_no_name() -> None:
    """Two releases in one namespace make no object of the same name, cluster-wide ones included."""
    names = [
        {(each["kind"], each["metadata"]["name"]) for each in rendered(LEAST, release=release)}
        for release in ("fairlead", "other")
    ]

    assert not names[0] & names[1]


def test_a_pods_template_does_not_change_with_the_charts_version() -> None:
    """Labels that change with every release are on no pod, which would restart for nothing."""
    for each in rendered(LEAST):
        if each["kind"] in {"Deployment", "StatefulSet"}:
            labels = each["spec"]["template"]["metadata"]["labels"]
            assert not labels.keys() & {"helm.sh/chart", "app.kubernetes.io/version"}


def test_monitoring() -> None:
    """Prometheus finds gateways, operator and Ray's pods, and vLLM's metrics get the names that vLLM gives them."""
    objects = rendered(values_of("production"))
    services = found(objects, "ServiceMonitor", "fairlead")
    wanted = services["spec"]["selector"]["matchLabels"].items()
    scraped = {
        each["metadata"]["name"]
        for each in objects
        if each["kind"] == "Service" and wanted <= each["metadata"]["labels"].items()
    }
    models = found(objects, "PodMonitor", "fairlead-models")
    relabelled = yaml.safe_load((CHART / "scrape" / "metric-relabelings.yaml").read_text())

    assert scraped == {"fairlead-gateway-internal", "fairlead-operator"}
    assert models["spec"]["namespaceSelector"] == {"matchNames": ["models", "team-a"]}
    assert any(each.get("replacement") == "vllm:$1" for each in relabelled)
    for endpoint in models["spec"]["podMetricsEndpoints"]:
        assert endpoint["metricRelabelings"] == relabelled
    for each in (services, models):
        assert each["metadata"]["labels"]["release"] == "prometheus"


def test_dashboards_and_rules_are_those_of_the_folders() -> None:
    """Each dashboard is in a ConfigMap of its own, byte by byte, and each file of rules in a PrometheusRule."""
    objects = rendered(values_of("production"))
    dashboards = {
        name: text
        for each in objects
        if each["kind"] == "ConfigMap" and "-dashboard-" in each["metadata"]["name"]
        for name, text in each["data"].items()
    }
    rules = {each["metadata"]["name"] for each in objects if each["kind"] == "PrometheusRule"}

    assert {name: json.loads(text) for name, text in dashboards.items()} == {
        file.name: json.loads(file.read_text()) for file in (CHART / "dashboards").glob("*.json")
    }
    assert rules == {f"fairlead-{file.stem}" for file in (CHART / "rules").glob("*.yaml")}


@pytest.mark.parametrize(
    "url, page", [("https://wiki.test/runbooks", "https://wiki.test/runbooks"), ("", "docs/runbooks.md")]
)
def test_alerts_link_to_the_published_runbooks(url: str, page: str) -> None:
    """Each alert links to its section, at the address that the values name or else by the file's path."""
    values = {"enabled": True, "runbooksUrl": url}
    objects = rendered({**values_of("production"), "monitoring": {"prometheusRule": values}})
    alerts = [
        rule
        for each in objects
        if each["kind"] == "PrometheusRule"
        for group in each["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]

    assert len(alerts) > 20
    for alert in alerts:
        assert alert["annotations"]["runbook_url"] == f"{page}#{alert['alert'].lower()}"
