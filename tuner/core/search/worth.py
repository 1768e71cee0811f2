"""What a change from today's configuration to the pick would be worth, and the decision that follows."""

from __future__ import annotations

import math

import numpy as np

from tuner.core.answer.keep_or_change import KEPT, decision_reason
from tuner.core.model import Interval, KeepOrChange, SearchProblem
from tuner.core.search.belief import Belief
from tuner.core.search.decision import Decision
from tuner.core.search.outlook import intervals_of


def keep_or_change(problem: SearchProblem, belief: Belief, decision: Decision) -> KeepOrChange:
    """Decide under a belief whose pick and verdict are known."""
    today, pick = belief.space.index_of(problem.current), decision.pick
    met = decision.goal_probability
    met_today = None if met is None else float(met[today])
    sure = met_today is None or met_today >= problem.confidence
    saving = None if today == pick else _saving(belief, today, pick)
    worth = None if saving is None else _worth(problem, belief, saving, today, pick, sure=sure)
    reason = decision_reason(
        decision.verdict,
        same=today == pick,
        usable=problem.current not in belief.reasons,
        met_today=met_today,
        met_pick=None if met is None else float(met[pick]),
        confidence=problem.confidence,
        worth_ratio=worth,
        tolerance=problem.tolerance,
        clear=saving is None or saving.low > 0,
        by_cost=problem.goal is not None or problem.strategy == "cost",
    )
    return KeepOrChange("keep" if reason in KEPT else "change", reason, worth, saving)


def _saving(belief: Belief, today: int, pick: int) -> Interval:
    """What the change saves, over the draws: both costs share most of what is unknown."""
    cost = belief.outlook.cost_per_million_usd
    return intervals_of((1 - cost[:, pick] / cost[:, today])[:, None])[0]


def _worth(
    problem: SearchProblem, belief: Belief, saving: Interval, today: int, pick: int, *, sure: bool
) -> float | None:
    """The saving where today's size is as sure as was asked for; else what is lost less, a missed goal included."""
    if sure and (problem.goal is not None or problem.strategy == "cost"):
        return saving.estimate
    lost_today, lost_then = (float(np.mean(belief.loss[:, index])) for index in (today, pick))
    return 1 - (1 + lost_then) / (1 + lost_today) if math.isfinite(lost_today) else None
