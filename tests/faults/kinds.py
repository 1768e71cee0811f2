"""Every way in which a call, a step or an execution is made to fail."""

from __future__ import annotations

import io
import re
import threading
import zipfile
from collections.abc import Callable
from typing import Any

from tests.faults.world import TARGET, THEIRS, Caller, Killed, World

CRASH = "Error: Runtime exited with error: signal: killed"
TIME_OUT = "Task timed out"

_THROTTLES = {"lambda": (429, "TooManyRequestsException"), "s3": (503, "SlowDown"), "package": (503, "SlowDown")}
_ERRORS = {"lambda": (500, "ServiceException"), "s3": (500, "InternalError"), "package": (500, "InternalError")}
_TIMED_OUT_AFTER_S = 0.3

COPY_INVOCATION = "lambda:Invoke lambda-tuner-clone-"
"""How the call begins that runs the function."""

Go = Callable[[], Any]


def _answer(call: Any, status: int, code: str) -> Any:
    return _answer_so(call, status, code, "made to fail")


def _answer_so(call: Any, status: int, code: str, message: str) -> Any:
    from tests.faults.seam import refusal

    return refusal(call, status, code, message)


def _lose(call: Any) -> None:
    from tests.faults.seam import connection_lost

    raise ConnectionResetError("made to fail") if call.service == "package" else connection_lost(call)


def error_before(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """AWS answers with an error of its own, each time it is asked; nothing took effect."""
    return _answer(call, *_ERRORS.get(call.service, (500, "InternalServerError")))


def denied(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """AWS refuses the call."""
    return _answer(call, 403, "AccessDenied" if call.service in ("s3", "package") else "AccessDeniedException")


def throttled(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """AWS asks to slow down, each time it is asked in this attempt."""
    return _answer(call, *_THROTTLES.get(call.service, (400, "ThrottlingException")))


def error_after(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """The call takes effect, each time it is repeated, and the answer never comes."""
    go()
    return _lose(call)


def error_after_once(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """The call takes effect, the answer is lost, and the repetition gets through."""
    answer = go()
    return _lose(call) if call.attempt == 1 else answer


def timed_out(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """The call takes effect, and its answer takes longer than the step may run."""
    go()
    raise Killed("Sandbox.Timedout", f"{TIME_OUT} after 120.00 seconds")


def crashed(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """The process ends before the call."""
    raise Killed("Runtime.ExitError", CRASH)


def aborted(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """Somebody stops the execution during the call; the step, which nobody stops, goes on after the clean-up."""
    world.stop_running()
    world.pause()
    return go()


def refusal_once(status: int, code: str, message: str = "made to fail") -> Callable[..., Any]:
    """AWS answers one call so, before it took effect, and the next one not."""
    return lambda world, caller, call, go: _answer_so(call, status, code, message)


def never_ready(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """The clone is not ready, however long one waits."""
    whose = call.url
    world.around_call = lambda caller, number, call, go: (
        _answer(call, *_NOT_READY) if call.operation == "Invoke" and call.url == whose else go()
    )
    return _answer(call, *_NOT_READY)


def accepted_only(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """AWS accepts the call, and what it asks for is not done yet."""
    from tests.faults.seam import Answer

    return Answer(202, {"content-type": "application/json"}, b"{}")


def code_copy_gone(world: World, caller: Caller, call: Any, go: Go) -> Any:
    """The copied package has expired under the run."""
    for key in world.stored():
        if key.startswith("clones/"):
            world.client("s3").delete_object(Bucket=world.bucket, Key=key)
    return _answer_so(call, 400, "InvalidParameterValueException", _NO_SUCH_KEY)


_NOT_READY = (502, "ResourceNotReadyException")

_NO_SUCH_KEY = (
    "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."
)

_CREATE = "lambda:CreateFunction"
_DELETE, _RESERVE = "lambda:DeleteFunction", "lambda:PutFunctionConcurrency"
# What AWS answers while something of a clone is not ready yet, with its status in boto3's model of Invoke (1.44.5): the
# kind, at which calls, and what it does. Each passes when it is waited for.
PASSING_CALL_FAULTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "being made": (_DELETE, refusal_once(409, "ResourceConflictException")),
    "deletion goes on": (_DELETE, accepted_only),
    "being changed": (_RESERVE, refusal_once(409, "ResourceConflictException")),
    "ResourceNotReadyException": (COPY_INVOCATION, refusal_once(502, "ResourceNotReadyException")),
    "ENINotReadyException": (COPY_INVOCATION, refusal_once(502, "ENINotReadyException")),
    "EFSMountTimeoutException": (COPY_INVOCATION, refusal_once(408, "EFSMountTimeoutException")),
    "EFSMountConnectivityException": (COPY_INVOCATION, refusal_once(408, "EFSMountConnectivityException")),
    "S3FilesMountTimeoutException": (COPY_INVOCATION, refusal_once(408, "S3FilesMountTimeoutException")),
    "KMSAccessDeniedException": (COPY_INVOCATION, refusal_once(502, "KMSAccessDeniedException")),
    "ResourceNotFoundException": (COPY_INVOCATION, refusal_once(404, "ResourceNotFoundException")),
    "code copy gone": (_CREATE, code_copy_gone),
}

# Those after which somebody has to change something: the run says which.
LASTING_CALL_FAULTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "never ready": (COPY_INVOCATION, never_ready),
    "EFSIOException": (COPY_INVOCATION, refusal_once(410, "EFSIOException")),
}

CALL_FAULTS = {
    "error before": error_before,
    "denied": denied,
    "throttled": throttled,
    "error after": error_after,
    "answer lost once": error_after_once,
    "timeout": timed_out,
    "crash": crashed,
    "aborted": aborted,
    **{kind: fault for kind, (_, fault) in {**PASSING_CALL_FAULTS, **LASTING_CALL_FAULTS}.items()},
}
_MEETS = {kind: at for kind, (at, _) in {**PASSING_CALL_FAULTS, **LASTING_CALL_FAULTS}.items()}
"""The calls that a kind meets, where it does not meet all of them."""

_READS = re.compile(r":(Get|List|Head|Describe|Filter)")
"""To make such a call twice is nothing new."""


_AT_FIRST_ALONE = ("KMSAccessDeniedException", "ResourceNotFoundException")
"""Passing only at a clone's first invocation: its key's grant, or its name, is not known everywhere yet."""


def call_faults(what: str, *, is_first: bool) -> list[str]:
    """The kinds that a call may meet, by what it is (``lambda:Invoke …``) and whether it is the first such call."""
    return [
        kind
        for kind in CALL_FAULTS
        if what.startswith(_MEETS.get(kind, ""))
        and not (kind == "answer lost once" and _READS.search(what))
        and (is_first or kind not in _AT_FIRST_ALONE)
    ]


def step_error(world: World, caller: Caller, go: Go) -> Any:
    """Lambda answers with an error of its own; the step did not run."""
    raise _lambda_error("ServiceException", 500)


def step_throttled(world: World, caller: Caller, go: Go) -> Any:
    """Lambda asks to slow down; the step did not run."""
    raise _lambda_error("TooManyRequestsException", 429)


def step_lost(world: World, caller: Caller, go: Go) -> Any:
    """The step did all its work, and its result is lost."""
    go()
    raise Killed("Runtime.ExitError", CRASH)


def step_error_after(world: World, caller: Caller, go: Go) -> Any:
    """The step did all its work, and Lambda answers with an error, so that it is done again."""
    go()
    raise _lambda_error("ServiceException", 500)


def step_timed_out(world: World, caller: Caller, go: Go) -> Any:
    """The step hangs until its state's time is over."""
    threading.Event().wait(_TIMED_OUT_AFTER_S * 2)
    raise Killed("Sandbox.Timedout", TIME_OUT)


def step_crashed(world: World, caller: Caller, go: Go) -> Any:
    """The step's process ends before it did anything."""
    raise Killed("Runtime.ExitError", CRASH)


def step_out_of_order(world: World, caller: Caller, go: Go) -> Any:
    """The step's function cannot run from here on, until the sweeper comes."""
    world.broken.add(caller.function.removeprefix("lambda-tuner-"))
    raise Killed("Runtime.ExitError", CRASH)


def _lambda_error(code: str, status: int) -> Exception:
    from moto.awslambda.exceptions import LambdaClientError

    error: Exception = LambdaClientError(code, "made to fail")
    error.code = status  # type: ignore[attr-defined] # which moto reads
    return error


STEP_FAULTS = {
    "error before": step_error,
    "throttled": step_throttled,
    "error after": step_error_after,
    "result lost": step_lost,
    "timeout": step_timed_out,
    "crash": step_crashed,
    "out of order": step_out_of_order,
}


def execution_aborted(world: World, execution: str, what: str) -> None:
    """Somebody stops the execution."""
    world.stop(execution)


def execution_aborted_unheard(world: World, execution: str, what: str) -> None:
    """Somebody stops the execution, and no event tells of it."""
    world.events_are_lost = True
    world.stop(execution)


def execution_timed_out(world: World, execution: str, what: str) -> None:
    """The time of the whole execution is over."""
    world.end_time_of(execution)


def second_run(world: World, execution: str, what: str) -> None:
    """Somebody else tunes the same function at the same time."""
    from tests.faults.stories import NEXT_RUN, REQUEST

    world.start("tune", REQUEST, name=NEXT_RUN)


def deployed(world: World, execution: str, what: str) -> None:
    """The function gets new code."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return 2")
    world.client("lambda").update_function_code(FunctionName=TARGET, ZipFile=packed.getvalue())


def reconfigured(world: World, execution: str, what: str) -> None:
    """The function gets other settings: memory, environment, tags, reserve, policy, alias."""
    functions = world.client("lambda")
    functions.update_function_configuration(
        FunctionName=TARGET, MemorySize=1024, Environment={"Variables": {"SECRET": "another"}}
    )
    arn = functions.get_function(FunctionName=TARGET)["Configuration"]["FunctionArn"]
    functions.tag_resource(Resource=arn, Tags={"team": "payments"})
    functions.put_function_concurrency(FunctionName=TARGET, ReservedConcurrentExecutions=90)
    functions.add_permission(
        FunctionName=TARGET, StatementId="sns", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    functions.update_alias(FunctionName=TARGET, Name="live", Description="moved")


def function_deleted(world: World, execution: str, what: str) -> None:
    """The function is deleted."""
    world.client("lambda").delete_function(FunctionName=TARGET)


def clones_deleted(world: World, execution: str, what: str) -> None:
    """Somebody tidies up and deletes the temporary functions."""
    for name in world.functions():
        if name not in THEIRS:
            world.client("lambda").delete_function(FunctionName=name)


def sweeper_comes(world: World, execution: str, what: str) -> None:
    """The sweeper's hour has come; the run is within its time."""
    world.invoke("sweep", {})


def object_lost(world: World, execution: str, what: str) -> None:
    """An object that the run has just written is gone."""
    world.client("s3").delete_object(Bucket=world.bucket, Key=what)
    if what.endswith("/restore.json"):
        world.record.restorations.clear()  # the proof is gone, and what it told is known to nobody


STATE_FAULTS = {
    "aborted": execution_aborted,
    "aborted, no event": execution_aborted_unheard,
    "timed out": execution_timed_out,
}
"""What is done to an execution when it enters a state."""

RESTORE_FAULTS = ("aborted", "timed out")
"""Those of an execution of ``restore``, of whose end no event tells anybody."""

DISTURBANCES = {
    "second run": second_run,
    "deployed": deployed,
    "reconfigured": reconfigured,
    "function deleted": function_deleted,
    "clones deleted": clones_deleted,
    "sweeper comes": sweeper_comes,
}
"""What others do when a run that goes well enters a state."""

NOTHING = "nothing fails"
"""A story as it is: what the world saw of it must be what the product says of it."""
OBJECT_LOST = "object lost"
LIKE_NOTHING = {NOTHING, "sweeper comes", "second run"}
"""Kinds that a run takes no notice of."""
CHANGES = {*DISTURBANCES, OBJECT_LOST} - {"sweeper comes"}
"""Kinds after which the function, or what the run has, is not what it was."""
AT_STATES = {**STATE_FAULTS, **DISTURBANCES, OBJECT_LOST: object_lost}


def arm_time_out(world: World, function: str, visit: int) -> None:
    """Let the state that is about to invoke a function for the given time be over soon."""

    def time_out_s(state: str, seconds: float) -> float:
        next_visit = world.visits.get(function, 0) + 1
        return _TIMED_OUT_AFTER_S if next_visit == visit and world.function_of(state) == function else seconds

    world.time_out_s = time_out_s
