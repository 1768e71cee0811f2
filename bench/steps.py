"""``python -m bench steps``: the measured durations of one short function beside the quota's mechanism.

``--svg FILE`` draws them: duration above, extra cost below.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.curves import FloatArray
from bench.quota_truth import Piece, QuotaTruth
from bench.truth import PRICES
from tuner.application import application_root
from tuner.report import drawing
from tuner.report.drawing import Frame, Layer, layer, quantitative
from tuner.report.labels import Align, Spot

MEASURED = Path(__file__).parent / "data/steps.jsonl"
"""5,000 warm invocations a size (public artefact of arXiv 2506.01283, April 2025)."""
CPU_MS = 17.4
"""What the function computes, in one burst."""
DURATION, COST = Frame(890, 320), Frame(890, 200)
NAMED_MB = (128, 345, 416, 558, 699, 1336, 1831)
"""Sizes whose extra cost has room beside its point."""


def measured() -> list[dict[str, float]]:
    """A row a size, ascending: mean and percentiles."""
    return [json.loads(line) for line in MEASURED.read_text(encoding="utf-8").splitlines()]


def mechanism_ms(memory_mb: Sequence[int]) -> FloatArray:
    """The mean duration of that function under the simulated quota, on the hosts that were seen."""
    return QuotaTruth("measured", tuple(memory_mb), (Piece(0.0, CPU_MS),)).mean_ms


def cost_per_million_usd(memory_mb: Sequence[float], mean_ms: Sequence[float] | FloatArray) -> FloatArray:
    """On x86 in us-east-1; every started millisecond is billed, half a one more than measured."""
    prices = PRICES["x86_64"]
    gb_seconds = np.array(memory_mb) / 1024 * (np.array(mean_ms) + 0.5) / 1000
    return np.asarray(1e6 * (gb_seconds * prices.usd_per_gb_second + prices.usd_per_request))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--svg", type=Path, help="write the plot here")


def run(arguments: argparse.Namespace) -> int:
    """A row a size, and the plot."""
    rows = with_cost(measured())
    table = Table(box=None, header_style="bold")
    for name in ("MB", "mean", "p50", "p95", "p99", "extra cost", "mechanism"):
        table.add_column(name, justify="right")
    expected_ms = mechanism_ms(_sizes(rows))
    for row, expected in zip(rows, expected_ms, strict=True):
        numbers = (f"{row[name]:g}" for name in ("memory_mb", "mean_ms", "p50_ms", "p95_ms", "p99_ms"))
        table.add_row(*numbers, f"{row['extra']:.0%}", f"{expected:.1f}")
    Console(width=100).print(table)
    error = np.abs(expected_ms / [row["mean_ms"] for row in rows] - 1)
    print(f"The mechanism is off by {np.median(error):.1%} in the median and {error.max():.1%} at most.")
    if arguments.svg:
        arguments.svg.write_text(plot(rows), encoding="utf-8")
    return 0


def _sizes(rows: Sequence[dict[str, float]]) -> list[int]:
    return [int(row["memory_mb"]) for row in rows]


def with_cost(rows: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """The rows with their extra cost over the cheapest."""
    cost = cost_per_million_usd(_sizes(rows), [row["mean_ms"] for row in rows])
    return [{**row, "extra": float(extra)} for row, extra in zip(rows, cost / cost.min() - 1, strict=True)]


def plot(rows: Sequence[dict[str, float]]) -> str:
    """Durations over extra cost, by memory size, as a self-contained SVG: light or dark, as its reader likes pages."""
    cheapest = min(rows, key=lambda row: row["extra"])
    sizes_mb = range(_sizes(rows)[0], _sizes(rows)[-1] + 1)
    curve_ms = mechanism_ms(sizes_mb)
    # Against the cheapest that was measured.
    least_usd = cost_per_million_usd([cheapest["memory_mb"]], [cheapest["mean_ms"]])[0]
    extra = cost_per_million_usd(sizes_mb, curve_ms) / least_usd - 1
    curve = [
        {"mb": mb, "ms": ms, "percent": 100 * more}
        for mb, ms, more in zip(sizes_mb, curve_ms.tolist(), extra.tolist(), strict=True)
    ]
    points = [{**row, "mb": row["memory_mb"], "ms": row["mean_ms"], "percent": 100 * row["extra"]} for row in rows]
    x, _ = drawing.memory_axis(_sizes(rows))
    x["axis"]["values"] = [*drawing.MEMORY_TICKS_MB[:4], 1769]
    spec = drawing.chart([], DURATION)
    for panel in ("layer", "width", "height"):
        del spec[panel]
    spec["vconcat"] = [_durations(points, curve, cheapest, x), _costs(points, curve, cheapest, x)]
    spec["spacing"] = 34
    svg = drawing.draw_svg(
        spec, identifier="steps", name="Duration and extra cost of a short function over memory size"
    )
    # The page's colours, light and dark.
    css = (application_root() / "tuner/report/templates/report.css").read_text(encoding="utf-8").partition("* {")[0]
    style = f'<style>{css}</style><rect width="100%" height="100%" fill="{drawing.PAPER}"/>'
    return svg.replace("<svg ", f"<svg font-family='{drawing.FONT}' ", 1).replace(">", f">{style}", 1) + "\n"


def _durations(
    points: Sequence[dict[str, Any]], curve: Sequence[dict[str, Any]], cheapest: dict[str, float], x: Layer
) -> Layer:
    scale, axis = drawing.scale_over([row["ms"] for row in points] + [row["p99_ms"] for row in points], 9)
    y = quantitative("ms", scale, {**axis, **drawing.axis_title("warm duration, ms", "top")})
    spread: Layer = {"x": x, "y": {**y, "field": "p50_ms"}, "y2": {"field": "p99_ms"}}

    def at(mb: float, ms: float, align: Align, text: str) -> list[Layer]:
        across = drawing.position(mb, x["scale"]) * DURATION.width
        down = (1 - drawing.position(ms, scale)) * DURATION.height
        return drawing.text_at(Spot(across, down, align), text, drawing.MUTED, {"fontSize": 13})

    layers = [
        _marker(cheapest, x),
        layer(curve, {"type": "line", "color": drawing.CURVE, "strokeWidth": 1.6}, {"x": x, "y": y}),
        layer(points, {"type": "rule", "color": drawing.INK, "strokeWidth": 1.2, "opacity": 0.55}, spread),
        *_dots(points, cheapest, x, y),
        *at(640, 31, "right", "558 to 628 MB: no faster"),
        *at(775, 42, "left", "699 to 752 MB: one period less"),
        *_key(),
    ]
    return {"width": DURATION.width, "height": DURATION.height, "layer": layers}


def _costs(
    points: Sequence[dict[str, Any]], curve: Sequence[dict[str, Any]], cheapest: dict[str, float], x: Layer
) -> Layer:
    scale: Layer = {"domain": [-4, 54], "nice": False}
    axis = {"values": [0, 10, 20, 30, 40, 50], "grid": True, **drawing.axis_title("extra cost, %", "top")}
    y = quantitative("percent", scale, axis)
    named = [{**row, "text": f"{row['percent']:.0f} %"} for row in points if row["mb"] in NAMED_MB]
    name = f"{cheapest['memory_mb']:.0f} MB, the cheapest"
    best = {"mb": cheapest["memory_mb"], "percent": 0.0, "text": name}
    layers = [
        _marker(cheapest, x),
        layer(curve, {"type": "line", "color": drawing.CURVE, "strokeWidth": 1.6}, {"x": x, "y": y}),
        *_dots(points, cheapest, x, y),
        drawing.halo_text(named, {"x": x, "y": y}, drawing.MUTED, {"dy": -13}),
        drawing.halo_text(
            [best], {"x": x, "y": y}, drawing.ACCENT, {"dx": 12, "dy": 3, "align": "left", "fontWeight": 600}
        ),
    ]
    return {"width": COST.width, "height": COST.height, "layer": layers}


def _marker(cheapest: dict[str, float], x: Layer) -> Layer:
    mark = {"type": "rule", "color": drawing.ACCENT, "strokeWidth": 1, "opacity": 0.7}
    return layer([{"mb": cheapest["memory_mb"]}], mark, {"x": x})


def _dots(points: Sequence[dict[str, Any]], cheapest: dict[str, float], x: Layer, y: Layer) -> list[Layer]:
    mark = {**drawing.POINT, "stroke": drawing.PAPER}
    best = [row for row in points if row["mb"] == cheapest["memory_mb"]]
    return [
        layer(points, {**mark, "fill": drawing.INK, "size": 60}, {"x": x, "y": y}),
        layer(best, {**mark, "fill": drawing.ACCENT, "size": 150}, {"x": x, "y": y}),
    ]


def _key() -> list[Layer]:
    """What the marks are, at the top right."""
    left, first, below = DURATION.width - 236.0, 12.0, 20.0
    line = {"x": {"value": left}, "x2": {"value": left + 24}, "y": {"value": first + 2 * below}}
    upright = {"x": {"value": left + 12}, "y": {"value": first + below - 8}, "y2": {"value": first + below + 8}}
    dot = {"x": {"value": left + 12}, "y": {"value": first}}
    texts = ("mean of 5,000 invocations", "p50 to p99", "mean that the periods predict")
    return [
        layer([{}], {**drawing.POINT, "fill": drawing.INK, "size": 60}, dot),
        layer([{}], {"type": "rule", "color": drawing.INK, "strokeWidth": 1.2, "opacity": 0.55}, upright),
        layer([{}], {"type": "rule", "color": drawing.CURVE, "strokeWidth": 1.6}, line),
        *(
            part
            for number, text in enumerate(texts)
            for part in drawing.text_at(Spot(left + 34, first + number * below, "left"), text, drawing.MUTED, {})
        ),
    ]
