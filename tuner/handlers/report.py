"""Report: the run's result as JSON, Markdown and HTML, and the execution's output."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.handlers._entry import logger, metrics, now, run_artifacts, tracer
from tuner.steps.known_end import told_end
from tuner.steps.report import report


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Take ``runId``, ``status`` (null in the run itself) and, from ``tune``, ``failure``; give its output."""
    status = event["status"]
    output = report(
        run_artifacts(event["runId"]),
        finished_at=now().isoformat(),
        status=None if status is None else told_end(status),
        failure=event.get("failure"),
    )
    metrics.add_metric(name="RunsFailed" if "error" in output else "RunsReported", unit="Count", value=1)
    return output
