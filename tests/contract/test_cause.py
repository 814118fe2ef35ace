"""The root cause inside Serve's long messages."""

import pytest

from fairlead_contract.cause import root_cause

FAILED_START = """\
The deployment failed to start 3 times in a row. See controller logs for details. Error:
\x1b[36mray::ServeReplica:b:replica.initialize_and_get_metadata()\x1b[39m (pid=8064, ip=127.0.0.1)
  File "/usr/lib/python3.11/concurrent/futures/_base.py", line 456, in result
    return self.__get_result()
RuntimeError: Traceback (most recent call last):
  File "/venv/ray/serve/_private/replica.py", line 1867, in initialize
    await self._user_callable_wrapper.initialize_callable()
fairlead_contract.errors.EngineStartFailed: the weights are damaged: fetch the model again
"""


def test_traceback() -> None:
    """Of a traceback the last exception's words remain, without its class."""
    assert root_cause(FAILED_START) == "the weights are damaged: fetch the model again"


@pytest.mark.parametrize(
    "message, cause",
    [
        ("", ""),
        ("Deployment is scaling.", "Deployment is scaling."),
        ("\n  first line\nsecond line", "first line"),
        ("Resources: needs 4 GPUs", "Resources: needs 4 GPUs"),
    ],
)
def test_plain_messages(message: str, cause: str) -> None:
    """A message without a traceback is told by its first line."""
    assert root_cause(message) == cause


def test_long_causes_are_cut() -> None:
    """A cause never fills the screen."""
    assert len(root_cause("word " * 1000)) == 400
