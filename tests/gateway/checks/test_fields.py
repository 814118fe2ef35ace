"""The generated list of request fields: up to date, complete, and consistent with what is decided about fields."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

from fairlead_gateway.checks.fields import REQUIRED, RULES
from fairlead_gateway.checks.policy import DROPPED, REFUSED, known_fields, nearest
from fairlead_gateway.endpoints import ENDPOINTS

REMOVED_FROM_VLLM = {name for name in REFUSED if name.startswith("guided_")}


def test_the_list_is_what_the_engine_and_the_sdks_define_now(tmp_path: Path) -> None:
    """A new version of vLLM or of an SDK shows as a difference of the generated file."""
    fresh = tmp_path / "request_fields.json"
    subprocess.run(
        [sys.executable, "-m", "fairlead_serving.request_fields", str(fresh)],
        check=True,
        capture_output=True,
        timeout=300,
        env={**os.environ, "VLLM_LOGGING_LEVEL": "ERROR"},
    )
    kept = files("fairlead_gateway").joinpath("data/request_fields.json").read_text(encoding="utf-8")
    assert json.loads(kept) == json.loads(fresh.read_text(encoding="utf-8"))
    assert json.loads(kept)["versions"]["openai"] == version("openai")


def test_every_endpoint_has_its_list_and_its_rules() -> None:
    """No endpoint goes unchecked."""
    kinds = {endpoint.kind for endpoint in ENDPOINTS.values()}
    assert kinds == known_fields().keys() == RULES.keys() == REQUIRED.keys()


def test_every_decision_is_about_a_field_that_exists() -> None:
    """A field that vendors and engine have dropped needs no decision any more."""
    known = frozenset[str]().union(*(fields.names for fields in known_fields().values()))
    assert REFUSED.keys() - REMOVED_FROM_VLLM <= known
    assert DROPPED.keys() <= known
    for kind, required in REQUIRED.items():
        assert set(required) <= known_fields()[kind].names - REFUSED.keys()


def test_every_rule_is_about_a_field_of_some_endpoint() -> None:
    """A rule for a misspelt field would check nothing."""
    known = frozenset[str]().union(*(fields.names for fields in known_fields().values()))
    assert frozenset[str]().union(*RULES.values()) <= known


def test_endpoints_name_fields_that_exist() -> None:
    """What the table says of prompts and bounds is about real fields."""
    for endpoint in ENDPOINTS.values():
        names = known_fields()[endpoint.kind].names
        assert {*endpoint.output_fields} <= names
        assert {*endpoint.prompt_fields} <= names
        assert endpoint.prompt_fields or endpoint.audio
        assert endpoint.salted == ("cache_salt" in known_fields()[endpoint.kind].engine)


@pytest.mark.parametrize("field", sorted(REFUSED))
def test_every_refusal_has_a_reason_to_tell(field: str) -> None:
    """A refused field is told with a clause that completes "is refused:"."""
    assert len(REFUSED[field]) > 20
    assert not REFUSED[field].endswith(".")


@pytest.mark.parametrize(
    "misspelt, meant",
    [("max_token", "max_tokens"), ("temprature", "temperature"), ("topp", "top_p"), ("zzz", None)],
)
def test_a_misspelt_field_has_a_nearest_one(misspelt: str, meant: str | None) -> None:
    """The hint names the likely field, or none."""
    assert nearest(misspelt, known_fields()["chat"].names) == meant


def test_a_hint_never_names_a_refused_field() -> None:
    """Nobody is led from one refusal to the next."""
    assert nearest("priorities", known_fields()["chat"].names) not in REFUSED
