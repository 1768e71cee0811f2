"""CreateClones: a temporary function for every candidate of the round."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.handlers._entry import clones, logger, run_artifacts, target_reader, tracer
from tuner.steps.create_clones import create_clones


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take ``runId`` and ``round``; give ``ready``, or raise ``CloneNotReady`` to be called again."""
    ready = create_clones(
        run_artifacts(event["runId"]),
        target_reader(),
        clones(),
        int(event["round"]),
        remaining_s=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    return {"ready": ready}
