"""ListFleet: every function that bears our tag."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.aws.clients import client
from tuner.handlers._entry import logger, tracer
from tuner.steps.list_fleet import list_fleet


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Take ``executionName``; give ``functions`` to tune and those ``skipped``, with the reason."""
    fleet = list_fleet(client("resourcegroupstaggingapi"), execution_name=event["executionName"])
    logger.info("fleet listed", functions=len(fleet["functions"]), skipped=len(fleet["skipped"]))
    return fleet
