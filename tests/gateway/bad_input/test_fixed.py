"""Bad input that is always the same."""

from collections.abc import Iterator

import pytest

from tests.gateway.bad_input.bounds import bounds_cases
from tests.gateway.bad_input.case import Case
from tests.gateway.bad_input.forms import form_cases
from tests.gateway.bad_input.sender import Sender
from tests.gateway.checks.test_wrong_requests import VALID

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOUNDS = list(bounds_cases())
FORMS = list(form_cases())


def of(path: str) -> Iterator[Case]:
    return (case for case in BOUNDS if case.path == path)


@pytest.mark.parametrize("path", VALID)
async def test_no_field_of_an_endpoint_does_harm(sender: Sender, path: str) -> None:
    """Each field with values at, beyond and far beyond its bounds is refused or answered, never a 5xx."""
    assert await sender.faults(of(path)) == []
    assert await sender.serves()


async def test_no_form_of_a_body_does_harm(sender: Sender) -> None:
    """Odd JSON, messages, tools, schemas and fields of other vendors are refused, each with a sentence."""
    assert await sender.faults(FORMS) == []
    assert await sender.serves()


async def test_there_are_at_least_500_of_them() -> None:
    """Fewer than 500 different bodies would be a coincidence of good luck."""
    wrong = {(case.path, case.body) for case in [*BOUNDS, *FORMS] if case.wrong}
    assert len(wrong) >= 500
