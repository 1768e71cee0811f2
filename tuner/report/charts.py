"""The pictures of cost, latency and memory.

No text of a user's function enters a picture, only numbers and our own words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.core.answer.recommendation import ConfigurationEstimate, CurvePoint
from tuner.core.answer.report import Answer
from tuner.report import document as doc
from tuner.report import drawing, formats
from tuner.report.drawing import Frame, Layer, Spec, layer, memory_axis, quantitative
from tuner.report.labels import Align, Box, Plan, Spot, text_width

MOST_DOTS = 2000
"""Above this many invocations a size shows its quantiles in place of every dot."""
MOST_MODELLED_POINTS = 28
MOST_MARKED_POINTS = 24
DEAREST_RATIO = 1.3
_NARROW = 400
_NAMED_OF_MANY = 8
PICKS = ("recommended", "best", "best guess")


def tradeoff_spec(answer: Answer, frame: Frame) -> Spec | None:
    """Cost of a million invocations against latency at the goal's percentile; every size a point.

    None if no size has both.
    """
    key = doc.latency_key(answer)
    points = [point for row in doc.configurations_of(answer) if (point := _point(answer, row, key)) is not None]
    if not points:
        return None
    goal = answer.goal
    measured = [point for point in points if point["measured"]]
    modelled = _thinned(_worth_showing(points))
    shown = [*measured, *modelled, *(point for point in points if point["role"] and not point["measured"])]
    x_values = [bound for point in shown for bound in _bounds(point, "ms")] + ([goal.limit_ms] if goal else [])
    y_values = [bound for point in shown for bound in _bounds(point, "cost")]
    x_scale, x_axis = drawing.scale_over(x_values, frame.width / 90)
    y_scale, y_axis = drawing.scale_over(y_values, frame.height / 70, logarithmic=False)
    currency = doc.currency_of(answer)
    sign = formats.CURRENCY_SIGNS.get(currency, currency)
    x_axis |= drawing.axis_title(f"{key} of the warm duration, ms", "end")
    y_axis |= drawing.axis_title(f"{sign} per million invocations", "top")
    x, y = quantitative("ms", x_scale, x_axis), quantitative("cost", y_scale, y_axis)
    layers: list[Layer] = []
    if goal:
        limit = {"datum": goal.limit_ms, "type": "quantitative", "scale": x_scale}
        beyond = {"x": limit, "x2": {"datum": x_scale["domain"][1]}}
        layers.append(layer([{}], {"type": "rect", "color": drawing.SHADE, "opacity": 0.7}, beyond, name="shade"))
        layers.append(layer([{}], drawing.GOAL_LINE, {"x": limit}, name="limit"))
    highest_usd = y_scale["domain"][1]
    layers.append(_path_layer([point for point in points if point["cost"] <= highest_usd], x, y))
    layers.append(_points_layer(modelled, x, y, size=26, filled=False))
    layers.extend(_interval_layers(measured, x, y))
    layers.append(_points_layer([p for p in measured if not p["role"]], x, y, size=64, filled=True))
    layers.extend(_role_layers([p for p in shown if p["role"]], x, y))
    layers.extend(_name_layers(shown, x, y, goal.limit_ms if goal else None, frame))
    return drawing.chart(layers, frame)


def curve_spec(answer: Answer, frame: Frame) -> Spec | None:
    """Duration against memory: the model's band, each invocation a dot, cold apart from warm.

    None if there are not two sizes to draw a line between.
    """
    rows = [row for row in doc.configurations_of(answer) if "mean" in row.duration_ms]
    if len(rows) < 2:
        return None
    key, goal = doc.latency_key(answer), answer.goal
    fitted = (answer.explanation and answer.explanation.curve) or [
        CurvePoint(row.candidate, row.duration_ms["mean"], row.duration_ms.get(key)) for row in rows
    ]
    band: list[dict[str, Any]] = [
        {
            "mb": row.candidate.memory_mb,
            "variant": row.candidate.variant,
            "low": row.mean_ms.low,
            "high": row.mean_ms.high,
            "mean": row.mean_ms.estimate,
            "percentile": None if row.goal_ms is None else row.goal_ms.estimate,
        }
        for row in fitted
    ]
    dots = drawn_dots(answer)
    infeasible = [{"mb": row.candidate.memory_mb} for row in doc.configurations_of(answer) if row.infeasible_reason]
    y_values = [bound for row in band for bound in (row["low"], row["high"])]
    y_values += [row["percentile"] for row in band if row["percentile"]] + [dot["ms"] for dot in dots]
    y_values += [goal.limit_ms] if goal else []
    x, _ = memory_axis([row["mb"] for row in band] + [row["mb"] for row in infeasible])
    y_scale, y_axis = drawing.scale_over(y_values, frame.height / 60)
    y = quantitative("ms", y_scale, {**y_axis, **drawing.axis_title("warm duration, ms", "top")})

    def across(mb: float) -> float:
        return drawing.position(mb, x["scale"]) * frame.width

    def down(ms: float) -> float:
        return (1 - drawing.position(ms, y_scale)) * frame.height

    several = len({row["variant"] for row in band}) > 1
    detail = {"detail": {"field": "variant", "type": "nominal"}} if several else {}
    area = {"type": "area", "color": drawing.CURVE, "opacity": 0.16, "interpolate": "monotone"}
    dotted = {**_curved(drawing.CURVE, 1), "strokeDash": [2, 3]}
    percentiles = [row for row in band if row["percentile"]]
    layers = [
        layer(band, area, {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, **detail}),
        layer(band, _curved(drawing.CURVE, 1.6), {"x": x, "y": {**y, "field": "mean"}, **detail}),
        layer(percentiles, dotted, {"x": x, "y": {**y, "field": "percentile"}, **detail}),
    ]
    if goal:
        layers.append(layer([{"ms": goal.limit_ms}], drawing.GOAL_LINE, {"y": y}))
    layers.extend(_dot_layers(dots, x, y))
    plan = Plan(frame.width, frame.height)
    layers.extend(_size_markers(answer, x, plan))
    drawn = [*((dot["mb"], dot["ms"]) for dot in dots), *((row["mb"], row["mean"]) for row in band)]
    drawn += [(row["mb"], row["percentile"]) for row in percentiles]
    plan.points = [Box(across(mb) - 4, down(ms) - 4, across(mb) + 4, down(ms) + 4) for mb, ms in drawn]
    bottom_y = float(frame.height)
    plan.points += [Box(across(row["mb"]) - 6, bottom_y - 14, across(row["mb"]) + 6, bottom_y) for row in infeasible]
    if goal:
        limit_y = down(goal.limit_ms)
        text = f"goal {formats.limit(goal.limit_ms)}"
        ends: tuple[tuple[Align, float], ...] = (("right", frame.width - 2.0), ("left", 2.0))
        spots = [Spot(at_x, limit_y + side * 10, align) for align, at_x in ends for side in (-1, 1)]
        layers += drawing.text_at(plan.choose(spots, text_width(text, 12)), text, drawing.LIMIT, {})
        plan.lines = [*plan.lines, Box(0, limit_y - 2, frame.width, limit_y + 2)]
    if infeasible:
        # At the bottom: such sizes are mostly the small ones, whose curve and whose names are at the top.
        bottom = [{**row, "ms": y_scale["domain"][0], "text": "×"} for row in infeasible]
        layers.append(
            drawing.halo_text(bottom, {"x": x, "y": y}, drawing.LIMIT, {"fontSize": 20, "fontWeight": 700, "dy": -6})
        )
    spec = drawing.chart(layers, frame)
    if detail:
        lowest = -math.inf
        heights = {row["variant"]: down(row["mean"]) for row in band}
        for variant, end_y in sorted(heights.items(), key=lambda end: end[1]):
            lowest = max(end_y, lowest + 14)
            spec["layer"] += drawing.text_at(Spot(frame.width + 4, lowest, "left"), variant, drawing.CURVE, {})
        spec["padding"]["right"] = 56
    return spec


def drawn_dots(answer: Answer) -> list[dict[str, Any]]:
    """Every invocation that has a duration, in the order in which the curve draws them: cold ones first."""
    dots = [
        {
            "mb": row.candidate.memory_mb,
            "variant": row.candidate.variant,
            "ms": row.invocation.duration_ms,
            "cold": row.invocation.cold,
            "id": row.invocation.request_id or "no request id",
        }
        for row in answer.observations
        if row.invocation.outcome == "ok" and row.invocation.duration_ms
    ]
    return sorted(dots, key=lambda dot: not dot["cold"])


def dot_titles(dots: Sequence[Mapping[str, Any]]) -> list[str]:
    """What an invocation's dot says where it is pointed at: size, duration, request id."""
    return [
        f"{formats.megabytes(dot['mb'])}, {formats.milliseconds(dot['ms'])}, {'cold' if dot['cold'] else 'warm'}, "
        f"{dot['id']}"
        for dot in dots
    ]


def crossing_spec(answer: Answer, frame: Frame) -> Spec | None:
    """Cost and duration over memory on one picture, as users of AWS Lambda Power Tuning know it.

    None if there are not two sizes to draw a line between.
    """
    rows: list[dict[str, Any]] = [
        {
            "mb": row.candidate.memory_mb,
            "ms": row.duration_ms["mean"].estimate,
            "cost": row.cost_per_million_usd.estimate,
            "measured": row.basis == "samples",
        }
        for row in doc.configurations_of(answer)
        if "mean" in row.duration_ms
        and row.cost_per_million_usd
        and row.candidate.variant == answer.recommended.candidate.variant
    ]
    if len(rows) < 2:
        return None
    few = sum(1 for row in rows if row["measured"]) <= MOST_MARKED_POINTS
    x, _ = memory_axis([row["mb"] for row in rows])
    currency = doc.currency_of(answer)
    sign = formats.CURRENCY_SIGNS.get(currency, currency)
    sides = []
    for field, colour, title, orient in (
        ("ms", drawing.INK, "mean duration, ms", "left"),
        ("cost", drawing.ACCENT, f"{sign} per million", "right"),
    ):
        highest = max(row[field] for row in rows)
        place = "top" if orient == "left" else "topright"
        axis: Layer = {
            "orient": orient,
            "tickCount": frame.height // 60,
            "grid": orient == "left",
            "labelColor": colour,
            "titleColor": colour,
            "format": ",~f" if highest >= 10 else ",~r",
            **drawing.axis_title(title, place),
        }
        at = {"x": x, "y": quantitative(field, {"domain": [0, highest * 1.08], "nice": False}, axis)}
        dot = {"type": "point", "filled": True, "fill": colour, "size": 34, "opacity": 1, "stroke": drawing.PAPER}
        marked = [row for row in rows if row["measured"]] if few else []
        sides.append({"layer": [layer(rows, _curved(colour, 1.8), at), layer(marked, dot, at)]})
    markers: Layer = {"layer": _size_markers(answer, x, Plan(frame.width, frame.height))}
    spec = drawing.chart([markers, *sides] if markers["layer"] else sides, frame)
    spec["resolve"] = {"scale": {"y": "independent"}}
    return spec


def _point(answer: Answer, row: ConfigurationEstimate, key: str) -> dict[str, Any] | None:
    duration, cost, candidate = row.duration_ms.get(key), row.cost_per_million_usd, row.candidate
    if duration is None or cost is None:
        return None
    several = len(doc.architectures_of(answer)) > 1
    role = ""
    if candidate == answer.recommended.candidate:
        role = doc.pick_word(answer)
    elif answer.current and candidate == answer.current.candidate:
        role = doc.current_word(answer)
    elif answer.safer and candidate == answer.safer.candidate:
        role = "safer"
    return {
        "mb": candidate.memory_mb,
        "size": doc.size_text(answer, candidate),
        "variant": candidate.variant,
        "symbol": "square" if several and candidate.architecture == "x86_64" else "circle",
        "role": role,
        "measured": row.basis == "samples",
        "ms": duration.estimate,
        "msLow": duration.low,
        "msHigh": duration.high,
        "cost": cost.estimate,
        "costLow": cost.low,
        "costHigh": cost.high,
    }


def _bounds(point: Mapping[str, Any], field: str) -> tuple[float, ...]:
    return (point[f"{field}Low"], point[f"{field}High"]) if point["measured"] else (point[field],)


def _worth_showing(points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Modelled sizes, without those far more expensive than all that were measured: they would flatten the rest."""
    known = [point["cost"] for point in points if point["measured"] or point["role"]]
    modelled = [point for point in points if not point["measured"] and not point["role"]]
    return [point for point in modelled if not known or point["cost"] <= DEAREST_RATIO * max(known)]


def left_out_of_tradeoff(answer: Answer) -> list[int]:
    """Memory sizes in MB that the first picture leaves out because they cost far more than all measured ones."""
    key = doc.latency_key(answer)
    points = [point for row in doc.configurations_of(answer) if (point := _point(answer, row, key)) is not None]
    shown = _worth_showing(points)
    return [p["mb"] for p in points if not p["measured"] and not p["role"] and p not in shown]


def _thinned(points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of many modelled sizes those that lie evenly over the logarithm of memory, of each variant."""
    chosen = {}
    for variant in sorted({point["variant"] for point in points}):
        own = [point for point in points if point["variant"] == variant]
        low, high = math.log(own[0]["mb"]), math.log(own[-1]["mb"])
        for place in range(MOST_MODELLED_POINTS):
            target = low + (high - low) * place / (MOST_MODELLED_POINTS - 1)
            nearest = min(own, key=lambda point: abs(math.log(point["mb"]) - target))
            chosen[variant, nearest["mb"]] = nearest
    return list(chosen.values())


def _path_layer(points: Sequence[dict[str, Any]], x: Layer, y: Layer) -> Layer:
    """A faint thread through the sizes in the order of their memory."""
    order = {"order": {"field": "mb", "type": "quantitative"}, "detail": {"field": "variant", "type": "nominal"}}
    return layer(points, {"type": "line", "color": drawing.LINE, "strokeWidth": 1.5}, {"x": x, "y": y, **order})


def _curved(colour: str, width: float) -> Layer:
    return {"type": "line", "color": colour, "strokeWidth": width, "interpolate": "monotone"}


def _points_layer(points: Sequence[dict[str, Any]], x: Layer, y: Layer, *, size: int, filled: bool) -> Layer:
    fill, stroke = (drawing.INK, drawing.PAPER) if filled else (drawing.PAPER, drawing.MUTED)
    return layer(
        points, {**drawing.POINT, "fill": fill, "stroke": stroke, "size": size}, {"x": x, "y": y, "shape": _SHAPE}
    )


_SHAPE = {"field": "symbol", "type": "nominal", "legend": None, "scale": None}


def _interval_layers(points: Sequence[dict[str, Any]], x: Layer, y: Layer) -> list[Layer]:
    mark = {"type": "rule", "color": drawing.MUTED, "strokeWidth": 1}
    return [
        layer(points, mark, {"x": {**x, "field": "msLow"}, "x2": {"field": "msHigh"}, "y": y}),
        layer(points, mark, {"x": x, "y": {**y, "field": "costLow"}, "y2": {"field": "costHigh"}}),
    ]


def _role_layers(points: Sequence[dict[str, Any]], x: Layer, y: Layer) -> list[Layer]:
    layers: list[Layer] = []
    for point in points:
        main = point["role"] in PICKS
        colour = drawing.ACCENT if main else drawing.INK
        fill, stroke = (colour, drawing.PAPER) if point["measured"] else (drawing.PAPER, colour)
        mark = {**drawing.POINT, "fill": fill, "stroke": stroke, "strokeWidth": 2, "size": 230 if main else 120}
        layers.append(layer([point], mark, {"x": x, "y": y, "shape": _SHAPE}))
    return layers


def _name_layers(
    shown: Sequence[dict[str, Any]], x: Layer, y: Layer, goal_ms: float | None, frame: Frame
) -> list[Layer]:
    """Names of the goal and of the points: those with a role always, measured ones if there is room."""

    def across(ms: float) -> float:
        return drawing.position(ms, x["scale"]) * frame.width

    def down(cost: float) -> float:
        return (1 - drawing.position(cost, y["scale"])) * frame.height

    points: list[Box] = []
    for point in shown:
        at_x, at_y = across(point["ms"]), down(point["cost"])
        room = 10.0 if point["role"] in PICKS else 7.0 if point["role"] or point["measured"] else 4.0
        points.append(Box(at_x - room, at_y - room, at_x + room, at_y + room))
        if point["measured"]:
            points.append(Box(across(point["msLow"]), at_y - 1, across(point["msHigh"]), at_y + 1))
            points.append(Box(at_x - 1, down(point["costHigh"]), at_x + 1, down(point["costLow"])))
    plan = Plan(frame.width, frame.height, points)
    layers: list[Layer] = []
    if goal_ms is not None:
        at_x, text = across(goal_ms), f"goal {formats.limit(goal_ms)}"
        ends = (frame.height - 12.0, 12.0)
        spots = (Spot(at_x + 7 * side, at_y, "left" if side > 0 else "right") for at_y in ends for side in (1, -1))
        spot = plan.choose(spots, text_width(text, 12, bold=True))
        layers += drawing.text_at(spot, text, drawing.LIMIT, {"fontWeight": 600}, name="limit_name")
        plan.lines = [Box(at_x - 3, 0, at_x + 3, frame.height)]
    roles = [point for point in shown if point["role"]]
    measured = [point for point in shown if point["measured"] and not point["role"]]
    if len(measured) > MOST_MARKED_POINTS:
        measured = measured[:: len(measured) // _NAMED_OF_MANY]
    for point in sorted([*roles, *measured], key=lambda point: (point["role"] not in PICKS, not point["role"])):
        main = bool(point["role"])
        text = f"{point['mb']:,}"
        if main:
            text = f"{point['size']} {point['role']}"
            if frame.width < _NARROW:  # the key below says which colour is the pick's
                text = point["size"] if point["role"] in PICKS else text.replace(" MB", "")
        size = 11.5 if not main else 12 if frame.width < _NARROW else 13
        spot = plan.beside(across(point["ms"]), down(point["cost"]), text_width(text, size, bold=main), must=main)
        colour = drawing.ACCENT if point["role"] in PICKS else drawing.INK if main else drawing.MUTED
        type_ = {"fontSize": size, "fontWeight": 600 if main else 400}
        layers += drawing.text_at(spot, text, colour, type_, name=f"{'named' if main else 'label'}_{len(layers)}")
    return layers


def _dot_layers(dots: Sequence[dict[str, Any]], x: Layer, y: Layer) -> list[Layer]:
    warm = [dot for dot in dots if not dot["cold"]]
    cold = [dot for dot in dots if dot["cold"]]
    if len(dots) > MOST_DOTS:
        return [_quantile_layer(warm, x, y)]
    diamond = {**drawing.POINT, "shape": "diamond", "fill": drawing.PAPER, "stroke": drawing.MUTED, "size": 34}
    circle = {"type": "circle", "color": drawing.INK, "size": 16, "opacity": 0.6}
    return [
        layer(cold, diamond, {"x": x, "y": y}, name="cold_dots"),
        layer(warm, circle, {"x": x, "y": y}, name="warm_dots"),
    ]


def _quantile_layer(warm: Sequence[dict[str, Any]], x: Layer, y: Layer) -> Layer:
    """From the 5th to the 95th of a hundred dots at each size."""
    by_size: dict[int, list[float]] = {}
    for dot in warm:
        by_size.setdefault(dot["mb"], []).append(dot["ms"])
    values = []
    for size, durations in by_size.items():
        durations.sort()
        last = len(durations) - 1
        values.append({"mb": size, "low": durations[round(last * 0.05)], "high": durations[round(last * 0.95)]})
    mark = {"type": "rule", "color": drawing.INK, "strokeWidth": 1.5, "opacity": 0.6}
    return layer(values, mark, {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}})


def _size_markers(answer: Answer, x: Layer, plan: Plan) -> list[Layer]:
    """Thin upright lines at today's and the recommended size, with their names; the plan learns of both."""
    recommended = answer.recommended.candidate
    named = [(recommended, doc.pick_word(answer), drawing.ACCENT)]
    if answer.current and answer.current.candidate != recommended:
        named.append((answer.current.candidate, doc.current_word(answer), drawing.MUTED))
    low, high = x["scale"]["domain"]
    named = [row for row in named if low <= row[0].memory_mb <= high]
    places = [drawing.position(row[0].memory_mb, x["scale"]) * plan.width for row in named]
    plan.lines = [Box(at_x - 2, 0, at_x + 2, plan.height) for at_x in places]
    layers: list[Layer] = []
    for (candidate, word, colour), at_x in zip(named, places, strict=True):
        mark = {"type": "rule", "color": colour, "strokeWidth": 1, "opacity": 0.7}
        rule = layer([{"mb": candidate.memory_mb}], mark, {"x": x})
        spots = (Spot(at_x + 6 * side, at_y, "left" if side > 0 else "right") for at_y in (8, 24) for side in (1, -1))
        layers += [rule, *drawing.text_at(plan.choose(spots, text_width(word, 12)), word, colour, {})]
    return layers
