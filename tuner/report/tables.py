"""The numbers that every renderer shows side by side, chosen once."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.core.answer.recommendation import (
    Alternative,
    ConfigurationEstimate,
    GoalAlternatives,
    Interval,
    Neighbour,
)
from tuner.core.answer.report import Answer, KnownRun
from tuner.report import document as doc
from tuner.report import formats

NO_CLEAR_DIFFERENCE = "no clear difference"


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of a table with the field it came from.

    ``text`` is the estimate, ``bounds`` its interval, ``note`` a word that must be read with it ("modelled").
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


def _milliseconds_cell(duration_ms: Interval | None, path: str, note: str = "") -> Cell:
    if duration_ms is None:
        return UNKNOWN
    estimate = duration_ms.estimate
    return Cell(
        formats.milliseconds(estimate), formats.milliseconds_range(duration_ms), note, f"{path}.estimate", estimate
    )


def duration_cell(row: ConfigurationEstimate | None, key: str, path: str) -> Cell:
    """A warm duration with its interval, marked "modelled" if the samples cannot carry it."""
    if row is None:
        return UNKNOWN
    modelled = "modelled" if doc.is_modelled(row, key) else ""
    return _milliseconds_cell(row.duration_ms.get(key), f"{path}.durationMs.{key}", modelled)


def alternative_duration_cell(alternatives: GoalAlternatives, choice: Alternative, path: str) -> Cell:
    """The duration of what would be recommended under another limit, with its interval."""
    modelled = "modelled" if doc.is_modelled(choice, f"p{alternatives.percentile:g}") else ""
    return _milliseconds_cell(choice.duration_ms, f"{path}.durationMs", modelled)


def cost_cell(row: ConfigurationEstimate | Alternative | None, path: str, currency: str) -> Cell:
    """The cost of a million invocations with its interval."""
    cost = None if row is None else row.cost_per_million_usd
    if row is None or cost is None:
        return UNKNOWN
    return Cell(
        formats.money(cost.estimate, currency),
        formats.money_range(cost, currency),
        "" if row.samples else "modelled",
        f"{path}.costPerMillionUsd.estimate",
        cost.estimate,
    )


def cold_start_cell(row: ConfigurationEstimate | None, path: str) -> Cell:
    """The initialisation that a cold start adds."""
    return _milliseconds_cell(None if row is None else row.cold_start_ms, f"{path}.coldStartMs")


def probability_cell(row: ConfigurationEstimate | Neighbour | None, path: str) -> Cell:
    """The probability that a configuration meets the goal; unknown if it cannot be used."""
    if row is None or row.goal_probability is None:
        return UNKNOWN
    if isinstance(row, ConfigurationEstimate) and row.infeasible_reason is not None:
        return UNKNOWN
    return Cell(formats.probability(row.goal_probability), path=f"{path}.goalProbability", value=row.goal_probability)


def extra_cost_cell(neighbour: Neighbour, path: str) -> Cell:
    """What another size costs against the recommended one, with its interval."""
    extra = neighbour.extra_cost_ratio
    if extra is None:
        return UNKNOWN
    return Cell(
        f"{extra.estimate * 100:+.0f}%",
        f"{extra.low * 100:+.0f} to {extra.high * 100:+.0f}",
        path=f"{path}.extraCostRatio.estimate",
        value=extra.estimate,
    )


def count_cell(count: int | None, path: str) -> Cell:
    """A count, a dash if it is unknown."""
    return UNKNOWN if count is None else Cell(f"{count:,}", path=path, value=count)


def comparison(report: KnownRun) -> list[ComparisonRow]:
    """Current and recommended configuration side by side: durations, cold start, cost, month, goal.

    Empty if there is nothing recommended, or today's size cannot be used:
    what a model says of it is nothing to compare with.
    """
    if not isinstance(report, Answer):
        return []
    current, recommended = report.current, report.recommended
    if current is not None and current.infeasible_reason is not None:
        return []
    currency = doc.currency_of(report)
    now, then = "current", "recommended"
    rows = [
        ComparisonRow(
            f"Duration {key}, warm",
            duration_cell(current, key, now),
            duration_cell(recommended, key, then),
            duration_difference(*doc.durations_of(report, key)),
        )
        for key in doc.percentile_keys(report)
    ]
    colder = duration_difference(None if current is None else current.cold_start_ms, recommended.cold_start_ms)
    cells = cold_start_cell(current, now), cold_start_cell(recommended, then)
    rows.append(ComparisonRow("Cold start, on top", *cells, colder))
    cells = cost_cell(current, now, currency), cost_cell(recommended, then, currency)
    rows.append(ComparisonRow("Cost per million", *cells, cost_difference(report)))
    rows.extend(monthly_row(report, currency))
    if report.goal:
        cells = probability_cell(current, now), probability_cell(recommended, then)
        rows.append(ComparisonRow("Chance of meeting the goal", *cells))
    samples = None if current is None else current.samples
    cells = count_cell(samples, "current.samples"), count_cell(recommended.samples, "recommended.samples")
    return [*rows, ComparisonRow("Warm samples", *cells)]


def monthly_row(report: Answer, currency: str) -> list[ComparisonRow]:
    """What a month costs now and then; empty if the traffic is unknown."""
    invocations = doc.monthly_invocations(report)
    if not invocations:
        return []
    monthly = report.monthly
    known = (None, None) if monthly is None else (monthly.current_usd, monthly.recommended_usd)
    cells = []
    for row, usd, role in zip((report.current, report.recommended), known, ("current", "recommended"), strict=True):
        cost = None if row is None else row.cost_per_million_usd
        if usd is not None:
            cells.append(Cell(formats.money(usd, currency), path=f"monthly.{role}Usd", value=usd))
        elif cost is not None:
            cells.append(Cell(formats.money(cost.estimate * invocations / 1_000_000, currency)))
        else:
            cells.append(UNKNOWN)
    return [ComparisonRow("Cost per month", cells[0], cells[1])]


def cost_difference(report: Answer) -> str:
    """The saving with its bounds, or that it is no clear difference."""
    saving = report.saving_ratio
    return "" if saving is None else formats.change(saving) + saving_bounds(report)


def saving_bounds(report: Answer) -> str:
    """What stands behind the saving for its bounds; nothing if it is about the same.

    The bounds are those of the two costs' ratio, which are closer than those
    of each: a slow hour makes both sizes more expensive.
    """
    if abs(report.saving_ratio or 0.0) < 0.005:
        return ""
    bounds = None if report.decision is None else report.decision.saving_ratio
    if bounds is not None:
        return formats.change_bounds(bounds.low, bounds.high)
    one = None if report.current is None else report.current.cost_per_million_usd
    other = report.recommended.cost_per_million_usd
    return f", {NO_CLEAR_DIFFERENCE}" if one and other and _overlap(one, other) else ""


def duration_difference(one: Interval | None, other: Interval | None) -> str:
    """How a duration changes from one configuration to the other; intervals that overlap carry no difference."""
    if one is None or other is None or not one.estimate:
        return ""
    return NO_CLEAR_DIFFERENCE if _overlap(one, other) else formats.duration_change(other.estimate / one.estimate)


def _overlap(one: Interval, other: Interval) -> bool:
    return one.low <= other.high and other.low <= one.high


def measured_rows(report: KnownRun) -> list[tuple[int, ConfigurationEstimate]]:
    """Configurations at which anything was invoked, and those with a role, with their index in ``configurations``."""
    roles = [doc.named(report, "recommended"), doc.named(report, "current"), doc.named(report, "safer")]
    return [
        (index, row)
        for index, row in enumerate(doc.configurations_of(report))
        if doc.was_tried(row) or row.infeasible_reason is not None or any(doc.same(row, one) for one in roles)
    ]


def remark(report: Answer, row: ConfigurationEstimate) -> str:
    """What a configuration is to the reader: today's, recommended, safer, infeasible."""
    words = []
    if doc.same(row, report.recommended):
        words.append(doc.pick_word(report))
    if doc.same(row, report.current):
        words.append(doc.current_word(report))
    if doc.same(row, report.safer):
        words.append("safer")
    if words and not doc.was_tried(row) and row.infeasible_reason is None:
        words.append("not measured")
    if row.infeasible_reason is not None:
        words.append(row.infeasible_reason)
    return ", ".join(words)
