"""A cluster, by the two programs with which people work on it: kubectl and helm."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COMMAND_S = 120


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster that KUBECONFIG names."""

    kubectl_program: str
    helm_program: str

    def kubectl(self, *arguments: str, given: str | None = None, timeout_s: float = COMMAND_S) -> str:
        """Run kubectl and return what it prints.

        Raises:
            AssertionError: It failed; says why.
        """
        return _run([self.kubectl_program, *arguments], given, timeout_s)

    def helm(self, *arguments: str, timeout_s: float = COMMAND_S) -> str:
        """Run helm and return what it prints.

        Raises:
            AssertionError: It failed; says why.
        """
        return _run([self.helm_program, *arguments], None, timeout_s)

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects, server-side."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl("apply", "--server-side", "-f", "-", given=document)

    def get(self, *arguments: str) -> Any:
        """Return what `kubectl get` finds; an object if one is named, else a list of them."""
        found = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found["items"] if found["kind"].endswith("List") else found

    def exists(self, *arguments: str) -> bool:
        """Return whether `kubectl get` finds anything."""
        return bool(self.kubectl("get", *arguments, "--ignore-not-found", "-o", "name").strip())

    def namespace(self, name: str) -> None:
        """Make a namespace that admits only restricted pods."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})

    def replicas(self, namespace: str, model: str) -> int:
        """Return how many replicas of a model its status calls ready."""
        return int(self.get("mdep", model, "-n", namespace).get("status", {}).get("readyReplicas") or 0)

    def workers(self, namespace: str) -> list[Any]:
        """Return the pods of Ray's workers."""
        pods: list[Any] = self.get("pods", "-n", namespace, "-l", "ray.io/node-type=worker")
        return pods


def _run(command: Sequence[str], given: str | None, timeout_s: float) -> str:
    ended = subprocess.run(command, input=given, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr or ended.stdout}"
    return ended.stdout
