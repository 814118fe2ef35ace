"""Who may talk to a model's pods. Pure.

Policies add up, so each opens what it says and nothing else is open. The hop secret guards the replicas' ports once
more, and Ray's token its own: a network that does not enforce policies leaves neither open.
"""

from collections.abc import Mapping

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import (
    AUTOSCALER_METRICS_PORT,
    DASHBOARD_METRICS_PORT,
    DASHBOARD_PORT,
    MODEL_LABEL,
    RAY_METRICS_PORT,
    SERVE_PORT,
    head_network_policy_name,
    network_policy_name,
)
from fairlead_contract.yaml_documents import Json
from fairlead_operator.manifests.metadata import object_metadata
from fairlead_operator.settings import Settings

_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_METRICS_PORTS = (RAY_METRICS_PORT, AUTOSCALER_METRICS_PORT, DASHBOARD_METRICS_PORT)


def network_policy(deployment: ModelDeployment, owner: Mapping[str, Json], settings: Settings) -> Json:
    """Return the policy of all of the model's Ray: gateways reach replicas, Ray reaches itself, metrics can be read."""
    gateways = _pods(settings.gateway_pod_labels, settings.gateway_namespace)
    operator = _pods(settings.operator_pod_labels, settings.operator_namespace or settings.gateway_namespace)
    monitoring = [{"namespaceSelector": _named(settings.monitoring_namespace)}] if settings.monitoring_namespace else []
    replicas = {"port": settings.replica_first_port, "endPort": settings.replica_last_port, "protocol": "TCP"}
    ingress = [
        {"from": [gateways], "ports": [_port(SERVE_PORT), replicas]},
        {"from": [{"podSelector": {"matchLabels": _of_ray(deployment)}}]},
        {"from": [operator, *monitoring], "ports": [_port(number) for number in _METRICS_PORTS]},
    ]
    return _policy(deployment, owner, network_policy_name(deployment.name), _of_ray(deployment), ingress)


def head_network_policy(deployment: ModelDeployment, owner: Mapping[str, Json], settings: Settings) -> Json:
    """Return the policy of Ray's head: KubeRay tells it what to serve, and asks its proxy whether it is well."""
    kuberay = {"namespaceSelector": {}, "podSelector": {"matchLabels": dict(settings.kuberay_pod_labels)}}
    ingress = [{"from": [kuberay], "ports": [_port(DASHBOARD_PORT), _port(SERVE_PORT)]}]
    head = {**_of_ray(deployment), "ray.io/node-type": "head"}
    return _policy(deployment, owner, head_network_policy_name(deployment.name), head, ingress)


def _policy(
    deployment: ModelDeployment, owner: Mapping[str, Json], name: str, pods: Mapping[str, str], ingress: list[Json]
) -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": object_metadata(deployment, owner, name),
        "spec": {"podSelector": {"matchLabels": dict(pods)}, "policyTypes": ["Ingress"], "ingress": ingress},
    }


def _of_ray(deployment: ModelDeployment) -> dict[str, str]:
    """Return the labels of the pods of a model's Ray clusters, of an old one and of its successor alike."""
    return {MODEL_LABEL: deployment.name, "ray.io/is-ray-node": "yes"}


def _pods(labels: Mapping[str, str], namespace: str) -> Json:
    return {"namespaceSelector": _named(namespace), "podSelector": {"matchLabels": dict(labels)}}


def _named(namespace: str) -> Json:
    return {"matchLabels": {_NAMESPACE_LABEL: namespace}}


def _port(number: int) -> Json:
    return {"port": number, "protocol": "TCP"}
