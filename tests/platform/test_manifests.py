"""What `fairlead apply` refuses, and that a refusal changes nothing."""

import pytest

from tests.support.manifests import manifest
from tests.support.platform import Platform

pytestmark = pytest.mark.platform

WRONG = {
    "a misspelt field": ("maxReplicas", "maxReplica", "spec.scaling.maxReplica"),
    "text for a number": ("maxReplicas: 2", "maxReplicas: two", "spec.scaling.maxReplicas"),
    "min above max": ("minReplicas: 1", "minReplicas: 3", "spec.scaling.minReplicas"),
    "an unknown engine argument": ("enforce-eager", "enforce-eagre", "spec.engine.arguments.enforce-eagre"),
    "a source without scheme": ("file://", "", "spec.model.source"),
    "another kind": ("ModelDeployment", "Deployment", "kind"),
    "a name in capitals": ("name: wrong", "name: Wrong", "metadata.name"),
    "broken YAML": ("metadata:", "metadata: [", "YAML"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_manifest(platform: Platform, wrong: str) -> None:
    """A wrong manifest is refused in one line that names the file and the path, and nothing is applied."""
    old, new, path = WRONG[wrong]
    text = manifest("wrong", scaling={"minReplicas": 1, "maxReplicas": 2, "targetOngoingRequests": 4})
    file = platform.manifests / "wrong.yaml"
    file.write_text(text.replace(old, new, 1))

    refused = platform.run("apply", "-f", str(file))

    assert refused.returncode != 0
    lines = refused.stderr.strip().splitlines()
    assert len(lines) == 1, refused.stderr
    assert "wrong.yaml" in lines[0]
    assert path in lines[0]
    assert not (platform.home / "models" / "wrong.yaml").exists()


@pytest.mark.parametrize("claimed", ["fairlead-demo", "demo"])
def test_name_taken(platform: Platform, claimed: str) -> None:
    """A served name or alias that another model has is refused with the owner's name."""
    refused = platform.run("apply", "-f", str(platform.write(manifest("thief", aliases=(claimed,)))))
    assert refused.returncode != 0
    assert repr(claimed) in refused.stderr
    assert "ModelDeployment 'demo'" in refused.stderr
    assert not (platform.home / "models" / "thief.yaml").exists()


def test_missing_weights(platform: Platform) -> None:
    """A model whose weights are not there is refused with the cause, and the others go on."""
    text = manifest("empty").replace("demo-model/weights", "demo-model/no-such-folder")
    refused = platform.run("apply", "-f", str(platform.write(text)), timeout_s=120)
    try:
        assert refused.returncode != 0
        assert "no-such-folder" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert platform.completion_answers()
    finally:
        platform.run("delete", "empty", timeout_s=120)


def test_unknown_model(platform: Platform) -> None:
    """A model that is not applied cannot be deleted, and the refusal says which are."""
    refused = platform.run("delete", "no-such-model")
    assert refused.returncode != 0
    assert "demo" in refused.stderr
