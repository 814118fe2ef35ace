"""`docs/errors.md` names every error that a client or a person can get."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import fairlead_contract
import fairlead_gateway
from fairlead_contract.errors import FairleadError

REFERENCE = Path(__file__).parents[2] / "docs" / "errors.md"
ROW = re.compile(r"^\| `(\w+)` \| (\d{3}) \| (yes|no) \| (.+) \| (.+) \|$", re.MULTILINE)


def errors(of: type[FairleadError] = FairleadError) -> Iterator[type[FairleadError]]:
    """Yield every class of error that contract and gateway define."""
    if of.__module__.startswith(("fairlead_contract.", "fairlead_gateway.")):
        yield of
    for below in of.__subclasses__():
        yield from errors(below)


def test_the_reference_names_every_error_as_it_is() -> None:
    """Each code stands there with its status and whether a retry may help, and nothing else does."""
    for package in (fairlead_contract, fairlead_gateway):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    defined = {(error.code, error.http_status, error.retryable) for error in errors()}
    written = [(code, int(status), again == "yes") for code, status, again, *_ in ROW.findall(REFERENCE.read_text())]
    assert sorted(written) == sorted(defined)


def test_the_reference_has_no_row_in_another_form() -> None:
    """A row that a reader takes for an error is one that is checked."""
    rows = [line for line in REFERENCE.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) == len(ROW.findall(REFERENCE.read_text()))
