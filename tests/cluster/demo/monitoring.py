"""Lets a Prometheus read the demo as the chart's monitors ask for it.

Debian's Prometheus knows no Kubernetes, and nobody runs Prometheus' operator here: what that one would write is written
here, from the PodMonitor that the chart makes, and pods are looked up in its place.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fairlead_cli.ports import LOOPBACK
from fairlead_contract.files import write_atomically
from tests.charts.rendering import LEAST, found, merged, rendered
from tests.cluster.demo.platform import DemoCluster
from tests.sight.chart import RULES, as_prometheus_spells
from tests.sight.prometheus import targets_of

Json = dict[str, Any]

META = "__meta_kubernetes"
NAMESPACE, PORT = f"{META}_namespace", f"{META}_pod_container_port_name"


def monitored(cluster: DemoCluster, pods: Path) -> Json:
    """Return Prometheus' configuration, which reads gateway and operator, and the pods of a file."""
    monitor = found(rendered(merged(LEAST, {"monitoring": {"podMonitor": {"enabled": True}}})), *_POD_MONITOR)["spec"]
    ports = {"gateway": cluster.ports.gateway_metrics, "operator": cluster.operator_metrics}
    own = [{"job_name": job, "static_configs": [{"targets": [_address(port)]}]} for job, port in ports.items()]
    [selected] = monitor["selector"]["matchExpressions"]
    models = [_job(endpoint, selected, pods) for endpoint in monitor["podMetricsEndpoints"]]
    return {"rule_files": [str(file) for file in RULES], "scrape_configs": [*own, *models]}


_POD_MONITOR = ("PodMonitor", "fairlead-models")


def _job(endpoint: Mapping[str, Any], selected: Mapping[str, str], pods: Path) -> Json:
    """Return what Prometheus' operator makes of one endpoint.

    It would name pods in their series, too. Here all of them show the same Ray, which is one target without names.
    """
    assert selected["operator"] == "Exists"
    kept = [
        {"action": "keep", "source_labels": [_label(selected["key"])], "regex": ".+"},
        {"action": "keep", "source_labels": [PORT], "regex": endpoint["port"]},
    ]
    return {
        "job_name": endpoint["port"],
        "file_sd_configs": targets_of(pods),
        "relabel_configs": [*kept, *as_prometheus_spells(endpoint["relabelings"])],
        "metric_relabel_configs": as_prometheus_spells(endpoint["metricRelabelings"]),
    }


def look_up_pods(cluster: DemoCluster, file: Path) -> None:
    """Write where the ports of all pods are now, with what Prometheus would find out about them in a cluster."""
    pods = json.loads(cluster.kubectl("get", "pods", "-o", "json"))["items"]
    text = json.dumps([target for pod in pods for target in _targets(pod)], indent=2)
    if not file.exists() or file.read_text() != text:
        write_atomically(file, text)


def _targets(pod: Mapping[str, Any]) -> Iterator[Json]:
    known = {_label(name): value for name, value in pod["metadata"]["labels"].items()}
    known[NAMESPACE] = pod["metadata"]["namespace"]
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
    if ip := pod["status"].get("podIP"):
        for port in ports:
            yield {"targets": [f"{ip}:{port['containerPort']}"], "labels": known | {PORT: port["name"]}}


def _label(name: str) -> str:
    """Return a pod's label as Prometheus spells it."""
    return f"{META}_pod_label_{''.join(letter if letter.isalnum() else '_' for letter in name)}"


def _address(port: int) -> str:
    return f"{LOOPBACK}:{port}"
