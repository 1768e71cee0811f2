"""Uninstalling removes what is ours by name, and nothing that only begins alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import cfn_flip
import pytest
from botocore.exceptions import ClientError

from tuner.application import application_root
from tuner.cli.account import Account
from tuner.cli.uninstall import (
    FUNCTION_NAMES,
    PROBE_DESCRIPTION,
    STATE_MACHINE_NAMES,
    find_remains,
    log_group_names,
    uninstall,
)
from tuner.core.aws_limits import LONGEST_EXECUTION_NAME
from tuner.core.errors import ServiceError


def test_names_are_those_of_the_template() -> None:
    """The template's functions, machines and log groups are all known here, so that none is forgotten."""
    template = cfn_flip.load((application_root() / "template.yaml").read_text(encoding="utf-8"))[0]
    named: dict[str, set[str]] = {}
    for resource in template["Resources"].values():
        properties = resource.get("Properties") or {}
        for key in ("FunctionName", "LogGroupName", "Name"):
            value = properties.get(key)
            if isinstance(value, Mapping) and "Fn::Sub" in value:
                named.setdefault(resource["Type"], set()).add(value["Fn::Sub"].replace("${AWS::StackName}", "s"))
    assert named["AWS::Serverless::Function"] == {f"s-{name}" for name in FUNCTION_NAMES}
    assert named["AWS::Serverless::StateMachine"] == {f"s-{name}" for name in STATE_MACHINE_NAMES}
    assert named["AWS::Logs::LogGroup"] == log_group_names("s")


class FakeAws:
    """Enough of five services for one uninstall: lists, and what deleting does to them."""

    def __init__(self, *, stack: bool = True, functions: list[dict[str, Any]], groups: list[str]) -> None:
        self.stack, self.functions, self.groups = stack, functions, groups
        self.bucket, self.deleted = stack, list[str]()
        self.stack_status = "CREATE_COMPLETE"
        self.delete_ends_as = "gone"
        self.running: list[str] = []
        self.restores: dict[str, str] = {}
        """What ``restore`` was started with, by the execution's name."""

    def client(self, service: str) -> FakeAws:
        """Every service is this object."""
        return self

    def get_paginator(self, operation: str) -> Any:
        """One page of each list."""
        pages: dict[str, Callable[..., dict[str, Any]]] = {
            "list_functions": lambda: {"Functions": list(self.functions)},
            "describe_log_groups": lambda logGroupNamePrefix: {  # noqa: N803 - boto3's name
                "logGroups": [{"logGroupName": name} for name in self.groups if name.startswith(logGroupNamePrefix)]
            },
            "list_state_machines": lambda: {"stateMachines": [{"name": "t-tune"}] if self.stack else []},
            "list_executions": lambda stateMachineArn, statusFilter: {  # noqa: N803
                "executions": [{"name": name, "executionArn": name} for name in self.running]
            },
            "list_object_versions": lambda Bucket: {  # noqa: N803
                "Versions": [{"Key": "a", "VersionId": "1"}],
                "DeleteMarkers": [{"Key": "b", "VersionId": "2"}],
            },
        }
        return type("Pages", (), {"paginate": lambda _, **arguments: [pages[operation](**arguments)]})()

    def stop_execution(self, executionArn: str, error: str, cause: str) -> None:  # noqa: N803
        """End one execution."""
        self.running.remove(executionArn)

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> None:  # noqa: A002, N803
        """Refuse a name that was there with another input, as Step Functions does."""
        if self.restores.setdefault(name, input) != input:
            raise ClientError({"Error": {"Code": "ExecutionAlreadyExists", "Message": name}}, "StartExecution")

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        """The stack's status, or AWS's way to say that there is none."""
        if not self.stack:
            message = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self.stack_status}]}

    def head_bucket(self, Bucket: str) -> dict[str, Any]:  # noqa: N803
        """Whether there is a bucket."""
        if not self.bucket:
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadBucket")
        return {}

    def delete_objects(self, Bucket: str, Delete: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        """Keep what was deleted."""
        self.deleted += [f"{row['Key']}@{row['VersionId']}" for row in Delete["Objects"]]
        return {}

    def delete_function(self, FunctionName: str) -> None:  # noqa: N803
        """Take one function out of the list."""
        self.functions = [row for row in self.functions if row["FunctionName"] != FunctionName]
        self.deleted.append(FunctionName)

    def delete_stack(self, StackName: str) -> None:  # noqa: N803
        """Delete the stack's own, but neither its bucket nor what was made besides it."""
        if self.delete_ends_as == "gone":
            self.stack = False
            self.functions = [row for row in self.functions if row["FunctionName"] != "t-plan"]
        else:
            self.stack_status = self.delete_ends_as

    def delete_bucket(self, Bucket: str) -> None:  # noqa: N803
        """Delete the bucket."""
        self.bucket = False

    def delete_log_group(self, logGroupName: str) -> None:  # noqa: N803
        """Take one log group out of the list."""
        self.groups.remove(logGroupName)
        self.deleted.append(logGroupName)


def account_of(aws: FakeAws) -> Account:
    """An account whose stack is named t."""
    return Account("aws", "t", "eu-west-1", "1" * 12, "arn:tune", "arn:restore", "t-artifacts", aws.client)


@pytest.fixture
def aws() -> FakeAws:
    """Our stack among functions and log groups of other people."""
    return FakeAws(
        functions=[
            {"FunctionName": "t-plan"},
            {"FunctionName": "t-shirts"},
            {"FunctionName": "lambda-tuner-clone-1", "LoggingConfig": {"LogGroup": "/t/clones"}},
            {"FunctionName": "lambda-tuner-clone-2", "LoggingConfig": {"LogGroup": "/other/clones"}},
        ],
        groups=["/aws/lambda/t-plan", "/aws/lambda/t-shirts", "/t/clones", "/t/other"],
    )


def test_only_what_is_ours_is_removed(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    """Functions and log groups that only begin alike, and another stack's temporary functions, stay."""
    account = account_of(aws)
    remains = find_remains(account)
    assert remains.functions == ("t-plan", "lambda-tuner-clone-1")
    assert remains.log_groups == ("/aws/lambda/t-plan", "/t/clones")
    assert uninstall(account, remains, sleep=lambda _: None) == 0
    assert [row["FunctionName"] for row in aws.functions] == ["t-shirts", "lambda-tuner-clone-2"]
    assert aws.groups == ["/aws/lambda/t-shirts", "/t/other"]
    assert {"a@1", "b@2"} <= set(aws.deleted)
    assert "Nothing of Lambda Tuner is left" in capsys.readouterr().out
    assert find_remains(account).lines == []


def test_each_run_in_flight_is_restored_whatever_its_name(aws: FakeAws) -> None:
    """Two runs of one night have long names that differ at their ends alone."""
    aws.running = [f"{'night-2026-11-28-' * 5}{end}"[-80:] for end in ("a", "b")]
    runs = set(aws.running)
    account = account_of(aws)
    assert uninstall(account, find_remains(account), sleep=lambda _: None) == 0
    assert {json.loads(told)["runId"] for told in aws.restores.values()} == runs
    assert all(len(name) <= LONGEST_EXECUTION_NAME for name in aws.restores)


@pytest.mark.parametrize(("description", "ours"), [(PROBE_DESCRIPTION, True), ("probes the moon", False)])
def test_a_killed_doctors_probe_is_removed_and_a_namesake_stays(aws: FakeAws, description: str, ours: bool) -> None:
    """The doctor's function is told by its description: somebody else may have that name."""
    aws.functions.append({"FunctionName": "t-probe", "Description": description})
    account = account_of(aws)
    assert uninstall(account, find_remains(account), sleep=lambda _: None) == 0
    assert ("t-probe" in [row["FunctionName"] for row in aws.functions]) is not ours


def test_a_stack_that_cannot_be_deleted_is_an_error_with_the_next_step(aws: FakeAws) -> None:
    """A failed deletion names where its reason stands."""
    aws.delete_ends_as = "DELETE_FAILED"
    account = account_of(aws)
    with pytest.raises(ServiceError) as caught:
        uninstall(account, find_remains(account), sleep=lambda _: None)
    assert "describe-stack-events" in caught.value.hint


def test_waiting_for_a_stack_is_bounded(aws: FakeAws) -> None:
    """A deletion that never ends does not hold the user for ever."""
    aws.delete_ends_as = "DELETE_IN_PROGRESS"
    account = account_of(aws)
    with pytest.raises(ServiceError, match="not done"):
        uninstall(account, find_remains(account), sleep=lambda _: None, poll_s=600)
