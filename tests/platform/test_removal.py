"""`fairlead down` leaves no process behind, whatever state it finds."""

import os
import signal

import pytest

from tests.support.manifests import DEMO
from tests.support.platform import Platform, running_platform
from tests.support.processes import is_alive

pytestmark = [pytest.mark.platform, pytest.mark.long, pytest.mark.timeout(600)]


def test_down_with_a_stopped_engine() -> None:
    """A stopped engine core, which heeds no polite signal, is gone after `fairlead down`."""
    with running_platform(DEMO) as platform:
        engine = platform.engine_core("demo")
        engine.suspend()
    assert not is_alive(engine)


def test_down_after_the_supervisor_was_killed() -> None:
    """What a killed supervisor left behind is gone after `fairlead down`, a stopped engine too."""
    with running_platform(DEMO) as platform:
        engine = platform.engine_core("demo")
        engine.suspend()
        os.kill(platform.service_pids()["supervisor"], signal.SIGKILL)
    assert not is_alive(engine)


def test_up_after_the_supervisor_was_killed() -> None:
    """`fairlead up` after a crash of the supervisor clears what was left and serves again, with the same keys."""
    with running_platform(DEMO) as platform:
        token, engine = platform.token, platform.engine_core("demo")
        os.kill(platform.service_pids()["supervisor"], signal.SIGKILL)
        platform.up(DEMO)
        assert answers(platform, token)
        assert not is_alive(engine)


def answers(platform: Platform, token: str) -> bool:
    return platform.chat(token=token, max_tokens=1, temperature=1).is_success
