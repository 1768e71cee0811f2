"""Plan: validates the request, reads the function, writes the plan."""

from __future__ import annotations

import os
import platform

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.core.model import architecture_of
from tuner.handlers._entry import (
    JsonObject,
    count,
    entry,
    is_local,
    now,
    restorer,
    run_artifacts,
    target_reader,
    traffic_reader,
)
from tuner.steps.plan import Surroundings, plan_run


@entry
def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Take ``input``, ``runId``, ``executionArn`` and ``startedAt``; give its id and what the machine needs."""
    region, account = context.invoked_function_arn.split(":")[3:5]
    local = is_local()
    surroundings = Surroundings(
        where="local" if local else "aws",
        account=account,
        region=region,
        memory_cap_mb=int(os.environ["TUNER_MEMORY_CAP_MB"]),
        now=now(),
        clone_log_group=os.environ["TUNER_CLONE_LOG_GROUP"],
        processor_functions=tuple(filter(None, os.environ.get("TUNER_PROCESSOR_FUNCTIONS", "").split(","))),
        cores=os.cpu_count() if local else None,
        machine=f"{platform.node()} {platform.machine()} {os.cpu_count()}" if local else None,
        architecture=architecture_of(platform.machine()) if local else None,
        load=os.getloadavg()[0] if local else None,
    )
    record = plan_run(
        run_artifacts(event["runId"]),
        target_reader(),
        traffic_reader(region),
        event.get("input"),
        surroundings,
        execution_arn=event["executionArn"],
        started_at=event["startedAt"],
        start_restore=restorer(),
    )
    count("RunsPlanned", 1)
    return {
        "runId": record.run_id,
        "dryRun": record.request.dry_run,
        "parallelBatches": record.parallel_batches,
    }
