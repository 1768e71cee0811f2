"""What the doctor makes of AWS's answers: a tick, a sentence, or why it could not look."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError
from botocore.parsers import ResponseParserError

from tuner.application import application_root
from tuner.aws.failures import aws_call
from tuner.cli.account import Account
from tuner.cli.doctor import command, comparison, permissions, probe
from tuner.cli.doctor.checks import (
    Check,
    check_code_storage,
    check_concurrency,
    check_machines,
    check_region,
    check_sdk,
    check_stack,
    check_version,
    packaged_definition,
)
from tuner.cli.doctor.probe import REQUESTS, Probed, RunSeen, probe_left_out
from tuner.cli.flags import AccountFlags
from tuner.cli.follow import Interrupts
from tuner.cli.runs import Runs
from tuner.cli.uninstall import PROBE_DESCRIPTION, STATE_MACHINE_NAMES
from tuner.core.function.clone import CHECKED_WITH
from tuner.core.money.pricing import price_rows, price_table
from tuner.core.run.plan import clone_prefix

NUMBER = "210987654321"


def account(iam: Any = None) -> Account:
    """An account whose one client is *iam*."""
    machine = f"arn:aws:states:eu-west-1:{NUMBER}:stateMachine:t"
    return Account(
        where="aws",
        stack="t",
        region="eu-west-1",
        account_id=NUMBER,
        tune_arn=f"{machine}-tune",
        restore_arn=f"{machine}-restore",
        bucket=f"t-artifacts-{NUMBER}-eu-west-1",
        client=lambda service: iam,
    )


# --- One answer, one result -----------------------------------------------------------------------------------------


def test_a_stack_that_is_not_there_yet_is_no_fault() -> None:
    """Before the first deployment the doctor says how to deploy, and fails nothing."""
    check = check_stack("t", None)
    assert check.status == "not checked"
    assert "sam build && sam deploy --stack-name t" in check.way_out


@pytest.mark.parametrize(
    ("status", "expected"), [("UPDATE_COMPLETE", "ok"), ("UPDATE_ROLLBACK_COMPLETE", "failed"), ("X", "failed")]
)
def test_a_stack_that_was_rolled_back_is_named(status: str, expected: str) -> None:
    """Only a deployment that ended well counts as deployed."""
    check = check_stack("t", {"StackStatus": status, "StackStatusReason": "quota"})
    assert check.status == expected
    assert status in check.sentence


@pytest.mark.parametrize("deployed", ["0.0.9", None])
def test_another_version_is_named_with_both(deployed: str | None) -> None:
    """A stack of another version, or one from before it told any, fails."""
    check = check_version(deployed, "0.1.0")
    assert check.status == "failed"
    assert "0.1.0" in check.sentence
    assert check_version("0.1.0", "0.1.0").status == "ok"


def test_a_region_without_prices_is_named_before_a_run_is_paid_for() -> None:
    """A run in it would end with PriceUnknown."""
    assert check_region("eu-west-1").status == "ok"
    assert check_region("mars-1").status == "failed"


def test_machines_are_compared_state_by_state() -> None:
    """A changed state is named, a missing machine too; the same definition passes."""
    deployed = {name: packaged_definition(name, account()) for name in STATE_MACHINE_NAMES}
    assert "${" not in json.dumps(deployed)
    assert deployed["tune"]["States"]["CopyCode"]["Resource"].endswith(f":{NUMBER}:function:t-copy-code")
    assert check_machines(deployed, account()).status == "ok"
    changed = copy.deepcopy(deployed)
    changed["tune"]["States"]["Restore"]["TimeoutSeconds"] = 1
    del changed["nightly"]
    check = check_machines(changed, account())
    assert check.status == "failed"
    assert "t-tune differs in Restore" in check.sentence
    assert "t-nightly is not there" in check.sentence


def test_limits_of_the_account() -> None:
    """Little concurrency is enough, none is not; a full code storage is named in MB."""

    def settings(free: int, used: int) -> dict[str, Any]:
        limit = {"UnreservedConcurrentExecutions": free, "ConcurrentExecutions": 10, "TotalCodeSize": 10 * 1024**3}
        return {"AccountLimit": limit, "AccountUsage": {"TotalCodeSize": used}}

    assert check_concurrency(settings(10, 0)).status == "ok"
    assert check_concurrency(settings(0, 0)).status == "failed"
    assert check_code_storage(settings(10, 0)).status == "ok"
    full = check_code_storage(settings(10, 10 * 1024**3 - 5 * 1024**2))
    assert (full.status, "5 MB" in full.sentence) == ("failed", True)


def test_an_old_sdk_inside_the_functions_is_named_with_both_versions() -> None:
    """1.9 is older than 1.44; without a report it is not checked."""
    old = check_sdk({"boto3": "1.44.9", "botocore": "1.9.200"})
    assert old.status == "failed"
    assert "1.9.200" in old.sentence
    assert CHECKED_WITH in old.sentence
    assert check_sdk({"botocore": CHECKED_WITH}).status == "ok"
    assert check_sdk(None).status == "not checked"


# --- Permissions ----------------------------------------------------------------------------------------------------


class Simulator:
    """IAM, which allows everything but what is refused."""

    def __init__(self, refused: dict[str, dict[str, Any]]) -> None:
        self.refused = refused
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Simulator:
        """The one operation that is paged."""
        assert operation == "simulate_principal_policy"
        return self

    def paginate(self, **arguments: Any) -> list[dict[str, Any]]:
        """One page, in IAM's form."""
        self.asked.append(arguments)
        rows = [
            {"EvalActionName": action, "EvalDecision": "allowed", **self.refused.get(action, {})}
            for action in arguments["ActionNames"]
        ]
        return [{"EvaluationResults": rows}]

    def get_role(self, RoleName: str) -> dict[str, Any]:  # noqa: N803
        """A role with a path, which a session's ARN does not tell."""
        return {"Role": {"Arn": f"arn:aws:iam::{NUMBER}:role/team/{RoleName}"}}


def test_a_denied_action_is_named_with_who_denied_it() -> None:
    """SCP, boundary and explicit denials are told apart, each with its action and resource."""
    simulator = Simulator(
        {
            "lambda:CreateFunction": {
                "EvalDecision": "implicitDeny",
                "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False},
            },
            "iam:CreateRole": {
                "EvalDecision": "explicitDeny",
                "OrganizationsDecisionDetail": {"AllowedByOrganizations": False},
            },
            "s3:CreateBucket": {"EvalDecision": "explicitDeny"},
            "logs:CreateLogGroup": {
                "ResourceSpecificResults": [
                    {"EvalResourceName": "arn:aws:logs:one", "EvalResourceDecision": "implicitDeny"}
                ]
            },
        }
    )
    here = account(simulator)
    questions = permissions.deployer_questions(here, "arn:aws:iam::210987654321:user/ann")
    check = permissions.check_permissions(here, "Deployer's permissions", questions, "ask")
    assert (check.status, check.way_out) == ("failed", "ask")
    for words in (
        f"ann may not lambda:CreateFunction on arn:aws:lambda:eu-west-1:{NUMBER}:function:t-plan (its permissions",
        f"iam:CreateRole on arn:aws:iam::{NUMBER}:role/t-doctor (an SCP",
        f"s3:CreateBucket on arn:aws:s3:::t-artifacts-{NUMBER}-eu-west-1 (an explicit deny)",
        "logs:CreateLogGroup on arn:aws:logs:one",
    ):
        assert words in check.sentence


def test_what_the_simulator_cannot_see_stands_beside_its_tick() -> None:
    """Nobody takes a simulation for a promise."""
    simulator = Simulator({})
    here = account(simulator)
    check = permissions.check_permissions(here, "x", permissions.deployer_questions(here, "arn:role/r"), "")
    assert check.status == "ok"
    assert "resource policies" in check.sentence
    assert "SCPs" in check.sentence
    assert len(simulator.asked) == len(permissions.DEPLOYMENT)


def test_deploying_every_type_of_the_template_is_asked_for() -> None:
    """A resource of a new type in the template needs its permissions listed."""
    resources = permissions.packaged_template()["Resources"].values()
    types = {resource["Type"] for resource in resources if "Condition" not in resource}
    assert types | {"AWS::CloudFormation::Stack"} == set(permissions.DEPLOYMENT)


def test_a_roles_statement_becomes_a_question_on_one_example() -> None:
    """Patterns become names that they match, an account's star its number, conditions the values that they ask for."""
    role = f"arn:aws:iam::{NUMBER}:role/t-CreateClonesRole"
    statement = {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": ["arn:aws:iam::1:role/*", "arn:aws:lambda:eu-west-1:*:layer:*:*", "*"],
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    }
    [question] = permissions.role_questions(role, {"Statement": [statement]})
    assert question.actions == ("iam:PassRole",)
    assert question.resources == ("arn:aws:iam::1:role/1", f"arn:aws:lambda:eu-west-1:{NUMBER}:layer:1:1", "*")
    assert question.context == {"iam:PassedToService": ["lambda.amazonaws.com"]}


def test_a_role_that_a_failed_deployment_never_made_is_named() -> None:
    """CloudFormation lists such a resource without a physical id."""

    class Failed:
        """CloudFormation after a deployment that was rolled back."""

        def get_paginator(self, _: str) -> Any:
            """One page."""
            row = {"LogicalResourceId": "PlanRole", "ResourceType": "AWS::IAM::Role", "ResourceStatus": "CREATE_FAILED"}
            return type("Pages", (), {"paginate": lambda _, **__: [{"StackResourceSummaries": [row]}]})()

    policies, arns = permissions.read_policies(account(Failed()))
    assert (policies, arns) == ({}, {})
    assert "PlanRole lacks" in permissions.check_policies(policies).sentence


def test_a_role_without_its_policy_is_named() -> None:
    """What the template grants and the account has not is listed by role."""
    whole = {
        role: {"Statement": [{"Action": sorted(actions), "Resource": "*"}]}
        for role, actions in permissions.packaged_actions().items()
    }
    assert permissions.check_policies(whole).status == "ok"
    check = permissions.check_policies({**whole, "ProbeRole": None})
    assert check.status == "failed"
    assert "ProbeRole lacks logs:CreateLogStream, logs:PutLogEvents" in check.sentence


@pytest.mark.parametrize(
    ("caller", "principal"),
    [
        (f"arn:aws:sts::{NUMBER}:assumed-role/admin/ann", f"arn:aws:iam::{NUMBER}:role/team/admin"),
        (f"arn:aws:iam::{NUMBER}:user/ann", f"arn:aws:iam::{NUMBER}:user/ann"),
        (f"arn:aws:iam::{NUMBER}:root", None),
        (f"arn:aws:sts::{NUMBER}:federated-user/ann", None),
    ],
)
def test_the_principal_behind_a_caller(caller: str, principal: str | None) -> None:
    """A session's role is looked up with its path; the root user has no policies to simulate."""
    assert permissions.principal_arn(account(Simulator({})), caller) == principal


# --- The probe ------------------------------------------------------------------------------------------------------


@pytest.fixture
def runs() -> dict[str, RunSeen]:
    """The probe's runs as they were recorded."""
    return {name: RunSeen(**run) for name, run in comparison.reference().items()}


def test_the_reference_has_the_shape_of_today() -> None:
    """It was recorded by these requests, in this form, on these machines.

    If not: python -m tuner.cli.doctor.reference
    """
    reference = comparison.reference()
    assert set(reference) == set(REQUESTS)
    states = json.loads((application_root() / "state_machine" / "tune.asl.json").read_text(encoding="utf-8"))["States"]
    for run in reference.values():
        assert set(run) == {each.name for each in fields(RunSeen)}
        assert set(run["states"]) <= set(states)
        assert run["transitions"] > len(run["states"])
        assert "Billed Duration" in run["record_fields"]


def changed(runs: dict[str, RunSeen], name: str, **values: Any) -> dict[str, RunSeen]:
    """The same runs, one of them with other values."""
    run = {each.name: getattr(runs[name], each.name) for each in fields(RunSeen)}
    return {**runs, name: RunSeen(**{**run, **values})}


@pytest.mark.parametrize(
    ("change", "failing", "words"),
    [
        (lambda runs: runs, None, ""),
        (lambda runs: changed(runs, "succeeds", states=("Plan", "Report")), "States", "gave Plan Report instead"),
        (lambda runs: changed(runs, "fails", error="ServiceError"), "Errors", "FAILED ServiceError ValueError instead"),
        (lambda runs: changed(runs, "fails", error_types=()), "Errors", "the probe that fails gave FAILED"),
        (
            lambda runs: {name: changed(runs, name, record_fields=("Duration",))[name] for name in runs},
            "Log records",
            "lack Billed Duration",
        ),
        (lambda runs: {n: changed(runs, n, record_fields=())[n] for n in runs}, "Log records", "No REPORT record"),
        (
            lambda runs: changed(runs, "succeeds", seconds={"Plan": 61.0}),
            "Step times",
            "Plan took 61.0 s of at most 120 s",
        ),
    ],
)
def test_each_difference_from_the_reference_is_a_failed_check(
    runs: dict[str, RunSeen], change: Callable[[Any], Any], failing: str | None, words: str
) -> None:
    """States, error names, fields of log records and the seconds of a step; the recorded runs themselves pass."""
    found = comparison.compare(change(runs), comparison.reference())
    failed = [check for check in found if check.status == "failed"]
    assert [check.name for check in failed] == ([failing] if failing else [])
    assert words in "".join(check.sentence for check in failed)


def test_a_field_more_in_awss_records_is_told_and_no_fault(runs: dict[str, RunSeen]) -> None:
    """AWS may add fields: the parser does not mind, and a bug report should have them."""
    more = changed(runs, "fails", record_fields=(*runs["fails"].record_fields, "XRAY TraceId", "Core Wait"))
    [check] = [one for one in comparison.compare(more, comparison.reference()) if one.name == "Log records"]
    assert (check.status, check.sentence.endswith("AWS also has XRAY TraceId.")) == ("ok", True)


def test_a_run_that_did_not_end_is_not_compared(runs: dict[str, RunSeen]) -> None:
    """After Ctrl-C there is nothing to hold against the reference."""
    [check] = comparison.compare({"succeeds": runs["succeeds"]}, comparison.reference())
    assert check.status == "not checked"


def test_the_probe_costs_less_than_a_cent_everywhere() -> None:
    """The price that the question names stays under one cent in each Region whose prices are in dollars."""
    regions = {row.region for row in price_table() if row.item == "duration" and row.currency == "USD"}
    for region in regions:
        words = comparison.probe_price(region).split()
        if price_rows("AmazonStates", "state-transition", region):
            assert float(words[2]) < 0.01, region
    assert comparison.probe_price("mars-1") == "an unknown amount"


def test_a_narrowed_stack_does_not_tune_the_probe() -> None:
    """FunctionPattern and PassableRoles may leave it out; the parameter is named, and nothing is tried."""

    def stack(**parameters: str) -> dict[str, Any]:
        rows = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
        outputs = [{"OutputKey": "ProbeRoleArn", "OutputValue": f"arn:aws:iam::{NUMBER}:role/t-ProbeRole-1"}]
        return {"Parameters": rows, "Outputs": outputs}

    assert probe_left_out(account(), stack(FunctionPattern="*", PassableRoles="t-*")) is None
    assert (
        "FunctionPattern, shop-*, leaves out t-probe"
        in (probe_left_out(account(), stack(FunctionPattern="shop-*")) or ("",))[0]
    )
    assert "PassableRoles" in (probe_left_out(account(), stack(PassableRoles="shop/*")) or ("",))[0]


def test_a_stack_from_before_the_probe_is_not_asked_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no role for the probe: the doctor says to deploy this version, before anybody agrees to a price."""

    def asked(*_: Any) -> bool:
        raise AssertionError("nothing could be run")

    monkeypatch.setattr(command, "_agreed", asked)
    doctor = command.Doctor(json_output=True)
    command._probe(doctor, account(), {"Parameters": [], "Outputs": []}, probe=True, yes=False)
    [check] = doctor.found
    assert (check.name, check.status) == ("Probe", "not checked")
    assert "no role for the probe" in check.sentence
    assert "sam deploy" in check.way_out


class StubbornAws:
    """Lambda, S3 and Step Functions after a run of the probe; what is kept cannot be deleted."""

    def __init__(self, *, keeps: bool, description: str = PROBE_DESCRIPTION) -> None:
        self.keeps = keeps
        self.functions = {"t-probe": description, f"{clone_prefix('run')}128-x86": ""}
        self.objects = {"runs/run/report.json", "functions/t-probe/latest.json", "runs/other/report.json"}

    def get_paginator(self, operation: str) -> Any:
        """One page of each list."""
        pages: dict[str, Callable[..., dict[str, Any]]] = {
            "list_functions": lambda: {
                "Functions": [{"FunctionName": n, "Description": d} for n, d in self.functions.items()]
            },
            "list_objects_v2": lambda Bucket, Prefix: {  # noqa: N803
                "Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]
            },
        }
        return type("Pages", (), {"paginate": lambda _, **arguments: [pages[operation](**arguments)]})()

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        """It ended by itself, and took its clone with it."""
        self.functions = {name: text for name, text in self.functions.items() if name == "t-probe"}
        return {"status": "SUCCEEDED"}

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        """A function with its description."""
        return {"FunctionName": FunctionName, "Description": self.functions[FunctionName]}

    def delete_function(self, FunctionName: str) -> None:  # noqa: N803
        """Delete it, or answer as if."""
        if not self.keeps:
            del self.functions[FunctionName]

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803
        """Delete it, or answer as if."""
        if not self.keeps:
            self.objects.discard(Key)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other at once."""
    monkeypatch.setattr(probe, "_POLL_S", {"aws": 0.0})


def removal(aws: StubbornAws) -> Check:
    """What the probe says of its removal after one run."""
    here, probed = account(aws), Probed()
    with probe._removed(here, Runs(here), ["run"], probed):
        pass
    [check] = probed.checks
    return check


def test_what_the_probe_made_is_gone_and_nothing_else() -> None:
    """Function and objects of its own runs are deleted, other runs' objects stay."""
    aws = StubbornAws(keeps=False)
    assert removal(aws).status == "ok"
    assert (aws.functions, aws.objects) == ({}, {"runs/other/report.json"})


def test_objects_are_deleted_only_after_the_stacks_own_restore() -> None:
    """A run that failed is restored by a rule too, which writes to the run's objects: they would come back."""
    aws, restoring = StubbornAws(keeps=False), ["RUNNING", "RUNNING", "SUCCEEDED"]

    def describe(executionArn: str) -> dict[str, Any]:  # noqa: N803
        if executionArn != "restore":
            return {"status": "FAILED"}
        status = restoring.pop(0) if restoring else "SUCCEEDED"
        aws.objects.add("runs/run/restore.json")
        return {"status": status, "input": '{"runId": "run"}'}

    aws.describe_execution = describe  # type: ignore[method-assign]
    rows = [{"executionArn": "restore", "name": "by-the-rule"}]
    aws.list_executions = lambda **_: {"executions": rows}  # type: ignore[attr-defined]
    aws.functions = {"t-probe": PROBE_DESCRIPTION}
    assert removal(aws).status == "ok"
    assert (restoring, aws.objects) == ([], {"runs/other/report.json"})


@pytest.mark.parametrize("given", ["5", "null", '["run"]'])
def test_somebody_elses_restore_with_an_odd_input_does_not_stop_the_removal(given: str) -> None:
    """Whoever may start ``restore`` gives it any JSON; its list is the whole stack's."""
    aws = StubbornAws(keeps=False)
    aws.functions = {"t-probe": PROBE_DESCRIPTION}
    rows = {"odd": given, "rule": '{"runId": "run"}'}

    def describe(executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {"status": "FAILED", "input": rows.get(executionArn)}

    aws.describe_execution = describe  # type: ignore[method-assign]
    aws.list_executions = lambda **_: {"executions": [{"executionArn": n, "name": n} for n in rows]}  # type: ignore[attr-defined]
    assert removal(aws).status == "ok"
    assert (aws.functions, aws.objects) == ({}, {"runs/other/report.json"})


@pytest.mark.parametrize("begun", [True, False], ids=["it began", "it never began"])
def test_a_run_whose_start_was_not_answered_is_removed_too(begun: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """StartExecution may have worked where its answer got lost: what is there of the run goes all the same."""
    aws, here = StubbornAws(keeps=False), account()
    here = replace(here, client=lambda service: aws)
    aws.functions, aws.objects = {"t-probe": PROBE_DESCRIPTION}, set()
    describe = aws.describe_execution

    def start_execution(*, name: str, **_: Any) -> None:
        if begun:
            aws.objects.add(f"runs/{name}/plan.json")
        raise EndpointConnectionError(endpoint_url="https://states.eu-west-1.amazonaws.com")

    def described(executionArn: str) -> dict[str, Any]:  # noqa: N803
        if not begun:
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")
        return describe(executionArn)

    aws.start_execution = start_execution  # type: ignore[attr-defined]
    aws.describe_execution = described  # type: ignore[method-assign]
    monkeypatch.setattr(probe, "_create", lambda *_: None)
    probed = probe.run_probe(here, {}, Interrupts(), lambda text: None)
    assert {check.name: check.status for check in probed.checks} == {"Probe": "failed", "Removal": "ok"}
    assert (aws.functions, aws.objects) == ({}, set())


def test_a_removal_is_looked_up_and_not_believed() -> None:
    """What is still there after AWS said yes is named, and how to remove it."""
    check = removal(StubbornAws(keeps=True))
    assert check.status == "failed"
    for words in ("t-probe", "runs/run/report.json", "functions/t-probe/latest.json"):
        assert words in check.sentence
    assert "delete-function --function-name t-probe" in check.way_out


def test_somebody_elses_function_of_that_name_stays() -> None:
    """A function without the doctor's description is not deleted, and not taken for a leftover."""
    aws = StubbornAws(keeps=False, description="probes the moon")
    assert removal(aws).status == "ok"
    assert "t-probe" in aws.functions


# --- The whole ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "name", "words"),
    [
        (NoCredentialsError(), "Credentials", "no usable AWS credentials"),
        (NoRegionError(), "Region", "No AWS Region"),
    ],
)
def test_without_credentials_or_a_region_the_first_check_fails(
    error: Exception, name: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The doctor says so as a check, with the way out, and ends with 4."""

    def refuse(_: AccountFlags) -> Account:
        raise error

    monkeypatch.setattr(command, "account_names", refuse)
    nowhere = AccountFlags()
    assert command.run_doctor(nowhere, probe=True, yes=False, json_output=True) == 4
    [check] = json.loads(capsys.readouterr().out)["checks"]
    assert (check["name"], check["status"]) == (name, "failed")
    assert words in check["sentence"]
    assert check["way_out"]


def test_the_bug_report_names_no_account_and_no_key() -> None:
    """Account numbers are masked wherever they stand, access keys too; other digits stay."""
    doctor = command.Doctor(json_output=True)
    doctor.add(
        Check("a", "failed", f"arn:aws:iam::{NUMBER}:role/r, t-artifacts-{NUMBER}-eu-west-1", "AKIAIOSFODNN7EXAMPLE")
    )
    doctor.add(Check("b", "ok", "ASIAIOSFODNN7EXAMPLE at 20261128-181618, 80530636800 bytes"))
    text = json.dumps(doctor.document())
    assert NUMBER not in text
    assert "IOSFODNN7EXAMPLE" not in text
    assert "20261128-181618, 80530636800 bytes" in text


def test_a_proxys_page_is_no_answer() -> None:
    """HTML where IAM's XML belongs leaves one check open, in one line, and does not end the doctor."""
    doctor = command.Doctor(json_output=True)

    def ask() -> Check:
        with aws_call("iam:SimulatePrincipalPolicy", "role"):
            raise ResponseParserError("Unable to parse response, invalid XML received:\n<html>…")

    doctor.attempt("Role permissions", ask)
    [check] = doctor.found
    assert (check.status, "\n" in check.sentence) == ("not checked", False)
    assert "Unable to parse" in check.sentence
