"""What values the chart takes, where they are described, and how wrong ones are refused."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from charts.generate.files import FILES
from charts.generate.settings import GATEWAYS_OWN, OPERATORS_OWN
from charts.generate.values import Values
from helm_python import Chart, HelmError, lint
from pydantic import BaseModel

from fairlead_gateway.settings import GatewaySettings
from fairlead_operator.settings import Settings as OperatorSettings
from tests.charts.rendering import CHART, CHARTS, LEAST, SETS, merged, notes, rendered, values_of

ISSUER = {"issuer": "https://id.example.com", "audience": "fairlead", "algorithm": "RS256", "tenant": {"name": "acme"}}
KEYS = {"keys": {"url": "https://id.example.com/keys"}}

WRONG: dict[str, tuple[str, Any, str, str]] = {
    "an unknown value": ("gatewy", {}, "", "gatewy"),
    "an unknown value inside another": ("gateway.replicaCount", 3, "/gateway", "replicaCount"),
    "a text for a number": ("gateway.replicas", "three", "/gateway/replicas", "got string, want integer"),
    "no gateway at all": ("gateway.replicas", 0, "/gateway/replicas", "minimum"),
    "an unknown setting of the gateway": ("gateway.settings.log_levle", "info", "/gateway/settings", "log_levle"),
    "a setting that the chart sets": ("gateway.settings.redis_url", "x", "/gateway/settings", "redis_url"),
    "a setting out of range": ("gateway.settings.retry_share", 2, "/gateway/settings/retry_share", "maximum"),
    "a setting of another type": (
        "gateway.settings.body_bytes",
        "4MiB",
        "/gateway/settings/body_bytes",
        "want integer",
    ),
    "an unknown setting of the operator": ("operator.settings.namespace", "x", "/operator/settings", "namespace"),
    "an unknown part of a setting": ("operator.settings.weights.kid", "pvc", "/operator/settings/weights", "kid"),
    "an upgrade that is none": (
        "operator.settings.upgrade_strategy",
        "Rolling",
        "/operator/settings/upgrade_strategy",
        "one of",
    ),
    "a misspelt limit": ("tenants.plans.default.requestPerMinute", 1, "/tenants/plans/default", "requestPerMinute"),
    "a tenant without a plan": ("tenants.tenants.acme", {}, "/tenants/tenants/acme", "plan"),
    "an issuer without keys": ("issuers.a", ISSUER, "/issuers/a", "keys"),
    "a foreign algorithm": ("issuers.a", ISSUER | KEYS | {"algorithm": "HS256"}, "/issuers/a/algorithm", "one of"),
    "memory in a unit of its own": ("valkey.ledgerMemory", "1 gigabyte", "/valkey/ledgerMemory", "pattern"),
    "a pull policy that is none": ("image.pullPolicy", "Sometimes", "/image/pullPolicy", "one of"),
    "a namespace that cannot be": ("watchNamespaces", ["Models"], "/watchNamespaces/0", "pattern"),
    "a stream that never ends": ("longestStreamSeconds", 0, "/longestStreamSeconds", "minimum"),
    "an address without a scheme": ("publicUrl", "api.example.com", "/publicUrl", "pattern"),
}

MISSING: dict[str, tuple[dict[str, Any], str]] = {
    "no registry": ({"image": {"registry": ""}}, r"make images push REGISTRY=.*--set image\.registry="),
    "no Redis": ({"valkey": {"enabled": False}}, r"write redis\.url, .* or name in redis\.existingSecret"),
    "a route without a Gateway": ({"httpRoute": {"enabled": True}}, r"needs httpRoute\.parentRefs, such as"),
    "an ingress without names": ({"ingress": {"enabled": True}}, r"needs ingress\.hosts, such as"),
}


def leaves(model: BaseModel, path: str = "") -> Iterator[tuple[str, str]]:
    """Return the path and the description of every value."""
    for name, field in type(model).model_fields.items():
        here = f"{path}{field.alias}"
        yield here, field.description or ""
        value = getattr(model, name)
        if hasattr(type(value), "folded"):
            yield from leaves(value, f"{here}.")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_golden(path: Path) -> None:
    """What lies in the chart and in the documentation is what the models generate; `make values` writes it anew."""
    document: Callable[[], str] = FILES[path]

    assert path.read_text() == document()


def test_every_value_says_what_it_is() -> None:
    """Each value has a comment, which ends as a sentence does."""
    assert [path for path, told in leaves(Values()) if not told.endswith(".")] == []


def test_a_value_is_the_models_own() -> None:
    """Helm reads from values.yaml what the models say."""
    with Chart.load(CHART) as chart:
        assert Values.model_validate(chart.values) == Values()


@pytest.mark.parametrize("name", SETS)
def test_lint(name: str) -> None:
    """Helm finds nothing to complain about, with any set of values, however strict it looks."""
    report = lint(CHART, values_of(name), strict=True)

    assert [each for each in report["messages"] if "icon" not in each["error"]] == []
    assert report["errors"] == []


def test_lint_of_definitions() -> None:
    """Helm finds nothing to complain about in the chart of definitions either."""
    report = lint(CHARTS / "fairlead-crds", strict=True)

    assert [each for each in report["messages"] if "icon" not in each["error"]] == []
    assert report["errors"] == []


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_value(wrong: str) -> None:
    """A wrong or unknown value is refused before anything is rendered, with its path and what is wrong."""
    path, value, at, told = WRONG[wrong]
    for name in reversed(path.split(".")):
        value = {name: value}

    with pytest.raises(HelmError) as refused:
        rendered(merged(LEAST, value))

    assert re.search(rf"at '{re.escape(at)}':[^\n]*{re.escape(told)}", str(refused.value)), str(refused.value)


@pytest.mark.parametrize("missing", MISSING)
def test_missing_value(missing: str) -> None:
    """Where something must be given, a sentence says what to write."""
    values, told = MISSING[missing]

    with pytest.raises(HelmError, match=told):
        rendered(merged(LEAST, values))


def test_no_value_of_the_chart_of_definitions() -> None:
    """A value for the chart that has none is refused."""
    with Chart.load(CHARTS / "fairlead-crds") as chart, pytest.raises(HelmError, match="image"):
        chart.render({"image": {}})


@pytest.mark.parametrize(
    "model, own, path",
    [
        (GatewaySettings, GATEWAYS_OWN, ("gateway", "settings")),
        (OperatorSettings, OPERATORS_OWN, ("operator", "settings")),
    ],
)
def test_every_setting_has_one_owner(model: type[BaseModel], own: frozenset[str], path: tuple[str, str]) -> None:
    """A setting is the chart's own or can be given, and nothing else can be."""
    with Chart.load(CHART) as chart:
        schema: Any = chart.schema
    part = schema["properties"][path[0]]
    given = schema["$defs"][part["$ref"].rpartition("/")[2]]["properties"][path[1]]["properties"]

    assert own <= model.model_fields.keys()
    assert given.keys() == model.model_fields.keys() - own


def test_notes_hold_a_question_to_paste() -> None:
    """After an installation Helm tells how to ask a first question, and what was not found."""
    told = notes(LEAST)

    assert "MISSING: KubeRay was not seen" in told
    assert "helm upgrade --install kuberay-operator kuberay/kuberay-operator --version 1.7.0" in told
    assert "port-forward service/fairlead-gateway 8080:80" in told
    assert re.search(r"curl -N \$API/v1/chat/completions .*Bearer \$TOKEN", told)
    assert "API=https://api.example.com\n" in notes(values_of("production"))


def test_sets_of_values_are_described() -> None:
    """Every file of values begins by saying what it is for."""
    for file in (CHART / "ci").glob("*.yaml"):
        assert file.read_text().startswith("# ")
        assert yaml.safe_load(file.read_text())


def test_values_in_the_documentation_are_taken() -> None:
    """What the documentation tells people to write into their values is rendered as it stands."""
    folder = CHARTS.parent / "docs" / "kubernetes"
    texts = [(folder / name).read_text() for name in ("install.md", "operate.md")]
    blocks = [
        block for text in texts for block in re.findall(r"^ *```yaml\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    ]
    values = [read for block in blocks if "spec" not in (read := yaml.safe_load(block))]

    assert len(values) > 4
    for each in values:
        assert rendered(merged(LEAST, each))
