"""The command: what it takes, what it prints."""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from bench.examples.exhaustive import Comparison, Doubt, compare, doubt
from bench.examples.grid import ExampleGrid, Machine, code_sha256, read_grids, this_machine, write_grids
from bench.examples.measuring import PASSES, grid_sizes, load_per_core, measure_example
from bench.examples.running import goal_of, run_product
from bench.search import DATA
from tuner.cli.examples import Example, example_named, examples
from tuner.cli.failures import UsageProblem
from tuner.core.money.pricing import prices_for
from tuner.embedded.account import embedded_aws
from tuner.embedded.identity import REGION, memory_cap_mb

USAGE_ERROR = 2
BUSY_LOAD_RATIO = 0.3
DISTURBED_LIMIT_RATIO = 0.1


@dataclass(frozen=True)
class Judged:
    """A run beside the exhaustive answer, and how sure that is."""

    comparison: Comparison
    doubt: Doubt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.description = (
        "Tune the real examples on the embedded AWS and compare each pick with the answer of an exhaustive "
        "measurement of the same machine. Takes about half a minute a run, two runs an example (with its goal, and "
        "without one)."
    )
    parser.add_argument("--measure", action="store_true",
                        help="measure every size of the examples that the file has not yet: about 20 minutes, "
                        "on a machine that does nothing else")  # fmt: skip
    parser.add_argument("--again", action="store_true", help="with --measure: those that it has, too")
    parser.add_argument("--passes", type=_count, default=PASSES,
                        help=f"with --measure: new environments at each size, at least (default {PASSES})")  # fmt: skip
    parser.add_argument("--example", action="append", metavar="NAME", help="only this one; may be given several times")
    parser.add_argument("--runs", type=_count, default=1, help="runs of each example and goal (default 1)")
    parser.add_argument("--cpu-time", action="store_true", help="each run also with the CPU time of its invocations")
    parser.add_argument("--data", type=Path, default=DATA / "examples.jsonl", help="the exhaustive measurement")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write one row a run there")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text} is no whole number between 1 and 100")
    return int(text)


def run(parsed: argparse.Namespace) -> int:
    """Measure, or compare; 2 where it cannot be done as asked."""
    try:
        chosen = [example_named(name) for name in parsed.example] if parsed.example else examples()
        grids = read_grids(parsed.data) if parsed.data.exists() else {}
    except (UsageProblem, ValueError, OSError) as error:
        if isinstance(error, UsageProblem):
            return _refuse(error.message, error.hint)
        return _refuse(str(error), "Repair the file, or move it away and measure again.")
    for path in (parsed.data if parsed.measure else None, parsed.json):
        if path is not None and not os.access(path.absolute().parent, os.W_OK):
            return _refuse(f"{path} cannot be written.", "Name a file in a folder of your own.")
    chosen = list({example.name: example for example in chosen}.values())
    if parsed.measure:
        return _measure(chosen, grids, parsed.data, again=parsed.again, passes=parsed.passes)
    missing = [example.name for example in chosen if example.name not in grids]
    if missing:
        wanted = "".join(f" --example {name}" for name in missing) if grids or parsed.example else ""
        return _refuse(
            f"{parsed.data} has no measurement of {', '.join(missing)}.",
            f"Measure on a machine that does nothing else: python -m bench examples --measure{wanted}",
        )
    for line in mismatches(chosen, grids, this_machine()):
        print(f"Warning: {line}", file=sys.stderr)
    judged = _compare(chosen, grids, runs=parsed.runs, with_cpu_time=parsed.cpu_time)
    print_table(judged)
    if parsed.json:
        parsed.json.write_text(json.dumps([json_row(each) for each in judged], indent=1) + "\n", encoding="utf-8")
    return 1 if any(each.comparison.run.error for each in judged) else 0


def _refuse(message: str, hint: str) -> int:
    print(f"{message}\n{hint}", file=sys.stderr)
    return USAGE_ERROR


def mismatches(chosen: Iterable[Example], grids: dict[str, ExampleGrid], machine: Machine) -> list[str]:
    """Say where the measurement is of another machine, or of another version of an example."""
    found = []
    for example in chosen:
        grid = grids[example.name]
        if grid.machine != machine:
            found.append(
                f"{example.name} was measured on another machine ({_described(grid.machine)}; this one is "
                f"{_described(machine)}). Its durations are no truth here: measure again with --measure --again."
            )
        if grid.code_sha256 != code_sha256(example):
            found.append(f"{example.name} has changed since it was measured: measure it with --measure --again.")
    return found


def _described(machine: Machine) -> str:
    return f"{machine.cpu}, {machine.cores} cores, {machine.architecture}, Python {machine.python}"


def _measure(chosen: list[Example], grids: dict[str, ExampleGrid], path: Path, *, again: bool, passes: int) -> int:
    machine, order = this_machine(), [example.name for example in examples()]
    if load_per_core() > BUSY_LOAD_RATIO:
        print("Warning: this machine is busy with other work, which is then measured too.", file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    for example in chosen:
        if example.name in grids and not again:
            print(f"{example.name}: kept as it is in {path}.", file=sys.stderr)
            continue
        began_s = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=Console(stderr=True)) as progress:
            shown = partial(_advance, progress, progress.add_task(example.name))
            grids[example.name] = measure_example(
                example, machine, Path(folder), grid_sizes(memory_cap_mb()), passes=passes, advance=shown
            )
        write_grids(path, sorted(grids.values(), key=lambda grid: order.index(grid.example)))
        print(_summary(grids[example.name], time.monotonic() - began_s), file=sys.stderr)
    return 0


def _advance(progress: Progress, bar: TaskID, done: int, total: int) -> None:
    progress.update(bar, completed=done, total=total)


def _summary(grid: ExampleGrid, took_s: float) -> str:
    warm = sum(len(row.durations_ms) for row in grid.sizes)
    disturbed = sum(row.disturbed_count for row in grid.sizes)
    text = f"{grid.example}: {warm} warm invocations at {len(grid.sizes)} sizes in {took_s:.0f} s"
    if warm and disturbed > DISTURBED_LIMIT_RATIO * warm:
        text += f"; {disturbed} of them waited for a core: the machine was busy, measure again"
    return f"{text}."


def _compare(
    chosen: Sequence[Example], grids: dict[str, ExampleGrid], *, runs: int, with_cpu_time: bool
) -> list[Judged]:
    cases = [
        (example, goal, cpu_time)
        for _ in range(runs)
        for example in chosen
        for goal in (goal_of(example), None)
        for cpu_time in ((False, True) if with_cpu_time else (False,))
    ]
    judged = []
    with tempfile.TemporaryDirectory() as folder, embedded_aws(home=Path(folder)) as aws:
        for position, (example, goal, cpu_time) in enumerate(cases, start=1):
            answer = run_product(aws, example, goal, cpu_time=cpu_time, name=f"bench-{position}")
            grid = grids[example.name]
            prices = prices_for(REGION, _price_architecture(grid.machine))
            judged.append(Judged(compare(answer, grid, prices), doubt(answer, grid, prices)))
            print(f"{position} of {len(cases)}: {progress_line(judged[-1].comparison)}", file=sys.stderr)
    return judged


def _price_architecture(machine: Machine) -> str:
    return "arm64" if machine.architecture in ("arm64", "aarch64") else "x86_64"


def progress_line(comparison: Comparison) -> str:
    """One run in a sentence."""
    done = comparison.run
    what = f"{done.example}, {done.goal or 'no goal'}{', with CPU time' if done.cpu_time else ''}"
    if done.error is not None:
        return f"{what}: failed after {done.wall_s:.0f} s: {done.error}"
    return (
        f"{what}: {done.pick_mb:,} MB (exhaustive: {comparison.exhaustive.best.memory_mb:,} MB) "
        f"after {done.invocations} invocations and {done.wall_s:.0f} s"
    )


def print_table(judged: Sequence[Judged]) -> None:
    """One row for each example, goal and kind of run; then what all of a kind come to."""
    table = Table(box=None, header_style="bold")
    headers = ("example", "goal", "CPU time", "picks, MB", "exhaustive (90 %), MB", "extra cost", "±", "over the limit",
               "within", "drawn again", "invocations", "verdict", "confidence", "speed")  # fmt: skip
    for position, header in enumerate(headers):
        table.add_column(header, justify="left" if position < 3 else "right")
    kinds: dict[tuple[str, str, bool], list[Judged]] = {}
    for each in judged:
        run = each.comparison.run
        kinds.setdefault((run.example, str(run.goal or "none"), run.cpu_time), []).append(each)
    for (example, goal, cpu_time), of_kind in kinds.items():
        rows, first = [each.comparison for each in of_kind], of_kind[0]
        answered = [row.run for row in rows if row.run.error is None]
        verdicts = Counter(each.verdict for each in answered)
        exhaustive = first.comparison.exhaustive
        table.add_row(
            example, goal, "yes" if cpu_time else "no",
            ", ".join(f"{each.pick_mb:,}" for each in answered) or "failed",
            f"{exhaustive.best.memory_mb:,}{'' if exhaustive.possible else ' misses'} "
            f"({first.doubt.low_mb:,}–{first.doubt.high_mb:,})",
            _mean_percent([row.extra_cost_ratio for row in rows]), _mean_percent([row.error_ratio for row in rows]),
            _mean_percent([row.over_limit_ratio for row in rows]),
            f"{sum(row.within for row in rows)} of {len(rows)}",
            f"{statistics.fmean(each.doubt.within_share for each in of_kind):.0%}",
            f"{statistics.fmean(each.invocations for each in answered):.1f}" if answered else "–",
            ", ".join(f"{name} × {count}" if count > 1 else name for name, count in verdicts.items()),
            f"{statistics.fmean(each.confidence for each in answered):.2f}" if answered else "–",
            _mean_percent([row.speed_ratio for row in rows]),
        )  # fmt: skip
    console = Console(width=200)
    console.print(table)
    console.print(
        "90 %: where the exhaustive answer lies in nine of ten grids that are drawn again from the measured one; "
        "drawn again: in which share of them the pick is within. "
        "Speed: the run's mean at its pick over the grid's; far from 0, the machine was busy then or now.",
        soft_wrap=True,
    )
    comparisons = [each.comparison for each in judged]
    for cpu_time in sorted({each.run.cpu_time for each in comparisons}):
        console.print(total_line([each for each in comparisons if each.run.cpu_time == cpu_time]), soft_wrap=True)


def _mean_percent(ratios: Sequence[float | None]) -> str:
    known = [ratio for ratio in ratios if ratio is not None]
    return f"{statistics.fmean(known) * 100:+.1f} %" if known else "–"


def total_line(comparisons: Sequence[Comparison]) -> str:
    """What all runs with, or all without the CPU time come to, in a sentence."""
    costs = [each.extra_cost_ratio for each in comparisons if each.extra_cost_ratio is not None]
    counts = [each.run.invocations for each in comparisons if each.run.error is None]
    right = sum(each.within for each in comparisons)
    parts = [
        f"{'With' if comparisons[0].run.cpu_time else 'Without'} CPU time: "
        f"{right} of {len(comparisons)} picks are the exhaustive answer within the tolerance"
    ]
    if counts:
        parts.append(f"{statistics.fmean(counts):.1f} invocations in the mean")
    if costs:
        parts.append(f"extra cost {statistics.fmean(costs) * 100:.1f} % in the mean, {max(costs) * 100:.1f} % at most")
    return "; ".join(parts) + "."


def json_row(judged: Judged) -> dict[str, Any]:
    """One run's comparison as JSON, which has neither NaN nor infinity."""
    row: dict[str, Any] = _finite({**asdict(judged.comparison), "doubt": asdict(judged.doubt)})
    return row


def _finite(given: Any) -> Any:
    if isinstance(given, dict):
        return {name: _finite(each) for name, each in given.items()}
    return None if isinstance(given, float) and not math.isfinite(given) else given
