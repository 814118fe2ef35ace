"""The Secret of API keys, as a gateway changes it: a patch that names the version it was made from."""

import base64
from typing import Any, Final, NoReturn

import httpx2
from lightkube import Client
from lightkube.config.kubeconfig import SingleConfig
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Secret
from lightkube.types import PatchType

from fairlead_contract.errors import KeysUnavailable
from fairlead_contract.key_secret import API_KEYS_ENTRY, Versioned
from fairlead_gateway.settings import InCluster

CONFLICT: Final = 409
NOT_FOUND: Final = 404


class ClusterKeySecret:
    """An entry of a Secret; calls block, so they are made in a thread.

    Attributes:
        written: The Secret as this gateway changed it last; whoever puts it in force sees to its version.
    """

    def __init__(self, cluster: SingleConfig, place: InCluster) -> None:
        self.written: Any = None
        self._client = Client(cluster, namespace=place.namespace, field_manager="fairlead-gateway")
        self._place = place

    @property
    def where(self) -> str:
        """The Secret, for people."""
        return f"secret {self._place.namespace}/{self._place.name}"

    def read(self) -> Versioned:
        """Return what the entry holds.

        Raises:
            KeysUnavailable: There is no such Secret, or it cannot be read.
        """
        try:
            secret = self._client.get(Secret, self._place.name)
        except (httpx2.HTTPError, OSError) as error:
            self._refuse("read", error)
        text = (secret.data or {}).get(API_KEYS_ENTRY)
        assert secret.metadata is not None  # noqa: S101 - every object has it
        return Versioned(None if text is None else base64.b64decode(text), secret.metadata.resourceVersion or "")

    def replace(self, content: bytes, *, version: str) -> bool:
        """Put content into the entry; return False, and do nothing, where the Secret has another version by now.

        Raises:
            KeysUnavailable: It cannot be written.
        """
        patch = {
            "metadata": {"resourceVersion": version},
            "data": {API_KEYS_ENTRY: base64.b64encode(content).decode()},
        }
        try:
            self.written = self._client.patch(Secret, self._place.name, patch, patch_type=PatchType.MERGE).to_dict()
        except ApiError as error:
            if error.status.code == CONFLICT:
                return False
            self._refuse("written", error)
        except (httpx2.HTTPError, OSError) as error:
            self._refuse("written", error)
        return True

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _refuse(self, done: str, error: Exception) -> NoReturn:
        if isinstance(error, ApiError) and error.status.code == NOT_FOUND:
            place = self._place
            raise KeysUnavailable(
                f"{self.where} does not exist; make it: kubectl create secret generic {place.name} -n {place.namespace}"
            ) from None
        raise KeysUnavailable(f"{self.where} cannot be {done}: {str(error) or type(error).__name__}") from None
