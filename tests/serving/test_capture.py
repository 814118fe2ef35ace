"""Keeping what an engine's processes say."""

import os
import subprocess
import sys

from tests.support.waiting import eventually

_PROGRAM = """
import os, subprocess, sys
from fairlead_serving.capture import OutputCapture
capture = OutputCapture()
with capture:
    os.write(1, b"own words\\n")
    words = "import sys; print('child said', flush=True); sys.stdin.readline(); print('and later', file=sys.stderr)"
    child = subprocess.Popen([sys.executable, "-c", words], stdin=subprocess.PIPE)
    while "child said" not in capture.text():
        pass
os.write(2, b"not captured\\n")
child.communicate(b"go\\n")
while "and later" not in capture.text():
    pass
assert "own words" in capture.text()
assert "not captured" not in capture.text()
"""


def test_output_of_the_process_and_its_children_is_kept_and_passed_on() -> None:
    """What a process and its children write is kept, reaches its old place, and goes on to after the start."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert set(done.stdout.splitlines()) == {"own words", "child said"}
    assert set(done.stderr.splitlines()) == {"not captured", "and later"}


def test_a_reader_that_left_stalls_nobody() -> None:
    """When nobody reads the original output any more, writers go on."""
    read_end, write_end = os.pipe()
    program = (
        "import os\n"
        "from fairlead_serving.capture import OutputCapture\n"
        "with OutputCapture() as capture:\n"
        "    for _ in range(5000):\n"
        "        os.write(1, b'x' * 1000)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=write_end, stderr=subprocess.DEVNULL)
    os.close(write_end)
    os.close(read_end)
    eventually(lambda: process.poll() is not None, within_s=60, what="the writer to finish")
    assert process.returncode == 0
