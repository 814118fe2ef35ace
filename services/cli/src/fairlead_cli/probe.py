"""One tiny real request through the gateway: the proof that a model answers."""

from dataclasses import dataclass
from datetime import timedelta

import httpx2

from fairlead_cli.credentials import mint_token
from fairlead_cli.home import Home
from fairlead_cli.platform import Platform
from fairlead_cli.tenants_file import DEFAULT_TENANT, read_tenants
from fairlead_contract.modeldeployment import ModelDeployment

REQUEST_TIMEOUT_S = 30.0
TOKEN_LIFETIME = timedelta(minutes=10)

_NOT_YET = frozenset({404, 502, 503, 504})
"""The gateway has not read the route yet, or HAProxy not heard of the replica."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking a model."""

    problem: str | None = None
    """What is wrong in one line; None if it answered."""

    is_final: bool = False
    """Whether asking again is in vain."""


def probe(home: Home, platform: Platform, deployment: ModelDeployment) -> Answer:
    """Ask a model for one token.

    A model that the default tenant may not use, or whose task has no tiny request, is taken at Ray Serve's word.
    """
    request = _tiny_request(deployment)
    if request is None or not _is_open(home, deployment):
        return Answer()
    path, body = request
    headers = {"authorization": f"Bearer {mint_token(home, DEFAULT_TENANT, TOKEN_LIFETIME)}"}
    try:
        answer = httpx2.post(
            platform.address + path, json=body, headers=headers, timeout=REQUEST_TIMEOUT_S, trust_env=False
        )
    except httpx2.HTTPError as error:
        return Answer(f"the gateway does not answer: {error}")
    if answer.is_success or answer.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        return Answer()
    return Answer(f"the gateway answers {answer.status_code}: {answer.text[:200]}", answer.status_code not in _NOT_YET)


def _tiny_request(deployment: ModelDeployment) -> tuple[str, dict[str, object]] | None:
    model = deployment.served_name
    match deployment.spec.model.task:
        case "generate":
            return "/v1/completions", {"model": model, "prompt": "Hello", "max_tokens": 1}
        case "embed":
            return "/v1/embeddings", {"model": model, "input": "Hello"}
        case _:
            return None


def _is_open(home: Home, deployment: ModelDeployment) -> bool:
    tenant = read_tenants(home).tenants.get(DEFAULT_TENANT)
    if tenant is None or tenant.disabled:
        return False
    access = deployment.spec.access
    named = bool(access.tenants or access.plans)
    return not named or DEFAULT_TENANT in access.tenants or tenant.plan in access.plans
