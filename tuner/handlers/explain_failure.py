"""ExplainFailure: a failed state's error, worded for people."""

from __future__ import annotations

from tuner.core.errors import REPORT_LINE
from tuner.handlers._entry import Context, JsonObject, entry, logger, run_artifacts
from tuner.steps.explain_failure import explain_failure, record_failure


@entry
def handler(event: JsonObject, _: Context) -> JsonObject:
    """Take ``runId``, the caught ``failure``, and ``keep``: false where it is not why the run ended.

    Gives ``name`` and ``cause``: a sentence, and on a second line where the report of the run is.
    """
    artifacts = run_artifacts(event["runId"])
    failure = explain_failure(str(event["failure"].get("Error", "")), str(event["failure"].get("Cause") or ""))
    logger.warning("run failed", error=failure.name, failure=failure.message)
    if event.get("keep", True):
        record_failure(artifacts, failure)
    report = artifacts.console_url("report.html") or artifacts.place("report.html")
    return {"name": failure.name, "cause": f"{failure.cause}{REPORT_LINE}{report}"}
