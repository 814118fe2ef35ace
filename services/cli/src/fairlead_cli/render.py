"""How things look: tables and live progress on a terminal, plain lines elsewhere."""

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from fairlead_cli.durations import render_duration
from fairlead_cli.observed import Observed
from fairlead_cli.platform import Platform
from fairlead_cli.progress import LineLog, describe, fraction
from fairlead_cli.status import IN_VAIN, SETTLED, ModelStatus, Phase, model_rows
from fairlead_cli.waiting import Show

BAR_WIDTH = 24
REFRESH_PER_S = 8
UNBROKEN_WIDTH = 240

_STYLES = {
    Phase.READY: "green",
    Phase.SCALED_TO_ZERO: "green",
    Phase.FAILED: "bold red",
    Phase.DEGRADED: "red",
    Phase.UNHEALTHY: "red",
    Phase.UNKNOWN: "red",
    Phase.STOPPED: "dim",
    Phase.SUSPENDED: "dim",
}


def open_console() -> Console:
    """Return the console; without a terminal its lines are not broken, so that they can be searched and cut."""
    console = Console()
    if not console.is_terminal:
        console.width = UNBROKEN_WIDTH
    return console


@contextmanager
def progress_view(console: Console) -> Iterator[Show]:
    """Yield a function that shows how far models are; it is called again and again with their rows."""
    if not console.is_terminal:
        log = LineLog(time.monotonic())

        def show_lines(rows: Sequence[ModelStatus]) -> None:
            for line in log.lines(rows, time.monotonic()):
                console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield show_lines
        return
    started_s = time.monotonic()
    spinners: dict[str, Spinner] = {}
    with Live(console=console, refresh_per_second=REFRESH_PER_S) as live:

        def show_live(rows: Sequence[ModelStatus]) -> None:
            elapsed = render_duration(time.monotonic() - started_s)
            live.update(_progress_table(rows, spinners, elapsed))

        yield show_live


def _progress_table(rows: Sequence[ModelStatus], spinners: dict[str, Spinner], elapsed: str) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for row in rows:
        mark = _mark(row, spinners)
        table.add_row(mark, Text(row.model, style="bold"), _bar(row), Text(describe(row), style=_style(row)))
    return Group(table, Text(f"  {elapsed}", style="dim"))


def _mark(row: ModelStatus, spinners: dict[str, Spinner]) -> RenderableType:
    if row.phase in SETTLED:
        return Text("✓", style="green")
    if row.phase in IN_VAIN:
        return Text("✗", style="red")
    return spinners.setdefault(row.model, Spinner("dots"))


def _bar(row: ModelStatus) -> RenderableType:
    done = fraction(row)
    return Text() if done is None else ProgressBar(total=1.0, completed=done, width=BAR_WIDTH)


def _style(row: ModelStatus) -> str:
    return _STYLES.get(row.phase, "yellow")


def status_view(observed: Observed, *, wide: bool) -> RenderableType:
    """Return the status as a person reads it: the services, one row for each model, and what is wrong with any."""
    rows = model_rows(observed)
    parts: list[RenderableType] = [*_services(observed), Text()]
    parts.append(_model_table(rows, wide=wide) if rows else Text("no model is applied"))
    troubles = [Text(f"{row.model}: {row.message}", style=_style(row)) for row in rows if row.message]
    return Group(*parts, *([Text(), *troubles] if troubles else []))


def _services(observed: Observed) -> list[Text]:
    platform = observed.platform
    if platform is None and observed.orphans:
        text = (
            f"platform: broken: its supervisor has ended and left {observed.orphans} processes; "
            "repair it with `fairlead up`, or end them with `fairlead down`"
        )
        return [Text(text, style="bold red")]
    if platform is None:
        return [Text("platform: down; start it with: fairlead up -f FILE_OR_FOLDER", style="red")]
    line = Text("platform: ").append(platform.address, style="bold")
    for service in platform.services.values():
        state = "up" if service.is_running else service.state.value
        line.append(f"  {service.name} ").append(state, style="green" if service.is_running else "bold red")
    return [line, *_troubles(platform)]


def _troubles(platform: Platform) -> list[Text]:
    """Return a line for each service that did not run through."""
    lines = []
    for service in platform.services.values():
        reason = f", {service.message}" if service.message else ""
        if service.restarts:
            lines.append(Text(f"{service.name}: restarted {service.restarts} times{reason}", style="yellow"))
        elif reason:
            lines.append(Text(f"{service.name}: {service.message}", style="red"))
    return lines


def _model_table(rows: Sequence[ModelStatus], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    columns = ["MODEL", "NAMES", "ENGINE", "READY", "PHASE", "RANKS", "KV TOKENS", "MAX LEN", "LOAD"]
    for column in [*columns, *(["URL"] if wide else [])]:
        table.add_column(column, no_wrap=column not in ("NAMES", "RANKS"), overflow="fold", min_width=len(column))
    for row in rows:
        cells: list[RenderableType] = [
            row.model,
            "\n".join(row.names),
            row.engine,
            f"{row.ready}/{row.target}",
            Text(row.phase.value, style=_style(row)),
            _ranks(row, wide=wide),
            _number(row.kv_cache_tokens),
            _number(row.max_model_len),
            render_duration(row.load_s) if row.load_s is not None else "-",
        ]
        table.add_row(*cells, *([row.url or "-"] if wide else []))
    return table


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _ranks(row: ModelStatus, *, wide: bool) -> str:
    """Return how many parallel ranks were seen, with their pids where there is room, else those declared."""
    declared = row.tensor * row.pipeline
    if not row.ranks:
        return f"{declared} (not seen)" if declared > 1 and row.phase is Phase.READY else str(declared)
    pids = f" (pids {', '.join(str(pid) for _, pid in row.ranks)})" if wide else ""
    return f"{len(row.ranks)}{pids}"


def status_json(observed: Observed) -> str:
    """Return the status for machines."""
    platform = observed.platform
    document = {
        "running": platform is not None,
        "orphans": observed.orphans,
        "address": platform.address if platform else None,
        "dashboard": platform.dashboard if platform else None,
        "gateway_metrics": f"http://127.0.0.1:{platform.ports.gateway_metrics}/metrics" if platform else None,
        "services": _services_json(observed),
        "models": [dataclasses.asdict(row) for row in model_rows(observed)],
    }
    return json.dumps(document, indent=2)


def _services_json(observed: Observed) -> dict[str, object]:
    services = observed.platform.services.values() if observed.platform else ()
    return {
        service.name: {
            "running": service.is_running,
            "state": service.state,
            "pid": service.process.pid if service.process else None,
            "restarts": service.restarts,
            "message": service.message,
        }
        for service in services
    }
