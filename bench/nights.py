"""``python -m bench nights``: a second run on the next night, which starts from the first one's observations.

The second night has new execution environments and new noise. Its function is
unchanged, or became slower, faster, or another shape; its goal is the first
night's. With ``--in-a-row 30`` it is so many nights of an unchanged function,
on each of which what the night before decided has been done: how often does
the decision change?
"""

from __future__ import annotations

import argparse
import json
import math
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bench.algorithms.ours import search_replay
from bench.curves import Curve, FloatArray, MeasuredNoise, read_curves, read_noise
from bench.replay import Replay
from bench.search import DATA
from bench.truth import PERCENTILE, CurveTruth, Task, Truth, raw_truth, smooth_truth, tasks_of
from tuner.core.model import EarlierRun, Observation, RunContext, TuningBudget
from tuner.core.search.decision import decide, keep_or_change
from tuner.core.search.fit import FINAL_DRAW_COUNT, fit_posterior
from tuner.core.search.samples import MAX_RUNS
from tuner.core.search.space import space_of
from tuner.core.search.warm_start import verify

Result = TypeVar("Result")


def _more_cpu(core_ms: FloatArray) -> FloatArray:
    """The share that falls with memory takes two and a half times as long, the rest does not."""
    floor_ms = 0.9 * core_ms.min()
    return np.asarray(floor_ms + 2.5 * (core_ms - floor_ms))


CHANGES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "unchanged": lambda core_ms: core_ms,
    "1.1 x slower": lambda core_ms: 1.1 * core_ms,
    "1.5 x slower": lambda core_ms: 1.5 * core_ms,
    "1.5 x faster": lambda core_ms: core_ms / 1.5,
    "another shape": _more_cpu,
}


@dataclass(frozen=True)
class Work:
    """One function for one worker."""

    truth_kind: str
    curve: Curve
    noise: MeasuredNoise | None
    position: int
    seeds: int
    nights: int


@dataclass(frozen=True)
class Night:
    """One later night, with what is true of its answer."""

    change: str
    night: int
    invocations: int
    first_invocations: int
    noticed: bool
    """Whether the earlier observations were dropped."""
    possible: bool
    """Whether any size meets the goal."""
    missed: bool
    far_missed: bool
    extra_cost: float | None
    """Over the cheapest that meets the goal, where the pick misses by no more than 5 %."""
    verdict: str


@dataclass(frozen=True)
class Row:
    """Nights in a row of one unchanged function: what was decided on each, and what was best on each."""

    actions: tuple[str, ...]
    reasons: tuple[str, ...]
    picks: tuple[int, ...]
    """Memory size recommended on each night."""
    invocations: int

    @property
    def decision_changes(self) -> int:
        """Nights after the first that change the size: each takes back, or adds to, what a night before decided."""
        return sum(action == "change" for action in self.actions[1:])

    @property
    def pick_changes(self) -> int:
        """Nights whose best size is not that of the night before: so often one would deploy by the pick alone."""
        return sum(one != other for one, other in pairwise(self.picks))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--curves", type=Path, default=DATA / "curves.jsonl")
    parser.add_argument("--noise", type=Path, default=DATA / "noise.jsonl")
    parser.add_argument("--truth", choices=("raw", "smooth"), default="smooth")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--nights", type=int, default=1, help="nights without a change before the one that is counted")
    parser.add_argument("--in-a-row", type=int, help="count changes of the decision over this many nights instead")
    parser.add_argument("--stride", type=int, default=1, help="every n-th curve")
    parser.add_argument("--quick", action="store_true", help="every sixth curve")
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)


def run(arguments: argparse.Namespace) -> int:
    """Run all second nights and print one row a change."""
    curves, noise = read_curves(arguments.curves), read_noise(arguments.noise)
    stride = 6 if arguments.quick else arguments.stride
    work = [
        Work(arguments.truth, curve, noise.get(curve.name), position, arguments.seeds, arguments.nights)
        for position, curve in list(enumerate(curves))[::stride]
    ]
    if arguments.in_a_row:
        work = [replace(item, nights=arguments.in_a_row) for item in work]
        return _print_rows(_carried_out(arguments, work, run_in_a_row), arguments)
    nights = _carried_out(arguments, work, run_work)
    rows = [figures(change, [night for night in nights if night.change == change]) for change in CHANGES]
    print_table(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


def _carried_out(
    arguments: argparse.Namespace, work: Sequence[Work], run_one: Callable[[Work], list[Result]]
) -> list[Result]:
    """All work, on as many processes as there are cores."""
    results: list[Result] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=Console(stderr=True)) as progress,
        ProcessPoolExecutor(max_workers=arguments.jobs) as pool,
    ):
        bar = progress.add_task("functions", total=len(work))
        for future in as_completed([pool.submit(run_one, item) for item in work]):
            results.extend(future.result())
            progress.advance(bar)
    return results


def run_in_a_row(work: Work) -> list[Row]:
    """All goals and seeds of one function, night after night."""
    budget = TuningBudget(max_invocations=50, max_cost_usd=1e9, max_minutes=1e9)
    return [
        _in_a_row(task, (seed, goal_number, zlib.crc32(f"{task.truth.name}/in a row".encode())), seed, work.nights)
        for goal_number, task in enumerate(tasks_of(_truth_of(work), budget))
        for seed in range(work.seeds)
    ]


def _in_a_row(task: Task, stream: tuple[int, ...], seed: int, nights: int) -> Row:
    """One goal's nights; a change that is decided is made before the next night."""
    earlier: tuple[EarlierRun, ...] = ()
    actions, reasons, picks, count = [], [], [], 0
    for night in range(nights):
        replay = Replay(task, (*stream, night))
        seen, context = _run(task, replay, seed, earlier)
        problem = replace(task.problem, seed=seed)
        fit = fit_posterior(problem, seen, context, draw_count=FINAL_DRAW_COUNT)
        answer = decide(problem, fit)
        decision = keep_or_change(problem, fit, answer)
        pick = problem.candidates[answer.pick]
        actions.append(decision.action)
        reasons.append(decision.reason)
        picks.append(pick.memory_mb)
        count += replay.invocation_count
        if decision.action == "change":
            task = replace(task, problem=replace(task.problem, current=pick))
        older = tuple(replace(run, age_days=run.age_days + 1) for run in context.earlier[: MAX_RUNS - 1])
        earlier = (EarlierRun(f"night-{night + 1}", 1.0, tuple(seen)), *older)
    return Row(tuple(actions), tuple(reasons), tuple(picks), count)


def _print_rows(rows: Sequence[Row], arguments: argparse.Namespace) -> int:
    """One line: changes of the decision, and of the pick, over the nights in a row."""
    console = Console(width=140)
    for name, counts in (
        ("changes of the decision after the first night", [row.decision_changes for row in rows]),
        ("changes of the best size", [row.pick_changes for row in rows]),
    ):
        console.print(
            f"{name} in {arguments.in_a_row} nights: {np.mean(counts):.2f} in the mean, at most {max(counts)}, "
            f"none in {sum(count == 0 for count in counts)} of {len(rows)} rows"
        )
    console.print(f"invocations a night: {sum(row.invocations for row in rows) / len(rows) / arguments.in_a_row:.1f}")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows]) + "\n", encoding="utf-8")
    return 0


def _truth_of(work: Work) -> CurveTruth:
    return (raw_truth if work.truth_kind == "raw" else smooth_truth)(work.curve, work.noise, work.position)


def run_work(work: Work) -> list[Night]:
    """All goals, seeds and changes of one function."""
    truth = _truth_of(work)
    budget = TuningBudget(max_invocations=50, max_cost_usd=1e9, max_minutes=1e9)
    result = []
    for goal_number, task in enumerate(tasks_of(truth, budget)):
        for seed in range(work.seeds):
            stream = (seed, goal_number, zlib.crc32(f"{truth.name}/nights".encode()))
            earlier: tuple[EarlierRun, ...] = ()
            for night in range(work.nights):
                replay = Replay(task, (*stream, night))
                seen, _ = _run(task, replay, seed, earlier)
                older = tuple(replace(run, age_days=run.age_days + 1) for run in earlier)
                earlier = (EarlierRun(f"night-{night + 1}", 1.0, tuple(seen)), *older)
            first_count = sum(len(observation.invocations) for observation in earlier[-1].observations)
            for number, (change, apply) in enumerate(CHANGES.items()):
                later = _changed(task, replace(truth, core_ms=apply(truth.core_ms)))
                replay = Replay(later, (*stream, work.nights, number))
                result.append(_score(change, work.nights + 1, later, replay, seed, earlier, first_count))
    return result


def _changed(task: Task, truth: Truth) -> Task:
    """The same goal on another truth."""
    percentile_ms = truth.percentile_ms(PERCENTILE)
    cost = space_of(task.problem).cost_per_million_usd(truth.mean_ms)
    meeting = np.ones(len(cost), dtype=bool)
    if task.goal is not None:
        meeting = percentile_ms <= task.goal.limit_ms * (1 + 1e-9)
    best = int(np.argmin(np.where(meeting, cost, np.inf))) if meeting.any() else int(np.argmin(percentile_ms))
    return replace(task, truth=truth, cost=cost, percentile_ms=percentile_ms, best=best)


def _run(
    task: Task, replay: Replay, seed: int, earlier: tuple[EarlierRun, ...]
) -> tuple[list[Observation], RunContext]:
    """Rounds until the search stops; gives what was seen, and the context without what was refuted."""
    problem = replace(task.problem, seed=seed)
    context = RunContext(earlier=earlier)
    observations = search_replay(problem, context, task, replay)
    return observations, verify(problem, observations, context).context


def _score(
    change: str, night: int, task: Task, replay: Replay, seed: int, earlier: tuple[EarlierRun, ...], first_count: int
) -> Night:
    observations, context = _run(task, replay, seed, earlier)
    problem = replace(task.problem, seed=seed)
    fit = fit_posterior(problem, observations, context, draw_count=FINAL_DRAW_COUNT)
    decision = decide(problem, fit)
    over = 0.0 if task.goal is None else float(task.percentile_ms[decision.pick]) / task.goal.limit_ms - 1
    possible = task.goal is None or float(task.percentile_ms[task.best]) <= task.goal.limit_ms * (1 + 1e-9)
    missed = possible and over > 1e-9
    extra_cost = None
    if possible and over <= 0.05:
        extra_cost = max(0.0, float(task.cost[decision.pick] / task.cost[task.best]) - 1)
    return Night(
        change,
        night,
        replay.invocation_count,
        first_count,
        noticed=not context.earlier,
        possible=possible,
        missed=missed,
        far_missed=missed and over > 0.05,
        extra_cost=extra_cost,
        verdict=decision.verdict,
    )


def figures(change: str, nights: Sequence[Night]) -> dict[str, object]:
    """One row of the table; shares of the nights in which some size meets the goal, where they concern it."""
    counts = [night.invocations for night in nights]
    possible = [night for night in nights if night.possible]
    costs = [night.extra_cost for night in nights if night.extra_cost is not None]
    return {
        "change": change,
        "runs": len(nights),
        "first_invocations_mean": float(np.mean([night.first_invocations for night in nights])),
        "invocations_mean": float(np.mean(counts)),
        "invocations_p90": float(np.quantile(counts, 0.9)),
        "noticed": float(np.mean([night.noticed for night in nights])),
        "extra_cost_median": float(np.median(costs)) if costs else math.nan,
        "extra_cost_p90": float(np.quantile(costs, 0.9)) if costs else math.nan,
        "goal_missed": float(np.mean([night.missed for night in possible])) if possible else math.nan,
        "goal_missed_over_5pct": float(np.mean([night.far_missed for night in possible])) if possible else math.nan,
        "uncertain": float(np.mean([night.verdict == "UNCERTAIN" for night in nights])),
    }


def print_table(rows: Sequence[dict[str, object]]) -> None:
    """The table on standard output."""
    table = Table(box=None, header_style="bold")
    headers = ("the function is", "runs", "first night", "next night", "p90", "noticed", "extra cost median / p90",
               "missed", "> 5 %", "uncertain")  # fmt: skip
    for header in headers:
        table.add_column(header, justify="left" if header == headers[0] else "right")
    for row in rows:
        value = {name: float(str(given)) for name, given in row.items() if name != "change"}
        table.add_row(
            str(row["change"]), f"{value['runs']:.0f}", f"{value['first_invocations_mean']:.1f}",
            f"{value['invocations_mean']:.1f}", f"{value['invocations_p90']:.0f}", f"{value['noticed']:.1%}",
            f"{value['extra_cost_median']:.1%} / {value['extra_cost_p90']:.1%}",
            f"{value['goal_missed']:.1%}", f"{value['goal_missed_over_5pct']:.1%}", f"{value['uncertain']:.1%}",
        )  # fmt: skip
    Console(width=140).print(table)
