"""A validated request: plain frozen values that handlers read back without pydantic.

``tuner.core.request.parsing`` makes them from an execution's input, once, at the border.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tuner.core.model import (
    DEFAULT_CONFIDENCE,
    DEFAULT_TOLERANCE,
    Architecture,
    LatencyGoal,
    Strategy,
    TuningBudget,
)

MAX_PAYLOAD_BYTES = 6_291_456

MAX_PAYLOAD_DEPTH = 250
"""Lists and objects in each other; Python's own reader and copies end at some hundreds."""
"""Largest request of a synchronous invocation, 6 MB. Source: AWS Lambda quotas, seen 2026-11."""

MAX_MIX_BYTES = 32 * 2**20
"""Largest object with events: Plan holds it some four times over, as bytes and as values."""

_MAX_WEIGHT = 1_000_000_000


@dataclass(frozen=True, slots=True)
class MemoryRange:
    """Every *step_mb* from *min_mb* to *max_mb*, both included where the step meets them."""

    min_mb: int = 128
    max_mb: int = 10_240
    step_mb: int = 64


MemorySpec = MemoryRange | tuple[int, ...]
"""Which sizes may be recommended: a range, or exactly these."""


@dataclass(frozen=True, slots=True)
class WeightedPayload:
    """One event to invoke with, and its share of the traffic relative to the others."""

    payload: Any
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ObservedDuration:
    """One duration known from AWS; it anchors what the embedded AWS measures."""

    memory_mb: int
    duration_ms: float


@dataclass(frozen=True, slots=True)
class PowerTuning:
    """What a request says in fields of AWS Lambda Power Tuning that have no counterpart of ours."""

    num: int | None = None
    """Invocations at each memory size; ``None``: the search decides."""
    strategy: Strategy = "cost"
    balanced_weight: float = 0.5
    discard_top_bottom: float | None = None
    """Accepted; nothing is discarded."""
    only_cold_starts: bool = False
    """Accepted; warm invocations are measured all the same."""
    include_output_results: bool = False
    allowed_exceptions: tuple[str, ...] = ()
    """Error types that are an answer of the function like any other."""


@dataclass(frozen=True, slots=True)
class TuningRequest:
    """What a user asked for, complete: defaults are filled in, bounds hold.

    ``payloads`` is empty exactly where ``payload_s3`` names an object to read
    them from.
    """

    lambda_arn: str
    goal: LatencyGoal | None = None
    payloads: tuple[WeightedPayload, ...] = (WeightedPayload({}),)
    payload_s3: str | None = None
    memory: MemorySpec = field(default_factory=MemoryRange)
    architectures: tuple[Architecture, ...] | None = None
    """``None``: the function's own."""
    budget: TuningBudget = field(default_factory=TuningBudget)
    confidence: float = DEFAULT_CONFIDENCE
    tolerance: float = DEFAULT_TOLERANCE
    cold_start_share: float | None = None
    monthly_invocations: float | None = None
    savings_plan_discount: float | None = None
    """By which ratio a savings plan lowers the price of compute time."""
    account_gb_seconds: float | None = None
    """What the account uses on the function's architecture in a month: decides the price tier."""
    parallel_invocation: bool | None = None
    """``None``: up to three environments of a size at once."""
    sleep_between_invocations_ms: int = 0
    reserved_concurrency: int | None = None
    """Of each temporary copy; ``None``: copies share the account's free concurrency."""
    pre_processor_arn: str | None = None
    post_processor_arn: str | None = None
    cold_starts: int = 0
    """So many new environments, at today's size and at the recommended one."""
    snap_start: bool = False
    """Whether copies of a function with SnapStart have it too."""
    warm_start: bool = True
    dry_run: bool = False
    include_log_tail: bool = False
    """Whether the last log lines of a failed invocation are kept in an account too."""
    observed: ObservedDuration | None = None
    cpu_time: bool = False
    """Whether the CPU time of each invocation is measured too: on the embedded AWS only."""
    prices_region: str | None = None
    """Whose prices count: on the embedded AWS only. ``None``: those of the function's Region."""
    power_tuning: PowerTuning | None = None
    """``None``: no field of AWS Lambda Power Tuning's own was used, and its output is not asked for."""

    @property
    def num(self) -> int | None:
        """Invocations at each memory size where the request fixes them, else ``None``."""
        return None if self.power_tuning is None else self.power_tuning.num

    @property
    def allowed_exceptions(self) -> tuple[str, ...]:
        """Error types that are an answer of the function like any other."""
        return () if self.power_tuning is None else self.power_tuning.allowed_exceptions

    @property
    def payload_s3_location(self) -> tuple[str, str] | None:
        """Bucket and key of ``payload_s3``."""
        if self.payload_s3 is None:
            return None
        bucket, _, key = self.payload_s3.removeprefix("s3://").partition("/")
        return bucket, key

    def to_input(self, *, with_payload: bool = False) -> dict[str, Any]:
        """Write the request under the execution input's own names, for people to read.

        Args:
            with_payload: Payloads may hold what must not be shown; they are
                left out unless asked for.
        """
        shown: dict[str, Any] = {
            "lambdaARN": self.lambda_arn,
            "goal": None if self.goal is None else {"percentile": self.goal.percentile, "limitMs": self.goal.limit_ms},
            "memory": {"min": self.memory.min_mb, "max": self.memory.max_mb, "step": self.memory.step_mb}
            if isinstance(self.memory, MemoryRange)
            else list(self.memory),
            "architectures": None if self.architectures is None else list(self.architectures),
            "budget": {
                "maxInvocations": self.budget.max_invocations,
                "maxCostUsd": self.budget.max_cost_usd,
                "maxMinutes": self.budget.max_minutes,
            },
            "confidence": self.confidence,
            "tolerance": self.tolerance,
            "coldStartShare": self.cold_start_share,
            "monthlyInvocations": self.monthly_invocations,
            "savingsPlanDiscount": self.savings_plan_discount,
            "accountGbSecondsPerMonth": self.account_gb_seconds,
            "parallelInvocation": self.parallel_invocation,
            "sleepBetweenInvocationsMs": self.sleep_between_invocations_ms,
            "reservedConcurrency": self.reserved_concurrency,
            "preProcessorARN": self.pre_processor_arn,
            "postProcessorARN": self.post_processor_arn,
            "coldStarts": self.cold_starts or None,
            "snapStart": self.snap_start or None,
            "warmStart": self.warm_start,
            "dryRun": self.dry_run,
            "includeLogTail": self.include_log_tail or None,
        }
        if self.power_tuning is not None:
            theirs = self.power_tuning
            shown |= {
                "num": theirs.num,
                "strategy": theirs.strategy,
                "balancedWeight": theirs.balanced_weight if theirs.strategy == "balanced" else None,
                "discardTopBottom": theirs.discard_top_bottom,
                "onlyColdStarts": theirs.only_cold_starts or None,
                "includeOutputResults": theirs.include_output_results,
                "allowedExceptions": list(theirs.allowed_exceptions) or None,
            }
        if self.observed is not None:
            shown["observed"] = {"memoryMb": self.observed.memory_mb, "durationMs": self.observed.duration_ms}
        if self.cpu_time:
            shown["cpuTime"] = True
        if self.prices_region is not None:
            shown["pricesRegion"] = self.prices_region
        if self.payload_s3 is not None:
            shown["payloadS3"] = self.payload_s3
        elif with_payload:
            first = self.payloads[0]
            plain = len(self.payloads) == 1 and first.weight == 1 and not is_weighted_mix(first.payload)
            shown["payload"] = (
                first.payload if plain else [{"payload": item.payload, "weight": item.weight} for item in self.payloads]
            )
        return {name: given for name, given in shown.items() if given is not None or name == "payload"}


def is_weighted_mix(payload: Any) -> bool:
    """Tell a weighted mix from an event that happens to be a list.

    A mix is a list whose every item has exactly ``payload`` and ``weight``;
    the empty list, of which that is true as well, counts as one.
    """
    return isinstance(payload, list) and all(
        isinstance(item, dict) and item.keys() == {"payload", "weight"} for item in payload
    )


def check_payloads(payload: Any, *, field: str = "payload") -> tuple[tuple[WeightedPayload, ...], list[str]]:
    """Read one event, or a weighted mix of events.

    Args:
        payload: Any JSON value, from the input or from the object that ``payloadS3`` names.
        field: How messages call it.

    Returns:
        The events with their weights and no problem; or none and every problem: an
        empty mix, a weight that is no positive number, an event that is not JSON or
        passes 6 MB.

    Example:
        >>> check_payloads({"width": 800})
        ((WeightedPayload(payload={'width': 800}, weight=1.0),), [])
    """
    if not is_weighted_mix(payload):
        problem = _event_problem(payload, field)
        return ((WeightedPayload(payload),), []) if problem is None else ((), [problem])
    if not payload:
        return (), [
            f"{field} is an empty list: a weighted mix needs at least one item "
            f'(for an event that is an empty list write [{{"payload": [], "weight": 1}}])'
        ]
    payloads, problems = [], []
    for index, item in enumerate(payload):
        weight = item["weight"]
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= _MAX_WEIGHT:
            problems.append(
                f"{field}[{index}].weight is {shown_json(weight)}: it must be a number above 0, at most {_MAX_WEIGHT:,}"
            )
            continue
        problem = _event_problem(item["payload"], f"{field}[{index}].payload")
        if problem is not None:
            problems.append(problem)
            continue
        payloads.append(WeightedPayload(item["payload"], float(weight)))
    return (tuple(payloads), []) if not problems else ((), problems)


def _event_problem(payload: Any, field: str) -> str | None:
    if nests_deeper(payload, MAX_PAYLOAD_DEPTH):
        return f"{field} is nested deeper than {MAX_PAYLOAD_DEPTH} levels, the limit of what a run can carry"
    try:
        size = len(json.dumps(payload, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode())
    except (ValueError, TypeError, RecursionError):
        # Also a lone surrogate, which UTF-8 cannot carry (UnicodeEncodeError is a ValueError).
        return f"{field} is not JSON: it holds NaN, an infinite number, or something that JSON has no form for"
    if size > MAX_PAYLOAD_BYTES:
        return f"{field} has {size:,} bytes: one invocation takes at most {MAX_PAYLOAD_BYTES:,}"
    return None


def nests_deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects lie in each other more than *depth* deep, however deep that is.

    Example:
        >>> nests_deeper([[1]], 2), nests_deeper([[[1]]], 2)
        (False, True)
    """
    level = [value]
    for _ in range(depth + 1):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in ([*each.values(), None] if isinstance(each, dict) else [*each, None])
        ]
        if not level:
            return False
    return True


def shown_json(given: Any, *, limit: int = 60) -> str:
    """Write a value into a message: as JSON where it is JSON, and never long."""
    try:
        text = json.dumps(given, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        text = type(given).__name__
    text = "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
