"""Restore: undo everything that a run made, and prove it."""

from __future__ import annotations

import os

from tuner.aws.clients import client
from tuner.aws.snapshot import SnapshotReader
from tuner.handlers._clones import clones
from tuner.handlers._entry import Context, JsonObject, entry, now, run_artifacts
from tuner.steps.known_end import known_end
from tuner.steps.restore import restore


@entry
def handler(event: JsonObject, context: Context) -> JsonObject:
    """Take ``runId``, and from outside of the run the ``status`` with which it is said to have ended.

    Gives ``removed``, the count of temporary functions that were deleted, and the ``status`` that may be believed.
    """
    run = run_artifacts(event["runId"])
    status = None
    if "status" in event:
        _, partition, _, region, account, *_ = context.invoked_function_arn.split(":")
        machine = f"arn:{partition}:states:{region}:{account}:execution:{os.environ['TUNER_STACK']}-tune"
        status = known_end(run, client("stepfunctions"), execution_arn=f"{machine}:{run.run_id}", told=event["status"])
    restored = restore(
        run,
        SnapshotReader(client),
        clones(),
        now=now().isoformat(),
        remaining_s=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    return {"removed": len(restored.removed), "status": status}
