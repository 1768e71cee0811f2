"""Report: the run's result as JSON, Markdown and HTML, and the execution's output."""

from __future__ import annotations

from tuner.handlers._entry import Context, JsonObject, count, entry, now, run_artifacts
from tuner.steps.known_end import reported_end
from tuner.steps.report import report


@entry
def handler(event: JsonObject, _: Context) -> JsonObject:
    """Take ``runId``, ``status`` (null in the run itself) and, from ``tune``, ``failure``; give its output."""
    status = event["status"]
    output = report(
        run_artifacts(event["runId"]),
        finished_at=now().isoformat(),
        status=None if status is None else reported_end(status),
        failure=event.get("failure"),
    )
    count("RunsFailed" if "error" in output else "RunsReported", 1)
    return output
