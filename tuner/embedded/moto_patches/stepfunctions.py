"""Patches of moto's Step Functions and its interpreter of state machines."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tuner.embedded.moto_patches.common import replace_everywhere, replaces
from tuner.embedded.moto_patches.events import emit_event
from tuner.embedded.moto_patches.hooks import Hooks

LOG = logging.getLogger(__name__)


def patch_start_execution(hooks: Hooks) -> None:
    """Name executions that come without a name, check names and inputs that come, and start one at a time.

    moto calls each nameless execution ``None``, so that the second one
    collides with the first, and ends an execution whose input is nested some
    hundred levels deep with Python's own RecursionError.
    """
    from moto.stepfunctions.exceptions import InvalidExecutionInput
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    starting = threading.Lock()
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))

    @replaces(StepFunctionsParserBackend)
    def start_execution(
        original: Any,
        self: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: Any = None,
    ) -> Any:
        name = name or str(uuid.uuid4())
        self._validate_name(name)
        if _levels(execution_input or "") > _DEEPEST_INPUT:
            raise InvalidExecutionInput(
                f"Invalid State Machine Execution Input: it is nested deeper than {_DEEPEST_INPUT} levels"
            )
        with starting:
            return original(self, state_machine_arn, name, execution_input or "{}", trace_header)


_DEEPEST_INPUT = 1000
"""Of JSON in each other; where AWS ends is not documented."""


_RECURSION_LIMIT = 12 * _DEEPEST_INPUT
"""moto copies an input in some frames a level."""


def _levels(text: str) -> int:
    """Count how deep brackets lie in each other in a JSON text."""
    deepest = depth = 0
    for bracket in re.findall(r"[\[{\]}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def patch_execution_times(hooks: Hooks) -> None:
    """Write the context object's ``StartTime`` as AWS does: ``2026-01-31T08:00:00.123Z``, a string."""
    from moto.stepfunctions.parser.backend.execution import Execution

    @replaces(Execution)
    def get_start_execution_details(original: Any, self: Any) -> Any:
        details = original(self)
        details.start_time = _iso(self.start_date)
        return details


def patch_execution_end(hooks: Hooks) -> None:
    """End executions as AWS does, and notify EventBridge of each change of their status.

    In moto a stop takes effect only when the running task is done, forgets its
    error and cause, and nobody hears of any end; one that comes between two
    states ends the history with another error. An interpreter that breaks
    leaves its execution running for ever.
    """
    from moto.stepfunctions import models, responses
    from moto.stepfunctions.parser.api import ExecutionStatus
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    original_reflect = BaseExecutionWorkerCommunication._reflect_execution_status

    def announce(execution: Any) -> None:
        emit_event(_status_event(execution))

    @replaces(Execution)
    def start(original: Any, self: Any) -> None:
        self.lambda_tuner_ending = threading.Lock()
        self.lambda_tuner_ended = False
        original(self)
        if not self.lambda_tuner_ended:
            announce(self)

    def end_once(execution: Any, conclude: Callable[[], None]) -> None:
        with execution.lambda_tuner_ending:
            if execution.lambda_tuner_ended:
                return
            conclude()
            execution.lambda_tuner_ended = True
        announce(execution)

    def terminated(self: Any) -> None:
        end_once(self.execution, lambda: original_reflect(self))

    def stop(self: Any, stop_date: datetime, error: str | None, cause: str | None) -> None:
        def conclude() -> None:
            self.lambda_tuner_events_at_stop = len(self.to_history_output()["events"])
            self.exec_status, self.stop_date = ExecutionStatus.ABORTED, datetime.now(tz=UTC)
            self.error, self.cause = error or None, cause or None

        end_once(self, conclude)
        interrupt = threading.Thread(target=_interrupt, args=(self.exec_worker, stop_date, error, cause), daemon=True)
        interrupt.start()
        interrupt.join(0.2)

    @replaces(Execution)
    def to_history_output(original: Any, self: Any) -> Any:
        output = original(self)
        if self.exec_status == ExecutionStatus.ABORTED:
            output["events"] = _stopped_history(self, output["events"])
        return output

    @replaces(ExecutionWorker)
    def _execution_logic(original: Any, self: Any) -> None:
        execution = self._execution_communication.execution
        try:
            original(self)
        except Exception as error:  # noqa: BLE001 - whatever broke, the execution must end
            cause = str(error)

            def conclude() -> None:
                execution.exec_status, execution.stop_date = ExecutionStatus.FAILED, datetime.now(tz=UTC)
                execution.error, execution.cause = "States.Runtime", cause

            LOG.warning("the interpreter of %s broke: %s", execution.exec_arn, error)
            end_once(execution, conclude)
        finally:
            self.lambda_tuner_done = True

    def stop_execution_of(self: Any, execution_arn: str, error: str = "", cause: str = "") -> Any:
        execution = next((one for one in self.executions if one.execution_arn == execution_arn), None)
        if execution is None:
            raise models.ExecutionDoesNotExist(f"Execution Does Not Exist: '{execution_arn}'")
        execution.stop(stop_date=datetime.now(tz=UTC), error=error, cause=cause)
        return execution

    def stop_execution(self: Any) -> Any:
        arn = self._get_param("executionArn")
        backend = self.stepfunction_backend
        backend._validate_execution_arn(arn)
        machine = backend._get_state_machine_for_execution(arn)
        execution = machine.stop_execution(arn, self._get_param("error") or "", self._get_param("cause") or "")
        return responses.ActionResult({"stopDate": execution.stop_date})

    Execution.stop = stop
    BaseExecutionWorkerCommunication.terminated = terminated
    models.StateMachine.stop_execution = stop_execution_of
    responses.StepFunctionResponse.stop_execution = stop_execution


def _interrupt(worker: Any, stop_date: datetime, error: str | None, cause: str | None) -> None:
    """Tell the interpreter to stop, until it has: while it still reads its definition it forgets what it was told."""
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramRunning

    deadline = time.monotonic() + 10.0
    while not getattr(worker, "lambda_tuner_done", False) and time.monotonic() < deadline:
        if worker.env is not None and isinstance(worker.env.program_state(), ProgramRunning):
            worker.stop(stop_date=stop_date, cause=cause, error=error)
        time.sleep(0.01)


def _stopped_history(execution: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """End the history at the moment of the stop, whatever the interpreter wrote afterwards."""
    kept = events[: max(execution.lambda_tuner_events_at_stop, 1)]  # ExecutionStarted at least
    details = {"error": execution.error, "cause": execution.cause}
    aborted = {
        "id": len(kept) + 1,
        "previousEventId": 0,
        "type": "ExecutionAborted",
        "timestamp": _iso(execution.stop_date),
        "executionAbortedEventDetails": {key: value for key, value in details.items() if value is not None},
    }
    return [*kept, aborted]


def _status_event(execution: Any) -> dict[str, Any]:
    """Word a status change ("Step Functions Execution Status Change", EventBridge reference, seen 2026-11)."""
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    ended = execution.stop_date is not None
    succeeded = execution.status == "SUCCEEDED"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": execution.account_id,
        "time": _iso(execution.stop_date or execution.start_date, milliseconds=False),
        "region": execution.region_name,
        "resources": [execution.exec_arn],
        "detail": {
            "executionArn": execution.exec_arn,
            "stateMachineArn": execution.state_machine.arn,
            "stateMachineVersionArn": None,
            "stateMachineAliasArn": None,
            "name": execution.name,
            "status": execution.status,
            "startDate": _milliseconds(execution.start_date),
            "stopDate": _milliseconds(execution.stop_date) if ended else None,
            "input": execution.execution_input,
            "output": to_json_str(execution.output, separators=(",", ":")) if succeeded else None,
            "inputDetails": {"included": True},
            "outputDetails": {"included": True} if succeeded else None,
            "error": execution.error,
            "cause": execution.cause,
            "redriveCount": 0,
            "redriveDate": None,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": None,
        },
    }


def patch_execution_answers(hooks: Hooks) -> None:
    """Describe executions whose output holds a date, name every stop date, and page the history.

    moto answers 500 if an output holds a date, gives no stop date to one
    that timed out, and ignores the order and size asked of the history.
    """
    from moto.stepfunctions import responses
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    def describe_execution(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        with execution.lambda_tuner_ending:  # moto sets the status before the output
            status = execution.status
        answer = {
            "executionArn": execution.execution_arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "status": status,
            "startDate": execution.start_date,
            "stopDate": execution.stop_date,
            "input": execution.execution_input,
            "inputDetails": {"included": True},
            "error": execution.error,
            "cause": execution.cause,
            "redriveCount": 0,
            "redriveStatus": "NOT_REDRIVABLE",
        }
        if status == "SUCCEEDED":
            answer["output"] = to_json_str(execution.output, separators=(",", ":"))
            answer["outputDetails"] = {"included": True}
        return responses.ActionResult({key: value for key, value in answer.items() if value is not None})

    @replaces(responses.StepFunctionResponse)
    def list_executions(original: Any, self: Any) -> Any:
        result = original(self)
        machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
        ends = {execution.execution_arn: execution.stop_date for execution in machine.executions}
        for row in result.result["executions"]:
            if ends.get(row["executionArn"]):
                row["stopDate"] = ends[row["executionArn"]]
        return result

    def get_execution_history(self: Any) -> Any:
        history = self.stepfunction_backend.get_execution_history(self._get_param("executionArn"))
        events = list(history["events"])
        if self._get_param("reverseOrder"):
            events.reverse()
        start = int(self._get_param("nextToken") or 0)
        size = int(self._get_param("maxResults") or 100)
        answer: dict[str, Any] = {"events": events[start : start + size]}
        if len(events) > start + size:
            answer["nextToken"] = str(start + size)
        return responses.ActionResult(answer)

    responses.StepFunctionResponse.describe_execution = describe_execution
    responses.StepFunctionResponse.get_execution_history = get_execution_history


def patch_nested_executions(hooks: Hooks) -> None:
    """Start executions from a state, wait for them, and stop them with their parent.

    moto passes the parameters' names as they stand in the definition, which
    boto refuses; dates in the answer break the parent's output; a stopped
    parent leaves its child running.
    """
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
        StateTaskServiceSfn,
    )
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded
    from moto.stepfunctions.parser.asl.utils import boto_client

    original_sync = StateTaskServiceSfn._build_sync_resolver
    original_sync2 = StateTaskServiceSfn._build_sync2_resolver

    @replaces(StateTaskServiceSfn)
    def _normalise_parameters(original: Any, self: Any, parameters: dict[str, Any], *rest: Any, **kwargs: Any) -> None:
        original(self, parameters, *rest, **kwargs)
        for name in list(parameters):
            parameters[name[0].lower() + name[1:]] = parameters.pop(name)

    def _normalise_response(self: Any, response: Any, *rest: Any, **kwargs: Any) -> None:
        if isinstance(response, dict):
            for name in list(response):
                value = response.pop(name)
                if value is not None:
                    response[name[0].upper() + name[1:]] = (
                        _milliseconds(value) if isinstance(value, datetime) else value
                    )

    def remember_child(build: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(build)
        def build_resolver(self: Any, env: Any, *rest: Any, **kwargs: Any) -> Any:
            env.lambda_tuner_child = env.stack[-1]["ExecutionArn"]
            return build(self, env, *rest, **kwargs)

        return build_resolver

    @replaces(StateTaskServiceSfn)
    def _eval_sync(original: Any, self: Any, env: Any, *rest: Any, **kwargs: Any) -> Any:
        outcome = original(self, env, *rest, **kwargs)
        if not outcome and not env.is_running() and not isinstance(env.program_state(), ProgramEnded):
            with contextlib.suppress(Exception):
                region = env.lambda_tuner_child.split(":")[3]
                boto_client.boto_client_for(region=region, service="stepfunctions").stop_execution(
                    executionArn=env.lambda_tuner_child,
                    error="States.Aborted",
                    cause="The parent execution was stopped",
                )
        return outcome

    def normalise_dates(self: Any, response: Any, *rest: Any, **kwargs: Any) -> None:
        _replace_dates(response)

    StateTaskServiceSfn._normalise_response = _normalise_response
    StateTaskServiceSfn._build_sync_resolver = remember_child(original_sync)
    StateTaskServiceSfn._build_sync2_resolver = remember_child(original_sync2)
    StateTaskService._normalise_response = normalise_dates


def _replace_dates(value: Any) -> None:
    """Turn every date inside a task's answer into AWS's text, in place."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(entries):
        if isinstance(item, datetime):
            value[key] = _iso(item)
        else:
            _replace_dates(item)


def patch_error_names(hooks: Hooks) -> None:
    """Match ``States.*`` errors as AWS does.

    In moto ``States.ALL`` also catches ``States.Runtime`` and
    ``States.DataLimitExceeded``, which AWS lets no one catch by it ("Handling
    errors", Step Functions guide); and a time-out that leaves a Parallel branch
    breaks the interpreter, which takes its name for a custom one.
    """
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName

    uncatchable = {"States.Runtime", "States.DataLimitExceeded"}

    @replaces(ErrorEqualsDecl)
    def _eval_body(original: Any, self: Any, env: Any) -> None:
        name = env.stack[-1].error_name if env.stack[-1] is not None else None
        if name in uncatchable and name not in {each.error_name for each in self.error_names}:
            env.stack.pop()
            env.stack.append(False)
            return
        original(self, env)

    def __init__(self: Any, error_name: str | None) -> None:  # noqa: N807 - takes the place of moto's
        ErrorName.__init__(self, error_name=error_name)

    CustomErrorName.__init__ = __init__


def patch_task_errors(hooks: Hooks) -> None:
    """Name Lambda's refusals as AWS does, ``Lambda.TooManyRequestsException``, for a function's bare ARN too.

    In moto every such error is called ``Exception``, which no one retries.
    """
    from botocore.exceptions import ClientError
    from moto.stepfunctions.parser.api import HistoryEventType, LambdaFunctionFailedEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    @replaces(StateTaskLambda)
    def _from_error(original: Any, self: Any, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, ClientError):
            return original(self, env, ex)
        name = f"Lambda.{ex.response['Error']['Code'].removeprefix('Lambda.')}"
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(name),
            event_type=HistoryEventType.LambdaFunctionFailed,
            event_details=EventDetails(
                lambdaFunctionFailedEventDetails=LambdaFunctionFailedEventDetails(
                    error=name, cause=ex.response["Error"]["Message"]
                )
            ),
        )


def patch_json_paths(hooks: Hooks) -> None:
    """Give one value for a path that names one: moto gives ``$.x[0].b`` as a list of one."""
    from moto.stepfunctions.parser.asl.utils import json_path

    original = json_path.extract_json
    definite = re.compile(r"\$(\.[A-Za-z_][\w-]*|\['[^']*'\]|\[\d+\])*")

    def extract_json(path: str, data: Any) -> Any:
        value = original(path, data)
        if isinstance(value, list) and "[" in path and definite.fullmatch(path):
            found = json_path.parse(path).find(data)
            return found[0].value if len(found) == 1 else value
        return value

    replace_everywhere("extract_json", original, extract_json)


def patch_interpreter_clients(hooks: Hooks) -> None:
    """Make the interpreter's boto clients once, with a key that opens the account.

    moto makes one for every state, half of a state's time, with a made-up key.
    """
    from moto.stepfunctions.parser.asl.utils import boto_client

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        return hooks.clients(service)

    replace_everywhere("boto_client_for", boto_client.boto_client_for, boto_client_for)


def patch_interpreter_memory(hooks: Hooks) -> None:
    """Forget threads that have ended: moto keeps every thread of every state, with all that it held."""
    from moto.stepfunctions.parser import utils

    class Forgetful(list[threading.Thread]):
        def append(self, thread: threading.Thread) -> None:
            """Keep nothing: the threads are daemons, and nobody reads the list."""

    replace_everywhere("TMP_THREADS", utils.TMP_THREADS, Forgetful())


def patch_interpreter_noise(hooks: Hooks) -> None:
    """Print no syntax trees: moto writes a failed state's whole definition, at each level, to standard error."""
    from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent

    def silent(self: Any, *args: Any, **kwargs: Any) -> None:
        """Say nothing: the error is in the execution's history."""

    EvalComponent._log_failure_event_exception = silent
    EvalComponent._log_exception = silent


def _iso(moment: datetime, *, milliseconds: bool = True) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    text = aware.astimezone(UTC).isoformat(timespec="milliseconds" if milliseconds else "seconds")
    return text.replace("+00:00", "Z")


def _milliseconds(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)
