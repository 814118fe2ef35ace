"""The charts on a real API server, installed, upgraded and removed by Helm's own code."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from helm_python import Config

from fairlead_operator.settings import WeightsCache
from tests.charts.rendering import CHART, CHARTS, LEAST, NAMESPACE, SETS, merged, pods, rendered, values_of
from tests.charts.test_objects import OF_OTHERS
from tests.cluster.control_plane import ControlPlane
from tests.cluster.model_deployments import DEFINITIONS, ModelDeployments
from tests.cluster.model_deployments import NAMESPACED as MODELS
from tests.cluster.ray_services import RAY_SERVICES, define_ray_services
from tests.contract.manifests import document
from tests.operator.worlds import model, planned, settings
from tests.support.waiting import eventually

RESTRICTED = "pod-security.kubernetes.io/enforce"
RELEASE = "fairlead"


@pytest.fixture
def client(control_plane: ControlPlane, served_models: ModelDeployments) -> Iterator[httpx2.Client]:
    """The administrator's client; namespaces are there, and nothing breaks the restricted Pod Security in them."""
    with control_plane.client() as opened:
        for name in (NAMESPACE, "models", "team-a"):
            namespace = {"metadata": {"name": name, "labels": {RESTRICTED: "restricted"}}}
            assert opened.post("/api/v1/namespaces", json=namespace).status_code in {201, 409}
        yield opened


@pytest.fixture
def helm(control_plane: ControlPlane, client: httpx2.Client) -> Iterator[Config]:
    """Helm, in the namespace of the release; no release is there before or after."""
    with Config(kubeconfig_path=control_plane.kubeconfig, namespace=NAMESPACE) as opened:
        yield opened
        opened.uninstall(RELEASE, ignore_not_found=True)


def secret(client: httpx2.Client, name: str) -> dict[str, str]:
    """Return what a Secret holds."""
    found = client.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}").raise_for_status().json()
    return {key: base64.b64decode(value).decode() for key, value in found.get("data", {}).items()}


def left(control_plane: ControlPlane) -> set[str]:
    """Return all of a release that is there, by kind and name."""
    kinds = control_plane.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    label = f"--selector=app.kubernetes.io/instance={RELEASE}"
    return set(control_plane.kubectl("get", ",".join(kinds), "-A", label, "-o", "name", "--ignore-not-found").split())


@pytest.mark.parametrize("name", SETS)
def test_the_api_server_takes_every_object(client: httpx2.Client, control_plane: ControlPlane, name: str) -> None:
    """Every object is taken as it is by a real API server, strictly."""
    for each in rendered(values_of(name)):
        if each["kind"] in OF_OTHERS:
            continue
        answer = client.patch(
            path_of(control_plane, each),
            params={"fieldManager": "test", "fieldValidation": "Strict", "dryRun": "All"},
            headers={"content-type": "application/apply-patch+yaml"},
            json=each,
        )
        assert answer.is_success, f"{each['kind']} {each['metadata']['name']}: {answer.text}"
        assert "warning" not in answer.headers, answer.headers["warning"]


def path_of(control_plane: ControlPlane, one: dict[str, Any]) -> str:
    """Return an object's address."""
    group, _, version = one["apiVersion"].rpartition("/")
    base = f"/apis/{group}/{version}" if group else f"/api/{version}"
    namespace = f"/namespaces/{one['metadata']['namespace']}" if "namespace" in one["metadata"] else ""
    plural = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}.get(one["kind"], f"{one['kind'].lower()}s")
    return f"{base}{namespace}/{plural}/{one['metadata']['name']}"


@pytest.mark.parametrize("name", SETS)
def test_pods_are_admitted_where_restricted_security_is_enforced(client: httpx2.Client, name: str) -> None:
    """A namespace that enforces the restricted Pod Security Standard admits every pod; one with a capability, none."""
    address = f"/api/v1/namespaces/{NAMESPACE}/pods"
    for owner, specification in pods(rendered(values_of(name))):
        pod = {"metadata": {"name": owner}, "spec": specification | {"volumes": mounted(specification)}}
        admitted = client.post(address, params={"dryRun": "All"}, json=pod)
        assert admitted.status_code == 201, admitted.text
        assert "warning" not in admitted.headers

        pod["spec"]["containers"][0]["securityContext"]["capabilities"] = {"drop": ["ALL"], "add": ["NET_ADMIN"]}
        assert client.post(address, params={"dryRun": "All"}, json=pod).status_code == 403


def mounted(specification: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a pod's volumes, with one for each claim that a StatefulSet would add."""
    volumes: list[dict[str, Any]] = specification.get("volumes", [])
    names = {volume["name"] for volume in volumes}
    wanted = {mount["name"] for each in specification["containers"] for mount in each["volumeMounts"]}
    return [*volumes, *({"name": name, "emptyDir": {}} for name in wanted - names)]


def test_an_upgrade_keeps_what_was_made_once(client: httpx2.Client, helm: Config) -> None:
    """Secrets stay what they are over upgrades, and API keys that a gateway has written stay there."""
    helm.install(CHART, RELEASE, LEAST)
    names = ("fairlead-auth", "fairlead-hop", "fairlead-redis")
    before = {name: secret(client, name) for name in names}
    keys = f"/api/v1/namespaces/{NAMESPACE}/secrets/fairlead-api-keys"
    written = {"stringData": {"api-keys.json": '{"keys": []}'}}
    merge = {"content-type": "application/merge-patch+json"}
    assert client.patch(keys, json=written, headers=merge).is_success

    helm.upgrade(CHART, RELEASE, merged(LEAST, {"gateway": {"replicas": 3}, "commonLabels": {"team": "a"}}))

    assert {name: secret(client, name) for name in names} == before
    assert secret(client, "fairlead-api-keys") == {"api-keys.json": '{"keys": []}'}
    assert all(len(value) >= 32 for name in names[:2] for value in before[name].values())
    redis = before["fairlead-redis"]
    assert redis["password.conf"] == f"requirepass {redis['password']}\n"
    assert redis["url"] == f"redis://:{redis['password']}@fairlead-ledger.{NAMESPACE}.svc:6379"


def test_two_installations_share_no_secret(client: httpx2.Client, helm: Config) -> None:
    """What is made once is made anew after an uninstallation that kept nothing."""
    made = []
    for _ in range(2):
        helm.install(CHART, RELEASE, LEAST)
        made.append(secret(client, "fairlead-auth"))
        helm.uninstall(RELEASE)

    assert not set(made[0].values()) & set(made[1].values())


def test_an_uninstallation_leaves_nothing(control_plane: ControlPlane, helm: Config) -> None:
    """After `helm uninstall` nothing of the release is there; what is kept on request is taken over by the next one."""
    helm.install(CHART, RELEASE, merged(LEAST, {"watchNamespaces": ["models"]}))
    assert "role.rbac.authorization.k8s.io/fairlead-operator-models" in left(control_plane)
    helm.uninstall(RELEASE)
    assert left(control_plane) == set()

    helm.install(CHART, RELEASE, merged(LEAST, {"keepOnUninstall": True}))
    helm.uninstall(RELEASE)
    names = ("api-keys", "auth", "hop", "redis")
    assert left(control_plane) == {f"secret/fairlead-{name}" for name in names}
    helm.install(CHART, RELEASE, LEAST)
    helm.uninstall(RELEASE)
    assert left(control_plane) == set()


def test_definitions_outlive_their_chart(client: httpx2.Client, control_plane: ControlPlane) -> None:
    """The chart of definitions brings and upgrades the kind; when it goes, kind and models stay."""
    definition = f"{DEFINITIONS}/modeldeployments.fairlead.dev"
    client.delete(definition)
    eventually(lambda: client.get(definition).status_code == 404, within_s=30, what="the kind is unknown")
    with Config(kubeconfig_path=control_plane.kubeconfig, namespace=NAMESPACE) as helm:
        helm.install(CHARTS / "fairlead-crds", "fairlead-crds")
        eventually(lambda: client.get(MODELS).is_success, within_s=30, what="the kind is served")
        assert client.post(MODELS, params={"fieldValidation": "Strict"}, json=document()).is_success
        helm.upgrade(CHARTS / "fairlead-crds", "fairlead-crds")
        helm.uninstall("fairlead-crds")

    name = document()["metadata"]["name"]
    assert client.get(f"{MODELS}/{name}").is_success
    assert client.delete(f"{MODELS}/{name}").is_success


def test_notes_tell_what_the_cluster_lacks(client: httpx2.Client, helm: Config) -> None:
    """What Helm finds in the cluster is not called missing."""
    client.delete(f"{DEFINITIONS}/rayservices.ray.io")
    eventually(lambda: client.get(RAY_SERVICES).is_client_error, within_s=30, what="RayServices are unknown")
    lacking = notes_of(helm.install(CHART, RELEASE, LEAST))
    define_ray_services(client)
    complete = notes_of(helm.upgrade(CHART, RELEASE, LEAST))

    assert re.findall("MISSING: (.*) was", lacking) == ["KubeRay"]
    assert "MISSING" not in complete


def notes_of(release: Any) -> str:
    """Return what Helm tells of a release."""
    told: str = release["info"]["notes"] if "info" in release else release["notes"]
    return told


def test_the_operator_may_do_what_it_plans_where_it_watches(
    client: httpx2.Client, control_plane: ControlPlane, helm: Config
) -> None:
    """The operator's account may apply a whole plan in a watched namespace, and nothing in another."""
    helm.install(CHART, RELEASE, merged(LEAST, {"watchNamespaces": ["models"]}))
    define_ray_services(client)
    objects = [
        each | {"metadata": {**each["metadata"], "namespace": "models"}}
        for kind in ("pod", "pvc")
        for each in planned(model(), surroundings=settings(weights=WeightsCache(kind=kind))).apply
    ]
    with control_plane.client(account=f"{NAMESPACE}:fairlead-operator") as operator:
        for each in objects:
            for namespace, answers in (("models", {200, 201}), ("team-a", {403})):
                body = each | {"metadata": {**each["metadata"], "namespace": namespace}}
                answer = operator.patch(
                    path_of(control_plane, body),
                    params={"fieldManager": "fairlead-operator", "force": "true", "dryRun": "All"},
                    headers={"content-type": "application/apply-patch+yaml"},
                    json=body,
                )
                assert answer.status_code in answers, answer.text
        for path, status in (
            ("/apis/fairlead.dev/v1alpha1/namespaces/models/modeldeployments", 200),
            ("/apis/ray.io/v1/namespaces/models/rayservices", 200),
            ("/api/v1/namespaces/models/pods", 200),
            ("/api/v1/namespaces/models/secrets", 403),
            (f"/api/v1/namespaces/{NAMESPACE}/secrets/fairlead-auth", 403),
            (f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices", 200),
            ("/apis/fairlead.dev/v1alpha1/modeldeployments", 403),
        ):
            assert operator.get(path).status_code == status, path


def test_a_gateway_may_watch_what_it_serves_and_change_keys_alone(
    client: httpx2.Client, control_plane: ControlPlane, helm: Config
) -> None:
    """A gateway's account lists models, tenants and keys, changes keys, and sees no other Secret."""
    helm.install(CHART, RELEASE, merged(LEAST, {"watchNamespaces": ["models"]}))
    own = f"/api/v1/namespaces/{NAMESPACE}"
    with control_plane.client(account=f"{NAMESPACE}:fairlead-gateway") as gateway:
        for path, selected, status in (
            ("/apis/fairlead.dev/v1alpha1/namespaces/models/modeldeployments", None, 200),
            ("/apis/fairlead.dev/v1alpha1/namespaces/team-a/modeldeployments", None, 403),
            (f"{own}/configmaps", "fairlead-tenants", 200),
            (f"{own}/configmaps", "other", 403),
            (f"{own}/secrets", "fairlead-api-keys", 200),
            (f"{own}/secrets", "fairlead-auth", 403),
            (f"{own}/secrets", None, 403),
        ):
            query = {"fieldSelector": f"metadata.name={selected}"} if selected else {}
            assert gateway.get(path, params=query).status_code == status, (path, selected)
        merge = {"content-type": "application/merge-patch+json"}
        for name, status in (("fairlead-api-keys", 200), ("fairlead-auth", 403)):
            answer = gateway.patch(f"{own}/secrets/{name}", json={"stringData": {"a": "b"}}, headers=merge)
            assert answer.status_code == status
