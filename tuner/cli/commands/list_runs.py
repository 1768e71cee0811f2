"""``lambda-tuner list``: the latest runs, a line each."""

from __future__ import annotations

from typing import Annotated

from tuner.cli.console import error_console, result_console
from tuner.cli.failures import EXIT_OK, print_json
from tuner.cli.flags import JsonFlag, ReadAccountFlags, command, flag
from tuner.cli.reading import latest_runs
from tuner.core.answer.codec import encode_row
from tuner.core.answer.run_row import UNKNOWN_TIME, RunRow
from tuner.core.foreign_text import visible

_LONGEST_CELLS = (16, 64, 16, 18, 6)
"""Characters of time, function, result, memory sizes and saving; the function's name gives way on a narrow terminal."""
_SHORTEST_FUNCTION = 10


@command(
    "list",
    epilog="Example: lambda-tuner list\n\nExample: lambda-tuner list --region eu-central-1 --json\n\n"
    "Without --region, --profile, --stack or --state-machine, it lists the runs made on this machine.",
)
def list_runs(
    where: ReadAccountFlags,
    limit: Annotated[int, flag("--limit 20", "Maximum number of runs to show.", min=1)] = 20,
    json_output: JsonFlag = False,
) -> int:
    """List the latest runs, newest first."""
    from tuner.cli.tune_function import artifacts_of

    artifacts, place = artifacts_of(where)
    rows = latest_runs(artifacts, limit)
    if json_output:
        print_json({"runs": [encode_row(row) for row in rows]})
        return EXIT_OK
    if not rows:
        error_console().print(f"There are no runs in {place} yet. `lambda-tuner demo` makes one.")
        return EXIT_OK
    console = result_console()
    for line in list_lines(rows, console.width):
        console.print(line, soft_wrap=True)
    return EXIT_OK


def list_lines(rows: list[RunRow], width: int) -> list[str]:
    """A line for each run, its whole id at the end, or on a line of its own if the terminal is too narrow."""
    table = [("ended (UTC)", "function", "result", "memory", "saving", "run"), *map(_cells, rows)]
    widths = [min(most, max(len(row[place]) for row in table)) for place, most in enumerate(_LONGEST_CELLS)]
    gaps = 2 * len(widths)
    beside = sum(widths) + gaps + max(len(row[-1]) for row in table) <= width
    if not beside:
        widths[1] = max(_SHORTEST_FUNCTION, min(widths[1], width - sum(widths) + widths[1] - gaps + 2))
    lines = []
    for row in table:
        cells = [_cut(cell, size).ljust(size) for cell, size in zip(row[:-1], widths, strict=True)]
        lines.append("  ".join([*cells, *([row[-1]] if beside else [])]).rstrip())
        if not beside and row is not table[0]:
            lines.append(f"  {row[-1]}")
    return lines


def _cells(row: RunRow) -> tuple[str, ...]:
    kept = row.decision == "keep"
    cells = (
        row.ended.strftime("%Y-%m-%d %H:%M") if row.ended != UNKNOWN_TIME else "",
        row.function,
        row.result,
        _memory_change(row.current_memory_mb, row.memory_mb, kept=kept),
        f"{row.saving_ratio:.0%}" if row.saving_ratio is not None and not kept else "",
        row.run_id,
    )
    return tuple(" ".join(visible(cell).split()) for cell in cells)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _memory_change(current_mb: int | None, recommended_mb: int | None, *, kept: bool) -> str:
    if kept and current_mb:
        return f"keep {current_mb:,} MB"
    if not recommended_mb:
        return ""
    return f"{current_mb:,} → {recommended_mb:,} MB" if current_mb else f"{recommended_mb:,} MB"
