"""The slider "what if the goal were different?": sentences and figures that the page only looks up.

Everything shown comes from ``goalAlternatives`` of report.json, which the search itself made. The page's script
computes nothing but where a line lies in the picture.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, assert_never

from tuner.core.answer.recommendation import Alternative, GoalAlternatives, GoalStep
from tuner.core.answer.report import Answer
from tuner.core.answer.verdicts import GoalVerdict, facts_of
from tuner.report import document as doc
from tuner.report import formats
from tuner.report.charts import tradeoff_spec
from tuner.report.drawing import PHONE, WIDE, Frame

OPENING, PROBABILITY, CONFIDENCE = "%opening", "%probability", "%confidence"
"""Slots of a sentence that each limit fills with its own words."""

Piece = tuple[str, bool]
"""A text of a sentence, and whether it is one of its main figures."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Neighbouring limits under the same verdict, for the bar under the slider."""

    verdict: GoalVerdict
    share: float
    """Of the slider's length, in percent."""


@dataclass(frozen=True, slots=True)
class Row:
    """Neighbouring limits whose answers are the same but for the tolerance.

    ``index`` is that of the answer that most of these limits have, ``choice`` the answer itself,
    ``others_mb`` what the rest of them recommend. ``last`` is the index of the last of its answers.
    """

    index: int
    choice: Alternative
    from_limit_ms: float
    to_limit_ms: float
    others_mb: tuple[int, ...]
    last: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """All that the slider and its table show.

    ``start`` is the index of the limit that the slider begins at: the run's goal, or the highest limit if there was
    none. ``data`` is for the page's script: numbers and our own words, no text of users.
    """

    rows: tuple[Row, ...]
    last: int
    start: int
    start_text: str
    sentence: tuple[Piece, ...]
    zones: tuple[Zone, ...]
    zone_names: Mapping[GoalVerdict, str]
    lowest: str
    highest: str
    has_goal: bool
    data: Mapping[str, Any]


def what_if(answer: Answer) -> WhatIf | None:
    """What the page needs for other limits of the goal; None if the answer has no alternatives."""
    alternatives = answer.goal_alternatives
    if alternatives is None or not alternatives.steps:
        return None
    steps, choices = alternatives.steps, alternatives.choices
    own = next((i for i, step in enumerate(steps) if answer.goal and step.limit_ms == answer.goal.limit_ms), None)
    start = len(steps) - 1 if own is None else own
    rows = _rows(answer, alternatives)
    key = f"p{alternatives.percentile:g}"
    sentences = [sentence_of(answer, choice, key) for choice in choices]
    own_sentence = None if own is None else sentence_of(answer, choices[steps[own].choice], key, own=True)
    zones = tuple(
        Zone(verdict, round(100 * len(list(group)) / len(steps), 2))
        for verdict, group in groupby(choices[step.choice].verdict for step in steps)
    )
    return WhatIf(
        rows=tuple(rows),
        last=len(steps) - 1,
        start=start,
        start_text=formats.limit(steps[start].limit_ms),
        sentence=filled(answer, own_sentence or sentences[steps[start].choice], steps[start]),
        zones=zones,
        zone_names={zone.verdict: facts_of(zone.verdict).in_slider for zone in zones},
        lowest=formats.limit(steps[0].limit_ms),
        highest=formats.limit(steps[-1].limit_ms),
        has_goal=own is not None,
        data={
            "start": start,
            "sentences": sentences,
            "own": own_sentence,
            "steps": [
                [
                    step.limit_ms,
                    formats.limit(step.limit_ms),
                    step.choice,
                    opening(answer, step),
                    formats.probability(step.goal_probability),
                    formats.probability(step.confidence),
                ]
                for step in steps
            ],
            "choices": [
                [each.duration_ms.estimate, each.cost_per_million_usd.estimate, doc.size_text(answer, each.candidate)]
                for each in choices
            ],
            "rows": [row.last for row in rows],
            "charts": [chart for frame in (WIDE, PHONE) if (chart := _chart(answer, frame)) is not None],
        },
    )


def _rows(answer: Answer, alternatives: GoalAlternatives) -> list[Row]:
    """The answers under every limit; neighbours that differ by no more than the tolerance are one row."""
    tolerance = doc.tolerance_of(answer)
    limits = Counter(step.choice for step in alternatives.steps)
    groups: list[list[int]] = []
    choices = alternatives.choices
    for index, choice in enumerate(choices):
        if groups and all(_alike(choices[other], choice, tolerance) for other in groups[-1]):
            groups[-1].append(index)
        else:
            groups.append([index])
    rows = []
    for group in groups:
        main = max(group, key=lambda index: limits[index])
        sizes = {choices[index].candidate.memory_mb for index in group} - {choices[main].candidate.memory_mb}
        first, last = choices[group[0]], choices[group[-1]]
        rows.append(Row(main, choices[main], first.from_limit_ms, last.to_limit_ms, tuple(sorted(sizes)), group[-1]))
    return rows


def _alike(one: Alternative, other: Alternative, tolerance: float) -> bool:
    """Whether two answers come to the same: verdict, architecture, and cost and duration within the tolerance."""
    if (one.verdict, one.candidate.architecture) != (other.verdict, other.candidate.architecture):
        return False
    pairs = ((one.cost_per_million_usd, other.cost_per_million_usd), (one.duration_ms, other.duration_ms))
    return all(abs(a.estimate - b.estimate) <= tolerance * min(a.estimate, b.estimate) for a, b in pairs)


def opening(answer: Answer, step: GoalStep) -> str:
    """How the sentence of a limit begins."""
    limit = formats.limit(step.limit_ms)
    if answer.goal and answer.goal.limit_ms == step.limit_ms:
        return f"With this run’s goal of {limit}"
    return f"If the limit were {limit}"


def filled(answer: Answer, sentence: tuple[Piece, ...], step: GoalStep) -> tuple[Piece, ...]:
    """A choice's sentence with the words of one limit in its slots."""
    words = {
        OPENING: opening(answer, step),
        PROBABILITY: formats.probability(step.goal_probability),
        CONFIDENCE: formats.probability(step.confidence),
    }
    return tuple((words.get(text, text), strong) for text, strong in sentence)


def sentence_of(answer: Answer, choice: Alternative, key: str, *, own: bool = False) -> tuple[Piece, ...]:
    """What a choice says, with slots for what differs from limit to limit.

    Under the run's *own* goal it does not say that a run with such a goal would measure more.
    """
    size = doc.size_text(answer, choice.candidate)
    match choice.verdict:
        case "GOAL_NOT_MET":
            pick = f": |*no memory size meets it| (probability |{CONFIDENCE}|). The best is |*{size}| with "
        case "UNCERTAIN":
            pick = f": not sure. The best guess is |*{size}| with "
        case "GOAL_MET":
            pick = f": use |*{size}|, with "
        case _:
            assert_never(choice.verdict)
    modelled = "modelled " if doc.is_modelled(choice, key) else ""
    duration_ms, range_ms = choice.duration_ms.estimate, formats.milliseconds_range(choice.duration_ms)
    probable = "" if choice.verdict == "GOAL_NOT_MET" else f", which meets it with a probability of |*{PROBABILITY}|"
    cost = formats.money(choice.cost_per_million_usd.estimate, doc.currency_of(answer))
    text = (
        f"{OPENING}|{pick}|a {modelled}{key} of |*{formats.milliseconds(duration_ms)}| ({range_ms})|{probable}; |"
        f"a million invocations cost |*{cost}|{_saving(answer, choice)}.{'' if own else _thin(choice, size)}"
    )
    return tuple((piece.removeprefix("*"), piece.startswith("*")) for piece in text.split("|"))


def _saving(answer: Answer, choice: Alternative) -> str:
    if answer.current and choice.candidate == answer.current.candidate:
        return ", as today"
    if choice.saving_ratio is None or (answer.current and answer.current.infeasible_reason):
        return ""
    return f", {formats.change(choice.saving_ratio)} than now".replace("about the same than", "about the same as")


def _thin(choice: Alternative, size: str) -> str:
    if not choice.thin:
        return ""
    ran = f"ran only {formats.count(choice.samples, 'time')} warm" if choice.samples else "was not run"
    return f" Little data: {size} {ran}; a run with such a goal would measure more there."


def _chart(answer: Answer, frame: Frame) -> dict[str, Any] | None:
    """Where numbers lie in the drawn picture of cost against latency, in a frame."""
    spec = tradeoff_spec(answer, frame)
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
