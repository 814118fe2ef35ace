"""The chart, rendered by Helm's own code without a cluster."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

Object = dict[str, Any]

CHARTS = Path(__file__).parents[2] / "charts"
CHART = CHARTS / "fairlead"
NAMESPACE = "serving"
RELEASE = "fairlead"

LEAST: Object = {"image": {"registry": "registry.example.com/fairlead"}}
"""What must be given."""

SETS = ("least", "ci", "production")
"""Sets of values with which everything is tried."""


@cache
def _chart() -> Chart:
    return Chart.load(CHART)


def values_of(name: str) -> Object:
    """Return one of the sets of values."""
    if name == "least":
        return LEAST
    read: Object = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text())
    return read


def rendered(values: Object, *, release: str = RELEASE) -> list[Object]:
    """Return the objects that the chart makes, and its test.

    Raises:
        HelmError: The values are refused.
    """
    files = _chart().render(values, name=release, namespace=NAMESPACE)
    return [
        each
        for path, text in files.items()
        if not path.endswith("NOTES.txt")
        for each in yaml.safe_load_all(text)
        if each is not None
    ]


def notes(values: Object) -> str:
    """Return what Helm tells after an installation."""
    return _chart().render(values, name=RELEASE, namespace=NAMESPACE)["fairlead/templates/NOTES.txt"]


def found(objects: list[Object], kind: str, name: str) -> Object:
    """Return the one object of a kind and name."""
    [only] = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return only


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Return the specification of every pod, with the name of what makes it."""
    for each in objects:
        if each["kind"] in {"Deployment", "StatefulSet"}:
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]
        elif each["kind"] == "Pod":
            yield each["metadata"]["name"], each["spec"]


def containers(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Return every container, with the name of what makes its pod."""
    for name, pod in pods(objects):
        for container in pod["containers"]:
            yield name, container


def environment(objects: list[Object], deployment: str) -> Mapping[str, str]:
    """Return the environment of a deployment's one container, as far as the chart writes values into it."""
    [container] = found(objects, "Deployment", deployment)["spec"]["template"]["spec"]["containers"]
    names = [each["name"] for each in container["env"]]
    assert len(names) == len(set(names)), names
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def merged(values: Object, others: Object) -> Object:
    """Return values with others over them, as Helm merges files."""
    both = {
        key: merged(values[key], part) if isinstance(values.get(key), dict) and isinstance(part, dict) else part
        for key, part in others.items()
    }
    return {**values, **both}
