from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.gateway.lets_no_one_in.house import House, opened_house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_house(tmp_path_factory: pytest.TempPathFactory, valkey: Path) -> AsyncIterator[House]:
    async with opened_house(tmp_path_factory.mktemp("house"), valkey) as house:
        yield house


@pytest.fixture
def house(shared_house: House) -> House:
    """A gateway at which the whole module knocks; nobody has come in yet."""
    shared_house.upstream.seen.clear()
    return shared_house
