"""Plan: validates the request, reads the function, writes the plan."""

from __future__ import annotations

import os
import platform

from tuner.aws.clients import client
from tuner.aws.snapshot import SnapshotReader
from tuner.aws.traffic import TrafficReader
from tuner.core.model import architecture_of
from tuner.core.run.installation import Installation, Machine
from tuner.handlers._entry import (
    Context,
    JsonObject,
    count,
    entry,
    is_local,
    now,
    restorer,
    run_artifacts,
)
from tuner.steps.plan import plan_run


@entry
def handler(event: JsonObject, context: Context) -> JsonObject:
    """Take ``input``, ``runId``, ``executionArn`` and ``startedAt``; give its id and what the machine needs."""
    region, account = context.invoked_function_arn.split(":")[3:5]
    installation = Installation(
        account=account,
        region=region,
        memory_cap_mb=int(os.environ["TUNER_MEMORY_CAP_MB"]),
        clone_log_group=os.environ["TUNER_CLONE_LOG_GROUP"],
        processor_functions=tuple(filter(None, os.environ.get("TUNER_PROCESSOR_FUNCTIONS", "").split(","))),
        machine=_machine() if is_local() else None,
    )
    record = plan_run(
        run_artifacts(event["runId"]),
        SnapshotReader(client),
        # A run does not wait long for what it can do without.
        TrafficReader(client("cloudwatch", read_timeout_s=10, attempts=2), region),
        event.get("input"),
        installation,
        execution_arn=event["executionArn"],
        started_at=event["startedAt"],
        now=now(),
        start_restore=restorer(),
    )
    count("RunsPlanned", 1)
    return {"runId": record.run_id, "dryRun": record.request.dry_run, "parallelBatches": record.parallel_batches}


def _machine() -> Machine:
    cores = os.cpu_count() or 1
    return Machine(
        name=f"{platform.node()} {platform.machine()} {cores}",
        cores=cores,
        architecture=architecture_of(platform.machine()),
        load=os.getloadavg()[0],
    )
