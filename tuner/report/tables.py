"""The numbers that every renderer shows side by side, chosen once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.report import document as doc
from tuner.report import formats

NO_CLEAR_DIFFERENCE = "no clear difference"


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of a table with the field it came from.

    ``text`` is the estimate, ``bounds`` its interval, ``note`` a word that
    must be read with it ("modelled").
    """

    text: str
    bounds: str = ""
    note: str = ""
    path: str | None = None
    value: float | int | str | None = None

    def __str__(self) -> str:
        return " ".join(part for part in (self.text, f"({self.bounds})" if self.bounds else "", self.note) if part)


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One quantity now and as recommended."""

    label: str
    current: Cell
    recommended: Cell
    difference: str = ""


UNKNOWN = Cell(formats.MISSING)


def duration_cell(configuration: doc.Configuration | None, key: str, path: str) -> Cell:
    """A warm duration with its interval, marked "modelled" where the samples cannot carry it."""
    duration = doc.duration_of(configuration, key)
    if configuration is None or duration is None:
        return UNKNOWN
    return Cell(
        formats.milliseconds(duration["estimate"]),
        formats.milliseconds_range(duration),
        "modelled" if doc.is_modelled(configuration, key) else "",
        f"{path}.durationMs.{key}.estimate",
        duration["estimate"],
    )


def alternative_duration_cell(document: doc.Document, choice: Mapping[str, Any], path: str) -> Cell:
    """The duration of what would be recommended under another limit, with its interval."""
    key = f"p{document['goalAlternatives']['percentile']:g}"
    return Cell(
        formats.milliseconds(choice["durationMs"]["estimate"]),
        formats.milliseconds_range(choice["durationMs"]),
        "modelled" if doc.is_modelled(choice, key) else "",
        f"{path}.durationMs.estimate",
        choice["durationMs"]["estimate"],
    )


def cost_cell(configuration: doc.Configuration | None, path: str, currency: str) -> Cell:
    """The cost of a million invocations with its interval."""
    cost = (configuration or {}).get("costPerMillionUsd")
    if configuration is None or not cost:
        return UNKNOWN
    return Cell(
        formats.money(cost["estimate"], currency),
        formats.money_range(cost, currency),
        "modelled" if not configuration.get("samples") else "",
        f"{path}.costPerMillionUsd.estimate",
        cost["estimate"],
    )


def cold_start_cell(configuration: doc.Configuration | None, path: str) -> Cell:
    """The initialisation that a cold start adds."""
    cold = (configuration or {}).get("coldStartMs")
    if not cold:
        return UNKNOWN
    return Cell(
        formats.milliseconds(cold["estimate"]),
        formats.milliseconds_range(cold),
        "",
        f"{path}.coldStartMs.estimate",
        cold["estimate"],
    )


def probability_cell(configuration: doc.Configuration | None, path: str) -> Cell:
    """The probability that a configuration meets the goal; unknown where it cannot be used."""
    probability = (configuration or {}).get("goalProbability")
    if probability is None or doc.is_infeasible(configuration or {}):
        return UNKNOWN
    return Cell(formats.probability(probability), path=f"{path}.goalProbability", value=probability)


def extra_cost_cell(neighbour: Mapping[str, Any], path: str) -> Cell:
    """What another size costs against the recommended one, with its interval."""
    extra = neighbour.get("extraCostRatio")
    if not extra:
        return UNKNOWN
    low, high = (f"{extra[bound] * 100:+.0f}" for bound in ("low", "high"))
    return Cell(
        f"{extra['estimate'] * 100:+.0f}%",
        f"{low} to {high}",
        path=f"{path}.extraCostRatio.estimate",
        value=extra["estimate"],
    )


def count_cell(configuration: doc.Configuration | None, field: str, path: str) -> Cell:
    """A count of a configuration, a dash where it is unknown."""
    number = (configuration or {}).get(field)
    if number is None:
        return UNKNOWN
    return Cell(f"{number:,}", path=f"{path}.{field}", value=number)


def comparison(document: doc.Document) -> list[ComparisonRow]:
    """Current and recommended configuration side by side: durations, cold start, cost, month, goal.

    Empty where there is nothing recommended, or today's size cannot be used:
    what a model says of it is nothing to compare with.
    """
    current, recommended = document.get("current"), document.get("recommended")
    if not recommended or (current and doc.is_infeasible(current)):
        return []
    currency = document.get("currency") or "USD"
    rows = [
        ComparisonRow(
            f"Duration {key}, warm",
            duration_cell(current, key, "current"),
            duration_cell(recommended, key, "recommended"),
            duration_difference(doc.duration_of(current, key), doc.duration_of(recommended, key)),
        )
        for key in doc.percentile_keys(document)
    ]
    rows.append(
        ComparisonRow(
            "Cold start, on top",
            cold_start_cell(current, "current"),
            cold_start_cell(recommended, "recommended"),
            duration_difference((current or {}).get("coldStartMs"), recommended.get("coldStartMs")),
        )
    )
    rows.append(
        ComparisonRow(
            "Cost per million",
            cost_cell(current, "current", currency),
            cost_cell(recommended, "recommended", currency),
            cost_difference(document),
        )
    )
    rows.extend(monthly_row(document, currency))
    if doc.goal_of(document):
        rows.append(
            ComparisonRow(
                "Chance of meeting the goal",
                probability_cell(current, "current"),
                probability_cell(recommended, "recommended"),
            )
        )
    rows.append(
        ComparisonRow(
            "Warm samples", count_cell(current, "samples", "current"), count_cell(recommended, "samples", "recommended")
        )
    )
    return rows


def monthly_row(document: doc.Document, currency: str) -> list[ComparisonRow]:
    """What a month costs now and then; empty where the traffic is unknown."""
    invocations = doc.monthly_invocations(document)
    if not invocations:
        return []
    monthly = document.get("monthly")
    cells = []
    for which in ("current", "recommended"):
        told = (monthly or {}).get(f"{which}Usd")
        if told is not None:
            cells.append(Cell(formats.money(told, currency), path=f"monthly.{which}Usd", value=told))
            continue
        cost = doc.estimate_of((document.get(which) or {}).get("costPerMillionUsd"))
        cells.append(UNKNOWN if cost is None else Cell(formats.money(cost * invocations / 1_000_000, currency)))
    return [ComparisonRow("Cost per month", cells[0], cells[1])]


def cost_difference(document: doc.Document) -> str:
    """The saving with its bounds, or that it is no clear difference."""
    saving = document.get("savingRatio")
    return "" if saving is None else formats.change(saving) + saving_bounds(document)


def saving_bounds(document: doc.Document) -> str:
    """What stands behind the saving for its bounds; nothing where it is about the same.

    The bounds are those of the two costs' ratio, which are closer than those
    of each: a slow hour makes both sizes more expensive.
    """
    if abs(document.get("savingRatio") or 0.0) < 0.005:
        return ""
    bounds = (document.get("decision") or {}).get("savingRatio")
    if bounds:
        return formats.change_bounds(bounds["low"], bounds["high"])
    one, other = ((document.get(which) or {}).get("costPerMillionUsd") for which in ("current", "recommended"))
    return f", {NO_CLEAR_DIFFERENCE}" if one and other and _overlap(one, other) else ""


def duration_difference(one: Mapping[str, float] | None, other: Mapping[str, float] | None) -> str:
    """How a duration changes from one configuration to the other; intervals that overlap carry no difference."""
    if not one or not other or not one["estimate"]:
        return ""
    if _overlap(one, other):
        return NO_CLEAR_DIFFERENCE
    return formats.duration_change(other["estimate"] / one["estimate"])


def _overlap(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return one["low"] <= other["high"] and other["low"] <= one["high"]


def measured_rows(document: doc.Document) -> list[tuple[int, doc.Configuration]]:
    """Configurations at which anything was invoked, and those with a role, with their index in ``configurations``."""
    named = [document.get(which) for which in ("recommended", "current", "safer")]
    return [
        (index, row)
        for index, row in enumerate(doc.configurations_of(document))
        if doc.was_tried(row) or doc.is_infeasible(row) or any(doc.same_configuration(row, one) for one in named)
    ]


def remark(document: doc.Document, configuration: doc.Configuration) -> str:
    """What a configuration is to the reader: today's, recommended, safer, infeasible."""
    words = []
    if doc.same_configuration(configuration, document.get("recommended")):
        words.append(doc.pick_word(document))
    if doc.same_configuration(configuration, document.get("current")):
        words.append(doc.current_word(document))
    if doc.same_configuration(configuration, document.get("safer")):
        words.append("safer")
    if words and not doc.was_tried(configuration) and not doc.is_infeasible(configuration):
        words.append("not measured")
    if doc.is_infeasible(configuration):
        words.append(str(configuration["infeasibleReason"]))
    return ", ".join(words)
