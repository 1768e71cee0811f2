"""The slider "what if the goal were different?": sentences and figures that the page only looks up.

Everything shown comes from ``goalAlternatives`` of report.json, which the
search itself made. The page's script computes nothing but where a line lies
in the picture.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tuner.core.model import DEFAULT_TOLERANCE
from tuner.report import document as doc
from tuner.report import formats
from tuner.report.charts import tradeoff_spec
from tuner.report.drawing import PHONE, WIDE, Frame
from tuner.report.sentences import size_text

OPENING, PROBABILITY, CONFIDENCE = "%opening", "%probability", "%confidence"
"""Slots of a sentence that each limit fills with its own words."""

Piece = tuple[str, bool]
"""A text of a sentence, and whether it is one of its main figures."""

ZONES = {"GOAL_NOT_MET": "no size meets it", "UNCERTAIN": "not sure", "GOAL_MET": "met"}


@dataclass(frozen=True, slots=True)
class Zone:
    """Neighbouring limits under the same verdict, for the bar under the slider."""

    verdict: str
    share: float
    """Of the slider's length, in percent."""


@dataclass(frozen=True, slots=True)
class Row:
    """Neighbouring limits whose answers are the same but for the tolerance.

    ``index`` is that of the answer that most of these limits have, ``choice`` the answer itself,
    ``others_mb`` what the rest of them recommend. ``last`` is the index of the last of its answers.
    """

    index: int
    choice: Mapping[str, Any]
    from_limit_ms: float
    to_limit_ms: float
    others_mb: tuple[int, ...]
    last: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """All that the slider and its table show.

    ``start`` is the index of the limit that the slider begins at: the run's
    goal, or the highest limit where there was none. ``data`` is for the
    page's script: numbers and our own words, no text of users.
    """

    rows: tuple[Row, ...]
    last: int
    start: int
    start_text: str
    sentence: tuple[Piece, ...]
    zones: tuple[Zone, ...]
    zone_names: Mapping[str, str]
    lowest: str
    highest: str
    has_goal: bool
    data: Mapping[str, Any]


def what_if(document: doc.Document) -> WhatIf | None:
    """What the page needs for other limits of the goal; None where the document has no alternatives."""
    alternatives = document.get("goalAlternatives")
    if not alternatives or not alternatives["steps"]:
        return None
    steps = alternatives["steps"]
    goal = doc.goal_of(document)
    own = next((index for index, step in enumerate(steps) if goal and step["limitMs"] == goal["limitMs"]), None)
    start = len(steps) - 1 if own is None else own
    rows = _rows(document, alternatives)
    sentences = [sentence_of(document, choice) for choice in alternatives["choices"]]
    own_sentence = (
        None if own is None else sentence_of(document, alternatives["choices"][steps[own]["choice"]], own=True)
    )
    zones = tuple(
        Zone(verdict, round(100 * len(list(group)) / len(steps), 2))
        for verdict, group in groupby(alternatives["choices"][step["choice"]]["verdict"] for step in steps)
    )
    return WhatIf(
        rows=tuple(rows),
        last=len(steps) - 1,
        start=start,
        start_text=formats.limit(steps[start]["limitMs"]),
        sentence=filled(document, own_sentence or sentences[steps[start]["choice"]], steps[start]),
        zones=zones,
        zone_names={verdict: label for verdict, label in ZONES.items() if any(z.verdict == verdict for z in zones)},
        lowest=formats.limit(steps[0]["limitMs"]),
        highest=formats.limit(steps[-1]["limitMs"]),
        has_goal=own is not None,
        data={
            "start": start,
            "sentences": sentences,
            "own": own_sentence,
            "steps": [
                [
                    step["limitMs"],
                    formats.limit(step["limitMs"]),
                    step["choice"],
                    opening(document, step),
                    formats.probability(step["goalProbability"]),
                    formats.probability(step["confidence"]),
                ]
                for step in steps
            ],
            "choices": [
                [
                    choice["durationMs"]["estimate"],
                    choice["costPerMillionUsd"]["estimate"],
                    size_text(document, choice),
                ]
                for choice in alternatives["choices"]
            ],
            "rows": [row.last for row in rows],
            "charts": [chart for frame in (WIDE, PHONE) if (chart := _chart(document, frame)) is not None],
        },
    )


def _rows(document: doc.Document, alternatives: Mapping[str, Any]) -> list[Row]:
    """The answers under every limit; neighbours that differ by no more than the tolerance are one row."""
    tolerance = (document.get("request") or {}).get("tolerance", DEFAULT_TOLERANCE)
    limits = Counter(step["choice"] for step in alternatives["steps"])
    groups: list[list[int]] = []
    choices = alternatives["choices"]
    for index, choice in enumerate(choices):
        if groups and all(_alike(choices[other], choice, tolerance) for other in groups[-1]):
            groups[-1].append(index)
        else:
            groups.append([index])
    rows = []
    for group in groups:
        main = max(group, key=lambda index: limits[index])
        sizes = {choices[index]["memoryMb"] for index in group} - {choices[main]["memoryMb"]}
        first, last = choices[group[0]], choices[group[-1]]
        rows.append(Row(main, choices[main], first["fromLimitMs"], last["toLimitMs"], tuple(sorted(sizes)), group[-1]))
    return rows


def _alike(one: Mapping[str, Any], other: Mapping[str, Any], tolerance: float) -> bool:
    """Whether two answers come to the same: verdict, architecture, and cost and duration within the tolerance."""
    if (one["verdict"], one["architecture"]) != (other["verdict"], other["architecture"]):
        return False
    pairs = ((one[field]["estimate"], other[field]["estimate"]) for field in ("costPerMillionUsd", "durationMs"))
    return all(abs(a - b) <= tolerance * min(a, b) for a, b in pairs)


def opening(document: doc.Document, step: Mapping[str, Any]) -> str:
    """How the sentence of a limit begins."""
    goal = doc.goal_of(document)
    limit = formats.limit(step["limitMs"])
    if goal and goal["limitMs"] == step["limitMs"]:
        return f"With this run’s goal of {limit}"
    return f"If the limit were {limit}"


def filled(document: doc.Document, sentence: tuple[Piece, ...], step: Mapping[str, Any]) -> tuple[Piece, ...]:
    """A choice's sentence with the words of one limit in its slots."""
    words = {
        OPENING: opening(document, step),
        PROBABILITY: formats.probability(step["goalProbability"]),
        CONFIDENCE: formats.probability(step["confidence"]),
    }
    return tuple((words.get(text, text), strong) for text, strong in sentence)


def sentence_of(document: doc.Document, choice: Mapping[str, Any], *, own: bool = False) -> tuple[Piece, ...]:
    """What a choice says, with slots for what differs from limit to limit.

    At the run's *own* goal nobody is told that a run with such a goal would measure more.
    """
    currency = document.get("currency") or "USD"
    key = f"p{document['goalAlternatives']['percentile']:g}"
    modelled = "a modelled " if doc.is_modelled(choice, key) else "a "
    size = size_text(document, choice)
    duration = (
        (f"{modelled}{key} of ", False),
        (formats.milliseconds(choice["durationMs"]["estimate"]), True),
        (f" ({formats.milliseconds_range(choice['durationMs'])})", False),
    )
    cost = (
        ("a million invocations cost ", False),
        (formats.money(choice["costPerMillionUsd"]["estimate"], currency), True),
        (f"{_saving(document, choice)}.{'' if own else _thin(choice, size)}", False),
    )
    if choice["verdict"] == "GOAL_NOT_MET":
        return (
            (OPENING, False),
            (": ", False),
            ("no memory size meets it", True),
            (" (probability ", False),
            (CONFIDENCE, False),
            ("). The best is ", False),
            (size, True),
            (" with ", False),
            *duration,
            ("; ", False),
            *cost,
        )
    if choice["verdict"] == "UNCERTAIN":
        return (
            (OPENING, False),
            (": not sure. The best guess is ", False),
            (size, True),
            (" with ", False),
            *duration,
            (", which meets it with a probability of ", False),
            (PROBABILITY, True),
            ("; ", False),
            *cost,
        )
    return (
        (OPENING, False),
        (": use ", False),
        (size, True),
        (", with ", False),
        *duration,
        (", which meets it with a probability of ", False),
        (PROBABILITY, True),
        ("; ", False),
        *cost,
    )


def _saving(document: doc.Document, choice: Mapping[str, Any]) -> str:
    if doc.same_configuration(choice, document.get("current")):
        return ", as today"
    if choice["savingRatio"] is None or doc.is_infeasible(document.get("current") or {}):
        return ""
    return f", {formats.change(choice['savingRatio'])} than now".replace("about the same than", "about the same as")


def _thin(choice: Mapping[str, Any], size: str) -> str:
    if not choice["thin"]:
        return ""
    samples = choice["samples"]
    ran = f"ran only {formats.count(samples, 'time')} warm" if samples else "was not run"
    return f" Few data: {size} {ran}; a run with such a goal would measure more there."


def _chart(document: doc.Document, frame: Frame) -> dict[str, Any] | None:
    """Where numbers lie in the drawn picture of cost against latency, in a frame."""
    spec = tradeoff_spec(document, frame)
    if spec is None:
        return None
    layer = next(layer for layer in spec["layer"] if layer.get("encoding", {}).get("y", {}).get("field") == "cost")
    x, y = layer["encoding"]["x"]["scale"], layer["encoding"]["y"]["scale"]
    return {
        "width": frame.width,
        "height": frame.height,
        "x": [float(bound) for bound in x["domain"]],
        "log": x.get("type") == "log",
        "y": [float(bound) for bound in y["domain"]],
    }


def limit_range(row: Row, *, first: bool, last: bool) -> str:
    """The limits of a row: ``up to 90 ms``, ``200 ms to 240 ms``, ``from 980 ms``."""
    low, high = formats.limit(row.from_limit_ms), formats.limit(row.to_limit_ms)
    if first and last:
        return "any"
    if first:
        return f"up to {high}"
    if last:
        return f"from {low}"
    return low if math.isclose(row.from_limit_ms, row.to_limit_ms) else f"{low} to {high}"
