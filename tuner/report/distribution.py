"""How durations are spread at today's and the recommended size: the samples themselves, and the model's percentiles."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tuner.core.answer.recommendation import ConfigurationEstimate, Interval
from tuner.core.answer.report import Answer
from tuner.core.measurement.latency import percentile, percentile_interval
from tuner.report import document as doc
from tuner.report import drawing, formats
from tuner.report.charts import MOST_DOTS, drawn_dots
from tuner.report.drawing import Frame, Layer, Spec, layer, quantitative
from tuner.report.labels import Box, Plan, Spot, text_width
from tuner.report.tables import Cell, duration_cell

_NAME_HEIGHT, _PERCENTILE_HEIGHT, _DOTS_HEIGHT = 34, 14, 46
"""Of a size's name, of each percentile below it, and of its dots."""
_JITTER = (0.0, 0.5, -0.5, 0.25, -0.25, 0.75, -0.75)
"""Where dots lie above and below their line, so that equal durations do not hide each other."""


@dataclass(frozen=True, slots=True)
class PercentileRow:
    """One percentile at one size: in its samples, if they carry it, and in the model."""

    key: str
    samples: Cell
    modelled: Cell


@dataclass(frozen=True, slots=True)
class Distribution:
    """The spread of one size's durations. ``name`` says which, ``path`` if it stands in the document."""

    name: str
    path: str
    count: int
    rows: tuple[PercentileRow, ...]


def distributions(answer: Answer) -> list[Distribution]:
    """The percentiles at today's and the recommended size; empty if neither has any."""
    found = []
    for path, configuration, name in _sizes(answer):
        warm_ms = [dot["ms"] for dot in _dots(answer, configuration) if not dot["cold"]]
        rows = tuple(
            PercentileRow(key, _in_samples(warm_ms, key), duration_cell(configuration, key, path))
            for key in doc.percentile_keys(answer)
            if key in configuration.duration_ms
        )
        if rows:
            found.append(Distribution(name, path, len(warm_ms), rows))
    return found


def distribution_spec(answer: Answer, frame: Frame) -> Spec | None:
    """Each invocation a dot at its duration, above it the model's percentiles with their intervals.

    One line for today's size, one for the recommended. Above 2,000 dots, the
    middle 90 % of the samples in place of each. None if neither was measured.
    """
    rows = []
    for _, configuration, name in _sizes(answer):
        dots = _dots(answer, configuration)
        if dots:
            rows.append((configuration, name, dots))
    if not rows:
        return None
    goal = answer.goal
    keys = doc.percentile_keys(answer)
    marks = [
        {"key": key, **asdict(configuration.duration_ms[key]), "row": row}
        for row, (configuration, _, _) in enumerate(rows)
        for key in keys
        if key in configuration.duration_ms
    ]
    values = [dot["ms"] for _, _, dots in rows for dot in dots]
    values += [mark[bound] for mark in marks for bound in ("low", "high")]
    if goal and min(values) / 1.6 < goal.limit_ms < max(values) * 1.6:
        values.append(goal.limit_ms)
    x_scale, x_axis = drawing.scale_over(values, frame.width / 90)
    x = quantitative("ms", x_scale, {**x_axis, **drawing.axis_title("duration, ms; initialisation not counted", "end")})
    low, high = x_scale["domain"]
    layers: list[Layer] = []
    row_height = _NAME_HEIGHT + _PERCENTILE_HEIGHT * len(keys) + _DOTS_HEIGHT
    height = row_height * len(rows)
    many = sum(len(dots) for _, _, dots in rows) > MOST_DOTS
    plan = Plan(frame.width, height)
    if goal and low <= goal.limit_ms <= high:
        goal_x = drawing.position(goal.limit_ms, x_scale) * frame.width
        plan.lines = [Box(goal_x - 2, 0, goal_x + 2, height)]
        for top in range(0, height, row_height):  # beside a size's name there is no line
            ends = {"y": {"value": top + _NAME_HEIGHT - 12}, "y2": {"value": top + row_height}}
            layers.append(layer([{"ms": goal.limit_ms}], drawing.GOAL_LINE, {"x": x, **ends}))
    for row, (_, name, dots) in enumerate(rows):
        top = row * row_height
        colour = drawing.ACCENT if row == len(rows) - 1 else drawing.INK
        layers.append(drawing.halo_text([{"text": name}], {"x": {"value": 0}, "y": {"value": top + 10}}, colour, _NAME))
        own = [mark for mark in marks if mark["row"] == row]
        layers.extend(_percentile_layers(own, x, top + _NAME_HEIGHT, plan))
        level = top + _NAME_HEIGHT + _PERCENTILE_HEIGHT * len(keys) + 10
        layers.extend(_dot_layers(dots, x, row, level=level, height=height, many=many))
    return drawing.chart(layers, Frame(frame.width, height))


_NAME = {"align": "left", "fontSize": 13, "fontWeight": 600}


def dot_titles(answer: Answer) -> dict[str, list[str]]:
    """For each layer of dots what its dots say where they are pointed at: duration and request id."""
    titles = {}
    for row, dots in enumerate(
        dots for _, configuration, _ in _sizes(answer) if (dots := _dots(answer, configuration))
    ):
        for cold in (True, False):
            titles[f"{'cold' if cold else 'warm'}_{row}"] = [
                f"{formats.milliseconds(dot['ms'])}, {'cold' if cold else 'warm'}, {dot['id']}"
                for dot in dots
                if dot["cold"] == cold
            ]
    return titles


def _sizes(answer: Answer) -> list[tuple[str, ConfigurationEstimate, str]]:
    same = doc.same(answer.current, answer.recommended)
    found = []
    for path, configuration, word in (
        ("current", None if same else answer.current, doc.current_word(answer)),
        ("recommended", answer.recommended, doc.pick_word(answer)),
    ):
        if configuration is not None:
            role = f"{word} and {doc.current_word(answer)}" if same else word
            found.append((path, configuration, f"{doc.size_text(answer, configuration.candidate)} {role}"))
    return found


def _dots(answer: Answer, configuration: ConfigurationEstimate) -> list[dict[str, Any]]:
    at = configuration.candidate
    return [dot for dot in drawn_dots(answer) if (dot["mb"], dot["variant"]) == (at.memory_mb, at.variant)]


def _in_samples(warm_ms: list[float], key: str) -> Cell:
    """A percentile of the samples with its interval; how many it takes if there are too few."""
    if len(warm_ms) < doc.samples_to_see(key):
        return Cell(formats.MISSING, note=f"takes {doc.samples_to_see(key):,} samples")
    percent = float(key[1:])
    estimate_ms = percentile(warm_ms, percent)
    bounds = percentile_interval(warm_ms, percent, doc.SEEN_WITH)
    shown = formats.milliseconds_range(Interval(estimate_ms, *bounds)) if bounds else ""
    return Cell(formats.milliseconds(estimate_ms), shown)


def _percentile_layers(marks: list[dict[str, Any]], x: Layer, top: float, plan: Plan) -> list[Layer]:
    """The model's percentiles, one below the other: a line from bound to bound, a tick at the estimate, its name."""
    layers: list[Layer] = []
    for number, mark in enumerate(marks):
        level = top + _PERCENTILE_HEIGHT * number
        y = {"value": level}
        band = {"type": "rule", "color": drawing.CURVE, "strokeWidth": 4, "opacity": 0.35}
        tick = {"type": "tick", "color": drawing.CURVE, "thickness": 2, "size": 10, "orient": "vertical", "opacity": 1}
        layers.append(layer([mark], band, {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}))
        layers.append(layer([mark], tick, {"x": {**x, "field": "estimate"}, "y": y}))
        low, high = (drawing.position(mark[bound], x["scale"]) * plan.width for bound in ("low", "high"))
        beyond = (Spot(high + far, level, "left") for far in (20, 32, 44))  # of the goal's line
        spots = (Spot(high + 8, level, "left"), Spot(low - 8, level, "right"), *beyond)
        spot = plan.choose(spots, text_width(mark["key"], 11.5))
        layers += drawing.text_at(spot, mark["key"], drawing.CURVE, {"fontSize": 11.5})
    return layers


def _dot_layers(
    dots: list[dict[str, Any]], x: Layer, row: int, *, level: float, height: float, many: bool
) -> list[Layer]:
    """The invocations of one size on the line of its row."""
    warm = sorted(dot["ms"] for dot in dots if not dot["cold"])
    if many and warm:
        span = [{"low": percentile(warm, 5), "high": percentile(warm, 95)}]
        line = {"type": "rule", "color": drawing.INK, "strokeWidth": 4, "opacity": 0.6}
        return [layer(span, line, {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": {"value": level}})]
    layers: list[Layer] = []
    for cold, mark in (
        (True, {**drawing.POINT, "shape": "diamond", "fill": drawing.PAPER, "stroke": drawing.MUTED, "size": 44}),
        (False, {"type": "circle", "color": drawing.INK, "size": 34, "opacity": 0.6}),
    ):
        placed = [
            {"ms": dot["ms"], "down": level + 10 * _JITTER[number % len(_JITTER)]}
            for number, dot in enumerate(dot for dot in dots if dot["cold"] == cold)
        ]
        y_scale = {"domain": [0, height], "range": [0, height], "nice": False}
        y = quantitative("down", y_scale, None)
        layers.append(layer(placed, mark, {"x": x, "y": y}, name=f"{'cold' if cold else 'warm'}_{row}"))
    return layers
