"""The execution's input, validated once and whole: every problem in one answer."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tuner.core.errors import InvalidRequest
from tuner.core.function.concurrency import MOST_ENVIRONMENTS_AT_ONCE
from tuner.core.function.function_reference import read_function_reference
from tuner.core.model import LatencyGoal, Strategy, TuningBudget
from tuner.core.money.pricing import known_regions
from tuner.core.request.memory_sizes import check_memory
from tuner.core.request.power_tuning import check_its_payloads, design_sizes, whole_numbers
from tuner.core.request.tuning_request import (
    MemoryRange,
    MemorySpec,
    ObservedDuration,
    PowerTuning,
    TuningRequest,
    WeightedPayload,
    check_payloads,
    shown_json,
)


def _whole_number(given: Any) -> Any:
    """JSON has one kind of number: 50.0 is 50."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


_Whole = Annotated[int, BeforeValidator(_whole_number)]
_Digits = Annotated[int, BeforeValidator(_whole_number), BeforeValidator(whole_numbers)]
"""A whole number that may be written as a text, as AWS Lambda Power Tuning reads it."""


class _Input(BaseModel):
    # Field names are the input's own, in camel case.
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


def _field(default: Any, meaning: str, rule: str, **bounds: Any) -> Any:
    """Describe a field: its meaning goes into the docs, its rule into messages."""
    return Field(default, description=meaning, json_schema_extra={"rule": rule}, **bounds)


class GoalInput(_Input):
    """The latency goal of a request."""

    percentile: float = _field(
        ..., "Which percentile of the duration.", "it must lie between 50 and 99.9", ge=50, le=99.9
    )
    limitMs: float = _field(..., "What it may be at most, in milliseconds.", "it must be above 0", gt=0)  # noqa: N815


class BudgetInput(_Input):
    """The bounds of a run."""

    maxInvocations: _Whole = _field(  # noqa: N815
        50,
        "Maximum number of invocations of the function.",
        "it must be a whole number between 2 and 10,000",
        ge=2,
        le=10_000,
    )
    maxCostUsd: float = _field(  # noqa: N815
        1.0, "Maximum dollars for invocations.", "it must be above 0 and at most 10,000", gt=0, le=10_000
    )
    maxMinutes: float = _field(  # noqa: N815
        60.0, "Maximum run time, in minutes.", "it must be above 0 and at most 240", gt=0, le=240
    )


class ObservedInput(_Input):
    """One duration known from AWS."""

    memoryMb: _Whole = _field(  # noqa: N815
        ..., "At this memory size …", "it must be a whole number between 128 and 10,240", ge=128, le=10_240
    )
    durationMs: float = _field(..., "… the function takes so long on AWS.", "it must be above 0", gt=0)  # noqa: N815


class ExecutionInput(_Input):
    """Every field that an execution's input may have. ``docs/request.md`` is checked against it."""

    lambdaARN: str = _field(  # noqa: N815
        ..., "The function: a name, an ARN, or either with a version or alias.", "it must be a text"
    )
    goal: GoalInput | None = _field(
        None, "The latency goal; without one, the cheapest size is looked for.", 'it must be {"percentile", "limitMs"}'
    )
    payload: Any = _field({}, "The event, any JSON; or a weighted mix of events.", "")
    payloadS3: str | None = _field(  # noqa: N815
        None, "Where the event is read from, instead of `payload`.", "it must have the form s3://bucket/key"
    )
    memory: Any = _field(None, "Which memory sizes may be recommended.", "")
    powerValues: Any = _field(None, "The name of `memory` in AWS Lambda Power Tuning.", "")  # noqa: N815
    architectures: list[Literal["x86_64", "arm64"]] | None = _field(
        None,
        "Which architectures may be recommended; default the function's own.",
        'it must be "x86_64" or "arm64"',
        min_length=1,
    )
    budget: BudgetInput = _field(
        BudgetInput.model_construct(), "The first bound that is reached ends the run.", "it must be an object"
    )
    confidence: float = _field(
        0.9, "How sure the verdict must be.", "it must lie between 0.5 and 0.999", ge=0.5, le=0.999
    )
    tolerance: float = _field(
        0.05, "How far from the cheapest is good enough.", "it must lie between 0 and 0.5", ge=0, le=0.5
    )
    coldStartShare: float | None = _field(  # noqa: N815
        None, "Which share of production's invocations is cold.", "it must lie between 0 and 1", ge=0, le=1
    )
    monthlyInvocations: float | None = _field(  # noqa: N815
        None, "How often production invokes the function in a month.", "it must be a number of at least 0", ge=0
    )
    savingsPlanDiscount: float | None = _field(  # noqa: N815
        None,
        "Share by which a savings plan lowers the price of compute time.",
        "it must lie between 0 and 0.9",
        ge=0,
        le=0.9,
    )
    accountGbSecondsPerMonth: float | None = _field(  # noqa: N815
        None, "The account's use of compute time, for its price tier.", "it must be a number of at least 0", ge=0
    )
    parallelInvocation: bool | None = _field(  # noqa: N815
        None,
        "Invoke up to five at once at a size (`true`), or one after the other (`false`); by default up to three.",
        "it must be true or false",
    )
    sleepBetweenInvocationsMs: _Whole = _field(  # noqa: N815
        0, "Wait so long between invocations.", "it must be a whole number between 0 and 60,000", ge=0, le=60_000
    )
    reservedConcurrency: _Whole | None = _field(  # noqa: N815
        None,
        "Reserve this much of the account's concurrency for each temporary copy.",
        "it must be a whole number between 1 and 5, as no more of a copy are invoked at once",
        ge=1,
        le=MOST_ENVIRONMENTS_AT_ONCE,
    )
    preProcessorARN: str | None = _field(None, "A function to run before each invocation.", "it must be a text")  # noqa: N815
    postProcessorARN: str | None = _field(None, "A function to run after each invocation.", "it must be a text")  # noqa: N815
    warmStart: bool = _field(  # noqa: N815
        True,
        "Start from what earlier runs of the same code, configuration and payload measured.",
        "it must be true or false",
    )
    coldStarts: _Whole = _field(  # noqa: N815
        0,
        "So many cold starts are measured of today's size and of the recommended one.",
        "it must be a whole number between 0 and 100",
        ge=0,
        le=100,
    )
    snapStart: bool = _field(  # noqa: N815
        False,
        "Give the copies of a function with SnapStart SnapStart too, for its fees and minutes a round.",
        "it must be true or false",
    )
    dryRun: bool = _field(  # noqa: N815
        False, "Check everything, invoke once, estimate the run; nothing else.", "it must be true or false"
    )
    includeLogTail: bool = _field(  # noqa: N815
        False,
        "Keep the last log lines of each failed invocation in report.json and report.html.",
        "it must be true or false",
    )
    observed: Any = _field(None, "One duration known from AWS; on the embedded AWS only.", "")
    cpuTime: bool = _field(  # noqa: N815
        False, "Measure each invocation's CPU time too; on the embedded AWS only.", "it must be true or false"
    )
    pricesRegion: str | None = _field(  # noqa: N815
        None,
        "Price invocations as in this Region; on the embedded AWS only.",
        "it must be a Region whose prices are known, such as eu-central-1",
    )
    num: _Digits | None = _field(
        None,
        "So many invocations at each memory size; the search chooses nothing.",
        "it must be a whole number between 2 and 1,000",
        ge=2,
        le=1_000,
    )
    strategy: Strategy = _field(
        "cost", "Without a goal: what is looked for.", 'it must be "cost", "speed" or "balanced"'
    )
    balancedWeight: float = _field(  # noqa: N815
        0.5, "The weight of cost in the strategy `balanced`.", "it must lie between 0 and 1", ge=0, le=1
    )
    autoOptimize: bool = _field(  # noqa: N815
        False, "Not supported: a request with it is refused.", "it must be true or false"
    )
    autoOptimizeAlias: str | None = _field(  # noqa: N815
        None, "Not supported: a request with it is refused.", "it must be a text"
    )
    discardTopBottom: float | None = _field(  # noqa: N815
        None, "Accepted; nothing is discarded.", "it must lie between 0 and 0.4", ge=0, le=0.4
    )
    sleepBetweenRunsMs: _Digits | None = _field(  # noqa: N815
        None,
        "Another name of `sleepBetweenInvocationsMs`.",
        "it must be a whole number between 0 and 60,000",
        ge=0,
        le=60_000,
    )
    disablePayloadLogs: bool = _field(  # noqa: N815
        False, "Accepted; payloads are never logged.", "it must be true or false"
    )
    includeOutputResults: bool = _field(  # noqa: N815
        False, "Whether the output has `stats`, a row for each measured size.", "it must be true or false"
    )
    onlyColdStarts: bool = _field(  # noqa: N815
        False, "Accepted; warm invocations are measured all the same.", "it must be true or false"
    )
    allowedExceptions: list[str] | None = _field(  # noqa: N815
        None, "Error types that count as an answer.", "it must be a list of error types"
    )


POWER_TUNING_FIELDS = (
    "powerValues",
    "num",
    "strategy",
    "balancedWeight",
    "autoOptimize",
    "autoOptimizeAlias",
    "discardTopBottom",
    "sleepBetweenRunsMs",
    "disablePayloadLogs",
    "includeOutputResults",
    "onlyColdStarts",
    "allowedExceptions",
)
"""Fields that only AWS Lambda Power Tuning has; where one is given, the output has its fields too.

Source: its README-INPUT-OUTPUT.md and, for the last, pull request 282; seen 2026-11.
"""
_MOST_INVOCATIONS = 10_000
MOST_COPIES = 2_000
"""Temporary functions of one run with ``num``: an execution has at most 25,000 events, seven of them for each, and a
row for each must fit 256 KiB of output. Source: AWS Step Functions quotas, seen 2026-11."""

_SYNONYMS = {
    "function": "lambdaARN",
    "functionname": "lambdaARN",
    "functionarn": "lambdaARN",
    "arn": "lambdaARN",
    "event": "payload",
    "memorysize": "memory",
    "memorysizes": "memory",
    "architecture": "architectures",
    "parallel": "parallelInvocation",
    "dry_run": "dryRun",
    "limit": "limitMs",
    "p": "percentile",
}

_STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
"""Step Functions' own field: an execution that starts another one puts its id there, for the console's links."""

_NESTED: Mapping[str, type[_Input]] = {"goal": GoalInput, "budget": BudgetInput, "observed": ObservedInput}


def parse_request(raw: Any, *, local: bool = False) -> TuningRequest:
    """Validate an execution's input.

    Args:
        raw: The input, decoded from JSON.
        local: Whether the run is on the embedded AWS, where ``observed`` and ``cpuTime`` may be given.

    Returns:
        The request with its defaults filled in.

    Raises:
        InvalidRequest: With every problem: unknown fields, wrong types, values
            out of bounds, fields that exclude each other.

    Example:
        >>> parse_request({"lambdaARN": "resize", "goal": {"percentile": 95, "limitMs": 300}}).goal
        LatencyGoal(percentile=95.0, limit_ms=300.0)
    """
    if not isinstance(raw, dict):
        raise InvalidRequest([f'the input is {shown_json(raw)}: it must be a JSON object such as {{"lambdaARN": "…"}}'])
    given = _without_nulls({str(name): value for name, value in raw.items() if name != _STARTED_BY})
    problems: list[str] = []
    parsed: ExecutionInput | None = None
    try:
        parsed = ExecutionInput.model_validate(given)
    except ValidationError as error:
        problems.extend(_sentences(error, given, ExecutionInput, ""))
    observed = _observed(given.get("observed"), local, problems)
    num = parsed.num if parsed is not None else None
    payloads = _payloads(given, num, problems)
    memory = _memory(given, num, problems)
    _check_texts(given, problems)
    if parsed is not None:
        _check_power_tuning(parsed, given, problems)
        _check_local_only(parsed, local, problems)
    if problems or parsed is None:
        raise InvalidRequest(_in_field_order(problems))
    budget = _budget(parsed, memory, problems)
    if problems:
        raise InvalidRequest(problems)
    return TuningRequest(
        lambda_arn=parsed.lambdaARN,
        goal=None if parsed.goal is None else LatencyGoal(float(parsed.goal.percentile), float(parsed.goal.limitMs)),
        payloads=payloads,
        payload_s3=parsed.payloadS3,
        memory=memory,
        architectures=None if parsed.architectures is None else tuple(dict.fromkeys(parsed.architectures)),
        budget=budget,
        confidence=parsed.confidence,
        tolerance=parsed.tolerance,
        cold_start_share=parsed.coldStartShare,
        monthly_invocations=parsed.monthlyInvocations,
        savings_plan_discount=parsed.savingsPlanDiscount,
        account_gb_seconds=parsed.accountGbSecondsPerMonth,
        parallel_invocation=_parallel_invocation(parsed),
        pre_processor_arn=parsed.preProcessorARN or None,
        post_processor_arn=parsed.postProcessorARN or None,
        cold_starts=parsed.coldStarts,
        snap_start=parsed.snapStart,
        reserved_concurrency=parsed.reservedConcurrency,
        sleep_between_invocations_ms=parsed.sleepBetweenRunsMs or parsed.sleepBetweenInvocationsMs,
        warm_start=parsed.warmStart,
        dry_run=parsed.dryRun,
        include_log_tail=parsed.includeLogTail,
        observed=observed,
        cpu_time=parsed.cpuTime,
        prices_region=parsed.pricesRegion,
        power_tuning=_power_tuning(parsed) if any(name in given for name in POWER_TUNING_FIELDS) else None,
    )


def _parallel_invocation(parsed: ExecutionInput) -> bool | None:
    """What was asked for; with ``num``, as in AWS Lambda Power Tuning, one after the other where nothing was."""
    return False if parsed.parallelInvocation is None and parsed.num is not None else parsed.parallelInvocation


def _without_nulls(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Read null as left out, as JSON writers mean it; but null is an event like any other."""
    return {
        name: {key: inner for key, inner in value.items() if inner is not None}
        if name in _NESTED and isinstance(value, dict)
        else value
        for name, value in raw.items()
        if value is not None or name == "payload"
    }


def _payloads(given: Mapping[str, Any], num: int | None, problems: list[str]) -> tuple[WeightedPayload, ...]:
    from_s3 = given.get("payloadS3") is not None
    if from_s3 and "payload" in given:
        problems.append("payloadS3 and payload are both given: give one of them")
        return ()
    if from_s3:
        return ()
    payload = given.get("payload", {})
    payloads, found = check_payloads(payload) if num is None else check_its_payloads(payload, num)
    problems.extend(found)
    return payloads


def _memory(given: Mapping[str, Any], num: int | None, problems: list[str]) -> MemorySpec:
    named = [name for name in ("memory", "powerValues") if given.get(name) is not None]
    if len(named) == 2:
        problems.append("memory and powerValues are both given: they are two names of one field, give one of them")
        return MemoryRange()
    field = named[0] if named else "memory"
    asked = given.get(field)
    if field == "powerValues":
        asked = whole_numbers(asked)
    memory, found = check_memory(asked, field=field) if num is None else design_sizes(asked, field=field)
    problems.extend(found)
    return memory or MemoryRange()


def _check_power_tuning(parsed: ExecutionInput, given: Mapping[str, Any], problems: list[str]) -> None:
    if parsed.autoOptimize:
        problems.append(
            "autoOptimize is not supported: no run changes the function; leave it out and take the recommended size "
            "over yourself"
        )
    # Where it is said that nothing shall be applied, the alias has no meaning there either.
    elif parsed.autoOptimizeAlias and "autoOptimize" not in given:
        problems.append(
            "autoOptimizeAlias is not supported: no run changes an alias; leave it out and take the recommended size "
            "over yourself"
        )
    if parsed.goal is not None and parsed.strategy != "cost":
        problems.append(
            f"strategy is {shown_json(parsed.strategy)} and a goal is given: with a goal, the cheapest size that meets "
            "it is looked for, leave one of them out"
        )
    if "sleepBetweenRunsMs" in given and "sleepBetweenInvocationsMs" in given:
        problems.append(
            "sleepBetweenRunsMs and sleepBetweenInvocationsMs are both given: they are two names of one field, "
            "give one of them"
        )


def _power_tuning(parsed: ExecutionInput) -> PowerTuning:
    return PowerTuning(
        num=parsed.num,
        strategy=parsed.strategy,
        balanced_weight=float(parsed.balancedWeight),
        discard_top_bottom=None if parsed.discardTopBottom is None else float(parsed.discardTopBottom),
        only_cold_starts=parsed.onlyColdStarts,
        include_output_results=parsed.includeOutputResults,
        allowed_exceptions=tuple(dict.fromkeys(parsed.allowedExceptions or ())),
    )


def _budget(parsed: ExecutionInput, memory: MemorySpec, problems: list[str]) -> TuningBudget:
    """The bounds of the run; a fixed design that names none gets the widest, and is bounded by itself."""
    given = parsed.budget
    budget = TuningBudget(given.maxInvocations, float(given.maxCostUsd), float(given.maxMinutes))
    if parsed.num is None or isinstance(memory, MemoryRange):
        return budget
    sizes = len(memory) * len(set(parsed.architectures or ("the function's own",)))
    asked = parsed.num * sizes
    if asked > _MOST_INVOCATIONS:
        problems.append(
            f"num is {parsed.num} at {sizes} sizes: a run makes at most {_MOST_INVOCATIONS:,} invocations, "
            f"and these are {asked:,}"
        )
    if sizes > MOST_COPIES:
        problems.append(
            f"num is {parsed.num} at {sizes:,} sizes: a run makes at most {MOST_COPIES:,} temporary functions, "
            "list fewer sizes or leave num out"
        )
    if "maxInvocations" in given.model_fields_set and given.maxInvocations < asked:
        problems.append(
            f"budget.maxInvocations is {given.maxInvocations}: num is {parsed.num} at {sizes} sizes, which takes "
            f"{asked:,}, leave it out or lower num"
        )
    return TuningBudget(
        max_invocations=asked,
        max_cost_usd=budget.max_cost_usd if "maxCostUsd" in given.model_fields_set else 10_000.0,
        max_minutes=budget.max_minutes if "maxMinutes" in given.model_fields_set else 240.0,
    )


def _observed(raw: Any, local: bool, problems: list[str]) -> ObservedDuration | None:
    if raw is None:
        return None
    if not local:
        problems.append(
            "observed is only for runs on the embedded AWS, whose milliseconds are another machine's: "
            "here every duration is measured, leave it out"
        )
        return None
    try:
        parsed = ObservedInput.model_validate(raw)
    except ValidationError as error:
        problems.extend(_sentences(error, raw, ObservedInput, "observed."))
        return None
    return ObservedDuration(memory_mb=parsed.memoryMb, duration_ms=float(parsed.durationMs))


def _check_local_only(parsed: ExecutionInput, local: bool, problems: list[str]) -> None:
    if parsed.cpuTime and not local:
        problems.append("cpuTime is only for runs on the embedded AWS: Lambda's records do not have it, leave it out")
    region = parsed.pricesRegion
    if region is not None and not local:
        problems.append(
            "pricesRegion is only for runs on the embedded AWS: here the prices of the function's Region count, "
            "leave it out"
        )
    elif region is not None and region not in known_regions("x86_64"):
        problems.append(
            f"pricesRegion is {shown_json(region)}: it must be a Region whose prices are known: "
            f"{', '.join(known_regions('x86_64'))}"
        )


def _check_texts(given: Mapping[str, Any], problems: list[str]) -> None:
    arn = given.get("lambdaARN")
    if isinstance(arn, str):
        reference, problem = read_function_reference(arn)
        if reference is None:
            problems.append(problem)
    location = given.get("payloadS3")
    if isinstance(location, str):
        bucket, _, key = location.removeprefix("s3://").partition("/")
        if not location.startswith("s3://") or not bucket or not key:
            problems.append(f"payloadS3 is {shown_json(location)}: it must have the form s3://bucket/key")
    for name in ("preProcessorARN", "postProcessorARN"):
        processor = given.get(name)
        if isinstance(processor, str) and processor:
            reference, problem = read_function_reference(processor, field=name)
            if reference is None:
                problems.append(problem)


def _sentences(error: ValidationError, given: Any, model: type[_Input], prefix: str) -> Iterator[str]:
    """Turn pydantic's findings into sentences in this product's words."""
    for found in error.errors(include_url=False, include_context=False, include_input=True):
        location = found["loc"]
        owner = _NESTED[str(location[0])] if len(location) > 1 and str(location[0]) in _NESTED else model
        path = prefix + "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" if index else part
            for index, part in enumerate(location)
        )
        if not location:
            names = ", ".join(f'"{name}"' for name in model.model_fields)
            yield f"{prefix.rstrip('.')} is {shown_json(given)}: it must be an object with {names}"
            continue
        if found["type"] == "extra_forbidden":
            yield _unknown(path, str(location[-1]), owner)
            continue
        name = next(str(part) for part in reversed(location) if isinstance(part, str))
        rule = _rule(owner, name)
        if found["type"] == "missing":
            yield f"{path} is missing: {'name the function to tune' if name == 'lambdaARN' else rule}"
            continue
        if found["type"] == "too_short":
            yield f"{path} is an empty list: name at least one, or leave it out"
            continue
        if name == "architectures" and len(location) == 1:
            rule = 'it must be a list of "x86_64" and "arm64"'
        if isinstance(found["input"], str) and found["type"] in ("float_type", "int_type"):
            yield f"{path} is the text {shown_json(found['input'])}, not a number: {rule}"
            continue
        yield f"{path} is {shown_json(found['input'])}: {rule}"


def _rule(owner: type[_Input], name: str) -> str:
    extra = owner.model_fields[name].json_schema_extra
    return str(extra["rule"]) if isinstance(extra, dict) else ""


def _unknown(path: str, name: str, owner: type[_Input]) -> str:
    shown = shown_json(path)[1:-1]
    known = {field.lower(): field for field in owner.model_fields}
    likely = known.get(name.lower()) or _SYNONYMS.get(name.lower())
    if likely not in owner.model_fields:
        close = difflib.get_close_matches(name.lower(), known, n=1)
        likely = known[close[0]] if close else None
    if likely:
        return f"{shown} is not a field (did you mean {likely}?)"
    if owner is ExecutionInput:
        return f"{shown} is not a field of a request"
    return f"{shown} is not a field: there are {' and '.join(owner.model_fields)}"


def _in_field_order(problems: list[str]) -> list[str]:
    order = {name: index for index, name in enumerate(ExecutionInput.model_fields)}

    def position(problem: str) -> int:
        head = problem.split(" ", 1)[0].split(".", 1)[0].split("[", 1)[0]
        return order.get(head, len(order))

    return sorted(dict.fromkeys(problems), key=position)
