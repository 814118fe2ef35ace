from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.gateway.bad_input.sender import Sender, opened_sender


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sender(tmp_path_factory: pytest.TempPathFactory, valkey: Path) -> AsyncIterator[Sender]:
    """Sends bad input to one gateway, the same for the whole module."""
    async with opened_sender(tmp_path_factory.mktemp("gateway"), valkey) as sender:
        yield sender
