"""How tests are shared out where several processes run them, as `make test` does."""

import pytest
from xdist.scheduler import LoadScopeScheduling

PLATFORM = "tests/platform/"


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Keeps the tests of a file together, and all that share the running platform."""

    def _split_scope(self, nodeid: str) -> str:
        return PLATFORM if nodeid.startswith(PLATFORM) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    """Share tests out so."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what shares the platform, which takes longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(PLATFORM))
