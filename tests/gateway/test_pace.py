from pathlib import Path

import pytest

from fairlead_gateway.pace import PRESSURE_FILES, Pace, tokens_per_event


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(file: Path, percent: float) -> Path:
    """Write pressure as the kernel tells it."""
    file.write_text(f"some avg10={percent:.2f} avg60=99.00 avg300=99.00 total=1\nfull avg10=99.00 avg60=0.00 total=0\n")
    return file


@pytest.mark.parametrize(
    "pressure, most, expected", [(0, 4, 1), (19.9, 4, 1), (20, 4, 2), (39.9, 4, 2), (40, 4, 4), (99, 2, 2), (99, 1, 1)]
)
def test_the_shorter_processors_are_the_more_tokens_share_an_event(pressure: float, most: int, expected: int) -> None:
    """One token per event while there is room, and never more than allowed."""
    assert tokens_per_event(pressure, most) == expected


def test_pressure_is_looked_at_once_a_second(tmp_path: Path) -> None:
    """A burst of streams reads the file once, and a change is seen a second later."""
    clock, file = Clock(), told(tmp_path / "cpu", 0)
    pace = Pace(most=4, files=[file], clock=clock)
    assert pace.tokens_per_event == 1
    told(file, 80)
    clock.now = 0.9
    assert pace.tokens_per_event == 1
    clock.now = 1.0
    assert pace.tokens_per_event == 4


def test_the_first_file_that_tells_counts(tmp_path: Path) -> None:
    """A container's own pressure goes before that of the machine under it."""
    files = [tmp_path / "absent", told(tmp_path / "container", 25), told(tmp_path / "machine", 80)]
    assert Pace(most=4, files=files).tokens_per_event == 2


@pytest.mark.parametrize("content", ["", "nonsense\n", None])
def test_without_a_measure_each_token_has_its_own_event(tmp_path: Path, content: str | None) -> None:
    """A kernel that tells nothing changes nothing."""
    file = tmp_path / "cpu"
    if content is not None:
        file.write_text(content)
    assert Pace(most=4, files=[file]).tokens_per_event == 1


def test_a_measure_that_goes_away_is_no_pressure(tmp_path: Path) -> None:
    """A file that can no longer be read ends the sharing."""
    clock, file = Clock(), told(tmp_path / "cpu", 80)
    pace = Pace(most=4, files=[file], clock=clock)
    assert pace.tokens_per_event == 4
    file.unlink()
    clock.now = 1.0
    assert pace.tokens_per_event == 1


@pytest.mark.skipif(not any(file.exists() for file in PRESSURE_FILES), reason="this kernel measures no pressure")
def test_this_kernels_own_words_are_understood() -> None:
    """What the running kernel writes is a number of tokens."""
    assert Pace(most=4).tokens_per_event in (1, 2, 4)
