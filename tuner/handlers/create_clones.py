"""CreateClones: a temporary function for every candidate of the round."""

from __future__ import annotations

from tuner.aws.clients import client
from tuner.aws.target import TargetReader
from tuner.handlers._clones import clones
from tuner.handlers._entry import Context, JsonObject, entry, run_artifacts
from tuner.steps.create_clones import create_clones


@entry
def handler(event: JsonObject, context: Context) -> JsonObject:
    """Take ``runId`` and ``round``; give ``ready``, or raise ``CloneNotReady`` to be called again."""
    ready = create_clones(
        run_artifacts(event["runId"]),
        TargetReader(client),
        clones(),
        int(event["round"]),
        remaining_s=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    return {"ready": ready}
