"""Pods stay as they are: by golden files, and through every change that needs no other cluster."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import CLUSTER_ANNOTATION, ROLLOUT_ANNOTATION, TEMPLATE_ANNOTATION
from fairlead_operator.observed import Observed
from fairlead_operator.plan import Plan
from fairlead_operator.pod_settings import PodSettings, Rendering, fingerprint
from fairlead_operator.surroundings import Surroundings
from fairlead_operator.templates import CURRENT_TEMPLATE, TEMPLATES
from tests.operator.worlds import SETTINGS, SURROUNDINGS, found, model, planned, seen, settings

GOLDEN = Path(__file__).parent / "golden"
SECRET_VARIABLE = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}
MODELS = {
    "cpu": model(resources={"cpu": 2, "memory": "8Gi"}),
    "tensor-4": model(
        engine={"env": [SECRET_VARIABLE]},
        parallelism={"tensor": 4},
        resources={"accelerator": "nvidia-h100-80gb", "cpu": 16, "memory": "200Gi"},
        placement={"nodeSelector": {"pool": "blue"}},
    ),
    "pipeline-2": model(
        model={"source": "pvc://models/llama"},
        engine={"image": "registry.example/own:1"},
        parallelism={"tensor": 2, "pipeline": 2},
        resources={"accelerator": "nvidia-l4"},
    ),
}
OTHER_RELEASE = settings(
    serving_image="registry.example/fairlead-serving:2.0.0", ray_version="2.61.0", longest_stream_s=900
)


def made_by(template: str, deployment: ModelDeployment, surroundings: Surroundings = SURROUNDINGS) -> Observed:
    """Return a world in which an operator made the model's RayService by a version of the templates."""
    chosen = PodSettings.of(deployment, surroundings)
    cluster = TEMPLATES[template](deployment, chosen.instead_of(surroundings))
    rendering = Rendering(template, chosen, "", fingerprint(cluster))
    before = seen(planned(deployment, surroundings=surroundings))
    assert before.rayservice is not None
    metadata = before.rayservice["metadata"] | {"annotations": rendering.annotations}
    spec = before.rayservice["spec"] | {"rayClusterConfig": cluster}
    return replace(before, rayservice={**before.rayservice, "metadata": metadata, "spec": spec})


def cluster_of(of: Plan) -> str:
    """Return the planned Ray cluster, byte by byte."""
    return json.dumps(found(of, "RayService")["spec"]["rayClusterConfig"])


def seen_cluster(world: Observed) -> str:
    assert world.rayservice is not None
    return json.dumps(world.rayservice["spec"]["rayClusterConfig"])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_golden_clusters(template: str, name: str) -> None:
    """Each version renders the clusters that are kept beside the tests, byte by byte."""
    rendered = TEMPLATES[template](MODELS[name], SURROUNDINGS)

    assert json.dumps(rendered, indent=2) + "\n" == (GOLDEN / template / f"{name}.json").read_text()


@pytest.mark.parametrize("template", TEMPLATES)
def test_another_release_leaves_running_pods_alone(template: str) -> None:
    """An operator with other settings and newer templates plans the same pods for what runs already."""
    world = made_by(template, MODELS["tensor-4"])

    plan = planned(MODELS["tensor-4"], world, surroundings=OTHER_RELEASE)

    assert cluster_of(plan) == seen_cluster(world)
    assert found(plan, "RayService")["spec"]["serveConfigV2"] == world.rayservice["spec"]["serveConfigV2"]  # type: ignore[index]
    assert (plan.template, plan.new_cluster) == (template, False)


def test_a_new_model_gets_the_present_templates() -> None:
    """What does not run yet is rendered by the newest version and the present settings."""
    plan = planned(model(), surroundings=OTHER_RELEASE)

    assert plan.template == CURRENT_TEMPLATE == "v2"
    assert "fairlead-serving:2.0.0" in cluster_of(plan)


@pytest.mark.parametrize(
    "changed",
    [
        {"engine": {"arguments": {"max-model-len": 4096}, "env": [{"name": "VLLM_LOGGING_LEVEL", "value": "DEBUG"}]}},
        {"model": {"source": "hf://fairlead/demo@v2", "name": "other", "aliases": ["more"]}},
        {"scaling": {"minReplicas": 1, "maxReplicas": 9, "targetOngoingRequests": 4}},
        {"limits": {"requestsPerMinute": 5}, "access": {"plans": ["premium"]}},
    ],
    ids=["engine arguments", "weights and names", "bounds", "limits and access"],
)
@pytest.mark.parametrize("template", TEMPLATES)
def test_what_serve_can_change_needs_no_other_cluster(template: str, changed: dict[str, Any]) -> None:
    """Engine arguments, weights, names, bounds, limits and access leave the cluster as it is, byte by byte."""
    world = made_by(template, model())

    plan = planned(model(**changed), world, surroundings=OTHER_RELEASE)

    assert cluster_of(plan) == seen_cluster(world)
    assert plan.template == template


def test_the_least_number_of_replicas_needs_no_other_cluster() -> None:
    """Zero changes how many workers a new cluster would start with, which KubeRay overlooks in one that runs."""
    world = made_by("v1", model())

    plan = planned(model(scaling={"minReplicas": 0}), world, surroundings=OTHER_RELEASE)

    assert cluster_of(plan) == seen_cluster(world).replace('"replicas": 1', '"replicas": 0')
    assert (plan.template, plan.new_cluster) == ("v1", False)


@pytest.mark.parametrize(
    "changed",
    [
        {"engine": {"image": "registry.example/own:2"}},
        {"engine": {"env": [SECRET_VARIABLE]}},
        {"parallelism": {"tensor": 2}},
        {"resources": {"accelerator": "nvidia-l4"}},
        {"model": {"source": "pvc://models/llama"}},
    ],
    ids=["image", "secrets", "parallelism", "accelerator", "volume"],
)
def test_what_needs_another_cluster_gets_the_present_templates(changed: dict[str, Any]) -> None:
    """What takes other pods anyway takes the newest version and the present settings with it."""
    plan = planned(model(**changed), made_by("v1", model()), surroundings=OTHER_RELEASE)

    assert (plan.template, plan.new_cluster) == ("v2", True)
    assert '"rayVersion": "2.61.0"' in cluster_of(plan)


def test_a_rollout_moves_pods_once() -> None:
    """A new value of the annotation moves pods to the present templates; the same, or none, moves nothing more."""
    asked = model(annotations={ROLLOUT_ANNOTATION: "2026-01"})

    moved = planned(asked, made_by("v1", model()), surroundings=OTHER_RELEASE)
    again, without = planned(asked, seen(moved)), planned(model(), seen(moved))

    assert (moved.template, moved.new_cluster) == ("v2", True)
    assert cluster_of(again) == cluster_of(without) == cluster_of(moved)
    assert not again.new_cluster
    assert not without.new_cluster


def test_more_tolerations_need_no_other_cluster() -> None:
    """KubeRay overlooks tolerations, since Kueue adds to them: another one moves no pod."""
    world = made_by("v1", model())

    plan = planned(model(placement={"tolerations": [{"key": "spot", "operator": "Exists"}]}), world)

    assert (plan.template, plan.new_cluster) == ("v1", False)


@pytest.mark.parametrize("broken", [TEMPLATE_ANNOTATION, CLUSTER_ANNOTATION])
def test_what_cannot_be_understood_is_made_anew(broken: str) -> None:
    """A RayService that has lost what was noted on it is planned by the present templates."""
    world = made_by("v1", model())
    assert world.rayservice is not None
    del world.rayservice["metadata"]["annotations"][broken]

    assert planned(model(), world).template == "v2"


def test_settings_for_pods_are_settings_of_the_operator() -> None:
    """What is kept of the settings holds again, by the same names, when it is read back."""
    chosen = PodSettings.of(MODELS["tensor-4"], SURROUNDINGS)

    held = PodSettings.model_validate_json(chosen.model_dump_json(by_alias=True)).instead_of(OTHER_RELEASE)

    assert held.settings == SETTINGS
    assert held.accelerators == {"nvidia-h100-80gb": SURROUNDINGS.accelerators["nvidia-h100-80gb"]}
