"""``python -m bench quota``: the search on the raw durations of a function.

``--make-raw FILE`` writes such a file instead: what a function of ``--cpu-ms``
in one burst takes under the simulated quota.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.quota_truth import Piece, QuotaTruth
from bench.recorded import RecordedTruth, read_recorded, write_recorded
from bench.scoring import Run, figures
from bench.search import Work, print_claims, run_all
from bench.truth import GOAL_SHARES, tasks_of
from tuner.core.model import TuningBudget

MADE_SIZES_MB = tuple(range(128, 1857, 64))
MADE_ENVIRONMENTS = 10
MADE_INVOCATIONS = 500
KIND = "recorded"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    file = parser.add_mutually_exclusive_group(required=True)
    file.add_argument(
        "--raw", type=Path, metavar="FILE", help='JSON lines, also gzipped: {"m": MB, "b": environment, "ms": [...]}'
    )
    file.add_argument("--make-raw", type=Path, metavar="FILE", help="write such a file from the simulated quota")
    parser.add_argument("--sizes", metavar="LIST", help="memory sizes in MB, comma separated (all of the file)")
    parser.add_argument("--seeds", type=int, default=3, help="runs a goal")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the rows here")
    parser.add_argument("--cpu-ms", type=float, default=17.26, help="of the function that --make-raw simulates")
    parser.add_argument("--max-invocations", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)


def run(arguments: argparse.Namespace) -> int:
    """Run the search and print a row a goal, or write a file; 2 where the input makes no sense."""
    try:
        sizes_mb = _sizes(arguments.sizes)
        for name in ("seeds", "max_invocations", "jobs", "cpu_ms"):
            if not 0 < getattr(arguments, name) < math.inf:
                raise ValueError(f"--{name.replace('_', '-')} is a number above 0")
        if arguments.make_raw:
            truth = QuotaTruth("made", sizes_mb or MADE_SIZES_MB, (Piece(0.0, arguments.cpu_ms),))
            write_recorded(
                arguments.make_raw, truth, environments=MADE_ENVIRONMENTS, invocations=MADE_INVOCATIONS, seed=0
            )
            return 0
        recorded = read_recorded(arguments.raw, sizes_mb)
        if arguments.json:
            arguments.json.touch()
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    make = partial(_given, recorded)
    work = [
        Work(KIND, make, ("ours",), range(seed, seed + 1), arguments.max_invocations) for seed in range(arguments.seeds)
    ]
    runs = run_all(work, arguments.jobs)
    rows = rows_of(recorded, runs)
    print_table(rows)
    print_claims(runs)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


def _given(recorded: RecordedTruth) -> RecordedTruth:
    return recorded


def _sizes(listed: str | None) -> tuple[int, ...] | None:
    if listed is None:
        return None
    parts = [part.strip() for part in listed.split(",")]
    wrong = [part for part in parts if not (part.isascii() and part.isdigit() and 128 <= int(part) <= 10_240)]
    if wrong:
        raise ValueError(f"--sizes: {wrong[0]!r} is no memory size from 128 to 10240 MB")
    return tuple(sorted({int(part) for part in parts}))


def rows_of(recorded: RecordedTruth, runs: list[Run]) -> list[dict[str, object]]:
    """A row for each goal that the function has: the share of the way from its fastest to its slowest size."""
    rows: list[dict[str, object]] = []
    for task in tasks_of(recorded, TuningBudget(1, 1.0, 1.0), GOAL_SHARES):
        row = figures([run for run in runs if run.goal_share == task.goal_share])
        rows.append({
            "goal": task.goal_share,
            "best_mb": recorded.memory_mb[task.best],
            "invocations_mean": row["invocations_mean"],
            "extra_cost_median": row["extra_cost_median"],
            "extra_cost_p90": row["extra_cost_p90"],
            "goal_missed": row["goal_missed"],
            "claims": row["within_5_percent_claims"],
            "claims_wrong": row["within_5_percent_claims_wrong"],
        })  # fmt: skip
    return rows


def print_table(rows: list[dict[str, object]]) -> None:
    """The rows on standard output; ratios as they are in the JSON."""
    table = Table(box=None, header_style="bold")
    for name in rows[0]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            "none" if row["goal"] is None else str(row["goal"]),
            *(f"{value:.3f}" if isinstance(value, float) else str(value) for value in list(row.values())[1:]),
        )
    Console(width=150).print(table)
