"""The probe: a function of the doctor's own, tuned by two real executions, and removed with all that they left."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from tuner.aws.clones import REFUSED_CAP
from tuner.aws.failures import aws_call, error_code, error_text
from tuner.cli.account import Account
from tuner.cli.doctor.checks import Check
from tuner.cli.follow import Interrupts, follow
from tuner.cli.runs import Runs, new_run_id
from tuner.cli.uninstall import PROBE_DESCRIPTION, is_probe, probe_name
from tuner.core.errors import ServiceError, TunerError
from tuner.core.run.bucket_layout import code_key, function_key, index_key, open_mark_key, run_key
from tuner.core.run.plan import clone_prefix

MEMORY_MB = 128
REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "succeeds": {"powerValues": [128, 512], "num": 4},
    "fails": {"powerValues": [128, 512], "num": 4, "payload": {"fail": True}},
}
"""A fixed design, so that the states of the execution do not depend on durations."""
_BUDGET = {"maxInvocations": 10, "maxCostUsd": 0.002, "maxMinutes": 15}
_CODE = """\
def handler(event, context):
    if event.get("fail"):
        raise ValueError("the doctor asked the probe to fail")
    return {"ok": True}
"""
_RESTORE_QUESTIONS = 30
_LOOKS = 5
_LOG_WAIT_S, _POLL_S = 30.0, {"local": 0.5, "aws": 2.0}


@dataclass(frozen=True, slots=True)
class RunSeen:
    """What one execution of the probe did."""

    status: str
    error: str | None
    states: tuple[str, ...]
    """Of the machine itself, in order; those inside the Map come in any order, and are left out."""
    seconds: Mapping[str, float]
    """Of each state, the longest visit."""
    transitions: int
    record_fields: tuple[str, ...]
    """The names in the REPORT records, sorted; empty if none was found."""
    error_types: tuple[str, ...]
    """Of the probe's own invocations."""


@dataclass(slots=True)
class Probed:
    """What the probe found out; ``runs`` has what came to an end."""

    runs: dict[str, RunSeen] = field(default_factory=dict)
    versions: Mapping[str, str] | None = None
    spent_usd: float = 0.0
    checks: list[Check] = field(default_factory=list)
    interrupted: bool = False


class Quiet:
    """Takes a run's progress, and passes on only what has to be said."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    def update(self, progress: Mapping[str, Any]) -> None:
        """Show nothing."""

    def entered(self, state: str) -> None:
        """Show nothing."""


def package() -> bytes:
    """The probe's deployment package: the same bytes each time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("probe.py")
        entry.external_attr = 0o100644 << 16
        archive.writestr(entry, _CODE)
    return packed.getvalue()


def probe_left_out(account: Account, stack: Mapping[str, Any]) -> tuple[str, str] | None:
    """What of the stack keeps the probe from being tuned, and the way out; ``None`` if nothing does."""
    outputs, parameters = outputs_of(stack), parameters_of(stack)
    if "ProbeRoleArn" not in outputs:
        return f"The stack {account.stack} has no role for the probe.", "Deploy this version: sam deploy."
    role = outputs["ProbeRoleArn"].rpartition("/")[2]
    for parameter, name in (("FunctionPattern", probe_name(account.stack)), ("PassableRoles", role)):
        if not fnmatchcase(name, parameters.get(parameter, "*")):
            return (
                f"The stack's {parameter}, {parameters[parameter]}, leaves out {name}.",
                "Tune a function that it names, with --dry-run.",
            )
    return None


def outputs_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """The stack's outputs by name."""
    return {row["OutputKey"]: row["OutputValue"] for row in stack.get("Outputs", ())}


def parameters_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """The stack's parameters by name."""
    return {row["ParameterKey"]: row["ParameterValue"] for row in stack.get("Parameters", ())}


def run_probe(account: Account, stack: Mapping[str, Any], interrupts: Interrupts, say: Callable[[str], None]) -> Probed:
    """Make the probe, tune it, and remove everything, however that ends; the first Ctrl-C ends the tuning."""
    probed, runs = Probed(), Runs(account)
    run_ids: list[str] = []
    with _removed(account, runs, run_ids, probed):
        try:
            _create(account, stack, probed)
            for name, request in REQUESTS.items():
                if interrupts.count:
                    break
                run_id = new_run_id(probe_name(account.stack), datetime.now().astimezone())
                run_ids.append(run_id)  # first: where the answer gets lost, the run may have begun
                runs.start(run_id, {"lambdaARN": probe_name(account.stack), "budget": _BUDGET, **request})
                say(f"Tuning the probe in a run that {name}: {run_id}.")
                follow(runs, run_id, Quiet(say), interrupts, poll_s=_POLL_S[account.where])
                if not interrupts.count:
                    _look(account, runs, name, run_id, probed, interrupts)
        except TunerError as error:
            probed.checks.append(Check("Probe", "failed", error.message, error.hint))
        probed.interrupted = interrupts.count > 0
    return probed


def _create(account: Account, stack: Mapping[str, Any], probed: Probed) -> None:
    """Make the function at the largest size that the stack may measure, if the account has it, then take it down."""
    functions, name = account.client("lambda"), probe_name(account.stack)
    outputs = outputs_of(stack)
    cap_mb = int(parameters_of(stack).get("MemoryCapMb", MEMORY_MB))
    settings = {
        "FunctionName": name,
        "Description": PROBE_DESCRIPTION,
        "Role": outputs["ProbeRoleArn"],
        "Runtime": "python3.13",
        "Handler": "probe.handler",
        "Code": {"ZipFile": package()},
        "Timeout": 5,
        "LoggingConfig": {"LogGroup": f"/{account.stack}/clones"},
    }
    _remove_function(account)  # one that a killed doctor left
    with aws_call("lambda:CreateFunction", name):
        try:
            functions.create_function(**settings, MemorySize=cap_mb)
            probed.checks.append(_memory_check(account, cap_mb, None))
        except ClientError as error:
            refused = REFUSED_CAP.search(error_text(error))
            if not refused:
                raise
            probed.checks.append(_memory_check(account, cap_mb, int(refused["cap"])))
            functions.create_function(**settings, MemorySize=MEMORY_MB)
    _wait(functions, "function_active_v2", name)
    with aws_call("lambda:UpdateFunctionConfiguration", name):
        functions.update_function_configuration(FunctionName=name, MemorySize=MEMORY_MB)
    _wait(functions, "function_updated_v2", name)


def _memory_check(account: Account, wanted_mb: int, cap_mb: int | None) -> Check:
    if account.where == "local":
        return Check("Memory cap", "not checked", "The embedded AWS has no account cap.")
    if cap_mb is None:
        return Check("Memory cap", "ok", f"Functions may have {wanted_mb:,} MB, the stack's MemoryCapMb.")
    return Check(
        "Memory cap",
        "failed",
        f"Functions of this account may have at most {cap_mb:,} MB, and the stack's MemoryCapMb is {wanted_mb:,}.",
        f"sam deploy --parameter-overrides MemoryCapMb={cap_mb}, or ask AWS for more.",
    )


def _wait(functions: Any, waiter: str, name: str) -> None:
    with aws_call("lambda:GetFunction", name):
        try:
            functions.get_waiter(waiter).wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        except WaiterError as error:
            raise ServiceError(f"The probe {name} did not become ready: {error}.") from error


def _look(account: Account, runs: Runs, name: str, run_id: str, probed: Probed, interrupts: Interrupts) -> None:
    """Read what an execution did from its history, its report and the log of its clones."""
    status, report = runs.status(run_id), runs.report(run_id)
    states, seconds, transitions = _course(runs.history(run_id))
    invocations = [row.invocation for row in report.observations] if report else []
    probed.versions = (report and report.versions) or probed.versions
    probed.spent_usd += report.spent_usd if report else 0.0
    request_ids = {each.request_id for each in invocations if each.request_id}
    probed.runs[name] = RunSeen(
        status=status.state,
        error=status.error_name,
        states=states,
        seconds=seconds,
        transitions=transitions,
        record_fields=_record_fields(account, request_ids, report.started_at if report else None, interrupts),
        error_types=tuple(sorted({each.error_type for each in invocations if each.error_type})),
    )


def _course(events: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], dict[str, float], int]:
    """The machine's own states in order, the longest visit to each in seconds, and the transitions that are billed."""
    states: list[str] = []
    seconds: dict[str, float] = {}
    entered: dict[str, datetime] = {}
    kinds = Counter(event["type"] for event in events)
    in_map = 0
    for event in events:
        in_map += {"MapIterationStarted": 1, "MapIterationSucceeded": -1, "MapIterationFailed": -1,
                   "MapIterationAborted": -1}.get(event["type"], 0)  # fmt: skip
        if in_map:
            continue
        if details := event.get("stateEnteredEventDetails"):
            states.append(details["name"])
            entered[details["name"]] = event["timestamp"]
        elif details := event.get("stateExitedEventDetails"):
            took_s = (event["timestamp"] - entered[details["name"]]).total_seconds()
            seconds[details["name"]] = round(max(took_s, seconds.get(details["name"], 0.0)), 2)
    entries = sum(count for kind, count in kinds.items() if kind.endswith("StateEntered"))
    retries = kinds["TaskScheduled"] + kinds["LambdaFunctionScheduled"] - kinds["TaskStateEntered"]
    return tuple(states), seconds, entries + max(0, retries)


def _record_fields(
    account: Account, request_ids: set[str], started_at: str | None, interrupts: Interrupts
) -> tuple[str, ...]:
    """The fields of the clones' REPORT records; CloudWatch Logs may take some seconds to have them."""
    group = f"/{account.stack}/clones"
    start_ms = int(datetime.fromisoformat(started_at).timestamp() * 1000) if started_at else 0
    fields: set[str] = set()
    found: set[str] = set()
    waited_s = 0.0
    while not found >= request_ids and waited_s <= _LOG_WAIT_S and not interrupts.count:
        asked = {"logGroupName": group, "startTime": start_ms, "filterPattern": '"REPORT RequestId"'}
        events = account.rows("logs", "filter_log_events", "events", "logs:FilterLogEvents", of=group, **asked)
        for parts in (event["message"].strip().split("\t") for event in events):
            request_id = parts[0].removeprefix("REPORT RequestId: ")
            if request_id in request_ids:
                found.add(request_id)
                fields |= {part.partition(":")[0].strip() for part in parts if ":" in part}
        if not found >= request_ids:
            interrupts.wait(_POLL_S["aws"])
            waited_s += _POLL_S["aws"]
    return tuple(sorted(fields))


@contextlib.contextmanager
def _removed(account: Account, runs: Runs, run_ids: list[str], probed: Probed) -> Iterator[None]:
    """Afterwards, remove the probe and what its runs left, look each up, and say what is still there."""
    name = probe_name(account.stack)
    try:
        yield
    finally:
        problems: list[str] = []
        for act in (
            *(partial(_end, runs, run_id) for run_id in run_ids),
            partial(_remove_function, account),
            partial(_remove_objects, runs, run_ids),
        ):
            try:
                act()
            except TunerError as error:
                problems.append(error.message)
        try:
            if left := _still_there(account, runs, run_ids):
                problems.append(f"Still there: {', '.join(left)}.")
        except TunerError as error:
            problems.append(error.message)
        gone = (
            f"Looked up: no function {name}, no clone of it, no object of its runs. The executions stay in the "
            f"history of {account.stack}-tune for 90 days, the log lines for 3."
        )
        way_out = (
            f"Run the doctor again, or: aws lambda delete-function --function-name {name}. "
            "The sweeper removes clones within the hour."
        )
        failed = Check("Removal", "failed", " ".join(problems), way_out)
        probed.checks.append(failed if problems else Check("Removal", "ok", gone))


def _end(runs: Runs, run_id: str) -> None:
    """Make sure that an execution is over and restored.

    A run that did not succeed is restored by the stack's rule (too), which writes to the run's objects: that is waited
    for, or they would come back after they were deleted. AWS promises no delivery of such an event, so the wait ends.
    """
    pause, poll_s = Interrupts(), _POLL_S[runs.account.where]
    try:
        status = runs.status(run_id)
    except ServiceError as error:
        if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) == "ExecutionDoesNotExist":
            return  # it never began
        raise
    if not status.ended:
        runs.stop(run_id)
        runs.start_restore(run_id)
    elif status.state == "SUCCEEDED":
        return
    for _ in range(_RESTORE_QUESTIONS):
        if _is_restored(runs, run_id):
            return
        pause.wait(poll_s)


def _is_restored(runs: Runs, run_id: str) -> bool:
    """Whether every execution of ``restore`` for this run has ended, the rule's among them, whose name is not ours."""
    machines, restore_arn = runs.account.client("stepfunctions"), runs.account.restore_arn
    by_rule = False
    with aws_call("states:ListExecutions", restore_arn):
        rows = machines.list_executions(stateMachineArn=restore_arn, maxResults=10)["executions"]
    for row in rows:
        with aws_call("states:DescribeExecution", row["executionArn"]):
            execution = machines.describe_execution(executionArn=row["executionArn"])
        given = json.loads(execution["input"])  # anybody's: it may be no mapping
        if isinstance(given, dict) and given.get("runId") == run_id:
            if execution["status"] == "RUNNING":
                return False
            by_rule = by_rule or "-stop-" not in row["name"]
    return by_rule


def _remove_function(account: Account) -> None:
    """Delete the probe; somebody else's function of its name stays."""
    functions, name = account.client("lambda"), probe_name(account.stack)
    with aws_call("lambda:DeleteFunction", name):
        try:
            if is_probe(account.stack, functions.get_function_configuration(FunctionName=name)):
                functions.delete_function(FunctionName=name)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise


def _remove_objects(runs: Runs, run_ids: list[str]) -> None:
    for key in _keys(runs, run_ids):
        runs.artifacts.delete(key)


def _still_there(account: Account, runs: Runs, run_ids: list[str]) -> list[str]:
    """What is there of the probe after some looks: a list of functions may lag behind a deletion."""
    pause = Interrupts()
    for _ in range(_LOOKS):
        if not (left := [*_functions_left(account, run_ids), *_keys(runs, run_ids)]):
            return []
        pause.wait(_POLL_S[account.where])
    return left


def _functions_left(account: Account, run_ids: list[str]) -> list[str]:
    clones = tuple(map(clone_prefix, run_ids))
    rows = account.rows("lambda", "list_functions", "Functions", "lambda:ListFunctions")
    return [
        row["FunctionName"] for row in rows if is_probe(account.stack, row) or row["FunctionName"].startswith(clones)
    ]


def _keys(runs: Runs, run_ids: list[str]) -> list[str]:
    """Every object of the probe's runs, of its history, and the copy of its code."""
    code = base64.b64encode(hashlib.sha256(package()).digest()).decode()
    prefixes = [function_key(probe_name(runs.account.stack)), code_key(code)]
    for run_id in run_ids:
        prefixes += [run_key(run_id), index_key(run_id), open_mark_key(run_id)]
    return [key for prefix in prefixes for key in runs.artifacts.keys(prefix)]
