"""``python -m bench search``: the table of the search against its peers."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bench.algorithms import ALGORITHMS
from bench.curves import Curve, MeasuredNoise, read_curves, read_noise
from bench.quota_truth import QUOTA_COUNT, QUOTA_KINDS
from bench.replay import Replay
from bench.scoring import GOAL_MET, WITHIN_5_PERCENT, Run, calibration_table, claims_table, figures, score
from bench.synthetic import FAMILIES
from bench.truth import GOAL_SHARES, OUT_OF_REACH_SHARES, Truth, raw_truth, smooth_truth, tasks_of
from tuner.core.model import TuningBudget

OUT_OF_REACH = "out-of-reach"
MEASURED = ("raw", "smooth", OUT_OF_REACH)
"""Measured curves; the last is ``smooth`` with limits that no size meets."""
TRUTHS = (*MEASURED, *QUOTA_KINDS, *FAMILIES)
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Work:
    """One function for one worker: all goals, algorithms and seeds on it."""

    truth_kind: str
    make: Callable[[], Truth]
    algorithms: tuple[str, ...]
    seeds: range
    max_invocations: int
    monthly_invocations: float | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--curves", type=Path, default=DATA / "curves.jsonl", help="JSON lines: {id, points: [{memory_mb, mean_ms}, …]}"
    )
    parser.add_argument(
        "--noise",
        type=Path,
        default=DATA / "noise.jsonl",
        help="JSON lines with p50_ms and p95_ms per size of some curves",
    )
    parser.add_argument("--algorithms", default=",".join(ALGORITHMS), help="comma separated")
    parser.add_argument(
        "--truth",
        default="raw,smooth,synthetic",
        help=f"raw, smooth, {OUT_OF_REACH}, synthetic, {', '.join(QUOTA_KINDS)}, or families by name",
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--runs", type=Path, help="write every run here, as JSON lines")
    parser.add_argument("--quick", action="store_true", help="every sixth curve, one seed")
    parser.add_argument("--max-invocations", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark and print the table; 2 where the arguments make no sense."""
    algorithms = tuple(arguments.algorithms.split(","))
    unknown = [name for name in algorithms if name not in ALGORITHMS]
    kinds = [kind for part in arguments.truth.split(",") for kind in (FAMILIES if part == "synthetic" else [part])]
    unknown += [kind for kind in kinds if kind not in TRUTHS]
    if unknown:
        print(f"Unknown: {', '.join(unknown)}. Algorithms: {', '.join(ALGORITHMS)}; truths: "
              f"{', '.join((*TRUTHS, 'synthetic'))}.", file=sys.stderr)  # fmt: skip
        return 2
    try:
        curves, noise = read_curves(arguments.curves), read_noise(arguments.noise)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    work = list(_work(kinds, curves, noise, algorithms, arguments))
    runs = run_all(work, arguments.jobs)
    rows = rows_of(runs)
    print_table(rows)
    print_claims([run for run in runs if run.algorithm == "ours"])
    print(f"Memory of a worker at its peak, interpreter and benchmark included: {_peak_memory_mb():.0f} MB.")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if arguments.runs:
        arguments.runs.write_text("".join(json.dumps(run.__dict__) + "\n" for run in runs), encoding="utf-8")
    return 0


def _work(
    kinds: Iterable[str], curves: list[Curve], noise: dict[str, MeasuredNoise], algorithms: tuple[str, ...],
    arguments: argparse.Namespace,
) -> Iterator[Work]:  # fmt: skip
    stride = 6 if arguments.quick else 1
    seeds = range(1 if arguments.quick else arguments.seeds)
    for kind in kinds:
        makes: list[Callable[[], Truth]]
        if kind in MEASURED:
            makes = curve_truths(kind, curves, noise)[::stride]
        elif kind in QUOTA_KINDS:
            makes = [partial(QUOTA_KINDS[kind], position) for position in range(0, QUOTA_COUNT, stride)]
        else:
            makes = [partial(FAMILIES[kind], position) for position in range(3 if arguments.quick else 12)]
        for make in makes:
            yield Work(kind, make, algorithms, seeds, arguments.max_invocations)


def curve_truths(kind: str, curves: list[Curve], noise: dict[str, MeasuredNoise]) -> list[Callable[[], Truth]]:
    """What makes the truth of each measured curve."""
    make = raw_truth if kind == "raw" else smooth_truth
    return [partial(make, curve, noise.get(curve.name), position) for position, curve in enumerate(curves)]


def run_work(work: Work) -> list[Run]:
    """All runs on one function; a noise stream of its own for every seed, goal and curve."""
    runs = []
    budget = TuningBudget(max_invocations=work.max_invocations, max_cost_usd=1e9, max_minutes=1e9)
    shares = OUT_OF_REACH_SHARES if work.truth_kind == OUT_OF_REACH else GOAL_SHARES
    tasks = tasks_of(work.make(), budget, shares, monthly_invocations=work.monthly_invocations)
    for goal_number, task in enumerate(tasks):
        for seed in work.seeds:
            for algorithm in work.algorithms:
                stream = (seed, goal_number, zlib.crc32(f"{task.truth.name}/{work.truth_kind}".encode()))
                replay = Replay(task, stream)
                answer = ALGORITHMS[algorithm](task, replay, seed)
                runs.append(
                    score(algorithm, work.truth_kind, task, seed, answer, replay.invocation_count, replay.spent)
                )
    return runs


def run_all(work: list[Work], jobs: int) -> list[Run]:
    """All runs of *work*, on *jobs* cores, with a progress bar on standard error."""
    runs: list[Run] = []
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress, ProcessPoolExecutor(max_workers=jobs) as pool:
        bar = progress.add_task("functions", total=len(work))
        futures = [pool.submit(run_work, item) for item in work]
        for future in as_completed(futures):
            runs.extend(future.result())
            progress.advance(bar)
    return runs


def rows_of(runs: list[Run]) -> list[dict[str, object]]:
    """One row for each algorithm and truth, in the order of their registration."""
    kinds = list(dict.fromkeys(run.truth_kind for run in sorted(runs, key=lambda run: _rank(run.truth_kind))))
    return [
        figures(chosen)
        for kind in kinds
        for algorithm in ALGORITHMS
        if (chosen := [run for run in runs if run.algorithm == algorithm and run.truth_kind == kind])
    ]


def _rank(kind: str) -> int:
    return TRUTHS.index(kind)


def print_table(rows: list[dict[str, object]]) -> None:
    """The table on standard output."""
    table = Table(box=None, header_style="bold")
    headers = ("truth", "search", "runs", "invocations", "spend", "extra cost median / p90", "missed", "> 2 %", "> 5 %",
               "uncertain", "not met", "right at ≥ 0.9", "ms median / p99")  # fmt: skip
    for header in headers:
        table.add_column(header, justify="left" if header in ("truth", "search") else "right")
    for row in rows:
        table.add_row(
            str(row["truth"]), str(row["algorithm"]), str(row["runs"]), f"{row['invocations_mean']:.1f}",
            f"{row['spend_optimal_invocations_median']:.1f}",
            f"{_percent(row['extra_cost_median'], 2)} / {_percent(row['extra_cost_p90'])}",
            _percent(row["goal_missed"]),
            _percent(row["goal_missed_over_2pct"]),
            _percent(row["goal_missed_over_5pct"]),
            _percent(row["uncertain"]), _percent(row["not_met"]), _percent(row["calibration"]),
            "" if row["suggest_ms_median"] is None else f"{row['suggest_ms_median']:.0f} / {row['suggest_ms_p99']:.0f}",
        )  # fmt: skip
    Console(width=150).print(table)


def _peak_memory_mb() -> float:
    """Largest resident set of the worker processes, which have ended."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _percent(ratio: object, digits: int = 1) -> str:
    return "" if ratio is None else f"{100 * float(str(ratio)):.{digits}f} %"


def print_claims(runs: list[Run]) -> None:
    """How often what our search claims is true: the claims at 0.9 or more, and each claim by its probability."""
    if not runs:
        return
    table = Table(box=None, header_style="bold", title="Our claims that the pick is within 5 %, at 0.9 or more")
    for header in ("truth", "goal", "runs", "claims", "wrong", "share"):
        table.add_column(header, justify="left" if header == "truth" else "right")
    for row in claims_table(runs):
        goal = "none" if row["goal"] is None else f"{row['goal']:.0%}"
        table.add_row(
            row["truth"], goal, *(str(row[name]) for name in ("runs", "claims", "wrong")), _percent(row["wrong_share"])
        )
    console = Console(width=150)
    console.print(table)
    for claim in (GOAL_MET, WITHIN_5_PERCENT):
        table = Table(box=None, header_style="bold", title=f"Our claims, {claim}: predicted probability and truth")
        for header in ("from", "to", "runs", "predicted", "true"):
            table.add_column(header, justify="right")
        for row in calibration_table(runs, claim):
            table.add_row(*("" if value is None else f"{value:.3g}" for value in row.values()))
        console.print(table)
