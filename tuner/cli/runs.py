"""One execution of the state machine ``tune``: started, asked about, ended, read."""

from __future__ import annotations

import itertools
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tuner.aws.artifacts import Artifacts, RunArtifacts
from tuner.aws.failures import aws_call
from tuner.cli.account import Account
from tuner.core.answer.codec import decode
from tuner.core.answer.report import RunReport
from tuner.core.aws_limits import LONGEST_EXECUTION_NAME
from tuner.core.function.function_reference import read_function_reference
from tuner.core.run.bucket_layout import FAILURE, GIVEN_PAYLOAD, PROGRESS, REPORT_FILES, STOP, run_key

ExecutionState = Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"]

# Step Functions takes 262,144 bytes of input; the rest of the request needs little of it.
_LARGEST_INLINE_PAYLOAD_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class ExecutionStatus:
    """What Step Functions says of an execution."""

    state: ExecutionState
    output: Mapping[str, Any] | None = None
    """The execution's output, once it has succeeded."""
    error_name: str | None = None
    cause: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in {"RUNNING", "PENDING_REDRIVE"}


def new_run_id(function: str, now: datetime) -> str:
    """Name a run so that the names sort by time and show the function.

    The name is an execution's: at most 80 characters, letters, digits, ``-`` and ``_``.
    """
    reference, _ = read_function_reference(function)
    plain_name = reference.name if reference else function
    stamp, ending = now.strftime("%Y%m%d-%H%M%S"), secrets.token_hex(2)
    room = LONGEST_EXECUTION_NAME - len(stamp) - len(ending) - 2
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", plain_name).strip("-")[:room].strip("-") or "function"
    return f"{stamp}-{readable}-{ending}"


class Runs:
    """Starts, follows and ends runs in one account."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._machines = account.client("stepfunctions")
        self.artifacts = Artifacts(account.client("s3"), account.bucket)

    def account_has_ended(self) -> bool:
        """Whether the embedded AWS that the run was in is gone."""
        return self.account.has_ended()

    def execution_arn(self, run_id: str) -> str:
        """The execution's ARN."""
        return f"{self.account.tune_arn.replace(':stateMachine:', ':execution:')}:{run_id}"

    def start(self, run_id: str, request: Mapping[str, Any]) -> None:
        """Start an execution named *run_id*; a payload too large for its input goes through the bucket."""
        body = dict(request)
        if "payload" in body:
            payload = json.dumps(body["payload"]).encode()
            if len(payload) > _LARGEST_INLINE_PAYLOAD_BYTES:
                run = self._run(run_id)
                run.bucket.write(run.key(GIVEN_PAYLOAD), payload)
                del body["payload"]
                body["payloadS3"] = run.uri(GIVEN_PAYLOAD)
        with aws_call("states:StartExecution", self.account.tune_arn):
            self._machines.start_execution(
                stateMachineArn=self.account.tune_arn, name=run_id, input=json.dumps(body, allow_nan=False)
            )

    def status(self, run_id: str) -> ExecutionStatus:
        """Ask how the execution stands."""
        return self._status_of(self.execution_arn(run_id))

    def _status_of(self, arn: str) -> ExecutionStatus:
        with aws_call("states:DescribeExecution", arn):
            answer = self._machines.describe_execution(executionArn=arn)
        return ExecutionStatus(
            state=answer["status"],
            output=json.loads(answer["output"]) if answer.get("output") else None,
            error_name=answer.get("error"),
            cause=answer.get("cause"),
        )

    def history(self, run_id: str) -> list[dict[str, Any]]:
        """The events of the execution so far, in order."""
        arn = self.execution_arn(run_id)
        question = ("stepfunctions", "get_execution_history", "events", "states:GetExecutionHistory")
        return self.account.rows(*question, of=arn, executionArn=arn)

    def entered_states(self, run_id: str, after: int) -> tuple[list[str], int]:
        """Names of the states that the execution has entered since event *after*, in order, and its newest event.

        The newest events come first, a few at a time: to read the whole history
        again takes the embedded AWS a tenth of a second of what is being measured.
        """
        arn = self.execution_arn(run_id)
        names: dict[int, str] = {}  # by event: one may be on two pages if others came meanwhile
        newest = after
        with aws_call("states:GetExecutionHistory", arn):
            pages = self._machines.get_paginator("get_execution_history").paginate(
                executionArn=arn, reverseOrder=True, includeExecutionData=False, PaginationConfig={"PageSize": 20}
            )
            for event in itertools.chain.from_iterable(page["events"] for page in pages):
                if event["id"] <= after:
                    break
                newest = max(newest, event["id"])
                if "stateEnteredEventDetails" in event:
                    names[event["id"]] = event["stateEnteredEventDetails"]["name"]
        return [names[event] for event in sorted(names)], newest

    def progress(self, run_id: str) -> dict[str, Any] | None:
        """What the run wrote about itself last; ``None`` while it has not begun to."""
        found = self._run(run_id).find(PROGRESS)
        return found if isinstance(found, dict) else None

    def failure(self, run_id: str) -> dict[str, Any] | None:
        """Why the run failed, in the run's own words: name, message, hint."""
        found = self._run(run_id).find(FAILURE)
        return found if isinstance(found, dict) else None

    def report(self, run_id: str) -> RunReport | None:
        """The run's ``report.json``; ``None`` if it has none that can be read."""
        try:
            return decode(self._run(run_id).find(REPORT_FILES["json"]))
        except ValueError:
            return None

    def report_file(self, run_id: str, name: str) -> bytes | None:
        """One of the report's files; ``None`` if the run has none."""
        return self.artifacts.read(run_key(run_id, name))

    def ask_to_end(self, run_id: str) -> None:
        """Ask the run to end at its next step, to restore and to report what it has."""
        self._run(run_id).write(STOP, {"reason": "The user asked the run to end."})

    def stop(self, run_id: str) -> None:
        """Stop the execution where it is. It cleans nothing up: ``restore`` does."""
        arn = self.execution_arn(run_id)
        with aws_call("states:StopExecution", arn):
            self._machines.stop_execution(
                executionArn=arn, error="RunAborted", cause="The user stopped the run with a second Ctrl-C."
            )

    def start_restore(self, run_id: str) -> str:
        """Start the state machine that removes what the run made; gives the execution's ARN."""
        with aws_call("states:StartExecution", self.account.restore_arn):
            answer = self._machines.start_execution(
                stateMachineArn=self.account.restore_arn,
                name=f"{run_id[: LONGEST_EXECUTION_NAME - 13]}-stop-{secrets.token_hex(3)}",
                input=json.dumps({"runId": run_id, "status": "ABORTED"}),
            )
        return str(answer["executionArn"])

    def restore_status(self, restore_execution_arn: str) -> ExecutionStatus:
        """Ask how an execution of ``restore`` stands."""
        return self._status_of(restore_execution_arn)

    def _run(self, run_id: str) -> RunArtifacts:
        return RunArtifacts(self.artifacts, run_id)
