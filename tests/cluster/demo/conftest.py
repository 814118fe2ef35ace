"""One platform for all stories of this folder; each applies its model, and deletes it in the end."""

from collections.abc import Iterator

import pytest

from tests.cluster.demo.platform import DemoCluster, running_cluster


@pytest.fixture(scope="package")
def cluster() -> Iterator[DemoCluster]:
    """A platform on a real API server that has no model yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with running_cluster() as running:
            yield running
