"""ExplainFailure: a failed state's error, worded for people."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.core.errors import REPORT_LINE
from tuner.handlers._entry import logger, run_artifacts, tracer
from tuner.steps.explain_failure import explain_failure, record_failure


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
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
