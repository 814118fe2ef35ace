"""The state folder."""

import shutil
import stat
from pathlib import Path

import pytest

from fairlead_cli.errors import PreflightFailed
from fairlead_cli.home import Home, find_home


def test_private(home: Home) -> None:
    """Every folder in it is its owner's alone."""
    home.create_service_folders()
    folders = [home.root, *(path for path in home.root.rglob("*") if path.is_dir())]
    folders += [home.ray, home.haproxy, home.valkey, home.haproxy.parent]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    home.remove_short_folders()


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    """A folder that others could enter is closed to them."""
    tmp_path.chmod(0o755)
    Home(tmp_path).create()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_named_by_the_environment(home: Home) -> None:
    """FAIRLEAD_HOME names it."""
    assert find_home() == home


def test_short_enough_for_sockets(tmp_path: Path) -> None:
    """Sockets of a deep state folder go elsewhere, since the kernel takes no long paths for them."""
    deep = Home(tmp_path / ("deep" * 30))
    assert len(str(deep.valkey / "valkey.sock")) <= 107
    assert len(str(deep.haproxy / ("0" * 56) / "metrics.sock")) <= 97
    assert deep.valkey != Home(tmp_path / ("deap" * 30)).valkey


def test_unusable(tmp_path: Path) -> None:
    """A path that cannot be a folder is refused with what to do instead."""
    (tmp_path / "file").write_text("")
    with pytest.raises(PreflightFailed, match="FAIRLEAD_HOME"):
        Home(tmp_path / "file" / "home").create()


def test_nothing_is_left_outside(tmp_path: Path) -> None:
    """Short folders outside the state folder are gone when a platform is down; Valkey's data never lies there."""
    deep = Home(tmp_path / ("d" * 60)).create()
    deep.create_service_folders()
    assert not deep.haproxy.is_relative_to(deep.root)
    assert deep.valkey_data.is_relative_to(deep.root)
    deep.remove_short_folders()
    assert not deep.haproxy.exists()
    shutil.rmtree(deep.ray)
    deep.ray.parent.rmdir()
