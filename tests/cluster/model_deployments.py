"""ModelDeployments on a real API server, and what it says when it refuses one."""

import re
from dataclasses import dataclass
from typing import Any

import httpx2
import yaml

from fairlead_contract.crd import document
from fairlead_contract.names import API_GROUP, API_VERSION_NAME, PLURAL
from tests.support.waiting import eventually

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMESPACED = f"/apis/{API_GROUP}/{API_VERSION_NAME}/namespaces/default/{PLURAL}"
MERGE_PATCH = {"content-type": "application/merge-patch+json"}

_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]+)"')
_FURTHER_RULES = "some validation rules were not checked"
"""The server's note that it looked no further."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the API server did not take an object: each path, with what is wrong there."""

    causes: tuple[tuple[str, str], ...]

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.causes]


class ModelDeployments:
    """All ModelDeployments of the default namespace."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def define(self) -> None:
        """Let the API server know the kind.

        Raises:
            AssertionError: It refused the definition, or did not serve the kind.
        """
        answer = self._client.post(DEFINITIONS, json=yaml.safe_load(document()))
        assert answer.is_success, answer.text
        eventually(lambda: self._client.get(NAMESPACED).is_success, within_s=30, what="the kind is served")

    def create(
        self, manifest: dict[str, Any], *, is_trial: bool = False, validation: str = "Strict"
    ) -> httpx2.Response:
        """Create one, or ask what would come of it.

        Args:
            manifest: The object.
            is_trial: Check and complete it, but keep nothing.
            validation: What becomes of unknown fields; Strict, as kubectl has it, refuses them.
        """
        query = {"fieldValidation": validation} | ({"dryRun": "All"} if is_trial else {})
        return self._client.post(NAMESPACED, params=query, json=manifest)

    def refusal(self, manifest: dict[str, Any]) -> Refusal:
        """Return why a manifest is refused.

        Raises:
            AssertionError: It is not.
        """
        answer = self.create(manifest, is_trial=True)
        assert answer.is_client_error, answer.text
        return refusal(answer)

    def read(self, name: str, *, subresource: str = "") -> dict[str, Any]:
        """Return one, or one of its subresources."""
        found: dict[str, Any] = self._client.get(_path(name, subresource)).raise_for_status().json()
        return found

    def change(self, name: str, patch: dict[str, Any], *, subresource: str = "") -> httpx2.Response:
        """Merge a patch into one, or into one of its subresources."""
        return self._client.patch(_path(name, subresource), json=patch, headers=MERGE_PATCH)

    def remove_all(self) -> None:
        """Delete all of them."""
        assert self._client.delete(NAMESPACED).is_success


def _path(name: str, subresource: str) -> str:
    return "/".join(part for part in (NAMESPACED, name, subresource) if part)


def refusal(answer: httpx2.Response) -> Refusal:
    """Return what an answer of the API server says is wrong."""
    status = answer.json()
    unknown = _UNKNOWN_FIELD.findall(status["message"])
    causes = status.get("details", {}).get("causes", [])
    found = [(cause["field"], cause["message"]) for cause in causes if _FURTHER_RULES not in cause["message"]]
    return Refusal((*((path, "unknown field") for path in unknown), *found))
