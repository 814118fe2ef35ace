"""How tests are shared out where several processes run them, as `make test` does."""

from pathlib import Path

import pytest

PLATFORM = Path(__file__).parent / "platform"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together, and all that share the running platform; those go first: they take longest."""
    for item in items:
        group = PLATFORM if item.path.is_relative_to(PLATFORM) else item.path
        item.add_marker(pytest.mark.xdist_group(str(group.relative_to(PLATFORM.parent))))
    items.sort(key=lambda item: not item.path.is_relative_to(PLATFORM))
