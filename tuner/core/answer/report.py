"""The result of a run as one value: what ``report.json`` holds and every renderer takes.

``docs/schema/report.schema.json`` describes each field for readers of the
JSON; a test holds the two together. Fields stand in the order in which they
are written. A field that a later version added has a default, so that older
reports can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tuner.core.answer.recommendation import (
    ConfigurationEstimate,
    Drift,
    Explanation,
    GoalAlternatives,
    KeepOrChange,
    Probability,
    WarmStart,
)
from tuner.core.answer.verdicts import Verdict
from tuner.core.errors import ErrorFacts
from tuner.core.function.snapshot import Check, ForeignChange
from tuner.core.json_shape import FLAT, LEFT_OUT
from tuner.core.model import Architecture, Batch, Candidate, Invocation, LatencyGoal, Strategy

SCHEMA_VERSION: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """The function under test as it was found."""

    name: str
    arn: str
    runtime: str | None = None
    handler: str | None = None
    architecture: Architecture | None = None
    memory_mb: int | None = None
    timeout_s: float | None = None
    code_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class InvocationRow:
    """One invocation, and the batch that it belongs to."""

    round: int
    trial: int
    candidate: Candidate = field(metadata=FLAT)
    invocation: Invocation = field(metadata=FLAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredProof:
    """What was checked after the run."""

    complete: bool
    checked_at: str | None = None
    checks: tuple[Check, ...]
    """What could be compared."""
    not_compared: tuple[str, ...] = ()
    changes: tuple[ForeignChange, ...] = ()
    removed: tuple[str, ...]
    remaining: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unmeasurable:
    """Memory sizes that were asked for and cannot be measured here, and why."""

    memory_sizes_mb: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class UnitPrices:
    """The prices of one architecture."""

    usd_per_gb_second: float
    usd_per_million_requests: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The prices that were used, by architecture, and when they were seen."""

    region: str
    seen_on: str | None = None
    architectures: Mapping[str, UnitPrices]


@dataclass(frozen=True, slots=True)
class TrafficPercentiles:
    """Percentiles of production's durations."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class ProductionTraffic:
    """What CloudWatch says of the function in production."""

    days: int
    invocations: float
    duration_ms: TrafficPercentiles
    cost_usd: float | None
    """What asking cost."""


@dataclass(frozen=True, slots=True)
class SnapStartUse:
    """What SnapStart took, on clones that have it."""

    copies: int
    restores: int
    fees_usd: float


@dataclass(frozen=True, slots=True)
class MedianAndMost:
    """Two numbers of a few samples, in the unit of the field that holds them."""

    p50: float
    max: float


@dataclass(frozen=True, slots=True)
class ColdStartSummary:
    """What was seen of new execution environments at one size."""

    candidate: Candidate = field(metadata=FLAT)
    count: int
    init_ms: MedianAndMost | None
    duration_ms: MedianAndMost | None


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """What a month of production costs now and with the recommendation."""

    invocations: float
    source: Literal["request", "cloudwatch"]
    current_usd: float | None
    recommended_usd: float | None
    saving_usd: float | None


@dataclass(frozen=True, slots=True)
class RunCost:
    """What the run itself cost, under AWS Lambda Power Tuning's names."""

    execution_cost: float | None
    lambda_cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeAverages:
    """The averages of one memory size, under AWS Lambda Power Tuning's names."""

    value: int
    architecture: Architecture | None = field(default=None, metadata=LEFT_OUT)
    average_price: float
    average_duration: float


@dataclass(frozen=True, slots=True)
class PowerTuningOutput:
    """The output's fields for an input with fields of AWS Lambda Power Tuning, under its names."""

    strategy: Strategy
    notes: tuple[str, ...]
    power: int
    cost: float | None
    duration: float | None
    state_machine: RunCost
    stats: tuple[SizeAverages, ...] | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The most that a run would take."""

    invocations: int
    cost_usd: float
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRun:
    """What is known of a run, whatever became of it.

    A run that failed before its function was found has no ``function_arn``
    and nothing of what stands below it. The execution's output holds some of
    the fields only: the others then have their defaults.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    run_id: str
    finished_at: str | None = None
    report: Mapping[str, str] = field(default_factory=dict)
    """Where each of the report's files is, by kind."""
    restored: RestoredProof | None = None
    repeat_command: str | None = field(default=None, metadata=LEFT_OUT)
    function_arn: str | None = None
    where: Literal["aws", "local"] | None = None
    goal: LatencyGoal | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    """The execution's input as it was understood, under the input's own names."""
    function: FunctionFacts | None = field(default=None, metadata=LEFT_OUT)
    started_at: str | None = None
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    left_undone: tuple[str, ...] = ()
    unmeasurable: tuple[Unmeasurable, ...] = ()
    prices: Prices | None = field(default=None, metadata=LEFT_OUT)
    traffic: ProductionTraffic | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    currency: Literal["USD", "CNY"] | None = field(default=None, metadata=LEFT_OUT)
    """Of every amount, also of those called ``_usd``; ``None``: US dollars."""
    invocations: int = 0
    spent_usd: float = 0.0
    snap_start: SnapStartUse | None = field(default=None, metadata=LEFT_OUT)
    observations: tuple[InvocationRow, ...] = ()
    anchor_factor: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(KnownRun):
    """A run that ended with a recommendation."""

    verdict: Verdict
    recommended: ConfigurationEstimate
    current: ConfigurationEstimate | None
    safer: ConfigurationEstimate | None
    saving_ratio: float | None
    decision: KeepOrChange | None = field(default=None, metadata=LEFT_OUT)
    """``None``: the run's version did not decide."""
    probability: Probability
    confidence: float
    stopped_because: str
    drift: Drift | Literal["unknown"] | None = field(default="unknown", metadata=LEFT_OUT)
    """``None``: no size was measured in two rounds. ``unknown``: the run's version did not look for any."""
    configurations: tuple[ConfigurationEstimate, ...] = ()
    cold_starts: tuple[ColdStartSummary, ...] | None = None
    """``None``: the request did not ask for them."""
    monthly: MonthlyCost | None = None
    batches: tuple[Batch, ...] = ()
    power_tuning: PowerTuningOutput | None = field(default=None, metadata=FLAT)
    explanation: Explanation | None = field(default=None, metadata=FLAT)
    warm_start: WarmStart | None = field(default=None, metadata=LEFT_OUT)
    goal_alternatives: GoalAlternatives | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun(KnownRun):
    """A run that only checked the request and estimated."""

    verdict: Literal["DRY_RUN"] = "DRY_RUN"
    estimate: WorstCase
    stopped_because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(KnownRun):
    """A run that failed."""

    error: ErrorFacts


RunReport = Answer | DryRun | Failure
"""How a run ended."""
