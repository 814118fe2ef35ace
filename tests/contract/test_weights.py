"""Where weights lie."""

import pytest

from fairlead_contract.source import parse_source
from fairlead_contract.weights import cache_key, claim_name, concerns_fetching, image_reference, mounted_folder

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "uri,folder",
    [
        ("pvc://models", "/var/lib/fairlead/claim"),
        ("pvc://models/", "/var/lib/fairlead/claim"),
        ("pvc://models/llama/8b/", "/var/lib/fairlead/claim/llama/8b"),
        (f"oci://registry.example/llama@{DIGEST}", "/var/lib/fairlead/image"),
        ("hf://acme/llama", None),
        ("s3://bucket/llama", None),
        ("file:///llama", None),
    ],
)
def test_what_is_mounted_has_a_folder(uri: str, folder: str | None) -> None:
    """A claim's folder and an image lie at fixed places; what is downloaded, or lies on the machine, is not mounted."""
    assert mounted_folder(parse_source(uri)) == folder


def test_a_claim_and_an_image_are_named_as_kubernetes_takes_them() -> None:
    """A claim is the part before the first slash, an image keeps its tag or digest."""
    assert claim_name(parse_source("pvc://models/llama/8b")) == "models"
    assert image_reference(parse_source("oci://registry.example:5000/a/b:v1")) == "registry.example:5000/a/b:v1"
    assert image_reference(parse_source(f"oci://registry.example/a@{DIGEST}")) == f"registry.example/a@{DIGEST}"


def test_each_source_and_revision_has_a_folder_of_its_own() -> None:
    """Folders in a cache are readable, differ for each source and revision, and are one path segment."""
    uris = [
        "hf://a/b",
        "hf://a/b@v1",
        "hf://a/b@v2",
        "hf://a-/b",
        "s3://aa/b",
        "s3://aa/b/c",
        "s3://aa/b-c",
        "s3://aa/b@v1",
    ]
    keys = [cache_key(parse_source(uri)) for uri in uris]
    assert len(set(keys)) == len(uris)
    assert keys[0].startswith("hf--a--b--")
    assert not [key for key in keys if "/" in key]
    assert len(cache_key(parse_source("s3://bucket/" + "x" * 1000))) < 120


def test_a_slash_at_the_end_is_no_other_source() -> None:
    """A prefix with and without a slash at its end is fetched once."""
    assert cache_key(parse_source("s3://bucket/llama/")) == cache_key(parse_source("s3://bucket/llama"))


@pytest.mark.parametrize(
    "uri,variables",
    [
        ("hf://a/b", {"HF_TOKEN", "HF_ENDPOINT", "https_proxy"}),
        ("s3://bucket/a", {"AWS_SECRET_ACCESS_KEY", "https_proxy"}),
        ("file:///a", {"https_proxy"}),
    ],
)
def test_a_source_is_fetched_with_its_own_credentials_only(uri: str, variables: set[str]) -> None:
    """Of an engine's environment, fetching needs what its own source reads, and how to reach the network."""
    everything = {"HF_TOKEN", "HF_ENDPOINT", "AWS_SECRET_ACCESS_KEY", "https_proxy", "VLLM_USE_V1", "OPENAI_API_KEY"}
    assert {name for name in everything if concerns_fetching(parse_source(uri), name)} == variables
