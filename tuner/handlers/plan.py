"""Plan: validates the request, reads the function, writes the plan."""

from __future__ import annotations

import os
import platform
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.core.model import architecture_of
from tuner.handlers._entry import (
    is_local,
    logger,
    metrics,
    now,
    restorer,
    run_artifacts,
    target_reader,
    tracer,
    traffic_reader,
)
from tuner.steps.plan import Surroundings, plan_run


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
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
    metrics.add_metric(name="RunsPlanned", unit="Count", value=1)
    return {
        "runId": record.run_id,
        "dryRun": record.request.dry_run,
        "parallelBatches": record.parallel_batches,
    }
