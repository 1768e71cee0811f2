"""From runs to the figures of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.algorithms.answer import Answer
from bench.truth import Task

FAR = 0.05


@dataclass(frozen=True)
class Run:
    """One algorithm on one task with one noise stream."""

    algorithm: str
    truth_kind: str
    name: str
    goal_share: float | None
    seed: int
    invocation_count: int
    spend: float
    extra_cost: float
    excess: float | None
    """True percentile over the limit, minus 1; None without a goal."""
    feasible: bool
    verdict: str
    confidence: float | None
    goal_probability: float | None
    within_5_percent: float | None
    expected_loss: float | None
    suggest_ms: tuple[float, ...]
    round_count: int


def score(
    algorithm: str, truth_kind: str, task: Task, seed: int, answer: Answer, invocations: int, spend: float
) -> Run:
    """Compare an answer with the truth."""
    excess = None if task.goal is None else float(task.percentile_ms[answer.pick] / task.goal.limit_ms - 1)
    feasible = task.goal is None or bool((task.percentile_ms <= task.goal.limit_ms * (1 + 1e-9)).any())
    return Run(
        algorithm, truth_kind, task.truth.name, task.goal_share, seed, invocations, spend,
        float(task.cost[answer.pick] / task.cost[task.best] - 1), excess, feasible,
        answer.verdict, answer.confidence, answer.goal_probability, answer.within_5_percent, answer.expected_loss,
        answer.suggest_ms, answer.round_count,
    )  # fmt: skip


def figures(runs: Sequence[Run]) -> dict[str, Any]:
    """One row of the table: ratios, not per cent. NaN-free: what has no runs is None."""
    reachable = [run for run in runs if run.feasible]
    with_goal = [run for run in reachable if run.excess is not None]
    # Shares are of all runs, those without a goal too, as in the tables that this one is compared with.
    excesses = np.array([run.excess or 0.0 for run in reachable], dtype=np.float64)
    goal_excesses = np.array([run.excess for run in with_goal], dtype=np.float64)
    extra = [run.extra_cost for run in reachable if run.excess is None or run.excess <= FAR]
    suggest_ms = [ms for run in runs for ms in run.suggest_ms]
    claims = [(run, _is_right(run)) for run in runs if run.confidence is not None and run.confidence >= 0.9]
    goal_claims = [right for run, right in claims if run.verdict in ("GOAL_MET", "GOAL_NOT_MET")]
    near_claims = _near_claims(runs)
    infeasible = [run for run in runs if not run.feasible]
    return {
        "algorithm": runs[0].algorithm,
        "truth": runs[0].truth_kind,
        "runs": len(runs),
        "invocations_mean": float(np.mean([run.invocation_count for run in runs])),
        "spend_optimal_invocations_median": float(np.median([run.spend for run in runs])),
        "extra_cost_median": _quantile(extra, 0.5),
        "extra_cost_p90": _quantile(extra, 0.9),
        "goal_missed": _share(excesses > 1e-9),
        "goal_missed_over_2pct": _share(excesses > 0.02),
        "goal_missed_over_5pct": _share(excesses > FAR),
        "uncertain": _share([run.verdict == "UNCERTAIN" for run in runs]) if runs[0].verdict != "NONE" else None,
        "not_met": _share([run.verdict == "GOAL_NOT_MET" for run in runs]) if runs[0].verdict != "NONE" else None,
        "goal_runs": len(with_goal),
        "goal_missed_of_goal_runs": _share(goal_excesses > 1e-9),
        "goal_missed_over_5pct_of_goal_runs": _share(goal_excesses > FAR),
        "uncertain_of_goal_runs": _share([run.verdict == "UNCERTAIN" for run in with_goal])
        if runs[0].verdict != "NONE"
        else None,
        "calibration": _share(goal_claims),
        "claims": len(goal_claims),
        "within_5_percent_claims": len(near_claims),
        "within_5_percent_claims_wrong": sum(not _is_near(run) for run in near_claims),
        "no_goal_calibration": _share([right for run, right in claims if run.verdict == "NO_GOAL"]),
        "infeasible_runs": len(infeasible),
        "infeasible_claimed_met": _share([run.verdict == "GOAL_MET" for run in infeasible]),
        "infeasible_said_so": _share([run.verdict == "GOAL_NOT_MET" for run in infeasible]),
        "rounds_mean": float(np.mean([run.round_count for run in runs])),
        "suggest_ms_median": _quantile(suggest_ms, 0.5),
        "suggest_ms_p99": _quantile(suggest_ms, 0.99),
    }


def claims_table(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Claims "within 5 %" at 0.9 or more, and how many of them are wrong, for each truth and goal."""
    rows = []
    for kind in dict.fromkeys(run.truth_kind for run in runs):
        for share in dict.fromkeys(run.goal_share for run in runs if run.truth_kind == kind):
            chosen = [run for run in runs if (run.truth_kind, run.goal_share) == (kind, share)]
            claims = _near_claims(chosen)
            wrong = [not _is_near(run) for run in claims]
            rows.append({
                "truth": kind, "goal": share, "runs": len(chosen), "claims": len(claims), "wrong": sum(wrong),
                "wrong_share": _share(wrong),
            })  # fmt: skip
    return rows


GOAL_MET = "goal met"
WITHIN_5_PERCENT = "within 5 %"


def calibration_table(runs: Sequence[Run], claim: str = GOAL_MET) -> list[dict[str, float | int | None]]:
    """Predicted against true share of a claim, by band of the predicted probability."""
    if claim == GOAL_MET:
        claimed = [
            (run.goal_probability, run.excess <= 1e-9)
            for run in runs
            if run.goal_probability is not None and run.excess is not None
        ]
    else:
        claimed = [
            (run.within_5_percent, _is_near(run)) for run in runs if run.within_5_percent is not None and run.feasible
        ]
    rows: list[dict[str, float | int | None]] = []
    for low, high in ((0.0, 0.5), (0.5, 0.75), (0.75, 0.85), (0.85, 0.925), (0.925, 0.975), (0.975, 1.001)):
        band = [(probability, true) for probability, true in claimed if low <= probability < high]
        rows.append(
            {
                "from": low,
                "to": min(high, 1.0),
                "runs": len(band),
                "predicted": float(np.mean([probability for probability, _ in band])) if band else None,
                "met": _share([true for _, true in band]),
            }
        )
    return rows


def _near_claims(runs: Sequence[Run]) -> list[Run]:
    """Runs that claim a pick within 5 % of the best, at 0.9 or more."""
    return [run for run in runs if run.feasible and (run.within_5_percent or 0.0) >= 0.9]


def _is_near(run: Run) -> bool:
    """Whether the pick meets the goal and costs at most 5 % too much."""
    return run.extra_cost <= FAR and (run.excess is None or run.excess <= 1e-9)


def _is_right(run: Run) -> bool:
    if run.verdict == "GOAL_MET":
        return run.excess is not None and run.excess <= 1e-9
    if run.verdict == "GOAL_NOT_MET":
        return not run.feasible
    return run.extra_cost <= FAR


def _share(flags: Any) -> float | None:
    return float(np.mean(flags)) if len(flags) else None


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) else None
