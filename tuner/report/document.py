"""What every renderer asks of a report: derived once from the fields of ``tuner.core.answer.report``.

The paths that some of it gives are places in report.json, as ``docs/schema/report.schema.json`` describes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from tuner.core.answer.keep_or_change import KEPT, decision_reason
from tuner.core.answer.recommendation import Alternative, ConfigurationEstimate, Interval, KeepOrChange
from tuner.core.answer.report import Answer, KnownRun
from tuner.core.answer.verdicts import facts_of
from tuner.core.measurement.latency import samples_needed
from tuner.core.model import DEFAULT_CONFIDENCE, DEFAULT_TOLERANCE, Candidate, Strategy

SEEN_WITH = 0.9
"""How sure it must be that the largest sample lies above a percentile for the samples to show it: p95 needs 45."""

DEFAULT_PERCENTILE = 95.0
"""The percentile that is shown if no goal names one."""

Role = Literal["current", "recommended", "safer"]
"""The configurations of an answer that have a name."""


def is_modelled(row: ConfigurationEstimate | Alternative, key: str) -> bool:
    """Whether a duration (``mean``, ``p95``) comes from the model because the samples at a size cannot carry it."""
    return row.samples == 0 if key == "mean" else row.samples < samples_to_see(key)


def samples_to_see(key: str) -> int:
    """How many samples of one size carry a percentile such as ``p95``."""
    return samples_needed(float(key[1:]), SEEN_WITH)


def answer_of(report: KnownRun) -> Answer | None:
    """The report as an answer; ``None`` of a dry run and a failed run."""
    return report if isinstance(report, Answer) else None


def named(report: KnownRun, role: Role) -> ConfigurationEstimate | None:
    """The configuration with a role, ``None`` if there is none."""
    if not isinstance(report, Answer):
        return None
    return {"current": report.current, "recommended": report.recommended, "safer": report.safer}[role]


def same(one: ConfigurationEstimate | None, other: ConfigurationEstimate | None) -> bool:
    """Whether both are there and are the same memory size on the same architecture."""
    return one is not None and other is not None and one.candidate == other.candidate


def strategy_of(report: Answer) -> Strategy:
    """What was looked for if there is no goal: ``cost``, unless the request names another strategy."""
    return "cost" if report.power_tuning is None else report.power_tuning.strategy


def currency_of(report: KnownRun) -> str:
    """The currency of every amount."""
    return report.currency or "USD"


def tolerance_of(report: KnownRun) -> float:
    """The cost difference that the request takes for none, as a ratio."""
    return float(report.request.get("tolerance", DEFAULT_TOLERANCE))


def latency_key(report: KnownRun) -> str:
    """The key of ``duration_ms`` that matters in this run: the goal's percentile, else p95."""
    return f"p{report.goal.percentile if report.goal else DEFAULT_PERCENTILE:g}"


def percentile_keys(report: KnownRun) -> list[str]:
    """Keys of ``duration_ms`` worth showing, ascending: p50, p95, p99 and the goal's."""
    return sorted({"p50", "p95", "p99", latency_key(report)}, key=lambda key: float(key[1:]))


def at_most(report: KnownRun) -> str:
    """``at most `` before what was spent, if an invocation left no record; else nothing."""
    return "at most " if any(row.invocation.billed_ms is None for row in report.observations) else ""


def function_name(report: KnownRun) -> str:
    """The function's name, from its description, else from its ARN, else the run's id."""
    if report.function is not None and report.function.name:
        return report.function.name
    parts = (report.function_arn or "").split(":")
    if len(parts) >= 7:  # arn:aws:lambda:region:account:function:name[:qualifier]
        return parts[6]
    return parts[0] or report.run_id


def configurations_of(report: KnownRun) -> Sequence[ConfigurationEstimate]:
    """Every configuration; the recommended and current ones alone in an execution's output."""
    if not isinstance(report, Answer):
        return ()
    rows = [row for row in (report.current, report.recommended) if row is not None]
    return report.configurations or sorted({row.candidate: row for row in rows}.values(), key=_place)


def _place(row: ConfigurationEstimate) -> tuple[str, int]:
    return row.candidate.architecture, row.candidate.memory_mb


def decision_of(report: Answer) -> KeepOrChange | None:
    """Whether to keep today's configuration; that of a run that did not decide follows by the same rule.

    ``None`` if there is nothing to decide.
    """
    current, saving = report.current, report.saving_ratio
    if report.decision is not None or current is None:
        return report.decision
    met = goal_probability(report, "recommended")
    reason = decision_reason(
        report.verdict,
        same=same(current, report.recommended),
        usable=current.infeasible_reason is None,
        met_today=current.goal_probability,
        met_pick=None if met is None else met[1],
        confidence=report.request.get("confidence", DEFAULT_CONFIDENCE),
        worth_ratio=saving,
        tolerance=tolerance_of(report),
    )
    return KeepOrChange("keep" if reason in KEPT else "change", reason, saving, None)


def decision_reason_of(report: Answer) -> str:
    """Why today's configuration is kept or changed; empty if there is nothing to decide."""
    decision = decision_of(report)
    return "" if decision is None else decision.reason


def keeps_another(report: Answer) -> bool:
    """Whether today's configuration is kept although another one is the best: a change is not worth it."""
    kept = decision_reason_of(report) == "within_tolerance"
    return kept and report.current is not None and not report.current.assumed


def goal_probability(report: Answer, role: Role) -> tuple[str, float] | None:
    """The path and the probability that a configuration meets the goal; ``None`` if it is unknown."""
    if role == "recommended" and report.probability.goal_met is not None:
        return "probability.goalMet", report.probability.goal_met
    row = named(report, role)
    met = None if row is None else row.goal_probability
    return None if met is None else (f"{role}.goalProbability", met)


def no_size_probability(report: Answer) -> tuple[str, float] | None:
    """The path and the probability that no size meets the goal; ``None`` if it is unknown.

    A run of an earlier version has it in its confidence alone: that of
    ``UNCERTAIN`` is the larger one of both probabilities.
    """
    if report.probability.no_size_meets is not None:
        return "probability.noSizeMeets", report.probability.no_size_meets
    met = goal_probability(report, "recommended")
    larger = report.verdict == "UNCERTAIN" and met is not None and report.confidence > met[1]
    return ("confidence", report.confidence) if report.verdict == "GOAL_NOT_MET" or larger else None


def pick_word(report: Answer) -> str:
    """What the recommended configuration may honestly be called under this verdict and decision."""
    return "best" if keeps_another(report) else facts_of(report.verdict).pick_word


def current_word(report: Answer) -> str:
    """What today's configuration is called: "now", or "assumed" if nothing is deployed."""
    return "assumed" if report.current is not None and report.current.assumed else "now"


def was_tried(row: ConfigurationEstimate) -> bool:
    """Whether any invocation was made at this configuration."""
    return bool(row.samples or row.failures or row.unmeasured or row.environments)


def durations_of(report: Answer, key: str) -> tuple[Interval | None, Interval | None]:
    """A warm duration of today's and of the recommended configuration, in milliseconds."""
    current = None if report.current is None else report.current.duration_ms.get(key)
    return current, report.recommended.duration_ms.get(key)


def architectures_of(report: KnownRun) -> list[str]:
    """Every architecture in the report, sorted."""
    return sorted({row.candidate.architecture for row in configurations_of(report)})


def size_text(report: KnownRun, candidate: Candidate) -> str:
    """``1,024 MB``, with the architecture if more than one is in the space."""
    variants = {row.candidate.variant for row in configurations_of(report)}
    return str(candidate) if len(variants) > 1 else f"{candidate.memory_mb:,} MB"


def monthly_invocations(report: KnownRun) -> float | None:
    """Invocations a month, if CloudWatch or somebody gave them; never guessed."""
    monthly = report.monthly if isinstance(report, Answer) else None
    return (report.request.get("monthlyInvocations") if monthly is None else monthly.invocations) or None


def request_without_payload(report: KnownRun) -> dict[str, Any]:
    """The request as it may be passed on: payloads can hold what a reader of the report must not see."""
    return {key: value for key, value in report.request.items() if value is not None and key != "payload"}
