"""How pods come to a model's weights."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.yaml_documents import Json
from fairlead_operator.settings import Settings
from fairlead_operator.weights import (
    JOB_ANNOTATION,
    WeightsPlan,
    plan_weights,
    weights_claim,
    weights_environment,
    weights_job,
    weights_mounts,
    weights_refusal,
    weights_volumes,
)

HF, S3, PVC, OCI = "hf://acme/llama@v1", "s3://bucket/llama", "pvc://models/llama", "oci://registry.example/llama:v1"
TOKEN = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hugging-face", "key": "token"}}}
KEYS = {"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": {"secretKeyRef": {"name": "bucket", "key": "secret"}}}


def model(source: str = HF, **spec: Any) -> ModelDeployment:
    manifest = {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "llama", "namespace": "team"},
        "spec": {"model": {"source": source}, **spec},
    }
    return ModelDeployment.model_validate_json(json.dumps(manifest))


def settings(kind: str = "pvc", *, others: dict[str, Any] | None = None, **weights: Any) -> Settings:
    return Settings(
        serving_image="registry.example/serving:1",
        gateway_namespace="fairlead",
        hop_root_file=Path("/root-of-secrets"),
        weights={"kind": kind, **weights},
        **(others or {}),
    )


def ended(job: Json, condition: str = "Complete") -> Json:
    """Return a Job as it is seen when it is over."""
    return job | {"status": {"conditions": [{"type": condition, "status": "True"}]}}


def claim_of(deployment: ModelDeployment) -> Json:
    return weights_claim(deployment, settings(), None)


def kinds(plan: WeightsPlan) -> list[str]:
    return [found["kind"] for found in plan.apply]


@pytest.mark.parametrize(
    "source,kind,volume,mount",
    [
        ("file:///opt/model", "pvc", None, None),
        (
            PVC,
            "pod",
            {"persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
            {"mountPath": "/var/lib/fairlead/claim", "readOnly": True},
        ),
        (
            OCI,
            "pod",
            {"image": {"reference": "registry.example/llama:v1", "pullPolicy": "IfNotPresent"}},
            {"mountPath": "/var/lib/fairlead/image", "readOnly": True},
        ),
        (HF, "pod", {"emptyDir": {}}, {"mountPath": "/var/cache/fairlead/weights"}),
        (
            S3,
            "node",
            {"hostPath": {"path": "/var/cache/fairlead/weights", "type": "Directory"}},
            {"mountPath": "/var/cache/fairlead/weights"},
        ),
        (
            S3,
            "pvc",
            {"persistentVolumeClaim": {"claimName": "llama-weights", "readOnly": True}},
            {"mountPath": "/var/cache/fairlead/weights", "readOnly": True},
        ),
    ],
)
def test_volumes(source: str, kind: str, volume: Json | None, mount: Json | None) -> None:
    """Each source has its volume and its mount: read-only, but where a replica itself fetches."""
    deployment = model(source)
    assert weights_volumes(deployment, settings(kind)) == ([{"name": "weights", **volume}] if volume else [])
    assert weights_mounts(deployment, settings(kind)) == ([{"name": "weights", **mount}] if mount else [])


def test_engines_are_told_of_the_cache_where_there_is_one() -> None:
    """What is downloaded is read from the cache's mount; what is mounted needs no cache."""
    assert weights_environment(model(HF)) == {"FAIRLEAD_MODEL_CACHE": "/var/cache/fairlead/weights"}
    assert weights_environment(model(PVC)) == {}


@pytest.mark.parametrize("source,kind", [(HF, "pod"), (S3, "node"), (PVC, "pvc"), (OCI, "pvc"), ("file:///m", "pvc")])
def test_only_downloads_into_a_volume_need_a_job(source: str, kind: str) -> None:
    """What replicas fetch themselves, and what is mounted, has neither Job nor claim."""
    assert plan_weights(model(source), settings=settings(kind), job=None, claim=None) == WeightsPlan()


def test_pods_wait_for_the_job() -> None:
    """At first there are a claim and a Job, and pods may start when the Job is complete."""
    deployment, chosen = model(), settings()
    first = plan_weights(deployment, settings=chosen, job=None, claim=None)
    assert (kinds(first), first.cached) == (["PersistentVolumeClaim", "Job"], False)
    claim, job = first.apply
    running = plan_weights(deployment, settings=chosen, job=job, claim=claim)
    assert (kinds(running), running.delete_job, running.cached) == (["PersistentVolumeClaim"], False, False)
    done = plan_weights(deployment, settings=chosen, job=ended(job), claim=claim)
    assert (kinds(done), done.delete_job, done.cached) == (["PersistentVolumeClaim"], False, True)


def test_a_job_that_failed_stays_as_it_is() -> None:
    """A Job that failed is not made again before something about it changes."""
    job = ended(weights_job(model(), settings()), "Failed")
    seen = plan_weights(model(), settings=settings(), job=job, claim=claim_of(model()))
    assert (seen.delete_job, seen.cached) == (False, False)
    corrected = model(engine={"env": [TOKEN]})
    assert plan_weights(corrected, settings=settings(), job=job, claim=claim_of(corrected)).delete_job


def test_another_source_is_fetched_by_another_job() -> None:
    """A Job of another source goes first; while it leaves, nothing takes its place."""
    job, changed = ended(weights_job(model(), settings())), model("hf://acme/llama@v2")
    plan = plan_weights(changed, settings=settings(), job=job, claim=claim_of(changed))
    assert (kinds(plan), plan.delete_job, plan.cached) == (["PersistentVolumeClaim"], True, False)
    leaving = job | {"metadata": job["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    meanwhile = plan_weights(changed, settings=settings(), job=leaving, claim=claim_of(changed))
    assert (kinds(meanwhile), meanwhile.delete_job, meanwhile.cached) == (["PersistentVolumeClaim"], False, False)


def test_what_is_fetched_is_not_fetched_again() -> None:
    """Another image, another token or another operator leave a complete Job alone."""
    job = ended(weights_job(model(), settings()))
    changed = model(engine={"env": [TOKEN], "image": "registry.example/other:2"})
    plan = plan_weights(changed, settings=settings(), job=job, claim=claim_of(changed))
    assert (plan.delete_job, plan.cached) == (False, True)


def test_a_lost_volume_is_filled_again() -> None:
    """Where the claim is gone, a complete Job says nothing about the new one."""
    plan = plan_weights(model(), settings=settings(), job=ended(weights_job(model(), settings())), claim=None)
    assert (kinds(plan), plan.delete_job, plan.cached) == (["PersistentVolumeClaim"], True, False)


def test_a_job_that_is_no_longer_needed_goes() -> None:
    """A model whose source is now mounted keeps no Job."""
    job = ended(weights_job(model(), settings()))
    assert plan_weights(model(PVC), settings=settings(), job=job, claim=None) == WeightsPlan(delete_job=True)


def test_the_job_has_its_sources_credentials_and_no_others() -> None:
    """Of the engine's environment, a Job has what its source reads, by reference to the secret."""
    other = {"name": "VLLM_LOGGING_LEVEL", "value": "DEBUG"}
    environment = {"engine": {"env": [TOKEN, KEYS, other]}}
    for source, expected in ((HF, TOKEN), (S3, KEYS)):
        job = weights_job(model(source, **environment), settings())
        (container,) = job["spec"]["template"]["spec"]["containers"]
        assert container["env"] == [{"name": "HF_HOME", "value": "/tmp/huggingface"}, expected]  # noqa: S108


def test_the_job_is_a_restricted_pod() -> None:
    """Pod Security's restricted profile admits the Job, and it cannot write but into its volumes."""
    pod = weights_job(model(), settings())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["fsGroup"]) == (True, 1000)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/var/cache/fairlead/weights", "/tmp"}  # noqa: S108


def test_the_job_is_told_what_to_fetch() -> None:
    """The Job's program gets model, source and cache; a role for buckets comes by a ServiceAccount."""
    chosen = settings(service_account="reader", others={"image_pull_secrets": ("registry",)})
    pod = weights_job(model(S3), chosen)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {"--model=llama", "--source=s3://bucket/llama"} < set(container["args"])
    assert container["image"] == "registry.example/serving:1"
    assert pod["serviceAccountName"] == "reader"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]


def test_a_volume_of_one_node_is_bound_where_replicas_run() -> None:
    """With ReadWriteOnce the Job runs where the replicas will; with ReadWriteMany it runs anywhere."""
    placed = model(placement={"nodeSelector": {"pool": "gpu"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]})
    pod = weights_job(placed, settings(access_mode="ReadWriteOnce"))["spec"]["template"]["spec"]
    assert (pod["nodeSelector"], pod["tolerations"]) == ({"pool": "gpu"}, [{"key": "gpu", "operator": "Exists"}])
    assert "nodeSelector" not in weights_job(placed, settings())["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    "spec,size",
    [
        ({"cache": {"weights": {"size": "40Gi"}}, "resources": {"memory": "8Gi"}}, "40Gi"),
        ({"resources": {"memory": "8Gi"}}, "16Gi"),
        ({"resources": {"accelerator": "nvidia-h100-80gb"}, "parallelism": {"tensor": 4}}, "640Gi"),
        ({"resources": {"accelerator": "nvidia-l4"}}, "200Gi"),
        ({}, "200Gi"),
    ],
)
def test_the_size_of_a_claim(spec: dict[str, Any], size: str) -> None:
    """A claim is as large as the manifest says, else twice what the weights are loaded into, else as settings say."""
    claim = weights_claim(model(**spec), settings(), None)
    assert claim["spec"]["resources"]["requests"]["storage"] == size
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert "storageClassName" not in claim["spec"]


def test_a_claim_that_exists_never_shrinks() -> None:
    """What a claim has stays, but for more room that the manifest asks for."""
    seen = weights_claim(
        model(cache={"weights": {"size": "40Gi"}}), settings(storage_class="nfs", access_mode="ReadWriteOnce"), None
    )
    kept = {"accessModes": ["ReadWriteOnce"], "storageClassName": "nfs"}
    for asked, has in (("10Gi", "40Gi"), ("80Gi", "80Gi")):
        claim = weights_claim(model(cache={"weights": {"size": asked}}), settings(storage_class="other"), seen)
        assert claim["spec"] == {**kept, "resources": {"requests": {"storage": has}}}
    assert weights_claim(model(resources={"memory": "1Gi"}), settings(), seen)["spec"] == seen["spec"]


def test_nodes_of_one_replica_need_weights_that_all_can_read() -> None:
    """Pipeline stages on several nodes are refused where a download would reach one node only."""
    stages = {"parallelism": {"pipeline": 2}, "resources": {"accelerator": "nvidia-l4"}}
    assert "weights.kind to pvc" in str(weights_refusal(model(HF, **stages), settings("pod")))
    assert weights_refusal(model(HF, **stages), settings("pvc")) is None
    assert weights_refusal(model(PVC, **stages), settings("pod")) is None
    assert weights_refusal(model(HF), settings("pod")) is None
    assert weights_refusal(model(HF, parallelism={"pipeline": 2}), settings("pod")) is None


def test_a_job_is_made_anew_when_its_making_changes() -> None:
    """The digest on a Job tells one manifest from another, and nothing else."""
    digests = [
        weights_job(one, settings())["metadata"]["annotations"][JOB_ANNOTATION]
        for one in (model(), model(), model(S3), model(scaling={"maxReplicas": 3}))
    ]
    assert digests[0] == digests[1] == digests[3] != digests[2]


@pytest.mark.parametrize("source,environment", [(HF, TOKEN), (S3, KEYS)])
def test_kubernetes_knows_every_field(source: str, environment: Json) -> None:
    """Claim and Job hold against Kubernetes' own schemas, with no field that these do not have."""
    deployment = model(source, engine={"env": [environment]}, placement={"tolerations": [{"operator": "Exists"}]})
    chosen = settings(access_mode="ReadWriteOnce", storage_class="nfs", service_account="reader")
    for made in plan_weights(deployment, settings=chosen, job=None, claim=None).apply:
        kubernetes_validate.validate(made, "1.36", strict=True)
