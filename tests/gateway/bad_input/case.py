"""One bad input, or a valid one that lies close to a bad one."""

import json
from dataclasses import dataclass
from typing import Any

from tests.gateway.checks.test_wrong_requests import VALID


@dataclass(frozen=True, slots=True)
class Case:
    """A request's body.

    Attributes:
        name: What is odd about it.
        wrong: Whether it must be refused; what need not be may be answered too.
    """

    name: str
    path: str
    body: bytes
    wrong: bool = True


def changed(name: str, path: str, *, wrong: bool = True, **fields: Any) -> Case:
    """Return a valid request with some fields changed; one that is `...` is left out."""
    document = {key: value for key, value in {**VALID[path], **fields}.items() if value is not ...}
    return Case(name, path, json.dumps(document).encode(), wrong)
