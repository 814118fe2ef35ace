import asyncio
import os
from pathlib import Path

import pytest

from fairlead_gateway.watch import MAX_FILE_BYTES, WatchedFile, watch


def number_in(path: Path, readings: list[bool] | None = None) -> WatchedFile[int]:
    on_read = None if readings is None else lambda _, ok: readings.append(ok)
    return WatchedFile(path, int, absent=0, on_read=on_read)


def test_a_file_that_is_absent_has_the_value_for_absence_until_it_appears(tmp_path: Path) -> None:
    """A file may be missing at first and is read when it appears."""
    file = number_in(tmp_path / "number")
    assert not file.poll()
    assert (file.value, file.loaded, file.problem) == (0, False, "the file is missing")
    file.path.write_text("7")
    assert file.poll()
    assert (file.value, file.loaded, file.problem) == (7, True, None)


def test_an_edit_in_place_and_an_atomic_replacement_are_seen(tmp_path: Path) -> None:
    """Both ways of changing a file lead to its new value."""
    file = number_in(tmp_path / "number")
    file.path.write_text("1")
    file.poll()
    file.path.write_text("2")
    assert file.poll()
    assert file.value == 2
    beside = tmp_path / "beside"
    beside.write_text("3")
    beside.replace(file.path)
    assert file.poll()
    assert file.value == 3


def test_a_replacement_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    """A new file under the same name is a change even where size and modification time agree."""
    file = number_in(tmp_path / "number")
    file.path.write_text("1")
    file.poll()
    before = file.path.stat()
    beside = tmp_path / "beside"
    beside.write_text("2")
    os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns))
    beside.replace(file.path)
    assert file.poll()
    assert file.value == 2


def test_a_mounted_volume_that_swaps_its_symbolic_link_is_seen(tmp_path: Path) -> None:
    """A ConfigMap's update, which swaps a link to a folder, leads to the new value."""
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "number").write_text(version)
    link = tmp_path / "data"
    link.symlink_to("1")
    file = number_in(link / "number")
    file.poll()
    swapped = tmp_path / "data-new"
    swapped.symlink_to("2")
    swapped.replace(link)
    assert file.poll()
    assert file.value == 2


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    """A poll of an unchanged file parses nothing."""
    readings: list[bool] = []
    file = number_in(tmp_path / "number", readings)
    file.path.write_text("1")
    assert [file.poll(), file.poll(), file.poll()] == [True, False, False]
    assert readings == [True]


def test_a_broken_edit_keeps_the_last_good_value_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake in a file changes nothing but the metric, the log and the problem."""
    readings: list[bool] = []
    file = number_in(tmp_path / "number", readings)
    file.path.write_text("1")
    file.poll()
    file.path.write_text("one")
    file.poll()
    file.poll()
    assert (file.value, file.loaded) == (1, True)
    assert file.problem is not None
    assert readings == [True, False]
    assert "the last good content stays in force" in caplog.text


def test_a_repaired_file_is_obeyed_again(tmp_path: Path) -> None:
    """A repaired file clears the problem."""
    file = number_in(tmp_path / "number")
    file.path.write_text("one")
    file.poll()
    file.path.write_text("1")
    assert file.poll()
    assert (file.value, file.problem) == (1, None)


def test_a_file_that_vanishes_keeps_its_last_good_value(tmp_path: Path) -> None:
    """Removing a file revokes nothing by accident."""
    file = number_in(tmp_path / "number")
    file.path.write_text("1")
    file.poll()
    file.path.unlink()
    file.poll()
    assert (file.value, file.problem) == (1, "the file is missing")


def test_a_file_beyond_the_size_bound_is_refused(tmp_path: Path) -> None:
    """A huge file is not read into memory."""
    file = number_in(tmp_path / "number")
    with file.path.open("wb") as sparse:
        sparse.truncate(MAX_FILE_BYTES + 1)
    assert not file.poll()
    assert file.problem is not None
    assert "larger than" in file.problem


async def test_the_watch_sees_a_change_within_its_interval(tmp_path: Path) -> None:
    """A running watch puts a change in force by itself."""
    changed = asyncio.Event()
    file = WatchedFile(tmp_path / "number", int, absent=0, on_read=lambda *_: changed.set())
    task = asyncio.create_task(watch([file], interval_s=0.01))
    await asyncio.sleep(0)
    changed.clear()
    file.path.write_text("5")
    await asyncio.wait_for(changed.wait(), 5)
    assert file.value == 5
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
