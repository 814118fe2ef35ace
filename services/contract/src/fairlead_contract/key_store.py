"""Where API keys are kept: one file, which the command line and every gateway may change at the same time.

Whoever changes it holds a lock beside it, reads what is there, and replaces the file as a whole: no change is lost, and
who reads without the lock sees all of a change or nothing of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import ValidationError

from fairlead_contract.api_keys import KeyFile
from fairlead_contract.errors import KeysUnavailable
from fairlead_contract.files import create_once, locked, write_atomically

PATIENCE_S = 5.0
"""A change takes milliseconds; a process that holds the lock for longer hangs, and nobody should hang with it."""

MAX_FILE_BYTES = 16 * 1024 * 1024
"""More than this no gateway reads: some 30,000 keys."""

Told = TypeVar("Told")


class KeyStore(Protocol):
    """All keys of an installation, wherever they lie."""

    def read(self) -> KeyFile:
        """Return all keys, revoked and expired ones too.

        Raises:
            KeysUnavailable: They cannot be read.
        """

    def change(self, change: Callable[[KeyFile], tuple[KeyFile, Told]]) -> Told:
        """Put in force what a function makes of all keys, with nobody changing them meanwhile; return what it tells.

        Raises:
            KeysUnavailable: They cannot be read or written.
        """


@dataclass(frozen=True, slots=True)
class KeysInFile:
    """Keys in a JSON file; calls block while another process changes it, which takes milliseconds."""

    path: Path

    def create(self) -> None:
        """Write an empty file where there is none."""
        create_once(self.path, _render(KeyFile()))

    def read(self) -> KeyFile:
        """Return all keys, revoked and expired ones too; none where there is no file yet.

        Raises:
            KeysUnavailable: The file cannot be read, or holds something else.
        """
        try:
            return KeyFile.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return KeyFile()
        except OSError as error:
            raise KeysUnavailable(f"{self.path.name} cannot be read: {error.strerror}") from None
        except ValidationError:
            raise KeysUnavailable(f"{self.path.name} holds no API keys; put back a copy of it") from None

    def change(self, change: Callable[[KeyFile], tuple[KeyFile, Told]]) -> Told:
        """Put in force what a function makes of all keys; return what it tells.

        Raises:
            KeysUnavailable: The file cannot be read or written, or would be too large to be read again.
        """
        try:
            with locked(self.path.with_name(f".{self.path.stem}.lock"), within_s=PATIENCE_S):
                keys, told = change(self.read())
                content = _render(keys)
                if len(content) > MAX_FILE_BYTES:
                    raise KeysUnavailable(f"{self.path.name} is full; remove keys that are revoked or expired from it")
                write_atomically(self.path, content)
        except OSError as error:
            raise KeysUnavailable(
                f"{self.path.name} cannot be written: {error.strerror}; change keys where it is kept"
            ) from None
        return told


def _render(keys: KeyFile) -> bytes:
    return keys.model_dump_json(indent=2).encode()
