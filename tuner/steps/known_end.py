"""What ``restore`` may believe of the run that it is asked to undo: whoever may start it gives id and status."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from tuner.aws.artifacts import RunArtifacts
from tuner.aws.failures import aws_call, error_code
from tuner.core.errors import RunNotFound, TunerError
from tuner.core.run.bucket_layout import COMMAND, GIVEN_PAYLOAD, STOP
from tuner.steps.overdue import is_open

UNKNOWN = "UNKNOWN"
"""Nobody told how the run ended: an answer that is there stands."""

_ENDS = ("FAILED", "ABORTED", "TIMED_OUT", UNKNOWN)
_BEFORE_A_RUN = frozenset({COMMAND, GIVEN_PAYLOAD, STOP})
"""What whoever starts a run may write if there is none."""


def reported_end(status: Any) -> str:
    """Read the status with which a run is said to have ended; ``UNKNOWN`` for anything else."""
    return str(status) if status in _ENDS else UNKNOWN


def known_end(artifacts: RunArtifacts, stepfunctions: Any, *, execution_arn: str, told: Any) -> str:
    """Check that there was such a run, and how it ended.

    Step Functions is asked, as its answer may be a moment old and names can be
    made up: an execution that succeeded keeps its answer whatever *told* says, and
    one that it does not know has no known end. If it
    cannot be asked, *told* stands: the run is undone all the same.

    *execution_arn* is the execution of ``tune`` that has the run's id as its name.

    Returns:
        ``FAILED``, ``ABORTED``, ``TIMED_OUT`` or ``UNKNOWN``.

    Raises:
        RunNotFound: There is no such execution, and the bucket knows nothing of such a run.
    """
    told_status = reported_end(told)
    try:
        with aws_call("states:DescribeExecution", execution_arn):
            try:
                status = stepfunctions.describe_execution(executionArn=execution_arn)["status"]
            except ClientError as error:
                if error_code(error) not in {"ExecutionDoesNotExist", "InvalidArn"}:
                    raise
                status = None
    except TunerError:
        return told_status
    if status is not None:
        return UNKNOWN if status == "SUCCEEDED" else told_status
    if not is_open(artifacts) and not set(artifacts.names("")) - _BEFORE_A_RUN:
        raise RunNotFound(
            f"There was no run {artifacts.run_id}: nothing was undone, and nothing is written.",
            hint="The id of a run is the name of its execution; `lambda-tuner list` shows them.",
        )
    return UNKNOWN
