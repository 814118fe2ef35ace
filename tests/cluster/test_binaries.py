from pathlib import Path

import pytest

from tests.cluster.binaries import ASSETS_VARIABLE, PROGRAMS, programs_folder
from tests.cluster.build import reported


def test_nothing_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing was built yet, the failure names the command that builds."""
    monkeypatch.delenv(ASSETS_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(FileNotFoundError, match="run `make control-plane`"):
        programs_folder()


def test_ready_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ready programs that the user names are taken if all are there, and the missing ones are named otherwise."""
    monkeypatch.setenv(ASSETS_VARIABLE, str(tmp_path))
    for name in PROGRAMS[:-1]:
        (tmp_path / name).touch()

    with pytest.raises(FileNotFoundError, match=f"holds no kubectl: correct {ASSETS_VARIABLE}"):
        programs_folder()

    (tmp_path / PROGRAMS[-1]).touch()
    assert programs_folder() == tmp_path


def test_progress_of_a_build() -> None:
    """A long build tells twenty times how far it is, and each word of the compiler that is not a package's name."""
    packages = [f"k8s.io/part{number}\n" for number in range(40)]

    told = list(reported([*packages[:20], "main.go:7: undefined: x\n", *packages[20:]], total=40))

    assert told[9:12] == ["  20 of 40 packages", "main.go:7: undefined: x", "  22 of 40 packages"]
    assert len(told) == 21
