"""API keys in a Secret of a cluster, which every gateway may change at the same time.

Nobody holds a lock: whoever changes the keys says which version they have read, and reads again where somebody else was
faster. How a Secret is reached is not said here, so that whoever reaches it may share the rest.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from pydantic import ValidationError

from fairlead_contract.api_keys import KeyFile
from fairlead_contract.errors import KeysUnavailable

API_KEYS_ENTRY: Final = "api-keys.json"
"""The entry of the Secret under which the keys lie."""

MAX_SECRET_BYTES: Final = 1_000_000
"""Somewhat less than the API server takes for a whole Secret: some 2,000 keys."""

ATTEMPTS: Final = 20
"""Of gateways that change keys at the same moment, one succeeds each time."""

LONGEST_PAUSE_S: Final = 0.2

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Versioned:
    """What the entry holds, and the version of the Secret that it was read from.

    Attributes:
        content: None where the Secret has no such entry yet.
    """

    content: bytes | None
    version: str


class KeySecret(Protocol):
    """The Secret's entry, wherever it is reached from; calls block."""

    @property
    def where(self) -> str:
        """The Secret, for people, such as `secret fairlead/api-keys`."""

    def read(self) -> Versioned:
        """Return what the entry holds.

        Raises:
            KeysUnavailable: There is no such Secret, or it cannot be read.
        """

    def replace(self, content: bytes, *, version: str) -> bool:
        """Put content into the entry; return False, and do nothing, where the Secret has another version by now.

        Raises:
            KeysUnavailable: It cannot be written.
        """


@dataclass(frozen=True, slots=True)
class KeysInSecret:
    """All keys of an installation, in one entry of a Secret."""

    secret: KeySecret

    def read(self) -> KeyFile:
        """Return all keys, revoked and expired ones too; none where the Secret has no entry for them yet.

        Raises:
            KeysUnavailable: The Secret cannot be read, or holds something else.
        """
        return self._parse(self.secret.read())

    def change(self, change: Callable[[KeyFile], tuple[KeyFile, Told]]) -> Told:
        """Put in force what a function makes of all keys; return what it tells.

        The function is called again where somebody else has changed the keys meanwhile.

        Raises:
            KeysUnavailable: The Secret cannot be read or written, or would be too large.
        """
        for _ in range(ATTEMPTS):
            found = self.secret.read()
            keys, told = change(self._parse(found))
            content = keys.model_dump_json().encode()
            if len(content) > MAX_SECRET_BYTES:
                raise KeysUnavailable(f"{self.secret.where} is full; remove keys that are revoked or expired from it")
            if self.secret.replace(content, version=found.version):
                return told
            time.sleep(LONGEST_PAUSE_S * random.random())  # noqa: S311 - not a secret
        raise KeysUnavailable(f"{self.secret.where} is changed by others all the time; try again")

    def _parse(self, found: Versioned) -> KeyFile:
        try:
            return KeyFile() if found.content is None else KeyFile.model_validate_json(found.content)
        except ValidationError:
            raise KeysUnavailable(f"{self.secret.where} holds no API keys; put back a copy of it") from None
