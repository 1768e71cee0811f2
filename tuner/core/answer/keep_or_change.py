"""Keep today's configuration, or change it to the recommended one: the rule.

The recommended size is the best there is; it may be best by next to nothing.
Nobody deploys for that, and a nightly run would go back and forth between two
sizes that are as good as equal. So today's is kept unless a change is worth
more than the tolerance, and clearly something.
"""

from __future__ import annotations

from tuner.core.answer.recommendation import DecisionReason
from tuner.core.answer.verdicts import Verdict, facts_of

KEPT: frozenset[DecisionReason] = frozenset({"same", "within_tolerance", "no_size_meets_goal", "not_sure"})
"""Reasons to keep today's configuration; every other one is to change it."""
LIKELY = 0.5
"""A size that meets the goal less probably than this one does not meet it."""


def decision_reason(
    verdict: Verdict,
    *,
    same: bool,
    usable: bool,
    met_today: float | None,
    met_pick: float | None,
    confidence: float,
    worth_ratio: float | None,
    tolerance: float,
    clear: bool = True,
    by_cost: bool = True,
) -> DecisionReason:
    """Why today's configuration is kept or changed.

    Args:
        verdict: Of the run.
        same: Whether the pick is today's configuration.
        usable: Whether today's configuration can be used at all.
        met_today: Probability that today's configuration meets the goal; ``None`` without a goal.
        met_pick: That the pick does.
        confidence: How sure the user wants to be.
        worth_ratio: What the change is worth; ``None`` if it is not known.
        tolerance: What a change has to be worth more than.
        clear: Whether the bounds of what it saves are on one side of 0.
        by_cost: Whether the cheapest is looked for, and not the fastest or a balance.

    Example:
        >>> decision_reason("GOAL_MET", same=False, usable=True, met_today=0.93, met_pick=0.98, confidence=0.9,
        ...                 worth_ratio=-0.02, tolerance=0.05)
        'within_tolerance'
    """
    if same:
        return "same"
    if not usable:
        return "cannot_be_used"
    rule = facts_of(verdict).change
    if rule == "never":
        return "no_size_meets_goal"
    if rule == "if today's surely misses":
        surely_misses = met_today is not None and met_today <= 1 - confidence
        return "misses_goal" if surely_misses and (met_pick or 0.0) > LIKELY else "not_sure"
    if met_today is not None and met_today < LIKELY:
        return "misses_goal"
    if worth_ratio is not None and worth_ratio <= tolerance:
        return "within_tolerance"
    if met_today is not None and met_today < confidence:
        return "misses_goal"
    if not by_cost:
        return "better"
    return "saves" if clear else "within_tolerance"
