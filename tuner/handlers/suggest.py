"""Suggest: what to measure next."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.handlers._entry import logger, now, run_artifacts, tracer
from tuner.steps.suggest import suggest_round


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Take ``runId``; give ``done``, ``round``, ``count`` and ``batches``."""
    round_number, batches = suggest_round(run_artifacts(event["runId"]), now=now())
    rows = [
        {
            "round": batch.round,
            "trial": batch.trial,
            "memoryMb": batch.candidate.memory_mb,
            "architecture": batch.candidate.architecture,
        }
        for batch in batches
    ]
    logger.info("suggested", round=round_number, batches=rows)
    return {"done": not rows, "round": round_number, "count": len(rows), "batches": rows}
