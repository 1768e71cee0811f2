"""What every entry point shares: its logger and tracer, its metrics, and where the artifacts are."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.aws.artifacts import Artifacts, RunArtifacts
from tuner.aws.clients import client
from tuner.aws.failures import aws_call

logger = Logger()
tracer = Tracer()
metrics = Metrics()

JsonObject = dict[str, Any]
"""What an entry point takes and gives; its keys are those of ``state_machine/``."""

Context = LambdaContext
"""What Lambda says of the call itself."""

Handler = Callable[[JsonObject, Context], JsonObject]


def entry(handler: Handler) -> Handler:
    """Make a function a Lambda entry point: its log lines have the request id, its trace has a segment of its own."""
    traced: Handler = tracer.capture_lambda_handler(handler, capture_response=False)
    logged: Handler = logger.inject_lambda_context(traced, clear_state=True)
    return logged


def count(name: str, value: int) -> None:
    """Send one of the stack's own metrics."""
    metrics.add_metric(name=name, unit="Count", value=value)
    metrics.flush_metrics()


@cache
def artifacts() -> Artifacts:
    """The artifact bucket, which the embedded AWS keeps in a folder."""
    folder = os.environ.get("TUNER_BUCKET_FOLDER")
    return Artifacts(client("s3"), os.environ["TUNER_BUCKET"], folder=None if folder is None else Path(folder))


def run_artifacts(run_id: str) -> RunArtifacts:
    """The objects of one run; its id goes into every log line from here on."""
    run = RunArtifacts(artifacts(), run_id)
    logger.append_keys(run_id=run_id)
    return run


def is_local() -> bool:
    """Whether this is the embedded AWS: its endpoint is on this machine."""
    host = urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def restorer() -> Callable[[str], None]:
    """Starts the state machine ``restore`` for a run id; once a second at most for the same run."""

    def start(run_id: str) -> None:
        digest = hashlib.sha256(run_id.encode()).hexdigest()[:12]
        restore_arn = os.environ["TUNER_RESTORE_ARN"]
        with aws_call("states:StartExecution", restore_arn):
            client("stepfunctions").start_execution(
                stateMachineArn=restore_arn,
                name=f"overdue-{digest}-{now():%Y%m%dT%H%M%S}",
                input=json.dumps({"runId": run_id, "status": "UNKNOWN"}),
            )

    return start
