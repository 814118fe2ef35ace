from pathlib import Path

from tests.cluster.control_plane import ControlPlane, running_control_plane
from tests.support.processes import describe, listeners, platform_processes


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


def test_nothing_stays_behind(tmp_path: Path) -> None:
    """When a control plane ends, so does each of its processes."""
    with running_control_plane(tmp_path):
        assert platform_processes(tmp_path)

    assert describe(platform_processes(tmp_path)) == []
