"""CreateClones: a temporary function for every candidate of the round."""

from __future__ import annotations

from tuner.handlers._entry import Context, JsonObject, clones, entry, run_artifacts, target_reader
from tuner.steps.create_clones import create_clones


@entry
def handler(event: JsonObject, context: Context) -> JsonObject:
    """Take ``runId`` and ``round``; give ``ready``, or raise ``CloneNotReady`` to be called again."""
    ready = create_clones(
        run_artifacts(event["runId"]),
        target_reader(),
        clones(),
        int(event["round"]),
        remaining_s=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    return {"ready": ready}
