"""Sweep: starts ``restore`` for every run that has outlived itself."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.aws.clients import client
from tuner.handlers._entry import clones, logger, metrics, now, tracer
from tuner.steps.sweep import sweep


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Take nothing; give what was restarted, removed and kept."""
    moment = now()

    def execution_name(run_id: str) -> str:
        return f"sweep-{hashlib.sha256(run_id.encode()).hexdigest()[:12]}-{moment:%Y%m%dT%H%M%S}"

    swept = sweep(
        clones(),
        client("stepfunctions"),
        os.environ["TUNER_RESTORE_ARN"],
        now=moment.isoformat(),
        execution_name=execution_name,
    )
    logger.info("swept", **asdict(swept))
    metrics.add_metric(name="RunsSwept", unit="Count", value=len(swept.restarted))
    return {"restarted": list(swept.restarted), "removed": list(swept.removed), "kept": swept.kept}
