"""Every verdict in every situation that changes its sentence, as documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from tests.unit.report import documents
from tests.unit.report.documents import changed
from tuner.core.answer.recommendation import CpuStep, CpuSteps, Explanation, RoundedUp
from tuner.core.answer.report import Answer, RunReport
from tuner.core.answer.verdicts import Verdict


def made(report: Answer, changes: Mapping[str, Any]) -> Answer:
    """The report with fields changed at dotted paths of its JSON, and the decision that follows from them."""
    return documents.decided(documents.changed(report, changes))


@cache
def small_step(goal: tuple[float, float] | None = (95, 300), verdict: Verdict = "GOAL_MET") -> Answer:
    """Today's 512 MB beside 640 MB, which is a little better."""
    return documents.finished_run(
        goal=goal,
        verdict=verdict,
        current_mb=512,
        recommended_mb=640,
        measured=((512, 6), (640, 6), (128, 2), (1024, 2)),
        space=[128, 256, 512, 640, 1024],
        fixed_ms=150.0,
        scaling_ms=60.0,
    )


def in_steps(longer_ms: float = 14.2, extra_cost_ratio: float = 0.27, rounded_up: RoundedUp | None = None) -> Answer:
    """A short function, whose duration falls in steps."""
    step = CpuStep(from_memory_mb=256, below_memory_mb=192, longer_ms=longer_ms, extra_cost_ratio=extra_cost_ratio)
    return replace(
        documents.no_goal(), explanation=Explanation((), (), cpu_steps=CpuSteps(17.26, 20.0, step, rounded_up))
    )


SITUATIONS: dict[str, RunReport] = {
    "met: change": documents.goal_met(),
    "met: today's is the best": documents.finished_run(recommended_mb=1024, current_mb=1024),
    "met: the only size": documents.one_size(),
    "met: kept, a change gains nothing": made(
        small_step(), {"savingRatio": -0.02, "current.goalProbability": 0.93, "probability.goalMet": 0.98}
    ),
    "met: kept, a change gains a little": made(
        small_step(), {"savingRatio": 0.03, "current.goalProbability": 0.93, "probability.goalMet": 0.98}
    ),
    "met: kept, a saving is not clear": changed(
        small_step(),
        {
            "savingRatio": 0.08,
            "decision": {
                "action": "keep",
                "reason": "within_tolerance",
                "worthRatio": 0.08,
                "savingRatio": {"estimate": 0.08, "low": -0.02, "high": 0.17},
            },
        },
    ),
    "met: kept, today's is a little less sure than asked": made(
        small_step(), {"savingRatio": 0.01, "current.goalProbability": 0.88, "probability.goalMet": 0.98}
    ),
    "met: today's misses the goal": made(
        documents.finished_run(goal=(95, 225), current_mb=256, recommended_mb=1024), {"probability.goalMet": 0.96}
    ),
    "met: today's is too improbable": made(
        small_step(), {"savingRatio": 0.09, "current.goalProbability": 0.6, "probability.goalMet": 0.98}
    ),
    "met: today's cannot be used": made(
        small_step(), {"current.infeasibleReason": "ran out of memory", "current.goalProbability": None}
    ),
    "met: the assumed size": documents.local_run(),
    "met: the assumed size is as good": made(
        small_step(), {"current.assumed": True, "savingRatio": 0.01, "current.goalProbability": 0.95}
    ),
    "met: another architecture": documents.two_architectures(),
    "met: today's is unknown": changed(documents.goal_met(), {"current": None, "savingRatio": None, "decision": ...}),
    "met: with earlier runs": changed(
        documents.goal_met(),
        {"warmStart": {"used": True, "samples": 25, "fromRunId": "two-b", "reason": "", "ageDays": 1.0}},
    ),
    "not met: the fastest": documents.goal_not_met(),
    "not met: the cheapest of the fastest": made(
        documents.goal_not_met(), {"recommended.durationMs.p95": {"estimate": 136.0, "low": 128.0, "high": 144.0}}
    ),
    "not met: far away": made(documents.goal_not_met(), {"goal.limitMs": 6}),
    "not met: the only size": changed(
        documents.one_size(),
        {"verdict": "GOAL_NOT_MET", "goal": {"percentile": 95, "limitMs": 300}, "confidence": 0.97},
    ),
    "uncertain: it may meet the goal": made(documents.uncertain(), {"probability.noSizeMeets": 0.12}),
    "uncertain: probably no size meets it": made(
        documents.uncertain(),
        {"safer": None, "confidence": 0.85, "probability.goalMet": 0.05, "probability.noSizeMeets": 0.85},
    ),
    "uncertain: perhaps no size meets it": made(
        documents.uncertain(),
        {"safer": None, "confidence": 0.45, "probability.goalMet": 0.4, "probability.noSizeMeets": 0.45},
    ),
    "uncertain: told by the confidence alone": made(
        documents.uncertain(), {"safer": None, "confidence": 0.85, "probability.goalMet": 0.05}
    ),
    "uncertain: only the assumed tail speaks": made(
        documents.uncertain(), {"safer": None, "confidence": 0.97, "probability.goalMet": 0.97}
    ),
    "uncertain: ended by Ctrl-C": made(
        documents.uncertain(),
        {"safer": None, "stoppedBecause": "You asked the run to end, so it ended with what it had."},
    ),
    "uncertain: today's surely misses": made(
        documents.uncertain(),
        {
            "safer": None,
            "current.goalProbability": 0.01,
            "current.durationMs.p95": {"estimate": 900.0, "low": 850.0, "high": 950.0},
        },
    ),
    "no goal: change": documents.no_goal(),
    "no goal: in steps": in_steps(),
    "no goal: in steps, half a step": in_steps(6.2, 0.001),
    "no goal: in steps, sizes far apart": in_steps(38.8, 0.41),
    "no goal: in steps, no multiple of 64 MB": in_steps(rounded_up=RoundedUp(memory_mb=320, extra_cost_ratio=0.006)),
    "no goal: in steps, none below": replace(
        documents.no_goal(), explanation=Explanation((), (), cpu_steps=CpuSteps(4.12, 20.0))
    ),
    "no goal: today's is the cheapest": made(
        documents.finished_run(goal=None, verdict="NO_GOAL", recommended_mb=512, current_mb=512), {}
    ),
    "no goal: kept": made(small_step(None, "NO_GOAL"), {"savingRatio": 0.03}),
    "no goal: no clear difference": changed(
        documents.no_goal(),
        {
            "decision": {
                "action": "change",
                "reason": "saves",
                "worthRatio": 0.25,
                "savingRatio": {"estimate": 0.25, "low": -0.1, "high": 0.4},
            }
        },
    ),
    "no goal: the fastest": documents.with_strategy("speed"),
    "dry run": documents.dry_run(),
    "failed": documents.failed_run(),
}
"""By verdict and situation."""
