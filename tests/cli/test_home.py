"""The state folder."""

import stat
from pathlib import Path

import pytest

from fairlead_cli.errors import PreflightFailed
from fairlead_cli.home import Home, find_home


def test_private(home: Home) -> None:
    """Every folder in it is its owner's alone."""
    folders = [home.root, *(path for path in home.root.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


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
