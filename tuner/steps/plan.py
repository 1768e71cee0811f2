"""Plan: read the request and the function, refuse what cannot be tuned, write down how to undo it all."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tuner import __version__
from tuner.aws.artifacts import RunArtifacts
from tuner.aws.clients import VERSIONS
from tuner.aws.role_policies import read_role_policies
from tuner.aws.snapshot import SnapshotReader
from tuner.aws.traffic import TrafficReader
from tuner.core.codec import to_json
from tuner.core.errors import InvalidRequest
from tuner.core.function.clone import check_service_model
from tuner.core.function.concurrency import plan_concurrency
from tuner.core.function.function_reference import parse_function_reference
from tuner.core.function.preflight import Inspection, check_tunable
from tuner.core.function.processors import with_processors
from tuner.core.function.snap_start import check_snap_start, snap_start_warnings
from tuner.core.function.snapshot import fingerprint
from tuner.core.function.target import read_target, size_is_assumed
from tuner.core.request.parsing import parse_request
from tuner.core.request.payloads import MAX_MIX_BYTES, check_payloads
from tuner.core.request.power_tuning import read_event, read_events, uninvoked
from tuner.core.request.tuning_request import TuningRequest, WeightedPayload
from tuner.core.run.bucket_layout import GIVEN_PAYLOAD, PROGRESS, RECORD, USERS_PAYLOADS
from tuner.core.run.caveats import assumptions, machine_warnings, reserve_warnings
from tuner.core.run.installation import Installation
from tuner.core.run.plan import Plan
from tuner.core.run.record import RunRecord
from tuner.core.run.run_id import run_tag
from tuner.core.run.search_plan import plan_search
from tuner.core.run.study_key import study_key
from tuner.steps.overdue import mark_open, restore_overdue
from tuner.steps.progress import report_progress
from tuner.steps.run import save_payloads, save_plan
from tuner.steps.traffic import read_traffic

_LONGEST_RUN = timedelta(hours=6)
"""An execution of ``tune`` ends itself after five hours."""


def plan_run(
    artifacts: RunArtifacts,
    reader: SnapshotReader,
    traffic_reader: TrafficReader,
    event_input: Any,
    installation: Installation,
    *,
    execution_arn: str,
    started_at: str,
    now: datetime,
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
    mark_open(artifacts, expires_at=(now + _LONGEST_RUN).isoformat())
    _check_name_is_free(artifacts, started_at)
    report_progress(artifacts, state="Plan", round=0, invocations=0, spentUsd=0.0, startedAt=started_at)
    check_service_model(VERSIONS["botocore"])
    run_tag(artifacts.run_id)  # before anything is spent on a run whose functions could not bear it

    region, account = installation.region, installation.account
    request = parse_request(event_input, local=installation.where == "local")
    reference = parse_function_reference(request.lambda_arn, own_region=region, own_account=account)
    configuration = reader.configuration(reference.name, reference.qualifier)
    target = read_target(
        configuration, qualifier=reference.qualifier, reserved_concurrency=reader.reserved_concurrency(reference.name)
    )
    snapshot = reader.snapshot(reference.name, reference.qualifier)
    inspection = Inspection(
        sections=snapshot,
        missing_layers=reader.missing_layers([layer["Arn"] for layer in configuration.get("Layers") or ()]),
        policies=read_role_policies(reader.clients("iam"), target.role_arn),
        clone_log_group=installation.clone_log_group,
        today=now.date().isoformat(),
    )
    warnings = [*check_tunable(configuration, target, inspection)]
    if request.snap_start:
        check_snap_start(configuration, target)
    request = with_processors(
        request, allowed=installation.processor_functions, timeout_s=target.timeout_s, region=region, account=account
    )
    payloads = _payloads(artifacts, request)
    traffic, why_unknown = read_traffic(traffic_reader, reference, now=now)
    unreserved = reader.unreserved_concurrency()
    concurrency = plan_concurrency(
        parallel=request.parallel_invocation,
        reserved=target.reserved_concurrency,
        unreserved=unreserved,
        per_clone=request.reserved_concurrency,
    )

    search = plan_search(
        request,
        target,
        installation,
        payload_weights=[payload.weight for payload in payloads],
        monthly_invocations=None if traffic is None else traffic.monthly_invocations,
        max_parallel=concurrency.per_batch,
        seed_text=artifacts.run_id,
    )
    warnings += snap_start_warnings(
        configuration, target, search.problem, asked=request.snap_start, cold_starts=request.cold_starts
    )
    warnings += reserve_warnings(request, search.problem, unreserved)
    warnings += machine_warnings(request, target, installation.machine)
    record = RunRecord(
        run_id=artifacts.run_id,
        execution_arn=execution_arn,
        started_at=started_at,
        where=installation.where,
        request=replace(request, budget=search.budget, payloads=()),
        target=target,
        problem=search.problem,
        parallel_batches=concurrency.batches,
        outside=search.outside,
        warnings=tuple(warnings),
        busy=installation.machine is not None and installation.machine.is_busy,
        assumptions=assumptions(request, target, search.problem, installation, why_traffic_unknown=why_unknown),
        traffic=traffic,
        versions={"lambda-tuner": __version__, "python": platform.python_version(), **VERSIONS},
        assumed_size=installation.machine is not None and size_is_assumed(snapshot["tags"]),
        study_key=study_key(
            configuration,
            request,
            payloads,
            function_arn=target.arn,
            measured_on=installation.machine.name if installation.machine else installation.where,
        ),
    )

    expires_at = (now + timedelta(minutes=search.budget.max_minutes + 60)).isoformat()
    restore_overdue(artifacts.bucket, reference.name, start_restore, now=now.isoformat())
    save_payloads(artifacts, payloads)
    artifacts.write(RECORD, to_json(record))
    save_plan(
        artifacts,
        Plan(
            artifacts.run_id,
            reference.name,
            reference.qualifier,
            expires_at=expires_at,
            planned_at=now.isoformat(),
            snapshot_before=fingerprint(snapshot),
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
            [f"the execution's name, {artifacts.run_id}, was already used for a run on {earlier[:10]}"],
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
                f"payloadS3 names {request.payload_s3}, and in the artifact bucket a run reads payloads only "
                f"under {USERS_PAYLOADS}: not those of other runs"
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
    payloads, problems = check_payloads(value if request.num is None else read_events(value), field=field)
    if request.num is not None:
        problems += uninvoked(payloads, request.num, field=field)
    if problems:
        raise InvalidRequest(problems)
    return payloads
