"""The whole of Fairlead on the cluster that KUBECONFIG names; collected by `make test-install` alone."""

import os
import secrets

import pytest

from tests.install.client import Client
from tests.install.cluster import Cluster
from tests.install.platform import CLIENTS, RELEASE, InstalledPlatform
from tests.install.settings import InstallSettings

collect_ignore = [] if os.environ.get("FAIRLEAD_TEST_INSTALL") else ["test_install.py"]


@pytest.fixture(scope="session")
def platform() -> InstalledPlatform:
    """Fairlead, not installed yet; the first test does that, and the last one removes it."""
    settings = InstallSettings()
    cluster = Cluster(settings.kubectl, settings.helm)
    key = secrets.token_hex(32)
    client = Client(cluster, CLIENTS, f"http://{RELEASE}-gateway.{RELEASE}", key)
    return InstalledPlatform(cluster, client, settings, key)
