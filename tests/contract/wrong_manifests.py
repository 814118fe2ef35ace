"""Manifests that are refused: by the contract on one machine, by the API server in a cluster."""

from typing import Any

HF = "hf://fairlead/demo"
SECRET = {"secretKeyRef": {"name": "hugging-face", "key": "token"}}

Row = tuple[dict[str, Any], str, str]
"""The spec's fields, the path that is named, and words of the contract's line that says what to write instead."""


def _source(source: object) -> dict[str, Any]:
    return {"model": {"source": source}}


def _model(**fields: Any) -> dict[str, Any]:
    return {"model": {"source": HF, **fields}}


def _env(*variables: dict[str, Any]) -> dict[str, Any]:
    return {"engine": {"env": list(variables)}}


def _toleration(**fields: Any) -> dict[str, Any]:
    return {"placement": {"tolerations": [fields]}}


_TOLERATION = "spec.placement.tolerations[0]"

WRONG_SPECS: dict[str, Row] = {
    "a source without scheme": (_source("demo"), "spec.model.source", "hf://"),
    "an unknown scheme": (_source("ftp://a/b"), "spec.model.source", "start it with one of"),
    "a source that is a number": (_source(7), "spec.model.source", "in quotes"),
    "a hub source without organisation": (_source("hf://demo"), "spec.model.source", "hf://organisation"),
    "a hub source with a line break": (_source("hf://a/b\n"), "spec.model.source", "hf://organisation"),
    "a file source with a host": (_source("file://host/x"), "spec.model.source", "file:///folder"),
    "a claim in capitals": (_source("pvc://Claim/folder"), "spec.model.source", "pvc://claim"),
    "a folder above the claim": (_source("pvc://claim/../x"), "spec.model.source", "pvc://claim"),
    "a bucket in capitals": (_source("s3://Bucket/prefix"), "spec.model.source", "s3://bucket"),
    "an image digest that is none": (_source("oci://r/i@sha256:1"), "spec.model.source", "digest"),
    "a source without end": (_source("hf://a/" + "b" * 1024), "spec.model.source", "at most 1024"),
    "no model": ({"model": {}}, "spec.model.source", "add it"),
    "a model that is text": ({"model": HF}, "spec.model", "mapping"),
    "an unknown field of the model": (_model(alias=[]), "spec.model.alias", "'aliases'"),
    "a served name with a space": (_model(name="a b"), "spec.model.name", "form"),
    "a served name without end": (_model(name="a" * 129), "spec.model.name", "at most 128"),
    "an alias that repeats the name": (_model(name="a", aliases=["a"]), "spec.model.aliases", "keep it once"),
    "an alias that stands twice": (_model(aliases=["a", "b", "a"]), "spec.model.aliases", "keep it once"),
    "an alias that repeats the deployment's name": (_model(aliases=["demo"]), "spec.model.aliases", "spec.model.name"),
    "too many aliases": (_model(aliases=[f"a{i}" for i in range(17)]), "spec.model.aliases", "at most 16"),
    "an alias with a space": (_model(aliases=["a", "b c"]), "spec.model.aliases[1]", "form"),
    "an unknown task": (_model(task="chat"), "spec.model.task", "'generate'"),
    "an unknown engine": ({"engine": {"name": "tgi"}}, "spec.engine.name", "'vllm'"),
    "an image without name": ({"engine": {"image": ""}}, "spec.engine.image", "at least 1"),
    "too many engine arguments": (
        {"engine": {"arguments": {f"a{i}": 1 for i in range(65)}}},
        "spec.engine.arguments",
        "at most 64",
    ),
    "a variable without value": (_env({"name": "A"}), "spec.engine.env[0]", "exactly one"),
    "a variable with two values": (
        _env({"name": "A", "value": "1", "valueFrom": SECRET}),
        "spec.engine.env[0]",
        "exactly one",
    ),
    "a variable that stands twice": (
        _env({"name": "A", "value": "1"}, {"name": "A", "value": "2"}),
        "spec.engine.env[1]",
        "keep it once",
    ),
    "a variable of Ray's": (_env({"name": "RAY_AUTH_MODE", "value": ""}), "spec.engine.env[0].name", "another"),
    "a variable of the platform's": (_env({"name": "FAIRLEAD_X", "value": ""}), "spec.engine.env[0].name", "another"),
    "a variable with a dash": (_env({"name": "A-B", "value": "1"}), "spec.engine.env[0].name", "form"),
    "a variable's value that is a number": (_env({"name": "A", "value": 1}), "spec.engine.env[0].value", "in quotes"),
    "a secret without key": (
        _env({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}),
        "spec.engine.env[0].valueFrom.secretKeyRef.key",
        "add it",
    ),
    "tensor parallel 0": ({"parallelism": {"tensor": 0}}, "spec.parallelism.tensor", "at least 1"),
    "tensor parallel as text": ({"parallelism": {"tensor": "2"}}, "spec.parallelism.tensor", "without quotes"),
    "tensor parallel as a fraction": ({"parallelism": {"tensor": 1.5}}, "spec.parallelism.tensor", "whole number"),
    "too many stages": ({"parallelism": {"pipeline": 65}}, "spec.parallelism.pipeline", "at most 64"),
    "an accelerator in capitals": ({"resources": {"accelerator": "L4"}}, "spec.resources.accelerator", "form"),
    "cores that are none": ({"resources": {"cpu": "four"}}, "spec.resources.cpu", "500m"),
    "no cores": ({"resources": {"cpu": 0}}, "spec.resources.cpu", "500m"),
    "cores as a fraction without quotes": ({"resources": {"cpu": 0.5}}, "spec.resources.cpu", "500m"),
    "cores in foreign digits": ({"resources": {"cpu": "٤"}}, "spec.resources.cpu", "500m"),
    "memory without a known unit": ({"resources": {"memory": "4GB"}}, "spec.resources.memory", "16Gi"),
    "no memory": ({"resources": {"memory": "0Gi"}}, "spec.resources.memory", "16Gi"),
    "a list for resources": ({"resources": []}, "spec.resources", "mapping"),
    "a label's value that is a truth value": (
        {"placement": {"nodeSelector": {"gpu": True}}},
        "spec.placement.nodeSelector.gpu",
        "in quotes",
    ),
    "a runtime class in capitals": (
        {"placement": {"runtimeClassName": "Nvidia"}},
        "spec.placement.runtimeClassName",
        "form",
    ),
    "a toleration without key": (_toleration(), f"{_TOLERATION}.key", "Exists"),
    "a toleration of all values with a value": (
        _toleration(key="a", operator="Exists", value="b"),
        f"{_TOLERATION}.value",
        "Equal",
    ),
    "a toleration for a time without eviction": (
        _toleration(key="a", effect="NoSchedule", tolerationSeconds=60),
        f"{_TOLERATION}.tolerationSeconds",
        "NoExecute",
    ),
    "an unknown operator": (_toleration(key="a", operator="In"), f"{_TOLERATION}.operator", "'Exists'"),
    "an unknown effect": (_toleration(key="a", effect="Never"), f"{_TOLERATION}.effect", "'NoSchedule'"),
    "min above max": ({"scaling": {"minReplicas": 3, "maxReplicas": 2}}, "spec.scaling.minReplicas", "at most 2"),
    "min below zero": ({"scaling": {"minReplicas": -1}}, "spec.scaling.minReplicas", "at least 0"),
    "max of zero": ({"scaling": {"maxReplicas": 0}}, "spec.scaling.maxReplicas", "at least 1"),
    "a target of zero": ({"scaling": {"targetOngoingRequests": 0}}, "spec.scaling.targetOngoingRequests", "at least 1"),
    "a limit of zero": ({"limits": {"requestsPerMinute": 0}}, "spec.limits.requestsPerMinute", "at least 1"),
    "a cost as text": ({"limits": {"costPerDay": "5"}}, "spec.limits.costPerDay", "without quotes"),
    "an unknown limit": ({"limits": {"rpm": 5}}, "spec.limits.rpm", "requestsPerMinute"),
    "a tenant that cannot be": ({"access": {"tenants": ["A B"]}}, "spec.access.tenants[0]", "form"),
    "plans that are no list": ({"access": {"plans": "premium"}}, "spec.access.plans", "list"),
    "suspend as text": ({"suspend": "yes"}, "spec.suspend", "true or false"),
    "room for weights without a unit": ({"cache": {"weights": {"size": "40GB"}}}, "spec.cache.weights.size", "16Gi"),
    "a cache that lasts no time": ({"cache": {"responses": {"ttlSeconds": 0}}}, "spec.cache.responses.ttlSeconds", "1"),
    "an unknown field of the spec": ({"replicas": 2}, "spec.replicas", "scaling"),
}
"""What both refuse, naming the same path."""

WRONG_ENGINE_ARGUMENTS: dict[str, Row] = {
    "a misspelt engine argument": (
        {"engine": {"arguments": {"max-modl-len": 1}}},
        "spec.engine.arguments.max-modl-len",
        "'max-model-len'",
    ),
    "an engine argument in snake case": (
        {"engine": {"arguments": {"max_model_len": 1}}},
        "spec.engine.arguments.max_model_len",
        "'max-model-len'",
    ),
    "an engine argument that the platform sets": (
        {"engine": {"arguments": {"tensor-parallel-size": 2}}},
        "spec.engine.arguments.tensor-parallel-size",
        "spec.parallelism.tensor",
    ),
    "custom code": (
        {"engine": {"arguments": {"trust-remote-code": True}}},
        "spec.engine.arguments.trust-remote-code",
        "never run",
    ),
    "a negated engine argument": (
        {"engine": {"arguments": {"no-enforce-eager": True}}},
        "spec.engine.arguments.no-enforce-eager",
        "enforce-eager: false",
    ),
    "prompts in the log": (
        {"engine": {"arguments": {"enable-log-requests": True}}},
        "spec.engine.arguments.enable-log-requests",
        "never logged",
    ),
    "a target that the engine cannot batch": (
        {
            "engine": {"arguments": {"max-num-seqs": 8}},
            "scaling": {"maxReplicas": 2, "targetOngoingRequests": 16},
        },
        "spec.scaling.targetOngoingRequests",
        "at most 8",
    ),
}
"""What the contract alone refuses: engine arguments may have any type, and no rule of the API server reads them."""

WRONG_NAMES = {
    "a name in capitals": ("Demo", "lower-case"),
    "a name with a dot": ("demo.v1", "lower-case"),
    "a name that starts with a digit": ("7b", "lower-case"),
    "a name that is too long": ("a" * 41, "at most 40"),
}
"""Names of ModelDeployments that both refuse, and words of the contract's line that says what to write instead."""
