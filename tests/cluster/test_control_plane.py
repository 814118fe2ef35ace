import subprocess
import sys
from pathlib import Path

from tests.cluster.control_plane import ControlPlane, running_control_plane
from tests.support.processes import describe, listeners, platform_processes
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
from pathlib import Path
from tests.cluster.control_plane import running_control_plane
with running_control_plane(Path(sys.argv[1])):
    print("up", flush=True)
    sys.stdin.read()
"""


def test_loopback_only(control_plane: ControlPlane) -> None:
    """The control plane listens on the loopback address alone."""
    found = listeners(platform_processes(control_plane.folder))

    assert len(found) >= 3
    assert [listener for listener in found if not listener.is_loopback] == []


def test_strangers(control_plane: ControlPlane) -> None:
    """Whoever has not the administrator's token may read nothing."""
    with control_plane.client() as client:
        answer = client.get("/api/v1/namespaces", headers={"authorization": "Bearer wrong"})

    assert answer.status_code == 401


def test_the_token_is_in_no_command_line(control_plane: ControlPlane) -> None:
    """The administrator's token lies in files that only the test's user may read."""
    lines = [process.cmdline() for process in platform_processes(control_plane.folder)]

    assert control_plane.token not in str(lines)
    assert control_plane.folder.stat().st_mode & 0o077 == 0


def test_nothing_stays_behind(tmp_path: Path) -> None:
    """When a control plane ends, so does each of its processes."""
    with running_control_plane(tmp_path):
        assert platform_processes(tmp_path)

    assert describe(platform_processes(tmp_path)) == []


def test_nothing_outlives_a_killed_test(tmp_path: Path) -> None:
    """When the process that runs a control plane is killed, each of its processes dies with it."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        assert len(platform_processes(tmp_path)) == 3

        holder.kill()

    eventually(lambda: not platform_processes(tmp_path), within_s=30, what="all processes are gone")
