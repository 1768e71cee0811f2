"""Reports as runs leave them, made from a known curve and seeded noise: the renderers' test data."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal

from tuner.application import application_root
from tuner.core.answer.codec import decode, encode
from tuner.core.answer.keep_or_change import KEPT, decision_reason
from tuner.core.answer.recommendation import (
    Alternative,
    ConfigurationEstimate,
    GoalAlternatives,
    GoalStep,
    Interval,
    KeepOrChange,
)
from tuner.core.answer.report import Answer, InvocationRow, PowerTuningOutput, RunCost, RunReport
from tuner.core.answer.verdicts import GoalVerdict, Verdict
from tuner.core.model import Architecture, Candidate, Invocation, LatencyGoal, Strategy

USD_PER_GB_SECOND: dict[Architecture, float] = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
USD_PER_MILLION_REQUESTS = 0.20
DEFAULT_SPACE = sorted({*range(128, 10241, 64), 1769, 3008, 10240})
_EXAMPLES = application_root() / "docs/schema/examples"
_KEYS = {"mean": (1.0, 1.0), "p50": (0.99, 1.0), "p95": (1.07, 1.3), "p99": (1.12, 1.9)}
"""By key: over the mean, and how much wider its interval is."""


@cache
def example(name: str) -> RunReport:
    """A published example, with the page's address in the S3 console: the first version did not know it."""
    report = decode(json.loads((_EXAMPLES / f"{name}.json").read_text(encoding="utf-8")))
    bucket, _, key = report.report["html"].removeprefix("s3://").partition("/")
    region = "eu-central-1"
    console = f"https://{region}.console.aws.amazon.com/s3/object/{bucket}?region={region}&prefix={key}"
    return replace(report, report={**report.report, **({} if report.where == "local" else {"console": console})})


def changed(report: RunReport, changes: Mapping[str, Any]) -> Any:
    """The report with other values at dotted paths of its JSON; an ellipsis takes a field away."""
    data = encode(report)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place: Any = data
        for parent in parents:
            place = place[int(parent)] if isinstance(place, list) else place[parent]
        if value is ...:
            del place[last]
        else:
            place[int(last) if isinstance(place, list) else last] = value
    return decode(data)


def interval(estimate: float, relative: float) -> Interval:
    """A 90 % interval that is wider above than below."""
    low, high = estimate * (1 - relative), estimate * (1 + relative * 1.15)
    return Interval(round(estimate, 4), round(low, 4), round(high, 4))


def probability_within(duration: Interval, limit_ms: float) -> float:
    """That a duration of this interval lies at or below a limit, were it normally distributed."""
    sigma = (duration.high - duration.low) / 3.29
    return round(0.5 * math.erfc((duration.estimate - limit_ms) / (sigma * math.sqrt(2))), 4)


def alternatives(
    rows: Sequence[ConfigurationEstimate], current: ConfigurationEstimate, goal: LatencyGoal | None
) -> GoalAlternatives | None:
    """An answer for every other limit: the cheapest size that meets it with 90 %, else the most probable one."""
    percentile = goal.percentile if goal else 95
    usable = [(row, row.duration_ms[f"p{percentile:g}"], usd(row)) for row in rows if row.duration_ms]
    if not usable:
        return None
    low, high = min(at.low for _, at, _ in usable) * 0.9, max(at.high for _, at, _ in usable) * 1.1
    limits = {float(f"{low * (high / low) ** (place / 150):.3g}") for place in range(151)}
    choices: list[Alternative] = []
    steps = []
    for limit_ms in sorted(limits | ({goal.limit_ms} if goal else set())):
        rated = [(probability_within(at, limit_ms), row, at, cost) for row, at, cost in usable]
        sure, best = [each for each in rated if each[0] >= 0.9], max(each[0] for each in rated)
        pick = min(sure, key=lambda each: each[3]) if sure else max(rated, key=lambda each: (each[0], -each[3]))
        met, row, at, cost = pick
        verdict: GoalVerdict = "GOAL_MET" if sure else "GOAL_NOT_MET" if best <= 0.1 else "UNCERTAIN"
        if not choices or (choices[-1].candidate, choices[-1].verdict) != (row.candidate, verdict):
            assert row.cost_per_million_usd is not None
            choices.append(
                Alternative(
                    from_limit_ms=limit_ms,
                    to_limit_ms=limit_ms,
                    candidate=row.candidate,
                    verdict=verdict,
                    duration_ms=at,
                    cost_per_million_usd=row.cost_per_million_usd,
                    saving_ratio=round(1 - cost / usd(current), 4) if current.cost_per_million_usd else None,
                    samples=row.samples,
                    environments=row.environments,
                    thin=row.samples < 4,
                )
            )
        choices[-1] = replace(choices[-1], to_limit_ms=limit_ms)
        confidence = met if sure else round(1 - best, 4)
        confidence = max(met, confidence) if verdict == "UNCERTAIN" else confidence
        steps.append(GoalStep(limit_ms, len(choices) - 1, met, confidence))
    return GoalAlternatives(percentile, tuple(choices), tuple(steps))


def usd(row: ConfigurationEstimate) -> float:
    """What a million invocations cost."""
    return math.nan if row.cost_per_million_usd is None else row.cost_per_million_usd.estimate


def finished_run(
    *,
    name: str = "thumbnail-api",
    goal: tuple[float, float] | None = (95, 300),
    verdict: Verdict = "GOAL_MET",
    space: Sequence[int] = tuple(DEFAULT_SPACE),
    measured: Sequence[tuple[int, int]] = ((3008, 4), (128, 2), (256, 2), (512, 3), (1024, 9), (1792, 4), (960, 6)),
    recommended_mb: int = 1024,
    current_mb: int = 3008,
    safer_mb: int | None = None,
    too_small_mb: int = 0,
    architecture: Architecture = "arm64",
    where: Literal["aws", "local"] = "aws",
    fixed_ms: float = 22.0,
    scaling_ms: float = 176.0,
    exponent: float = 0.98,
    monthly_invocations: int | None = None,
    seed: int = 7,
) -> Answer:
    """A whole report. *measured* is (memory size, warm invocations) in the order of the search."""
    rng = random.Random(seed)
    arn = f"arn:aws:lambda:eu-central-1:123456789012:function:{name}"
    price, latency_goal = USD_PER_GB_SECOND[architecture], None if goal is None else LatencyGoal(*goal)

    def truth(memory_mb: int) -> float:
        # A part that waits, and a part that CPU makes faster up to one core.
        return fixed_ms + scaling_ms * max((1024 / memory_mb) ** exponent, (1024 / 1769) ** exponent)

    def invocation(trial: int, memory_mb: int, *, cold: bool, dies: bool) -> Invocation:
        duration = truth(memory_mb) * math.exp(rng.gauss(0, 0.035)) * (1.18 if cold else 1.0)
        digits = (
            f"{rng.getrandbits(bits):0{width}x}" for bits, width in ((32, 8), (16, 4), (12, 3), (12, 3), (48, 12))
        )
        return Invocation(
            "{}-{}-4{}-8{}-{}".format(*digits),
            "out_of_memory" if dies else "ok",
            cold,
            round(duration, 2),
            math.ceil(duration),
            round(rng.gauss(420, 18), 2) if cold else None,
            memory_mb if dies else min(memory_mb, 96 + rng.randrange(4)),
            environment=f"2026/11/23/[$LATEST]{trial:08x}",
            error_type="Runtime.OutOfMemory" if dies else None,
            error_message="RequestId ended: Runtime exited with error: signal: killed" if dies else None,
        )

    observations = tuple(
        InvocationRow(
            trial + 1,
            trial,
            Candidate(memory_mb, architecture),
            invocation(trial, memory_mb, cold=index == 0, dies=memory_mb <= too_small_mb),
        )
        for trial, (memory_mb, warm_count) in enumerate(measured)
        for index in range(1 if memory_mb <= too_small_mb else warm_count + 1)
    )

    def configuration(memory_mb: int) -> ConfigurationEstimate:
        rows = [row.invocation for row in observations if row.candidate.memory_mb == memory_mb]
        warm, usable = sum(not row.cold for row in rows), memory_mb > too_small_mb
        nearest = min((abs(math.log(memory_mb / size)) for size, _ in measured), default=2.0)
        relative = (0.09 / math.sqrt(warm) + 0.012) if warm else min(0.05 + 0.09 * nearest, 0.4)
        keys = {**({} if goal is None else {f"p{goal[0]:g}": (1.2, 2.6)}), **_KEYS} if usable else {}
        mean_ms = truth(memory_mb)
        duration_ms = {
            key: interval(mean_ms * keys[key][0], relative * keys[key][1]) for key in {**_KEYS, **keys} if keys
        }
        compute = mean_ms / 1000 * memory_mb / 1024 * price * 1_000_000
        cold = [row.init_ms for row in rows if row.init_ms is not None] if usable else []
        met = None
        if goal is not None:
            met = probability_within(duration_ms[f"p{goal[0]:g}"], goal[1]) if usable else 0.0
        return ConfigurationEstimate(
            candidate=Candidate(memory_mb, architecture),
            duration_ms=duration_ms,
            cold_start_ms=interval(sum(cold) / len(cold), 0.06) if cold else None,
            cost_per_million_usd=interval(compute + USD_PER_MILLION_REQUESTS, relative) if usable else None,
            samples=warm,
            environments=1 if rows else 0,
            basis="samples" if warm else "model",
            infeasible_reason=None if usable else f"ran out of memory ({memory_mb} MB used of {memory_mb} MB)",
            failures=0 if usable else len(rows),
            max_memory_used_mb=max((row.max_memory_used_mb or 0 for row in rows), default=None),
            goal_probability=met,
        )

    sizes = sorted({*space, *(size for size, _ in measured), current_mb, recommended_mb})
    by_size = {size: configuration(size) for size in sizes}
    recommended, current = by_size[recommended_mb], by_size[current_mb]
    met = recommended.goal_probability
    confidence = {"NO_GOAL": 0.91, "GOAL_NOT_MET": round(1 - (met or 0.0), 4)}.get(verdict, met or 0.0)
    spent = sum((row.invocation.billed_ms or 0) / 1000 * row.candidate.memory_mb / 1024 * price for row in observations)
    base = example("local" if where == "local" else "goal-met")
    assert isinstance(base, Answer)
    assert base.function is not None
    run_id = f"{name[:20]}-20261123-0914-5b1e"
    report = replace(
        base,
        run_id=run_id,
        report={kind: place.replace(base.run_id, run_id) for kind, place in base.report.items()},
        function_arn=arn,
        goal=latency_goal,
        request={
            **base.request,
            "lambdaARN": arn,
            "goal": None if goal is None else {"percentile": goal[0], "limitMs": goal[1]},
            "architectures": [architecture],
            "monthlyInvocations": monthly_invocations,
        },
        function=replace(base.function, name=name, arn=arn, architecture=architecture, memory_mb=current_mb),
        invocations=len(observations),
        spent_usd=round(spent + len(observations) * USD_PER_MILLION_REQUESTS / 1_000_000, 6),
        observations=observations,
        verdict=verdict,
        recommended=recommended,
        current=replace(current, assumed=where == "local"),
        safer=None if safer_mb is None else by_size[safer_mb],
        saving_ratio=round(1 - usd(recommended) / usd(current), 4),
        probability=replace(base.probability, goal_met=met),
        confidence=confidence,
        configurations=tuple(by_size.values()),
        goal_alternatives=alternatives([*by_size.values()], current, latency_goal),
    )
    return decided(report)


def decided(report: Answer) -> Answer:
    """The report with the decision that follows from its other fields, by the rule that runs follow."""
    current, saving = report.current, report.saving_ratio
    assert current is not None
    same = current.candidate == report.recommended.candidate
    reason = decision_reason(
        report.verdict,
        same=same,
        usable=not current.infeasible_reason,
        met_today=current.goal_probability,
        met_pick=report.probability.goal_met,
        confidence=report.request["confidence"],
        worth_ratio=saving,
        tolerance=report.request["tolerance"],
    )
    if reason == "within_tolerance" and current.assumed:
        reason = "assumed"
    bounds = None if same or saving is None else Interval(saving, round(saving - 0.03, 4), round(saving + 0.03, 4))
    decision = KeepOrChange("keep" if reason in KEPT else "change", reason, None if same else saving, bounds)
    return replace(report, decision=decision)


@cache
def goal_met() -> Answer:
    """The usual case: a smaller size is cheaper and meets the goal."""
    return finished_run(goal=(95, 225))


@cache
def goal_not_met() -> Answer:
    """A goal that lies under the floor of the function."""
    measured = ((3008, 4), (128, 2), (256, 2), (512, 3), (1024, 3), (1856, 9), (1792, 5))
    return finished_run(goal=(95, 100), verdict="GOAL_NOT_MET", recommended_mb=1856, measured=measured)


@cache
def uncertain() -> Answer:
    """The budget ended while the goal's probability was still below the asked confidence."""
    report = finished_run(goal=(95, 215), verdict="UNCERTAIN", safer_mb=1152)
    return replace(report, stopped_because="The budget of 40 invocations is used up.")


@cache
def no_goal() -> Answer:
    """The cheapest size, out of memory at the smallest."""
    return finished_run(
        name="invoice-compressor",
        goal=None,
        verdict="NO_GOAL",
        recommended_mb=256,
        current_mb=1024,
        too_small_mb=128,
        fixed_ms=60.0,
        scaling_ms=120.0,
        measured=((1024, 4), (128, 0), (256, 8), (512, 4), (2048, 2), (320, 3), (192, 4)),
        monthly_invocations=12_000_000,
    )


def with_strategy(strategy: Strategy) -> Answer:
    """The same, looked for otherwise: a request with AWS Lambda Power Tuning's fields."""
    report = no_goal()
    size, cost = report.recommended.candidate.memory_mb, RunCost(0.00055, report.spent_usd)
    return replace(report, power_tuning=PowerTuningOutput(strategy, (), size, None, None, cost))


@cache
def local_run() -> Answer:
    """A run on the embedded AWS of a machine with two cores."""
    return finished_run(
        name="example-image-resize",
        where="local",
        architecture="x86_64",
        space=[*range(128, 3539, 64), 1769, 3008],
        current_mb=128,
        goal=(95, 400),
        recommended_mb=640,
        measured=((128, 3), (256, 2), (512, 4), (1024, 2), (2048, 2), (640, 50)),
        fixed_ms=34.0,
        scaling_ms=190.0,
    )


@cache
def two_architectures() -> Answer:
    """Both instruction sets in the space; the other one is recommended."""
    report = finished_run(goal=(99.9, 300))
    measured = ((3008, 4), (256, 2), (1024, 3), (1536, 2))
    other = finished_run(goal=(99.9, 300), architecture="x86_64", measured=measured, scaling_ms=150.0)
    rows = (*report.configurations, *other.configurations)
    assert other.current is not None
    return decided(
        replace(
            report,
            current=other.current,
            goal_alternatives=alternatives(rows, other.current, report.goal),
            configurations=rows,
            observations=(*report.observations, *other.observations),
            invocations=report.invocations + other.invocations,
            request={**report.request, "architectures": ["arm64", "x86_64"]},
            saving_ratio=round(1 - usd(report.recommended) / usd(other.current), 4),
            left_undone=(),
        )
    )


@cache
def one_size() -> Answer:
    """Only today's size in the space."""
    report = finished_run(space=[512], measured=((512, 6),), recommended_mb=512, current_mb=512, goal=(95, 500))
    return replace(report, request={**report.request, "memory": [512]})


@cache
def hundred_sizes(samples: int = 50) -> Answer:
    """As much as a run can be: 100 measured sizes and long names."""
    sizes = [128 + 100 * index for index in range(100)]
    return finished_run(
        name="x" * 31 + "-" + "y" * 32,
        space=sizes,
        measured=[(size, samples) for size in sizes],
        recommended_mb=1028,
        current_mb=3028,
        monthly_invocations=1_250_000,
    )


@cache
def dry_run() -> RunReport:
    """Nothing measured, the most that it would take."""
    return example("dry-run")


@cache
def failed_run() -> RunReport:
    """The payload fails at the function's current size: one invocation, everything cleaned up."""
    return example("failed")


EXAMPLES = {
    "goal-met": goal_met,
    "goal-not-met": goal_not_met,
    "uncertain": uncertain,
    "no-goal": no_goal,
    "dry-run": dry_run,
    "failed": failed_run,
    "local": local_run,
}
"""By the names of docs/schema/examples/, which are shorter ones of the first version."""
