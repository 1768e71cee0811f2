"""Restore: undo everything that a run made, and prove it."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.handlers._entry import clones, logger, now, run_artifacts, target_reader, tracer
from tuner.steps.restore import restore


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Take ``runId``; give ``removed``, the count of temporary functions that were deleted."""
    restored = restore(run_artifacts(event["runId"]), target_reader(), clones(), now=now().isoformat())
    return {"removed": len(restored.removed)}
