"""The API server, as far as a gateway reads it: lists and watches of collections, over lightkube's credentials.

lightkube's own watch goes on for ever and hides where one ends and the next begins, so that a connection that has
silently died could not be told from one on which nothing happens. Here each watch is one request, which the server ends
after a given time, and which is given up where the server does not.
"""

import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import httpx2
from lightkube.config.client_adapter import AsyncClient, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from fairlead_contract.names import API_GROUP, API_VERSION_NAME, PLURAL
from fairlead_contract.yaml_documents import Json

ANSWER_TIMEOUT_S: Final = 15.0
SLACK_S: Final = 1.0
"""For which a watch that the server should have ended is waited for."""

PAGE: Final = 500
GONE: Final = 410


class ApiFailure(Exception):
    """The API server refused, or ended a watch with an error; its own words say why."""


class Expired(ApiFailure):
    """What changed since a version is no longer known; only a list tells."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Objects that are listed and watched together.

    Attributes:
        path: Where they lie on the API server.
        query: Which of those that lie there are meant.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)


class Listed(NamedTuple):
    """The objects of a collection at a version."""

    objects: list[Json]
    version: str


class Event(NamedTuple):
    """A change of one object: ADDED, MODIFIED, DELETED, or a BOOKMARK, which tells nothing but a version."""

    kind: str
    document: Json

    @property
    def version(self) -> str:
        return str(self.document["metadata"]["resourceVersion"])


def model_deployments(namespace: str | None) -> Collection:
    """Return the ModelDeployments of a namespace, or of all."""
    within = "" if namespace is None else f"/namespaces/{namespace}"
    return Collection(f"/apis/{API_GROUP}/{API_VERSION_NAME}{within}/{PLURAL}")


def single(plural: str, *, namespace: str, name: str) -> Collection:
    """Return the collection of one ConfigMap or Secret, which a role that names it may list and watch."""
    return Collection(f"/api/v1/namespaces/{namespace}/{plural}", {"fieldSelector": f"metadata.name={name}"})


def find_cluster() -> SingleConfig:
    """Return how the API server is reached: as the pod's service account, else as KUBECONFIG says.

    Raises:
        ValueError: Neither is there.
    """
    try:
        found = KubeConfig.from_env().get()
    except (ConfigError, KeyError) as error:
        raise ValueError(f"no Kubernetes cluster is to be found ({error}); run in a pod, or set KUBECONFIG") from None
    if found is None:
        raise ValueError(
            "the file that KUBECONFIG names has no current context; choose one: kubectl config use-context"
        )
    return found


class ApiServer:
    """A client of the API server."""

    def __init__(self, cluster: SingleConfig) -> None:
        self._client: httpx2.AsyncClient = AsyncClient(cluster, ConnectionParams(httpx2.Timeout(ANSWER_TIMEOUT_S)))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def list(self, collection: Collection) -> Listed:
        """Return all objects of a collection.

        Raises:
            ApiFailure: The API server refused.
            httpx2.HTTPError: It did not answer.
        """
        objects: list[Json] = []
        query = {**collection.query, "limit": str(PAGE)}
        while True:
            answer = await self._client.get(collection.path, params=query)
            _check(answer.status_code, answer.content)
            page = answer.json()
            objects += page["items"] or []
            if not page["metadata"].get("continue"):
                return Listed(objects, page["metadata"]["resourceVersion"])
            query["continue"] = page["metadata"]["continue"]

    @asynccontextmanager
    async def watch(self, collection: Collection, version: str, *, for_s: float) -> AsyncIterator[AsyncIterator[Event]]:
        """Open a stream of what changes after a version; it ends when the server ends it, after at most `for_s`.

        Raises:
            Expired: The version is too old.
            ApiFailure: The API server refused.
            httpx2.HTTPError: It did not answer, or fell silent.
        """
        query = {
            **collection.query,
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(for_s * random.uniform(0.8, 1.0)))),  # noqa: S311 - spreads gateways
        }
        timeout = httpx2.Timeout(ANSWER_TIMEOUT_S, read=for_s + SLACK_S)
        async with self._client.stream("GET", collection.path, params=query, timeout=timeout) as answer:
            if not answer.is_success:
                _check(answer.status_code, await answer.aread())
            async with aclosing(_events(answer)) as events:
                yield events


async def _events(answer: httpx2.Response) -> AsyncGenerator[Event, None]:
    async for line in answer.aiter_lines():
        event = json.loads(line)
        if event["type"] == "ERROR":
            _check(int(event["object"].get("code", 500)), line.encode())
        yield Event(event["type"], event["object"])


def _check(status: int, body: bytes) -> None:
    """Raise what a status that is no success means."""
    if status < 400:  # noqa: PLR2004
        return
    if status == GONE:
        raise Expired("the version is too old")
    try:
        document = json.loads(body)
        message = str(document.get("object", document).get("message", ""))
    except (ValueError, AttributeError):
        message = ""
    raise ApiFailure(message or f"the API server answers {status}")
