"""The fault matrix: ``python -m tests.faults`` (``make faults``) puts every fault into every place of a run.

Without arguments the whole matrix; with names of cells (as the table shows
them, ``*`` for anything) only those. The exit code is 1 if a cell fails.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.faults.cells import Cell, part_of, share_of
from tests.faults.cleaners import CLEANERS, RULES, rule_for
from tests.faults.stories import STORIES, Story
from tests.faults.verdict import Verdict

_STATUSES = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")
_SHOWN_PROBLEMS = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix, or a part of it."""
    options = _options(arguments)
    console = Console(width=None if sys.stdout.isatty() else 132)
    started = time.monotonic()
    from tests.faults.world import world  # changes this process: only once it is clear that the matrix runs

    with world() as built:
        from tests.faults.matrix import record_all, run_cells

        _, cells = record_all(built, _stories(options.cells))
        if options.cells:
            cells = [cell for cell in cells if any(fnmatch.fnmatchcase(cell.id, name) for name in options.cells)]
        if options.share < 1:
            cells = share_of(cells, options.share, options.seed)
        if options.part:
            cells = part_of(cells, *options.part)
        if options.list:
            for cell in cells:
                console.print(str(cell), markup=False, soft_wrap=True, highlight=False)
            return 0
        if not cells:
            console.print("No cell has such a name. --list names them all.")
            return 2
        verdicts = []
        with _progress(console) as progress:
            task = progress.add_task("faults", total=len(cells), failed=0)
            for verdict in run_cells(built, cells, at_once=options.at_once):
                verdicts.append(verdict)
                progress.update(task, advance=1, failed=sum(1 for one in verdicts if not _survived(one)))
                progress.refresh()
                if not console.is_terminal and len(verdicts) % max(1, len(cells) // 10) == 0:
                    failed = sum(1 for one in verdicts if not _survived(one))
                    print(f"{len(verdicts)} of {len(cells)} tried, {failed} failed", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in verdicts], indent=1), encoding="utf-8")
    return _tell(console, cells, verdicts, time.monotonic() - started)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("cells", nargs="*", metavar="CELL", help="only these; * stands for anything")
    parser.add_argument("--share", type=float, default=1.0, help="only this share of the cells, 0 to 1")
    parser.add_argument("--seed", type=int, default=1, help="which share it is")
    parser.add_argument(
        "--part", type=_part, metavar="K/N", help="only the Kth of N parts, which together are the whole: 1/4"
    )
    parser.add_argument("--at-once", type=int, default=2, help="cells at the same time")
    parser.add_argument("--list", action="store_true", help="name the cells and run nothing")
    parser.add_argument("--json", type=Path, help="write every verdict to this file")
    return parser.parse_args(arguments)


def _stories(names: Sequence[str]) -> list[Story]:
    """The stories that have cells of these names: all, where a name leaves the story open."""
    wanted = {name.partition("/")[0] for name in names}
    chosen = [story for story in STORIES if story.name in wanted]
    return chosen if wanted and len(chosen) == len(wanted) else list(STORIES)


def _part(text: str) -> tuple[int, int]:
    number, slash, parts = text.partition("/")
    if not (slash and number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part such as 1/4")
    return int(number), int(parts)


def _progress(console: Console) -> Progress:
    """A bar that no thread draws: a process with threads must not be copied."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[red]{task.fields[failed]} failed" if console.is_terminal else "{task.fields[failed]} failed"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        auto_refresh=False,
    )


def _survived(verdict: Verdict) -> bool:
    return not verdict.problems


def _tell(console: Console, cells: Sequence[Cell], verdicts: Sequence[Verdict], took_s: float) -> int:
    by_id = {cell.id: cell for cell in cells}
    table = Table(title="Faults and what became of them", title_justify="left")
    for heading in ("place", "fault", "tried", "survived", *_STATUSES, *CLEANERS):
        table.add_column(heading, justify="left" if heading in ("place", "fault") else "right")
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        cell = by_id[verdict.cell]
        groups.setdefault((cell.place, cell.kind), []).append(verdict)
    for (place, kind), group in sorted(groups.items()):
        statuses, cleaners = Counter(one.status for one in group), Counter(one.cleaned_by for one in group)
        numbers = [len(group), sum(map(_survived, group))]
        numbers += [statuses[status] for status in _STATUSES]
        numbers += [cleaners[cleaner] for cleaner in CLEANERS]
        table.add_row(place, kind, *(str(number) for number in numbers))
    console.print(table)
    console.print("The last three columns: who took away the last thing that the run had made.")
    console.print(_rules(cells, verdicts))
    failed = [verdict for verdict in verdicts if not _survived(verdict)]
    for verdict in sorted(failed, key=lambda one: one.cell)[:_SHOWN_PROBLEMS]:
        console.print(f"\n{by_id[verdict.cell]}: {verdict.status} {verdict.error}", markup=False, highlight=False)
        for problem in verdict.problems:
            console.print(f"  {problem}", markup=False, highlight=False, soft_wrap=True)
        console.print(f"  again: .venv/bin/python -m tests.faults '{verdict.cell}'", markup=False, highlight=False)
    if len(failed) > _SHOWN_PROBLEMS:
        console.print(f"\n… and {len(failed) - _SHOWN_PROBLEMS} more.")
    console.print(
        f"\n{len(verdicts)} faults tried, {len(verdicts) - len(failed)} survived with nothing left, "
        f"in {took_s / 60:.1f} minutes."
    )
    return 1 if failed else 0


def _rules(cells: Sequence[Cell], verdicts: Sequence[Verdict]) -> Table:
    """Whom the clean-up is left to, by rule, and who did it."""
    table = Table(title="Who must have cleaned up, at the latest, and who did", title_justify="left")
    for heading in ("left to", "because", "tried", "survived", *CLEANERS):
        table.add_column(heading, justify="left" if heading in ("left to", "because") else "right")
    by_id = {cell.id: cell for cell in cells}
    for rule in RULES:
        group = [one for one in verdicts if rule_for(by_id[one.cell]) is rule]
        if group:
            cleaners = Counter(one.cleaned_by for one in group)
            numbers = [len(group), sum(map(_survived, group)), *(cleaners[cleaner] for cleaner in CLEANERS)]
            table.add_row(rule.cleaner, rule.why, *(str(number) for number in numbers))
    return table


if __name__ == "__main__":
    sys.exit(main())
