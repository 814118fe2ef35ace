"""Clients that live in the cluster, so that the test needs no ingress and no port that breaks with a pod."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from fairlead_contract.names import JWT_AUDIENCE, JWT_ISSUER, TENANT_CLAIM
from tests.install.cluster import Cluster

POD = "client"
INSIDE = Path(__file__).with_name("inside.py")
ENDING_S = 240


@dataclass(frozen=True, slots=True)
class Load:
    """What came of many requests."""

    answered: int
    failures: list[str]


@dataclass(frozen=True, slots=True)
class Client:
    """A pod of the gateway's image from which requests are sent."""

    cluster: Cluster
    namespace: str
    url: str
    jwt_key: str

    def deploy(self, image: str, pull_policy: str) -> None:
        """Start the pod."""
        metadata = {"name": POD, "namespace": self.namespace}
        container = {
            "name": POD,
            "image": image,
            "imagePullPolicy": pull_policy,
            "command": ["python", "-c", "import signal; signal.sigwait([signal.SIGTERM])"],
            "volumeMounts": [{"name": "inside", "mountPath": "/inside"}, {"name": "loads", "mountPath": "/loads"}],
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
        pod = {
            "containers": [container],
            "automountServiceAccountToken": False,
            "volumes": [{"name": "inside", "configMap": {"name": POD}}, {"name": "loads", "emptyDir": {}}],
        }
        self.cluster.namespace(self.namespace)
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {INSIDE.name: INSIDE.read_text()}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod},
        )
        self.cluster.kubectl("wait", "--for=condition=Ready", f"pod/{POD}", "-n", self.namespace, "--timeout=110s")

    def token(self, tenant: str) -> str:
        """Sign a token as the platform's own issuer does."""
        now = int(time.time())
        claims = {"iss": JWT_ISSUER, "aud": JWT_AUDIENCE, "sub": "test", TENANT_CLAIM: tenant, "iat": now}
        return jwt.encode(claims | {"exp": now + 3600}, self.jwt_key, algorithm="HS256")

    def get(self, path: str, *, tenant: str | None = "first") -> dict[str, Any]:
        """Ask for a document."""
        return self._order({"path": path, "token": self._credential(tenant)})[0]

    def chat(self, *, tenant: str | None = "first", stream: bool = True, max_tokens: int = 16) -> dict[str, Any]:
        """Ask the model one question."""
        return self._order(self._question(tenant, stream=stream, max_tokens=max_tokens))[0]

    def statuses(self, times: int, *, tenant: str) -> list[int]:
        """Ask again and again without a pause, and return the statuses."""
        said = self._order(self._question(tenant, stream=False, max_tokens=2) | {"times": times})
        return [answer["status"] for answer in said]

    @contextmanager
    def load(self, *, parallel: int, max_tokens: int = 64) -> Iterator[list[Load]]:
        """Let many clients ask, each again and again, for as long as the block lasts; then the list has what came."""
        order = self._question("first", stream=True, max_tokens=max_tokens) | {"parallel": parallel}
        folder = f"/loads/{secrets.token_hex(4)}"
        said: list[Load] = []
        self._order(order | {"start": folder})
        try:
            yield said
        finally:
            (ended,) = self._order({"end": folder})
            said.append(Load(**ended))

    def _credential(self, tenant: str | None) -> str | None:
        return None if tenant is None else self.token(tenant)

    def _question(self, tenant: str | None, *, stream: bool, max_tokens: int) -> dict[str, Any]:
        # A question of its own, or the cache would answer in the model's place.
        question = {"role": "user", "content": f"What is Fairlead? {secrets.token_hex(4)}"}
        body = {
            "model": "fairlead-demo",
            "messages": [question],
            "stream": stream,
            "max_tokens": max_tokens,
            "temperature": 1,
            "ignore_eos": True,
        }
        return {"path": "/v1/chat/completions", "token": self._credential(tenant), "body": body}

    def _order(self, order: Mapping[str, Any]) -> list[dict[str, Any]]:
        command = ("exec", "-i", POD, "-n", self.namespace, "--", "python", f"/inside/{INSIDE.name}")
        line = json.dumps({"url": self.url, "times": 1, **order}) + "\n"
        said: list[dict[str, Any]] = json.loads(self.cluster.kubectl(*command, given=line, timeout_s=ENDING_S))
        return said
