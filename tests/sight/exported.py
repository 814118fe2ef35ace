"""Which metrics there are: what the services register, and what the installed Ray and vLLM define in their sources.

Names are those that Prometheus keeps, after the relabelling of Ray's metrics.
"""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry

from fairlead_gateway.metrics import GatewayMetrics
from fairlead_operator.metrics import OperatorMetrics
from fairlead_serving.startup import EngineFacts, Phase, StartupReport
from tests.sight.chart import relabelings, rules

PROMETHEUS = frozenset({"ALERTS", "up"})
"""What Prometheus says itself."""

RAY_PREFIX = "ray_"
_SUFFIXES = {"gauge": ("",), "counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
_KIND = re.compile(r"^_?(gauge|counter|histogram)(_cls)?$", re.IGNORECASE)


def exported() -> frozenset[str]:
    """Return the names of all series that rules and dashboards may ask for."""
    own = {*registered(GatewayMetrics().registry), *registered(OperatorMetrics().registry)}
    of_ray = {RAY_PREFIX + name for name in (*ray_nodes(), *ray_serve(), *engines(), *replicas())}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return frozenset(own | {relabelled(name) for name in of_ray} | recorded | PROMETHEUS)


def registered(registry: CollectorRegistry) -> Iterator[str]:
    """Yield the series of a registry, also of what it has not counted yet."""
    for family in registry.collect():
        yield from series(family.name, family.type)


def replicas() -> set[str]:
    """Return the gauges that a replica sets from its start to its first answer."""
    found: set[str] = set()

    class Gauges:
        def set(self, name: str, value: float, **labels: str) -> None:
            found.add(name)

    report = StartupReport(Gauges())
    report.enter(Phase.DOWNLOADING)
    report.downloaded(1, 2)
    report.started(EngineFacts(startup_s=1, kv_cache_tokens=1, max_model_len=1, ranks=()))
    return found


def ray_nodes() -> Iterator[str]:
    """Yield what Ray says of machines and GPUs."""
    return defined(package("ray") / "dashboard" / "modules" / "reporter" / "reporter_agent.py")


def ray_serve() -> Iterator[str]:
    """Yield what Ray Serve says of applications and replicas."""
    for file in sorted((package("ray") / "serve" / "_private").glob("*.py")):
        yield from defined(file)


def engines() -> Iterator[str]:
    """Yield what vLLM says, as it leaves through Ray, to which a colon is no part of a name."""
    for name in defined(package("vllm") / "v1" / "metrics" / "loggers.py"):
        yield name.replace(":", "_")


def defined(file: Path) -> Iterator[str]:
    """Yield the series of every metric that a source file makes."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and (kind := _KIND.match(_called(node))):
            arguments = [keyword.value for keyword in node.keywords if keyword.arg == "name"] + node.args[:1]
            if arguments and isinstance(arguments[0], ast.Constant) and isinstance(arguments[0].value, str):
                yield from series(arguments[0].value, kind[1].lower())


def series(name: str, kind: str) -> Iterator[str]:
    """Yield the names under which a metric appears."""
    stem = name.removesuffix("_total") if kind == "counter" else name
    for suffix in _SUFFIXES[kind]:
        yield stem + suffix


def relabelled(name: str) -> str:
    """Return the name that Prometheus keeps of one that Ray exports."""
    for step in relabelings():
        match = re.fullmatch(step["regex"], name)
        if match and step.get("targetLabel") == "__name__":
            return str(match.expand(step["replacement"].replace("$", "\\")))
    return name


def package(name: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
