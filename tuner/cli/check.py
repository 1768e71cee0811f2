"""``check``: whether today's configuration is still the right one, as an exit code for a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tuner.cli.failures import EXIT_CHEAPER, EXIT_COST_LIMIT, EXIT_MISSES_GOAL, EXIT_OK, UsageProblem
from tuner.report import document as doc
from tuner.report import formats
from tuner.report.change import VERDICTS_TO_ACT_ON

_LIKELY = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a pipeline should stop at: its exit code, and a sentence."""

    code: int
    sentence: str


def judge_with(max_cost_per_million_usd: float | None) -> Callable[[Mapping[str, Any]], list[Finding]]:
    """Make the judge of a run's document.

    Args:
        max_cost_per_million_usd: What a million invocations may cost today, ``None``: no limit.

    Raises:
        UsageProblem: The limit is not above 0.
    """
    if max_cost_per_million_usd is not None and not 0 < max_cost_per_million_usd < float("inf"):
        raise UsageProblem(f"--max-cost-per-million is {max_cost_per_million_usd:g}: it must be above 0.")

    def judge(document: Mapping[str, Any]) -> list[Finding]:
        """Everything that is wrong with today's configuration, the gravest first."""
        found = [
            _misses_goal(document),
            _passes_limit(document, max_cost_per_million_usd),
            _cheaper_exists(document),
        ]
        return [finding for finding in found if finding is not None]

    return judge


def exit_code_of(verdict_code: int, findings: list[Finding]) -> int:
    """The run's own exit code, else that of the gravest finding."""
    if verdict_code != EXIT_OK or not findings:
        return verdict_code
    return findings[0].code


def _misses_goal(document: Mapping[str, Any]) -> Finding | None:
    """Today's size misses the goal where another one meets it."""
    current, recommended = document.get("current"), document.get("recommended")
    if document.get("verdict") != "GOAL_MET" or not current or not recommended:
        return None
    if doc.same_configuration(current, recommended):
        return None
    probability, saving = current.get("goalProbability"), document.get("savingRatio")
    dearer = saving is not None and saving <= 0
    unlikely = probability is not None and probability < _LIKELY
    if not (dearer or unlikely or doc.is_infeasible(current)):
        return None
    how = (
        "meets the goal only with a probability of " + formats.probability(probability)
        if probability
        else "misses the goal"
    )
    return Finding(
        EXIT_MISSES_GOAL,
        f"Today's {doc.size_of(current)} {how}; {doc.size_of(recommended)} meets it.",
    )


def _passes_limit(document: Mapping[str, Any], limit_usd: float | None) -> Finding | None:
    cost_usd = doc.estimate_of((document.get("current") or {}).get("costPerMillionUsd"))
    if limit_usd is None or cost_usd is None or cost_usd <= limit_usd:
        return None
    currency = document.get("currency") or "USD"
    sentence = (
        f"A million invocations cost {formats.money(cost_usd, currency)} today, above the limit of "
        f"{formats.money(limit_usd, currency)}"
    )
    then_usd = doc.estimate_of((document.get("recommended") or {}).get("costPerMillionUsd"))
    if then_usd is not None and document.get("verdict") in VERDICTS_TO_ACT_ON:
        within = "within it" if then_usd <= limit_usd else "above it as well"
        size = doc.size_of(document["recommended"])
        sentence += f"; {size} would cost {formats.money(then_usd, currency)}, {within}"
    return Finding(EXIT_COST_LIMIT, f"{sentence}.")


def _cheaper_exists(document: Mapping[str, Any]) -> Finding | None:
    """A cheaper size exists by more than the tolerance of the run."""
    saving = document.get("savingRatio")
    tolerance = (document.get("request") or {}).get("tolerance") or 0.0
    current, recommended = document.get("current"), document.get("recommended")
    if document.get("verdict") not in VERDICTS_TO_ACT_ON or not current or not recommended or saving is None:
        return None
    if saving <= tolerance or doc.same_configuration(current, recommended):
        return None
    return Finding(
        EXIT_CHEAPER,
        f"{doc.size_of(recommended)} is {formats.percent(saving)} cheaper than today's {doc.size_of(current)}.",
    )
