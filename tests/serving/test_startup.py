"""Phases and facts of a start."""

import re
from pathlib import Path

from fairlead_contract import telemetry
from fairlead_serving.processes import EngineRank
from fairlead_serving.startup import EngineFacts, Phase, StartupReport


class Board:
    """Gauges that can be read."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def set(self, name: str, value: float, **labels: str) -> None:
        self.values[name, tuple(sorted(labels.items()))] = value

    def __getitem__(self, name: str) -> float:
        return self.values[name, ()]


def test_one_phase_holds_at_a_time() -> None:
    """Entering a phase ends the one before."""
    board = Board()
    report = StartupReport(board)
    report.enter(Phase.DOWNLOADING)
    report.enter(Phase.LOADING)
    phases = {dict(labels)["phase"]: value for (_, labels), value in board.values.items()}
    assert phases == {"downloading": 0, "loading": 1}


def test_download_progress_is_told_in_bytes() -> None:
    """How much has arrived, how much is expected and how long it takes are gauges; -1 is a time that nobody knows."""
    board = Board()
    report = StartupReport(board)
    report.downloaded(10, 40)
    assert (board[telemetry.DOWNLOAD_BYTES], board[telemetry.DOWNLOAD_TOTAL_BYTES]) == (10, 40)
    assert board[telemetry.DOWNLOAD_REMAINING_SECONDS] == -1
    report.downloaded(39, 40)
    assert board[telemetry.DOWNLOAD_REMAINING_SECONDS] > 0
    report.downloaded(40, 40)
    assert board[telemetry.DOWNLOAD_REMAINING_SECONDS] == 0


def test_facts_are_published_with_every_rank() -> None:
    """What the engine says of itself, and each of its ranks, can be read from outside."""
    board = Board()
    ranks = (EngineRank(0, 11), EngineRank(1, 12))
    StartupReport(board).started(EngineFacts(startup_s=3.5, kv_cache_tokens=4096, max_model_len=2048, ranks=ranks))
    assert board[telemetry.STARTUP_SECONDS] == 3.5
    assert board[telemetry.KV_CACHE_TOKENS] == 4096
    assert board[telemetry.MAX_MODEL_LEN] == 2048
    seen = {labels for name, labels in board.values if name == telemetry.ENGINE_RANK}
    assert seen == {(("pid", "11"), ("rank", "0")), (("pid", "12"), ("rank", "1"))}


def test_the_reference_lists_every_gauge() -> None:
    """Every gauge stands on the page of metrics with its labels, and nothing else does."""
    board = Board()
    report = StartupReport(board)
    report.enter(Phase.READY)
    report.downloaded(1, 1)
    report.started(EngineFacts(startup_s=1, kv_cache_tokens=1, max_model_len=1, ranks=(EngineRank(0, 11),)))
    told = {(name, frozenset(dict(labels)) | {"model", "replica"}) for name, labels in board.values}
    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text()
    (section,) = re.findall(r"^## Of replicas, .*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `(\w+)` \| gauge \| ([\w, ]+) \|", section, re.MULTILINE)
    assert {(name, frozenset(labels.split(", "))) for name, labels in rows} == told
