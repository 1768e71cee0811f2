"""ListFleet: every function that bears our tag."""

from __future__ import annotations

from tuner.aws.clients import client
from tuner.handlers._entry import Context, JsonObject, entry, logger
from tuner.steps.list_fleet import list_fleet


@entry
def handler(event: JsonObject, _: Context) -> JsonObject:
    """Take ``executionName``; give ``functions`` to tune and those ``skipped``, with the reason."""
    fleet = list_fleet(client("resourcegroupstaggingapi"), execution_name=event["executionName"])
    logger.info("fleet listed", functions=len(fleet["functions"]), skipped=len(fleet["skipped"]))
    return fleet
