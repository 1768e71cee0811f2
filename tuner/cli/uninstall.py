"""``uninstall``: remove the application from an account, and confirm that nothing is left."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tuner.aws.failures import aws_call, error_code
from tuner.cli.account import Account, find_stack
from tuner.cli.console import error_console, result_console
from tuner.cli.failures import EXIT_FAILED, EXIT_OK
from tuner.core.errors import ServiceError
from tuner.core.run.plan import CLONE_PREFIX, is_clone

FUNCTION_NAMES = (
    "plan", "copy-code", "suggest", "create-clones", "measure", "recommend", "restore", "report", "explain-failure",
    "sweep", "list-fleet", "digest",
)  # fmt: skip
STATE_MACHINE_NAMES = ("tune", "restore", "nightly")
"""What the template names behind ``<stack>-``; a test compares them."""

PROBE_DESCRIPTION = "Made and removed by lambda-tuner doctor."
"""Tells the doctor's function from somebody else's of that name, which nobody here deletes."""

_DELETE_WAIT_S = 1800
_RUN_WAIT_S = 900
_POLL_S = 3.0


@dataclass(frozen=True, slots=True)
class Remains:
    """What Lambda Tuner has in an account: the names, by kind."""

    stack: str | None
    buckets: tuple[str, ...]
    functions: tuple[str, ...]
    log_groups: tuple[str, ...]
    state_machines: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """One line for each kind that there is something of."""
        kinds = {
            "stack": (self.stack,) if self.stack else (),
            "bucket": self.buckets,
            "function": self.functions,
            "log group": self.log_groups,
            "state machine": self.state_machines,
        }
        return [f"{kind} {name}" for kind, names in kinds.items() for name in names]


def log_group_names(stack: str) -> set[str]:
    """Name every log group of a stack."""
    return {
        f"/{stack}/clones",
        *(f"/aws/lambda/{stack}-{name}" for name in FUNCTION_NAMES),
        *(f"/aws/vendedlogs/states/{stack}-{name}" for name in STATE_MACHINE_NAMES),
    }


def probe_name(stack: str) -> str:
    """Name the function that the doctor makes."""
    return f"{stack}-probe"


def is_probe(stack: str, function: Mapping[str, Any]) -> bool:
    """Whether this is the doctor's function, which a killed doctor leaves behind."""
    return function["FunctionName"] == probe_name(stack) and function.get("Description") == PROBE_DESCRIPTION


def find_remains(account: Account) -> Remains:
    """Look up everything whose name says that it is this stack's; names that only begin alike are other people's."""
    stack = account.stack
    own = {f"{stack}-{name}" for name in FUNCTION_NAMES}
    functions = [
        row["FunctionName"]
        for row in account.rows("lambda", "list_functions", "Functions", "lambda:ListFunctions")
        if row["FunctionName"] in own or is_clone(row, f"/{stack}/clones") or is_probe(stack, row)
    ]
    expected = log_group_names(stack)
    groups = [
        row["logGroupName"]
        for prefix in (f"/aws/lambda/{stack}-", f"/aws/vendedlogs/states/{stack}-", f"/{stack}/")
        for row in account.rows(
            "logs", "describe_log_groups", "logGroups", "logs:DescribeLogGroups", logGroupNamePrefix=prefix
        )
        if row["logGroupName"] in expected
    ]
    machines = [
        row["name"]
        for row in account.rows("stepfunctions", "list_state_machines", "stateMachines", "states:ListStateMachines")
        if row["name"] in {f"{stack}-{name}" for name in STATE_MACHINE_NAMES}
    ]
    return Remains(
        stack=stack if find_stack(account) else None,
        buckets=(account.bucket,) if _bucket_exists(account) else (),
        functions=tuple(functions),
        log_groups=tuple(dict.fromkeys(groups)),
        state_machines=tuple(machines),
    )


def uninstall(
    account: Account, remains: Remains, *, sleep: Callable[[float], None] = time.sleep, poll_s: float = _POLL_S
) -> int:
    """Remove what *remains* lists and look again; gives the exit code.

    Runs in flight are stopped first, and ``restore`` (which the stop starts) is given the time to remove their clones.

    Raises:
        ServiceError: The stack could not be deleted; gives CloudFormation's reason.
    """
    console = error_console()
    stopped = _stop_runs(account) if f"{account.stack}-tune" in remains.state_machines else 0
    if stopped:
        console.print(f"Stopped {stopped} run(s); waiting for what they made to be removed…")
        _wait_for_restores(account, sleep, poll_s)
    temporary = (CLONE_PREFIX, probe_name(account.stack))
    for name in filter(lambda name: name.startswith(temporary), find_remains(account).functions):
        with aws_call("lambda:DeleteFunction", name):
            account.client("lambda").delete_function(FunctionName=name)
        console.print(f"Deleted the temporary function {name}.")
    if remains.buckets:
        count = empty_bucket(account)
        console.print(f"Emptied {account.bucket} ({count:,} objects).")
    if remains.stack:
        _delete_stack(account, sleep, poll_s)
        console.print(f"Deleted the stack {account.stack}.")
    if _bucket_exists(account):
        empty_bucket(account)  # log deliveries may have come in meanwhile
        with aws_call("s3:DeleteBucket", account.bucket):
            account.client("s3").delete_bucket(Bucket=account.bucket)
        console.print(f"Deleted the bucket {account.bucket}.")
    after = find_remains(account)
    for group in after.log_groups:
        with aws_call("logs:DeleteLogGroup", group):
            account.client("logs").delete_log_group(logGroupName=group)
        console.print(f"Deleted the log group {group}.")
    left = find_remains(account).lines
    if left:
        console.print("Still there: " + "; ".join(left))
        return EXIT_FAILED
    result_console().print(
        f"Nothing of Lambda Tuner is left in {account.name}: no stack {account.stack}, no bucket {account.bucket}, "
        "no function, no clone, no state machine, no log group.",
        soft_wrap=True,
    )
    return EXIT_OK


def empty_bucket(account: Account) -> int:
    """Delete every object, every version and every delete marker; gives how many."""
    s3, count = account.client("s3"), 0
    with aws_call("s3:ListBucketVersions", account.bucket):
        pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=account.bucket))
    for page in pages:
        rows = [
            {"Key": row["Key"], "VersionId": row["VersionId"]}
            for kind in ("Versions", "DeleteMarkers")
            for row in page.get(kind, [])
        ]
        if rows:
            with aws_call("s3:DeleteObject", account.bucket):
                answer = s3.delete_objects(Bucket=account.bucket, Delete={"Objects": rows, "Quiet": True})
            if failed := answer.get("Errors"):
                raise ServiceError(
                    f"{len(failed)} objects of {account.bucket} could not be deleted, "
                    f"the first is {failed[0].get('Key')}: {failed[0].get('Message')}"
                )
            count += len(rows)
    return count


def _stop_runs(account: Account) -> int:
    machines, running = account.client("stepfunctions"), _running(account, account.tune_arn)
    for row in running:
        with aws_call("states:StopExecution", row["executionArn"]):
            machines.stop_execution(
                executionArn=row["executionArn"], error="RunAborted", cause="Lambda Tuner is being uninstalled."
            )
        with aws_call("states:StartExecution", account.restore_arn):
            machines.start_execution(
                stateMachineArn=account.restore_arn,
                name=f"uninstall-{hashlib.sha256(row['name'].encode()).hexdigest()[:32]}",
                input=json.dumps({"runId": row["name"], "status": "ABORTED"}),
            )
    return len(running)


def _running(account: Account, state_machine_arn: str) -> list[dict[str, Any]]:
    of = {"stateMachineArn": state_machine_arn, "statusFilter": "RUNNING"}
    return account.rows("stepfunctions", "list_executions", "executions", "states:ListExecutions", **of)


def _wait_for_restores(account: Account, sleep: Callable[[float], None], poll_s: float) -> None:
    waited_s = 0.0
    while waited_s < _RUN_WAIT_S:
        if not (_running(account, account.tune_arn) or _running(account, account.restore_arn)):
            return
        sleep(poll_s)
        waited_s += poll_s


def _delete_stack(account: Account, sleep: Callable[[float], None], poll_s: float) -> None:
    with aws_call("cloudformation:DeleteStack", account.stack):
        account.client("cloudformation").delete_stack(StackName=account.stack)
    waited_s = 0.0
    while (stack := find_stack(account)) is not None:
        if stack["StackStatus"] == "DELETE_FAILED":
            raise ServiceError(
                f"CloudFormation could not delete the stack {account.stack}.",
                hint="Its events name the resource: aws cloudformation describe-stack-events "
                f"--stack-name {account.stack}. Then run `lambda-tuner uninstall` again.",
            )
        if waited_s >= _DELETE_WAIT_S:
            raise ServiceError(
                f"Deleting the stack {account.stack} has taken {_DELETE_WAIT_S // 60} minutes and is not done.",
                hint="Run `lambda-tuner uninstall` again later.",
            )
        sleep(poll_s)
        waited_s += poll_s


def _bucket_exists(account: Account) -> bool:
    with aws_call("s3:ListBucket", account.bucket):
        try:
            account.client("s3").head_bucket(Bucket=account.bucket)
        except ClientError as error:
            if error_code(error) in {"404", "NoSuchBucket", "NotFound"}:
                return False
            raise
    return True
