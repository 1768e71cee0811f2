"""Digest: what became of the night's functions, one row each."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.handlers._entry import artifacts, logger, tracer
from tuner.steps.write_digest import write_digest


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Take ``executionName``, ``startedAt``, ``results`` and ``skipped``; give the digest's key and counts."""
    return write_digest(
        artifacts(),
        execution_name=event["executionName"],
        started_at=event["startedAt"],
        results=event["results"],
        skipped=event["skipped"],
    )
