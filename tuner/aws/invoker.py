"""One invocation of a clone, and the log record that tells what it took."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from tuner.aws.failures import aws_call, error_code, error_text
from tuner.core.errors import CloneNotReady, PermissionDenied, ProcessorFailed, ServiceError, Throttled
from tuner.core.log_records import ReportRecord, find_report, init_ran_again
from tuner.core.model import Invocation, Outcome

LOG_WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Growing waits for CloudWatch Logs to show a record; lags of 5 to 15 s were seen."""
_LOG_PAGES = 20
"""Most pages of one search: CloudWatch Logs may answer with empty ones before the one that holds something."""
_CLOCK_SKEW_MS = 60_000

_MESSAGE_CHARACTERS = 500

_NOT_READY = {"ResourceConflictException", "CodeArtifactUserPendingException", "SnapStartNotReadyException"}
_RESTORE_FAILED = {"SnapStartException", "SnapStartTimeoutException"}
"""A hook after the restore failed or passed its 10 s: a fault of the function, before its handler ran."""


class Invoker:
    """Invokes temporary functions and reads their REPORT records."""

    def __init__(
        self,
        lambda_client: Any,
        logs_client: Any,
        processor_client: Any,
        *,
        log_group: str,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lambda = lambda_client
        self._logs = logs_client
        self._processors = processor_client
        self._log_group = log_group
        self._sleep = sleep
        self._clock = clock

    def invoke(self, name: str, payload: bytes, *, version: str | None = None) -> tuple[Invocation, bytes]:
        """Invoke a clone once and read its measure, and its answer.

        A failure of the function is a result. A call that left no answer may
        have run: it counts, as unmeasured, and so does one whose record can
        neither be found nor be asked for.

        Args:
            name: The clone.
            payload: The event, as JSON text.
            version: Of the clone, where it was published.

        Returns:
            The measure, and the function's answer as JSON text (empty where
            none came).

        Raises:
            Throttled: Nothing ran; to be tried again later.
            CloneNotReady: Nothing ran: the clone is not ready to be invoked.
            PermissionDenied: Nothing ran.
        """
        began_ms = int(self._clock() * 1000)
        qualifier = {} if version is None else {"Qualifier": version}
        with aws_call("lambda:InvokeFunction", name):
            try:
                answer = self._lambda.invoke(FunctionName=name, LogType="Tail", Payload=payload, **qualifier)
                body = answer["Payload"].read()
            except ClientError as error:
                if error_code(error) in _NOT_READY:
                    raise CloneNotReady(f"{name} is not ready to be invoked: {error_text(error)}") from error
                if error_code(error) in _RESTORE_FAILED:
                    return _not_restored(error_code(error), error_text(error)), b""
                if error_code(error) in {"ServiceException", "500", "502", "503", "504"}:
                    return _unmeasured(error_text(error)), b""
                raise
            except BotoCoreError as error:
                return _unmeasured(f"no answer: {error}"), b""
        request_id = str(answer["ResponseMetadata"]["RequestId"])
        tail = base64.b64decode(answer.get("LogResult") or "").decode("utf-8", "replace")
        record = find_report(tail, request_id)
        source: Literal["tail", "logs", "none"] = "tail"
        why = None
        if record is None:
            record, source, why = self._from_logs(request_id, began_ms)
        error_type, error_message = _function_error(body) if answer.get("FunctionError") else (None, why)
        invocation = _invocation(request_id, record, source, error_type, error_message)
        if not invocation.cold and init_ran_again(tail, request_id):
            invocation = replace(invocation, cold=True)
        return invocation, body

    def run_processor(self, arn: str, payload: bytes) -> bytes:
        """Run the function that a request has run before or after each invocation.

        Args:
            arn: The function, also with a version or alias.
            payload: Its event, as JSON text.

        Returns:
            Its answer, as JSON text; empty where it has none.

        Raises:
            ProcessorFailed: It failed, is not there, or did not answer in time.
            Throttled: It did not run.
            PermissionDenied: It may not be invoked.
        """
        with aws_call("lambda:InvokeFunction", arn):
            try:
                answer = self._processors.invoke(FunctionName=arn, Payload=payload)
                body: bytes = answer["Payload"].read()
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    raise ProcessorFailed(
                        f"The processor {arn} is not there.", hint="Nothing more was invoked. Correct its ARN."
                    ) from error
                raise
            except BotoCoreError as error:
                raise ProcessorFailed(f"The processor {arn} gave no answer: {error}") from error
        if answer.get("FunctionError"):
            error_type, error_message = _function_error(body)
            raise ProcessorFailed(
                f"The processor {arn} failed with {error_type}: {error_message}",
                hint="Its own log tells more. A run ends where a processor fails: what it measured after that could "
                "be of another state of things.",
            )
        return body

    def _from_logs(
        self, request_id: str, began_ms: int
    ) -> tuple[ReportRecord | None, Literal["logs", "none"], str | None]:
        """Look a record up; where there is none, say why if AWS refused to tell."""
        why = None
        for wait_s in LOG_WAITS_S:
            self._sleep(wait_s)
            try:
                messages = self._messages_about(request_id, began_ms)
            except PermissionDenied as error:
                return None, "none", error.message
            except (Throttled, ServiceError) as error:
                why = error.message
                continue
            # Read together: START and END, which bear the id too, rule out a REPORT that the function printed itself.
            record = find_report("\n".join(messages), request_id)
            if record is not None:
                return record, "logs", None
        return None, "none", why

    def _messages_about(self, request_id: str, began_ms: int) -> list[str]:
        messages: list[str] = []
        more: dict[str, str] = {}
        for _ in range(_LOG_PAGES):
            with aws_call("logs:FilterLogEvents", self._log_group):
                answer = self._logs.filter_log_events(
                    logGroupName=self._log_group,
                    filterPattern=f'"{request_id}"',
                    startTime=began_ms - _CLOCK_SKEW_MS,
                    **more,
                )
            messages += [event["message"] for event in answer.get("events", ())]
            if not answer.get("nextToken"):
                break
            more = {"nextToken": answer["nextToken"]}
        return messages


def _function_error(body: bytes) -> tuple[str, str]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    message = str(answer.get("errorMessage") or "no message")
    if len(message) > _MESSAGE_CHARACTERS:
        message = message[: _MESSAGE_CHARACTERS - 1] + "…"
    return str(answer.get("errorType") or "Unhandled"), message


def _invocation(
    request_id: str,
    record: ReportRecord | None,
    source: Literal["tail", "logs", "none"],
    error_type: str | None,
    error_message: str | None,
) -> Invocation:
    outcome = _outcome(record, error_type, error_message)
    if record is None:
        return Invocation(
            request_id=request_id,
            outcome=outcome,
            cold=False,
            error_type=error_type,
            error_message=error_message,
            source=source,
        )
    return Invocation(
        request_id=request_id,
        outcome=outcome,
        cold=record.cold,
        duration_ms=record.duration_ms,
        billed_ms=record.billed_ms,
        init_ms=record.cold_start_ms,
        max_memory_used_mb=record.max_memory_used_mb,
        error_type=error_type or record.error_type,
        error_message=error_message,
        source=source,
        cpu_ms=record.cpu_ms,
        thread_count=record.thread_count,
    )


def _outcome(record: ReportRecord | None, error_type: str | None, error_message: str | None) -> Outcome:
    text = error_message or ""
    # Old style time-outs carry no error type; a user's own exception with such a text carries one.
    timed_out = error_type == "Sandbox.Timedout" or (error_type == "Unhandled" and "Task timed out after" in text)
    if timed_out or (record and record.timed_out):
        return "timeout"
    killed = error_type == "Runtime.ExitError" and "signal: killed" in text
    if killed or (record and record.out_of_memory):
        return "out_of_memory"
    if error_type is not None:
        return "function_error"
    if record is None or record.duration_ms is None or record.billed_ms is None:
        return "unmeasured"
    return "ok"


def _not_restored(error_type: str, why: str) -> Invocation:
    return Invocation(
        request_id="",
        outcome="function_error",
        cold=True,
        error_type=error_type,
        error_message=why[:_MESSAGE_CHARACTERS],
        source="none",
    )


def _unmeasured(why: str) -> Invocation:
    return Invocation(
        request_id="",
        outcome="unmeasured",
        cold=False,
        error_message=why[:_MESSAGE_CHARACTERS],
        source="none",
    )
