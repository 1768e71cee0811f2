"""CopyCode: the function's package, once, into the artifact bucket."""

from __future__ import annotations

from tuner.aws.clients import client
from tuner.aws.target import TargetReader
from tuner.handlers._entry import Context, JsonObject, entry, now, run_artifacts
from tuner.steps.copy_code import copy_code


@entry
def handler(event: JsonObject, _: Context) -> JsonObject:
    """Take ``runId``; give ``copied``."""
    return {"copied": copy_code(run_artifacts(event["runId"]), TargetReader(client), client("s3"), now=now())}
