"""Ray Serve's REST interface on the local dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from pydantic import JsonValue

from fairlead_cli.errors import RayUnreachable, ServeRefused
from fairlead_cli.ports import LOOPBACK
from fairlead_contract.serve_config import serve_config

APPLICATIONS = "/api/serve/applications/"
READ_TIMEOUT_S = 10.0
WRITE_TIMEOUT_S = 120.0
"""The first PUT starts Serve's controller and proxy."""


@dataclass(frozen=True, slots=True)
class ServeApi:
    """The dashboard at one address, with the token that it asks for."""

    dashboard: str
    token: str

    def status(self) -> dict[str, Any]:
        """Return Serve's details: applications, their deployments and replicas.

        Raises:
            RayUnreachable: The dashboard or Serve's controller does not answer.
        """
        details: dict[str, Any] = self._request("GET", timeout_s=READ_TIMEOUT_S).json()
        return details

    def put(self, applications: Sequence[Mapping[str, JsonValue]], *, port: int) -> None:
        """Make the given applications the whole set; those that did not change are left alone.

        Raises:
            RayUnreachable: The dashboard does not answer.
            ServeRefused: Serve does not take the applications.
        """
        body = serve_config(applications, host=LOOPBACK, port=port, proxies="HeadOnly")
        self._request("PUT", json=body, timeout_s=WRITE_TIMEOUT_S)

    def _request(self, method: str, *, timeout_s: float, json: object = None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        try:
            answer = httpx2.request(
                method, self.dashboard + APPLICATIONS, headers=headers, json=json, timeout=timeout_s, trust_env=False
            )
        except httpx2.HTTPError as error:
            raise RayUnreachable(f"Ray's dashboard at {self.dashboard} does not answer: {error}") from None
        if answer.status_code in (400, 401, 403):
            raise ServeRefused(f"Ray Serve refused the request ({answer.status_code}): {_one_line(answer.text)}")
        if answer.is_error:
            raise RayUnreachable(f"Ray's dashboard answers {answer.status_code}: {_one_line(answer.text)}")
        return answer


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
