"""``python -m bench frontier``: invocations against quality, by what an invocation is said to be worth."""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

from bench.curves import read_curves, read_noise
from bench.search import DATA, Work, curve_truths, print_table, rows_of, run_all

MONTHLY_INVOCATIONS = (300.0, 1200.0, 6e3, 3e4, 1.5e5, 6e5, 3e6, 3e7, 3e8)
"""The search asks for more where a month of the wrong size costs more."""
WIDTH, HEIGHT, MARGIN = 720, 300, 56
SERIES = (
    ("extra_cost_p90", "extra cost, 90th percentile", "#1f77b4"),
    ("extra_cost_median", "extra cost, median", "#17a2a2"),
    ("goal_missed", "goal missed", "#d62728"),
    ("goal_missed_over_5pct", "missed by more than 5 %", "#ff9f40"),
    ("uncertain", "verdict uncertain", "#7f7f7f"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--curves", type=Path, default=DATA / "curves.jsonl")
    parser.add_argument("--noise", type=Path, default=DATA / "noise.jsonl")
    parser.add_argument("--truth", choices=("raw", "smooth"), default="smooth")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--stride", type=int, default=1, help="every n-th curve")
    parser.add_argument("--svg", type=Path, help="write the plot here")
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)


def run(arguments: argparse.Namespace) -> int:
    """One row for each assumed traffic, and the plot."""
    curves, noise = read_curves(arguments.curves), read_noise(arguments.noise)
    rows = []
    for monthly in MONTHLY_INVOCATIONS:
        work = [
            Work(arguments.truth, make, ("ours",), range(arguments.seeds), 150, monthly)
            for make in curve_truths(arguments.truth, curves, noise)[:: arguments.stride]
        ]
        row = rows_of(run_all(work, arguments.jobs))[0]
        row["monthly_invocations"] = monthly
        rows.append(row)
    print_table(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if arguments.svg:
        arguments.svg.write_text(plot(rows), encoding="utf-8")
    return 0


def plot(rows: Sequence[dict[str, object]]) -> str:
    """Mean invocations against each share in per cent, on a logarithmic x axis, as a self-contained SVG."""
    xs = [float(str(row["invocations_mean"])) for row in rows]
    low, high = math.log(min(xs) * 0.9), math.log(max(xs) * 1.1)
    top = max(float(str(row[key] or 0.0)) for row in rows for key, _, _ in SERIES) * 1.1

    def across(x: float) -> float:
        return MARGIN + (math.log(x) - low) / (high - low) * (WIDTH - MARGIN - 200)

    def up(y: float) -> float:
        return HEIGHT - MARGIN + 16 - y / top * (HEIGHT - MARGIN - 10)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for tick in range(0, int(top * 100) + 1, 2):
        y = up(tick / 100)
        parts.append(f'<line x1="{MARGIN}" x2="{WIDTH - 200}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{tick} %</text>')
    for tick in (6, 8, 10, 15, 20, 30, 40, 60, 80, 120):
        if math.exp(low) <= tick <= math.exp(high):
            x = across(tick)
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 22}" text-anchor="middle" fill="#555">{tick}</text>')
    parts.append(
        f'<text x="{(WIDTH - 150) / 2}" y="{HEIGHT - 5}" text-anchor="middle" fill="#555">invocations, mean</text>'
    )
    for number, (key, label, colour) in enumerate(SERIES):
        points = [(across(x), up(float(str(row[key] or 0.0)))) for x, row in zip(xs, rows, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(f'<rect x="{WIDTH - 190}" y="{20 + 22 * number}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{WIDTH - 172}" y="{30 + 22 * number}" fill="#333">{label}</text>')
    return "\n".join([*parts, "</svg>", ""])
