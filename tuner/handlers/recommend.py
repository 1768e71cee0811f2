"""Recommend: the cheapest size that meets the goal, and how sure that is."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.handlers._entry import logger, run_artifacts, tracer
from tuner.steps.recommend import recommend_for


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Take ``runId``; give ``verdict``."""
    return {"verdict": recommend_for(run_artifacts(event["runId"]))}
