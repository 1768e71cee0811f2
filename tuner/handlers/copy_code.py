"""CopyCode: the function's package, once, into the artifact bucket."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.aws.clients import client
from tuner.handlers._entry import logger, now, run_artifacts, target_reader, tracer
from tuner.steps.copy_code import copy_code


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Take ``runId``; give ``copied``."""
    return {"copied": copy_code(run_artifacts(event["runId"]), target_reader(), client("s3"), now=now())}
