"""The search's answer as values: the recommendation, what is known of each size, and why the answer is what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tuner.core.answer.verdicts import GoalVerdict, Verdict
from tuner.core.json_shape import FLAT, LEFT_OUT
from tuner.core.model import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart:
    """Whether the search rested on earlier runs, and why."""

    from_run_id: str | None = None
    """The latest earlier run."""
    age_days: float | None = None
    used: bool
    reason: str
    unchanged_probability: float | None = None
    """That the function is still as the earlier runs saw it."""
    samples: int = 0
    """Earlier warm invocations that the answer rests on; 0 if they are not used."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the bounds between which it lies with 90 % probability."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationEstimate:
    """What is known about one candidate.

    ``duration_ms`` has the keys ``mean``, ``p50``, ``p95``, ``p99`` and, where
    it is another one, the goal's percentile (``p99.9``).
    """

    candidate: Candidate = field(metadata=FLAT)
    duration_ms: Mapping[str, Interval]
    cold_start_ms: Interval | None = None
    cost_per_million_usd: Interval | None
    samples: int
    """Warm, successful, measured invocations at this candidate."""
    environments: int
    earlier_samples: int = 0
    """Warm samples of earlier runs at this candidate that the estimate also rests on."""
    basis: Literal["samples", "model"]
    infeasible_reason: str | None = None
    failures: int = 0
    unmeasured: int = 0
    max_memory_used_mb: int | None = None
    goal_probability: float | None = None
    assumed: bool | None = field(default=None, metadata=LEFT_OUT)
    """Only of today's size: whether it is a guess, as for a handler that was never deployed."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How the durations of the same size changed from early to late in a run: ``ratio`` 1.1 is a tenth slower.

    ``low`` and ``high`` bound the ratio with 90 % probability. ``found`` says
    whether that is a change at all.
    """

    ratio: float
    low: float
    high: float
    sizes: int
    """So many sizes were measured in more than one round."""
    found: bool


DecisionReason = Literal[
    "same", "saves", "better", "misses_goal", "cannot_be_used", "assumed",
    "within_tolerance", "no_size_meets_goal", "not_sure",
]  # fmt: skip
"""Why today's configuration is kept or changed; the schema of the report describes each."""


@dataclass(frozen=True, slots=True)
class KeepOrChange:
    """Whether to keep today's configuration or to change it to the recommended one, and what a change is worth."""

    action: Literal["keep", "change"]
    reason: DecisionReason
    worth_ratio: float | None
    """Of today's cost: the saving and, where today's size is less sure to meet the goal than was asked for, the lower
    risk of missing it. ``None`` if there is nothing to compare."""
    saving_ratio: Interval | None
    """1 - recommended cost / today's cost, with its bounds; ``None`` if both are the same configuration."""


@dataclass(frozen=True, slots=True)
class Probability:
    """How probable it is that the recommendation is right; ``None`` if a probability does not apply."""

    goal_met: float | None = None
    """That the recommended configuration meets the goal."""
    no_size_meets: float | None = None
    within_3_percent: float | None = None
    """That its cost is within 3 % of the cheapest that meets the goal."""
    within_5_percent: float | None = None
    within_10_percent: float | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The search's answer: the pick, the verdict, how sure both are, and what to do with it."""

    verdict: Verdict
    recommended: ConfigurationEstimate
    current: ConfigurationEstimate | None
    safer: ConfigurationEstimate | None
    configurations: tuple[ConfigurationEstimate, ...]
    """Every candidate that was compared, measured or modelled, ascending by memory size."""
    probability: Probability
    confidence: float
    saving_ratio: float | None
    stopped_because: str
    notes: tuple[str, ...] = ()
    warm_start: WarmStart | None = None
    drift: Drift | None = None
    """``None``: no size was measured in two rounds."""
    decision: KeepOrChange | None = None
    """``None``: an earlier version made the recommendation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """What would be recommended under limits of the goal between two bounds, both included."""

    from_limit_ms: float
    to_limit_ms: float
    candidate: Candidate = field(metadata=FLAT)
    verdict: GoalVerdict
    duration_ms: Interval
    """At the goal's percentile."""
    cost_per_million_usd: Interval
    saving_ratio: float | None = None
    """Against today's cost; ``None`` if that is unknown, and in the search."""
    samples: int
    environments: int
    thin: bool
    """Whether so few warm samples lie at this size that a run with such a goal would measure more there."""


@dataclass(frozen=True, slots=True)
class GoalStep:
    """One limit that was tried: which alternative holds there, and how sure it is."""

    limit_ms: float
    choice: int
    """Index of its alternative."""
    goal_probability: float
    """That the alternative's size meets this limit."""
    confidence: float
    """Of the verdict under this limit."""


@dataclass(frozen=True, slots=True)
class GoalAlternatives:
    """The answer under other limits of the goal: alternatives and steps, both ascending by limit."""

    percentile: float
    choices: tuple[Alternative, ...]
    steps: tuple[GoalStep, ...]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The fitted curve at one memory size, which need not be one that may be recommended."""

    candidate: Candidate = field(metadata=FLAT)
    mean_ms: Interval
    goal_ms: Interval | None
    """The goal's percentile; ``None`` without a goal."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A candidate that was not recommended, held against the one that was."""

    candidate: Candidate = field(metadata=FLAT)
    extra_cost_ratio: Interval | None
    """Its cost over the recommended one's, minus 1; ``None`` if it cannot be used."""
    goal_probability: float | None
    why: str


@dataclass(frozen=True, slots=True)
class MoreInvocations:
    """How probable a verdict other than ``UNCERTAIN`` is after a number of further invocations."""

    invocations: int
    verdict_probability: float


@dataclass(frozen=True, slots=True)
class CpuStep:
    """The last step of the duration at or below the recommended size."""

    from_memory_mb: int
    below_memory_mb: int
    """A candidate before the step."""
    longer_ms: float
    """Its mean duration over the recommended size's."""
    extra_cost_ratio: float
    """Its cost over the recommended size's, minus 1."""


@dataclass(frozen=True, slots=True)
class RoundedUp:
    """The next multiple of 64 MB above the recommended size."""

    memory_mb: int
    extra_cost_ratio: float
    """Its cost over the recommended size's, minus 1."""


@dataclass(frozen=True, slots=True)
class CpuSteps:
    """That the function computes for so short a time that its duration falls in steps."""

    cpu_ms: float
    """Of an invocation, at full speed."""
    period_ms: float
    """In which Lambda hands out CPU time."""
    step: CpuStep | None = field(default=None, metadata=LEFT_OUT)
    rounded_up: RoundedUp | None = field(default=None, metadata=LEFT_OUT)
    """``None`` if the recommended size is such a multiple."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the answer is what it is."""

    curve: tuple[CurvePoint, ...]
    """By architecture, then memory size."""
    neighbours: tuple[Neighbour, ...]
    """By architecture, then memory size."""
    more_invocations: tuple[MoreInvocations, ...] = field(default=(), metadata=LEFT_OUT)
    """Empty if the verdict is decided."""
    cpu_steps: CpuSteps | None = field(default=None, metadata=LEFT_OUT)
    """``None`` unless the function surely runs in steps."""
