"""What gateway and operator may do, and no more."""

import pytest

from fairlead_operator.kinds import JOB, RAY_SERVICE
from fairlead_operator.settings import WeightsCache
from tests.charts.rendering import LEAST, NAMESPACE, SETS, Object, found, merged, rendered, values_of
from tests.operator.worlds import model, planned, settings

WATCHED = merged(LEAST, {"watchNamespaces": ["models", NAMESPACE]})


def rules(objects: list[Object]) -> list[Object]:
    """Return every rule of every role."""
    return [rule for each in objects if each["kind"] in {"Role", "ClusterRole"} for rule in each["rules"]]


@pytest.mark.parametrize("name", SETS)
def test_nothing_is_granted_by_a_wildcard(name: str) -> None:
    """Every right names its group, its resource and its verbs."""
    for rule in rules(rendered(values_of(name))):
        assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]


@pytest.mark.parametrize("name", SETS)
def test_no_right_grants_rights(name: str) -> None:
    """Nobody may change roles, act as somebody else, run things in pods or make tokens."""
    for rule in rules(rendered(values_of(name))):
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
        assert not {"roles", "clusterroles", "rolebindings", "pods/exec", "serviceaccounts/token"} & set(
            rule["resources"]
        )
        assert "create" not in rule["verbs"] or "pods" not in rule["resources"]


@pytest.mark.parametrize("name", SETS)
def test_secrets_are_never_listed_beside_others(name: str) -> None:
    """Secrets are read by name: the gateways' rights end at one, and the operator cannot find any out."""
    for rule in rules(rendered(values_of(name))):
        if "secrets" in rule["resources"]:
            assert "resourceNames" in rule or not {"list", "watch", "deletecollection"} & set(rule["verbs"])


def test_the_gateways_read_models_and_two_objects() -> None:
    """A gateway changes nothing but the Secret with API keys."""
    objects = rendered(LEAST)
    own = found(objects, "Role", "fairlead-gateway")["rules"]
    models = found(objects, "ClusterRole", f"{NAMESPACE}:fairlead-gateway")["rules"]

    changed = {(tuple(rule["resources"]), tuple(rule["resourceNames"])) for rule in own if "patch" in rule["verbs"]}
    assert changed == {(("secrets",), ("fairlead-api-keys",))}
    assert all(set(rule["verbs"]) <= {"get", "list", "watch"} for rule in models)


def test_watched_namespaces_bound_all_rights() -> None:
    """With watchNamespaces nothing is granted in the whole cluster: the same rules hold in each namespace alone."""
    objects = rendered(WATCHED)
    whole = rendered(LEAST)

    assert not any(each["kind"].startswith("ClusterRole") for each in objects)
    for component in ("gateway", "operator"):
        everywhere = found(whole, "ClusterRole", f"{NAMESPACE}:fairlead-{component}")["rules"]
        roles = [
            each
            for each in objects
            if each["kind"] == "Role" and each["metadata"]["name"] == f"fairlead-{component}-models"
        ]
        assert {role["metadata"]["namespace"] for role in roles} == {"models", NAMESPACE}
        assert all(role["rules"] == everywhere for role in roles)


@pytest.mark.parametrize("values", [LEAST, WATCHED], ids=["everywhere", "watched"])
def test_every_role_is_bound_to_its_own_account(values: Object) -> None:
    """Each role has one binding, which gives it to the account of its component in the release's namespace."""
    objects = rendered(values)

    def of(kind: str) -> dict[tuple[str | None, str], Object]:
        return {
            (each["metadata"].get("namespace"), each["metadata"]["name"]): each
            for each in objects
            if each["kind"] == kind
        }

    accounts = {name for _, name in of("ServiceAccount")}
    for kind in ("Role", "ClusterRole"):
        bindings = of(f"{kind}Binding")
        assert bindings.keys() == of(kind).keys()
        for (_, name), binding in bindings.items():
            assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
            [subject] = binding["subjects"]
            assert subject["namespace"] == NAMESPACE
            assert subject["name"] in accounts
            assert subject["name"] in name


def _singular(resource: str) -> str:
    if "/" in resource:
        return resource
    return f"{resource.removesuffix('ies')}y" if resource.endswith("ies") else resource.removesuffix("s")


def test_the_operator_writes_the_kinds_that_it_plans() -> None:
    """The operator may apply each kind that a plan holds, and no other; it ends RayServices and jobs alone."""
    every = [planned(model(), surroundings=settings(weights=WeightsCache(kind=kind))) for kind in ("pod", "pvc")]
    groups = {(each["apiVersion"].rpartition("/")[0], each["kind"].lower()) for plan in every for each in plan.apply}
    granted = found(rendered(LEAST), "ClusterRole", f"{NAMESPACE}:fairlead-operator")["rules"]

    def resources(verb: str) -> set[tuple[str, str]]:
        return {
            (group, _singular(resource))
            for rule in granted
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            if verb in rule["verbs"]
        }

    assert {("ray.io", "rayservice"), ("batch", "job"), ("", "persistentvolumeclaim")} <= groups
    assert resources("create") == groups | {("", "event")}
    assert resources("patch") == groups | {
        ("fairlead.dev", "modeldeployment"),
        ("fairlead.dev", "modeldeployments/status"),
    }
    assert resources("delete") == {("ray.io", RAY_SERVICE.name.lower()), ("batch", JOB.name.lower())}
