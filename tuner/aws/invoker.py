"""One invocation of a clone, and the log record that says what it took."""

from __future__ import annotations

import base64
import itertools
import json
import re
import time
from collections.abc import Callable, Collection
from dataclasses import fields, replace
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from tuner.aws.failures import aws_call, error_code, error_text
from tuner.core.errors import (
    CloneFailed,
    CloneNotReady,
    PermissionDenied,
    ProcessorFailed,
    ServiceError,
    Throttled,
    TunerError,
)
from tuner.core.foreign_text import one_line, visible
from tuner.core.log_records import ReportRecord, begun_request, find_report, init_ran_again
from tuner.core.measurement.traceback_frames import frames_of
from tuner.core.model import Invocation, Outcome

LOG_WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Growing waits for CloudWatch Logs to show a record; lags of 5 to 15 s were seen."""
_LOG_PAGES = 20
"""Most pages of one search: CloudWatch Logs may answer with empty ones before the one that holds something."""
_CLOCK_SKEW_MS = 60_000

_MESSAGE_CHARACTERS = 500
_RECORDED = tuple(
    field.name
    for field in fields(Invocation)
    if field.name in ReportRecord.__dataclass_fields__ and field.name not in ("request_id", "init_ms", "error_type")
)
"""What an invocation takes from its record as it is."""
_TYPE_CHARACTERS = 100
_LOG_LINES = 30
_LOG_LINE_CHARACTERS = 500
_PLATFORM_LINE = re.compile(r'(?:INIT_START|START|END|REPORT|XRAY) |\{"time":"[^"]*","type":"platform\.')

# Every error that botocore 1.44.5 models for Invoke is in one of these sets, in failures.py or in the test of them.
NOT_READY = {
    "CodeArtifactUserDeletedException",
    "CodeArtifactUserPendingException",
    "EFSMountConnectivityException",
    "EFSMountTimeoutException",
    "ENINotReadyException",
    "ResourceConflictException",
    "ResourceNotReadyException",
    "S3FilesMountConnectivityException",
    "S3FilesMountTimeoutException",
    "SnapStartNotReadyException",
    "SnapStartRegenerationFailureException",
}
"""Nothing ran, and the same call may succeed later."""
NOT_READY_AT_FIRST = {"KMSAccessDeniedException", "ResourceNotFoundException"}
"""As above while a function is new: what was just created, and a key's grant for it, is not known everywhere at once
("Grants in AWS KMS: eventual consistency", AWS KMS Developer Guide; aws/chalice#1342)."""
LASTING = {
    "CodeArtifactUserFailedException",
    "EC2AccessDeniedException",
    "EC2UnexpectedException",
    "EFSIOException",
    "EFSMountFailureException",
    "ENILimitReachedException",
    "InvalidSecurityGroupIDException",
    "InvalidSubnetIDException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "RuntimeAliasDeletedException",
    "RuntimeVersionDeletedException",
    "S3FilesMountFailureException",
    "SubnetIPAddressLimitReachedException",
}
"""Nothing ran, and somebody has to change something first."""
RESTORE_FAILED = {"SnapStartException", "SnapStartTimeoutException"}
"""A hook after the restore failed or passed its 10 s: a fault of the function, before its handler ran."""

_HANDLER_RAISED = re.compile(
    r"\[ERROR\] |.*\tERROR\t(?:Invoke Error|Uncaught Exception)|Error raised from handler method"
)
"""How the runtimes of Python, Node.js and Ruby begin what they log of an exception: text records do not tell of it."""


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

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as logs count them."""
        return int(self._clock() * 1000)

    def invoke(
        self, name: str, payload: bytes, *, version: str | None = None, new: bool = False
    ) -> tuple[Invocation, bytes]:
        """Invoke a clone once and read its measure, and its answer.

        A failure of the function is a result. A call that left no answer may
        have run: it counts, as unmeasured, and so does one whose record can
        neither be found nor be asked for.

        *payload* is JSON text; *new*: the clone has not been invoked before.

        Returns:
            The measure, and the function's answer as JSON text (empty if
            none came).

        Raises:
            Throttled: Nothing ran; to be tried again later.
            CloneNotReady: Nothing ran: the clone is not ready to be invoked.
            CloneFailed: Nothing ran, and nothing will: says why.
            PermissionDenied: Nothing ran.
        """
        began_ms = self.now_ms()
        qualifier = {} if version is None else {"Qualifier": version}
        with aws_call("lambda:InvokeFunction", name):
            try:
                answer = self._lambda.invoke(FunctionName=name, LogType="Tail", Payload=payload, **qualifier)
                body = answer["Payload"].read()
            except ClientError as error:
                refused = _refused(name, error, new=new)
                if refused is not None:
                    raise refused from error
                if error_code(error) in RESTORE_FAILED:
                    return _without_record(error_text(error), error_type=error_code(error)), b""
                if error_code(error) in {"ServiceException", "500", "502", "503", "504"}:
                    return _without_record(error_text(error)), b""
                raise
            except BotoCoreError as error:
                return _without_record(f"no answer: {error}"), b""
        request_id = str(answer["ResponseMetadata"]["RequestId"])
        tail = base64.b64decode(answer.get("LogResult") or "").decode("utf-8", "replace")
        record = find_report(tail, request_id)
        source: Literal["tail", "logs", "none"] = "tail"
        why = None
        if record is None:
            record, source, why = self._from_logs(request_id, began_ms)
        failed = bool(answer.get("FunctionError"))
        error_type, error_message = _function_error(body) if failed else (None, why)
        invocation = _invocation(request_id, record, source, error_type, error_message)
        if failed:
            invocation = replace(invocation, error_frames=frames_of(_answer(body)), log_tail=_log_lines(tail))
        if not invocation.cold and init_ran_again(tail, request_id):
            invocation = replace(invocation, cold=True)
        return invocation, body

    def run_processor(self, arn: str, payload: bytes) -> bytes:
        """Run the function that a request has run before or after each invocation; event and answer are JSON text.

        The answer is empty if the function has none.

        Raises:
            ProcessorFailed: It failed, is not there, or did not answer in time.
            Throttled: It did not run.
            CloneNotReady: It did not run; it may later.
            PermissionDenied: It may not be invoked.
        """
        with aws_call("lambda:InvokeFunction", arn):
            try:
                answer = self._processors.invoke(FunctionName=arn, Payload=payload)
                body: bytes = answer["Payload"].read()
            except ClientError as error:
                if error_code(error) in NOT_READY:
                    raise CloneNotReady(_not_ready(arn, error)) from error
                if error_code(error) == "ResourceNotFoundException":
                    raise ProcessorFailed(
                        f"The processor {arn} does not exist.",
                        hint="Nothing more was invoked. Correct the processor's ARN.",
                    ) from error
                raise
            except BotoCoreError as error:
                raise ProcessorFailed(f"The processor {arn} gave no answer: {error}") from error
        if answer.get("FunctionError"):
            error_type, error_message = _function_error(body)
            raise ProcessorFailed(
                f"The processor {arn} failed with {error_type}: {error_message}",
                hint="Its own log has the details. A run ends when a processor fails: later measurements could be of "
                "a different state.",
            )
        return body

    def _from_logs(
        self, request_id: str, began_ms: int
    ) -> tuple[ReportRecord | None, Literal["logs", "none"], str | None]:
        """Look a record up; if there is none, say why if AWS refused to tell."""
        why = None
        for wait_s in LOG_WAITS_S:
            self._sleep(wait_s)
            try:
                messages = self._messages(began_ms - _CLOCK_SKEW_MS, filterPattern=f'"{request_id}"')
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

    def find_lost(
        self, name: str, since_ms: int, booked: Collection[str], count: int, *, patience_s: float
    ) -> list[Invocation]:
        """Find what became of calls whose answers were lost, by the clone's own log streams.

        An invocation of this clone that began since then and is in nobody's
        book belongs to one of these calls; which one does not matter if they
        were alike. It may still be running, and is then waited for.

        *since_ms* is when the first of the *count* calls was made, *booked* are the request ids whose calls are known,
        and *patience_s* is how long an invocation that has begun may still take.

        Returns:
            One measure for each invocation that was found, *count* at most;
            none if there are more than calls, so that it is not certain
            whose they are.
        """
        found: list[Invocation] = []
        waited_s = 0.0
        for wait_s in itertools.chain(LOG_WAITS_S, itertools.repeat(LOG_WAITS_S[-1])):
            if waited_s + wait_s > patience_s:
                break
            self._sleep(wait_s)
            waited_s += wait_s
            try:
                streams = self._begun(name, since_ms, booked)
                if len(streams) > count:
                    return []
                logs = {
                    request_id: "\n".join(self._messages(since_ms, logStreamNames=[stream]))
                    for request_id, stream in streams.items()
                }
            except PermissionDenied:
                return []
            except (Throttled, ServiceError):
                continue
            found = [_from_log(request_id, log) for request_id, log in logs.items() if find_report(log, request_id)]
            if len(found) == count or (len(found) == len(streams) and waited_s >= sum(LOG_WAITS_S)):
                break
        return found

    def _begun(self, name: str, since_ms: int, booked: Collection[str]) -> dict[str, str]:
        """The invocations of a clone that are in no book, with the log stream of each.

        Streams of a log group that is not the function's own bear its name:
        ``YYYY/MM/DD/<name>[<version>]<environment>`` ("Configuring CloudWatch
        log groups", AWS Lambda Developer Guide, seen 2026-11-28).
        """
        streams = {}
        for event in self._events(since_ms, filterPattern='?"START RequestId:" ?"platform.start"'):
            request_id = begun_request(event["message"])
            if request_id is not None and request_id not in booked and f"/{name}[" in event["logStreamName"]:
                streams[request_id] = event["logStreamName"]
        return streams

    def _messages(self, since_ms: int, **selection: Any) -> list[str]:
        return [event["message"] for event in self._events(since_ms, **selection)]

    def _events(self, since_ms: int, **selection: Any) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        for _ in range(_LOG_PAGES):
            with aws_call("logs:FilterLogEvents", self._log_group):
                answer = self._logs.filter_log_events(
                    logGroupName=self._log_group, startTime=since_ms, **selection, **more
                )
            events += answer.get("events", ())
            if not answer.get("nextToken"):
                break
            more = {"nextToken": answer["nextToken"]}
        return events


def _refused(name: str, error: ClientError, *, new: bool) -> TunerError | None:
    """What it means that Lambda did not run a clone; ``None`` if it means nothing in particular."""
    code = error_code(error)
    lasting = CloneFailed(
        f"Lambda cannot run {name}: {code}: {error_text(error)}",
        hint="Nothing ran. A clone has the role, network, file systems and key of its function: check that the "
        "function itself can be invoked now, fix what the error names, and start again.",
    )
    if code in NOT_READY:
        return CloneNotReady(_not_ready(name, error))
    if new and code in NOT_READY_AT_FIRST:
        return CloneNotReady(_not_ready(name, error), lasting=lasting)
    return lasting if code in LASTING else None


def _not_ready(name: str, error: ClientError) -> str:
    return f"{name} is not ready to be invoked: {error_code(error)}: {error_text(error)}"


def _from_log(request_id: str, log: str) -> Invocation:
    """An invocation whose answer nobody has: only its log says how it ended."""
    record = find_report(log, request_id)
    error_type, message = None, "the answer was lost, the record was found in the log"
    if record is not None and record.status in ("failure", "error"):
        error_type = record.error_type or "Unhandled"
    elif record is not None and record.status is None:
        raised = next((line for line in log.split("\n") if _HANDLER_RAISED.match(line)), None)
        error_type, message = (
            (None, message) if raised is None else ("Unhandled", one_line(raised, limit=_MESSAGE_CHARACTERS))
        )
    invocation = _invocation(request_id, record, "logs", error_type, message)
    return replace(invocation, cold=invocation.cold or init_ran_again(log, request_id))


def _answer(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _log_lines(tail: str) -> tuple[str, ...]:
    """The last lines of a log, without the platform's own; runtimes join those of a traceback by carriage returns."""
    lines = [line.rstrip() for line in visible(tail.replace("\r", "\n")).split("\n")]
    said = [line for line in lines if line and not _PLATFORM_LINE.match(line)]
    return tuple(line[:_LOG_LINE_CHARACTERS] for line in said[-_LOG_LINES:])


def _function_error(body: bytes) -> tuple[str, str]:
    answer = _answer(body)
    return (
        one_line(str(answer.get("errorType") or "Unhandled"), limit=_TYPE_CHARACTERS),
        one_line(str(answer.get("errorMessage") or "no message"), limit=_MESSAGE_CHARACTERS),
    )


def _invocation(
    request_id: str,
    record: ReportRecord | None,
    source: Literal["tail", "logs", "none"],
    error_type: str | None,
    error_message: str | None,
) -> Invocation:
    recorded = {} if record is None else {name: getattr(record, name) for name in _RECORDED}
    return Invocation(
        **recorded,
        request_id=request_id,
        outcome=_outcome(record, error_type, error_message),
        cold=record is not None and record.cold,
        init_ms=None if record is None else record.cold_start_ms,
        error_type=error_type or (None if record is None else record.error_type),
        error_message=error_message,
        source=source,
    )


def _outcome(record: ReportRecord | None, error_type: str | None, error_message: str | None) -> Outcome:
    text = error_message or ""
    # Old style timeouts carry no error type; a user's own exception with such a text carries one.
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


def _without_record(why: str, *, error_type: str | None = None) -> Invocation:
    """A call without answer, unmeasured; with *error_type* one that failed while it was restored."""
    return Invocation(
        request_id="",
        outcome="unmeasured" if error_type is None else "function_error",
        cold=error_type is not None,
        error_type=error_type,
        error_message=one_line(why, limit=_MESSAGE_CHARACTERS),
        source="none",
    )
