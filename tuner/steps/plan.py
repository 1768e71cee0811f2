"""Plan: read the request and the function, refuse what cannot be tuned, write down how to undo it all."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from tuner import __version__
from tuner.aws.artifacts import RunArtifacts
from tuner.aws.clients import VERSIONS
from tuner.aws.target import TargetReader
from tuner.aws.traffic import TrafficReader
from tuner.core.codec import to_json
from tuner.core.errors import InvalidRequest
from tuner.core.function.clone import check_service_model
from tuner.core.function.concurrency import Concurrency, Reserve, plan_concurrency
from tuner.core.function.function_reference import parse_function_reference
from tuner.core.function.preflight import Surrounding, check_tunable
from tuner.core.function.processors import with_processors
from tuner.core.function.snap_start import check_snap_start, snap_start_warning, snapshot_prices
from tuner.core.function.snapshot import fingerprint
from tuner.core.function.target import TargetFunction, read_target
from tuner.core.model import Architecture, Candidate, FixedDesign, SearchProblem
from tuner.core.money.pricing import candidate_cost_usd, copy_cost_usd, prices_for, restore_cost_usd, tier_for
from tuner.core.request.memory_sizes import memory_space
from tuner.core.request.parsing import parse_request
from tuner.core.request.power_tuning import check_its_payloads, design_budget, read_event
from tuner.core.request.tuning_request import (
    MAX_MIX_BYTES,
    MemoryRange,
    PowerTuning,
    TuningRequest,
    WeightedPayload,
    check_payloads,
)
from tuner.core.run.bucket_layout import GIVEN_PAYLOAD, PROGRESS, RECORD, USERS_PAYLOADS
from tuner.core.run.plan import Plan
from tuner.core.run.record import Outside, RunRecord
from tuner.core.run.run_id import run_tag
from tuner.core.run.study_key import study_key
from tuner.steps.overdue import mark_open, restore_overdue
from tuner.steps.progress import report_progress
from tuner.steps.run import save_payloads, save_plan
from tuner.steps.traffic import read_traffic

LEAST_INVOCATIONS = 2
"""One to see that the payload works, one warm: less cannot give an answer."""

ASSUMED_SIZE_TAG = "lambda-tuner:assumed-size"
"""Of functions on the embedded AWS where a handler was never deployed and its size is a guess."""

"""Where whoever may start runs keeps payloads in the artifact bucket."""

_LONGEST_RUN = timedelta(hours=6)
"""An execution of ``tune`` ends itself after five hours."""

_CALM_LOAD_SHARE = 0.75
"""A load above this share of the cores competes with what is measured."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where and when a run takes place."""

    where: Literal["aws", "local"]
    account: str
    region: str
    memory_cap_mb: int
    now: datetime
    clone_log_group: str
    processor_functions: tuple[str, ...] = ()
    """ARNs that ``preProcessorARN`` and ``postProcessorARN`` may name: the template's parameter."""
    cores: int | None = None
    """Of the machine that measures, where it is the user's own."""
    machine: str | None = None
    """What tells the user's own machine from another one."""
    architecture: Architecture | None = None
    """Of the user's own machine."""
    load: float | None = None
    """How many processes wanted a core in the last minute, before the run began."""

    @property
    def is_busy(self) -> bool:
        """Whether other work of the user's own machine competes with what is measured."""
        return self.cores is not None and self.load is not None and self.load > self.cores * _CALM_LOAD_SHARE


def plan_run(
    artifacts: RunArtifacts,
    reader: TargetReader,
    traffic_reader: TrafficReader,
    event_input: Any,
    surroundings: Surroundings,
    *,
    execution_arn: str,
    started_at: str,
    start_restore: Callable[[str], None],
) -> RunRecord:
    """Validate the request, read the function and write the run's record and plan.

    Nothing is changed and nothing is invoked here. Earlier runs of the same
    function that nobody restored are restored first.

    Raises:
        InvalidRequest: Lists every problem of the input.
        FunctionNotFound: No such function in this account and Region.
        FunctionNotTunable: It cannot be measured; says why.
        PriceUnknown: No price for the Region and architecture.
        PermissionDenied: Names what is missing.
    """
    mark_open(artifacts, expires_at=(surroundings.now + _LONGEST_RUN).isoformat())
    _check_name_is_free(artifacts, started_at)
    report_progress(artifacts, state="Plan", round=0, invocations=0, spentUsd=0.0, startedAt=started_at)
    check_service_model(VERSIONS["botocore"])
    run_tag(artifacts.run_id)  # before anything is spent on a run whose functions could not bear it
    request = parse_request(event_input, local=surroundings.where == "local")
    reference = parse_function_reference(
        request.lambda_arn, own_region=surroundings.region, own_account=surroundings.account
    )
    configuration = reader.configuration(reference.name, reference.qualifier)
    target = read_target(
        configuration,
        qualifier=reference.qualifier,
        reserved_concurrency=reader.reserved_concurrency(reference.name),
    )
    readable = reader.snapshot(reference.name, reference.qualifier)
    warnings = check_tunable(
        configuration,
        target,
        Surrounding(
            sections=readable,
            missing_layers=reader.missing_layers([layer["Arn"] for layer in configuration.get("Layers") or ()]),
            policies=reader.role_policies(target.role_arn),
            clone_log_group=surroundings.clone_log_group,
            today=surroundings.now.date().isoformat(),
        ),
    )
    if request.snap_start:
        check_snap_start(configuration, target)
    request = with_processors(
        request,
        allowed=surroundings.processor_functions,
        timeout_s=target.timeout_s,
        region=surroundings.region,
        account=surroundings.account,
    )
    payloads = _payloads(artifacts, request)
    traffic, why_unknown = read_traffic(traffic_reader, reference, now=surroundings.now)
    unreserved = reader.unreserved_concurrency()
    concurrency = plan_concurrency(
        parallel=request.parallel_invocation,
        reserved=target.reserved_concurrency,
        unreserved=unreserved,
        per_copy=request.reserved_concurrency,
    )
    problem, outside = _problem(request, target, payloads, surroundings, concurrency, seed_text=artifacts.run_id)
    if problem.monthly_invocations is None and traffic is not None:
        problem = replace(problem, monthly_invocations=traffic.monthly_invocations)
    _check_budget(problem)
    problem = replace(problem, budget=design_budget(problem))
    request = replace(request, budget=problem.budget)
    problem = _with_room_for_cold_starts(problem, request.cold_starts)
    snap_start = snap_start_warning(
        configuration, target, problem, asked=request.snap_start, cold_starts=request.cold_starts
    )
    warnings = (
        *warnings,
        *(() if snap_start is None else (snap_start,)),
        *_reserve_warnings(request, problem, unreserved),
    )
    record = RunRecord(
        run_id=artifacts.run_id,
        execution_arn=execution_arn,
        started_at=started_at,
        where=surroundings.where,
        request=replace(request, payloads=()),
        target=target,
        problem=problem,
        parallel_batches=concurrency.batches,
        outside=outside,
        warnings=(*warnings, *_machine_warnings(request, target, surroundings)),
        busy=surroundings.is_busy,
        assumptions=(
            *_traffic_assumptions(problem, why_unknown),
            *_price_assumptions(request, problem, request.prices_region or surroundings.region),
            *_assumptions(request, surroundings, target),
        ),
        traffic=traffic,
        versions={"lambda-tuner": __version__, "python": platform.python_version(), **VERSIONS},
        assumed_size=_is_assumed(readable["tags"], surroundings),
        study_key=study_key(
            configuration,
            to_json(payloads),
            measured_on=surroundings.machine or surroundings.where,
            besides={
                "function": target.arn,
                "preProcessorARN": request.pre_processor_arn,
                "allowedExceptions": sorted(request.allowed_exceptions),
                "observed": to_json(request.observed),
                # What a hook before the snapshot prepares is in its copies alone.
                "snapStart": request.snap_start,
            },
        ),
    )
    expires_at = (surroundings.now + timedelta(minutes=request.budget.max_minutes + 60)).isoformat()
    restore_overdue(artifacts.bucket, reference.name, start_restore, now=surroundings.now.isoformat())
    save_payloads(artifacts, payloads)
    artifacts.write(RECORD, to_json(record))
    save_plan(
        artifacts,
        Plan(
            artifacts.run_id,
            reference.name,
            reference.qualifier,
            expires_at=expires_at,
            planned_at=surroundings.now.isoformat(),
            snapshot_before=fingerprint(readable),
        ),
    )
    # After the plan, so that whoever finds the mark finds what to undo; before anything is made.
    mark_open(artifacts, function_name=reference.name, expires_at=expires_at)
    return record


def _check_name_is_free(artifacts: RunArtifacts, started_at: str) -> None:
    """Refuse a run whose name was an earlier run's, with whose measurements it would go on.

    Step Functions gives an execution's name free after 90 days ("StartExecution", API reference, seen 2026-11);
    RetentionDays may be longer.
    """
    earlier = (artifacts.find(PROGRESS) or {}).get("startedAt", started_at)
    if earlier != started_at:
        raise InvalidRequest(
            [f"the execution's name, {artifacts.run_id}, is that of a run of {earlier[:10]}"],
            hint="Start again under another name: what that run measured is still in the bucket.",
        )


def _payloads(artifacts: RunArtifacts, request: TuningRequest) -> tuple[WeightedPayload, ...]:
    location = request.payload_s3_location
    if location is None:
        return request.payloads
    bucket, key = location
    if bucket == artifacts.bucket.name and not (key.startswith(USERS_PAYLOADS) or key == artifacts.key(GIVEN_PAYLOAD)):
        raise InvalidRequest(
            [
                f"payloadS3 names {request.payload_s3}, and of the artifact bucket a run reads nothing but what is "
                f"under {USERS_PAYLOADS}: other runs' payloads are not its own"
            ],
            hint=f"Upload the payload under s3://{bucket}/{USERS_PAYLOADS} and name it there.",
        )
    body = artifacts.bucket.in_bucket(bucket).read(key, most_bytes=MAX_MIX_BYTES + 1)
    if body is None:
        raise InvalidRequest([f"payloadS3 names {request.payload_s3}, and there is no such object"])
    if len(body) > MAX_MIX_BYTES:
        raise InvalidRequest([f"payloadS3 names {request.payload_s3}, which is larger than {MAX_MIX_BYTES:,} bytes"])
    try:
        value = json.loads(body) if request.num is None else read_event(body.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest([f"payloadS3 names {request.payload_s3}, which is not JSON: {error}"]) from error
    field = f"the object {request.payload_s3}"
    if request.num is None:
        payloads, problems = check_payloads(value, field=field)
    else:
        payloads, problems = check_its_payloads(value, request.num, field=field)
    if problems:
        raise InvalidRequest(problems)
    return payloads


def _problem(
    request: TuningRequest,
    target: TargetFunction,
    payloads: tuple[WeightedPayload, ...],
    surroundings: Surroundings,
    concurrency: Concurrency,
    *,
    seed_text: str,
) -> tuple[SearchProblem, tuple[Outside, ...]]:
    space = memory_space(request.memory, current_mb=target.memory_mb, cap_mb=surroundings.memory_cap_mb)
    outside = tuple(Outside(memory_mb, _why_outside(reason, surroundings)) for memory_mb, reason in space.outside)
    if target.memory_mb not in space.sizes:
        raise InvalidRequest(
            [
                f"today's size of {target.name}, {target.memory_mb} MB, cannot be measured here: "
                f"the largest size is {surroundings.memory_cap_mb} MB"
            ],
            hint="Raise the parameter MemoryCapMb, or tune a copy of the function at a smaller size.",
        )
    architectures: tuple[Architecture, ...] = request.architectures or (target.architecture,)
    if surroundings.where == "local":
        architectures = (target.architecture,)
    candidates = tuple(
        Candidate(memory_mb, architecture)
        for memory_mb in space.sizes
        for architecture in dict.fromkeys((*architectures, target.architecture))
        if architecture in architectures or memory_mb == target.memory_mb
    )
    design = _design(request, architectures, candidates, cap_mb=surroundings.memory_cap_mb)
    anchor = _anchor(request, target, candidates if design is None else design.candidates)
    theirs = request.power_tuning or PowerTuning()
    problem = SearchProblem(
        candidates=candidates,
        design=design,
        strategy=theirs.strategy,
        balanced_weight=theirs.balanced_weight,
        must_measure=anchor,
        current=Candidate(target.memory_mb, target.architecture),
        goal=request.goal,
        prices={
            architecture: prices_for(
                request.prices_region or surroundings.region,
                architecture,
                account_gb_seconds=request.account_gb_seconds or 0.0,
                savings_plan_discount=request.savings_plan_discount or 0.0,
            )
            for architecture in dict.fromkeys((*architectures, target.architecture))
        },
        timeout_ms=target.timeout_s * 1000.0,
        budget=request.budget,
        confidence=request.confidence,
        tolerance=request.tolerance,
        ephemeral_storage_mb=target.ephemeral_storage_mb,
        cold_start_share=request.cold_start_share,
        monthly_invocations=request.monthly_invocations,
        payload_weights=tuple(payload.weight for payload in payloads),
        max_parallel=concurrency.per_batch,
        snapshot_prices=snapshot_prices(target, kept_minutes=request.budget.max_minutes)
        if request.snap_start
        else None,
        seed=int.from_bytes(sha256(seed_text.encode()).digest()[:4], "big"),
    )
    return problem, outside


def _design(
    request: TuningRequest,
    architectures: Sequence[Architecture],
    candidates: Sequence[Candidate],
    *,
    cap_mb: int,
) -> FixedDesign | None:
    """The sizes that were listed and can be measured here, where the request fixes the invocations."""
    if request.num is None or isinstance(request.memory, MemoryRange):
        return None
    listed = tuple(
        candidate
        for candidate in candidates
        if candidate.memory_mb in request.memory and candidate.architecture in architectures
    )
    if not listed:
        raise InvalidRequest(
            [f"no memory size that was asked for can be measured here: the largest is {cap_mb:,} MB"],
            hint=f"List at least one size of {cap_mb:,} MB or less.",
        )
    return FixedDesign(listed, request.num)


def _anchor(request: TuningRequest, target: TargetFunction, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    if request.observed is None:
        return ()
    anchor = Candidate(request.observed.memory_mb, target.architecture)
    if anchor not in candidates:
        raise InvalidRequest([f"observed.memoryMb is {anchor.memory_mb}, which is not among the sizes of this run"])
    return (anchor,)


def _is_assumed(tags: Any, surroundings: Surroundings) -> bool:
    return surroundings.where == "local" and isinstance(tags, Mapping) and tags.get(ASSUMED_SIZE_TAG) == "true"


def _why_outside(reason: str, surroundings: Surroundings) -> str:
    if surroundings.where == "local":
        return "more CPU than this machine has"
    return reason


def _with_room_for_cold_starts(problem: SearchProblem, cold_starts: int) -> SearchProblem:
    """Leave the invocations that cold starts take, at two sizes, out of what the search may use."""
    if not cold_starts or problem.design is not None:
        return problem
    left = problem.budget.max_invocations - 2 * cold_starts
    if left < LEAST_INVOCATIONS:
        raise InvalidRequest(
            [
                f"coldStarts is {cold_starts}: at today's size and at the recommended one that takes {2 * cold_starts} "
                f"invocations of budget.maxInvocations, {problem.budget.max_invocations}: raise it or lower coldStarts"
            ]
        )
    return replace(problem, budget=replace(problem.budget, max_invocations=left))


def _reserve_warnings(request: TuningRequest, problem: SearchProblem, unreserved: int | None) -> tuple[str, ...]:
    """What the copies' reserve takes from others: every copy stays until the run ends, and none goes uninvoked."""
    if request.reserved_concurrency is None:
        return ()
    sizes = problem.candidates if problem.design is None else problem.design.candidates
    copies = min(len(sizes), problem.budget.max_invocations) + 2 * request.cold_starts
    return (Reserve(request.reserved_concurrency, copies).check(unreserved),)


def _check_budget(problem: SearchProblem) -> None:
    today = problem.current
    worst_usd = copy_cost_usd(problem, today) + LEAST_INVOCATIONS * (
        candidate_cost_usd(problem, today, round(problem.timeout_ms)) + restore_cost_usd(problem, today)
    )
    problems = []
    if worst_usd > problem.budget.max_cost_usd:
        problems.append(
            f"budget.maxCostUsd is {problem.budget.max_cost_usd:g}: {LEAST_INVOCATIONS} invocations at today's size "
            f"may cost {worst_usd:.6f} if they run into the function's time-out"
        )
    worst_minutes = LEAST_INVOCATIONS * problem.timeout_ms / 60_000
    if worst_minutes > problem.budget.max_minutes:
        problems.append(
            f"budget.maxMinutes is {problem.budget.max_minutes:g}: {LEAST_INVOCATIONS} invocations may take "
            f"{worst_minutes:.1f} minutes if they run into the function's time-out"
        )
    if problems:
        raise InvalidRequest(problems)


def _machine_warnings(request: TuningRequest, target: TargetFunction, surroundings: Surroundings) -> tuple[str, ...]:
    if surroundings.where != "local":
        return ()
    found = [
        f"{architecture} cannot be measured on this machine, which has one kind of processor: it was left out."
        for architecture in request.architectures or ()
        if architecture != target.architecture
    ]
    if surroundings.is_busy:
        found.append(
            f"This machine was busy when the run began (load {surroundings.load:.1f} on {surroundings.cores} cores): "
            "durations are noisier than on an idle machine, and later runs do not use them."
        )
    return tuple(found)


def _traffic_assumptions(problem: SearchProblem, why_unknown: str) -> tuple[str, ...]:
    if problem.monthly_invocations is not None:
        return ()
    return (
        f"How often the function is called in a month is not known: {why_unknown}. So no monthly figure is given "
        "(monthlyInvocations gives one).",
    )


def _price_assumptions(request: TuningRequest, problem: SearchProblem, region: str) -> tuple[str, ...]:
    found = []
    if request.savings_plan_discount:
        found.append(
            f"Compute time is priced {request.savings_plan_discount * 100:g}% below list, as your savings plan; "
            "requests and ephemeral storage are not discounted."
        )
    if request.account_gb_seconds:
        tiers = [tier_for(region, architecture, request.account_gb_seconds) for architecture in problem.prices]
        found.append(f"Compute time is priced by the tier of {request.account_gb_seconds:,.0f} GB-seconds a month.")
        if any((tier.tier_to or math.inf) <= request.account_gb_seconds for tier in tiers):
            found.append(f"The prices of higher tiers are not known for {region}: the highest known one was taken.")
    return tuple(found)


def _assumptions(request: TuningRequest, surroundings: Surroundings, target: TargetFunction) -> tuple[str, ...]:
    found = []
    if request.payload_s3 is None and request.payloads == (WeightedPayload({}),):
        found.append("No payload was given, so the function was invoked with {}.")
    if surroundings.where == "local":
        found.append(
            "CPU, memory and time limits are Lambda's, the processor is this machine's: ratios between sizes hold, "
            "milliseconds do not."
        )
        if surroundings.architecture not in (None, target.architecture):
            found.append(
                f"Prices are those of {target.architecture}, the function's architecture; it ran on this machine's "
                f"{surroundings.architecture}."
            )
    return tuple(found)
