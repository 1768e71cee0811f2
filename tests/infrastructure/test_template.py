"""template.yaml says what the handlers, the names and the promises say."""

from __future__ import annotations

import json
import re

import pytest

from tests.infrastructure.deployed import (
    ACCOUNT,
    EVERYTHING_SET,
    MACHINES,
    REGION,
    ROOT,
    Deployed,
    definition,
    states,
    transformed,
)
from tuner import __version__
from tuner.core.aws_limits import TAG_KEY, TAG_VALUE
from tuner.core.run.plan import read_tags


def test_functions_are_the_handlers(by_default: Deployed) -> None:
    """Every handler is deployed once, under the stack's name and its own."""
    modules = {path.stem for path in (ROOT / "tuner" / "handlers").glob("[a-z]*.py")}
    expected = {f"tuner.handlers.{name}.handler": f"lambda-tuner-{name.replace('_', '-')}" for name in modules}
    assert {one["Handler"]: one["FunctionName"] for one in by_default.functions.values()} == expected


def test_functions_share_what_globals_say(by_default: Deployed) -> None:
    """Runtime, architecture and tracing are the same for all."""
    for function in by_default.functions.values():
        assert function["Runtime"] == "python3.13"
        assert function["Architectures"] == ["arm64"]
        assert function["TracingConfig"] == {"Mode": "Active"}


def test_functions_know_where_they_are(by_default: Deployed) -> None:
    """Each function gets the names of the bucket, the stack and the clones' log group."""
    bucket = by_default.of_type("AWS::S3::Bucket")["ArtifactBucket"]["BucketName"]
    clones = by_default.of_type("AWS::Logs::LogGroup")["CloneLogGroup"]["LogGroupName"]
    for function in by_default.functions.values():
        variables = function["Environment"]["Variables"]
        assert variables["TUNER_BUCKET"] == bucket == f"lambda-tuner-artifacts-{ACCOUNT}-{REGION}"
        assert variables["TUNER_CLONE_LOG_GROUP"] == clones == "/lambda-tuner/clones"
        assert variables["TUNER_STACK"] == "lambda-tuner"
        assert variables["TUNER_MEMORY_CAP_MB"] == 10240
        assert variables["POWERTOOLS_SERVICE_NAME"] == "lambda-tuner"


def test_sweep_knows_the_restore_machine(by_default: Deployed) -> None:
    """The sweeper's address of restore, written by name, is the machine's."""
    variables = by_default.functions["SweepFunction"]["Environment"]["Variables"]
    assert variables["TUNER_RESTORE_ARN"] == by_default.outputs["RestoreStateMachineArn"]["Value"]


def test_each_function_has_a_log_group_that_forgets(by_default: Deployed) -> None:
    """Logs go to a group of the stack with a retention, so that none is made without one."""
    groups = by_default.of_type("AWS::Logs::LogGroup")
    assert all(group["RetentionInDays"] > 0 for group in groups.values())
    names = {group["LogGroupName"] for group in groups.values()}
    for function in by_default.functions.values():
        assert function["LoggingConfig"]["LogGroup"] == f"/aws/lambda/{function['FunctionName']}"
        assert function["LoggingConfig"]["LogGroup"] in names


def test_each_function_has_a_role_of_its_own(by_default: Deployed) -> None:
    """No two functions or machines share a role."""
    users = [*by_default.functions.values()]
    roles = [one["Role"] for one in users]
    roles += [one["RoleArn"] for one in by_default.of_type("AWS::StepFunctions::StateMachine").values()]
    assert len(set(roles)) == len(roles) == 15


@pytest.mark.parametrize("machine", MACHINES)
def test_a_step_may_take_as_long_as_its_function(machine: str, by_default: Deployed) -> None:
    """A task's timeout is its function's: neither cuts the other off unseen."""
    for name, state in states(definition(machine)):
        if state["Type"] == "Task" and state["Resource"].endswith("FunctionArn}"):
            function = by_default.functions[state["Resource"][2:-4]]
            assert state["TimeoutSeconds"] == function["Timeout"], name


def test_state_machines_bear_the_stack_name(by_default: Deployed) -> None:
    """The three machines are found by name."""
    machines = by_default.of_type("AWS::StepFunctions::StateMachine").values()
    assert {one["StateMachineName"] for one in machines} == {f"lambda-tuner-{name}" for name in MACHINES}


def test_state_machines_log_no_data(by_default: Deployed) -> None:
    """Failures are logged; inputs, and so payloads, are not."""
    for machine in by_default.of_type("AWS::StepFunctions::StateMachine").values():
        assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
        assert machine["LoggingConfiguration"]["Level"] == "ERROR"


@pytest.mark.parametrize("machine", MACHINES)
def test_substitutions_are_those_of_the_definition(machine: str, by_default: Deployed) -> None:
    """Every ``${Name}`` of a definition gets a value, and no value is left over."""
    text = json.dumps(definition(machine))
    resource = by_default.of_type("AWS::StepFunctions::StateMachine")[f"{machine.title()}StateMachine"]
    given = resource["DefinitionSubstitutions"]
    assert {name for name in given if f"${{{name}}}" in text} == set(given)
    assert text.count("${") == sum(text.count(f"${{{name}}}") for name in given)


def test_bucket_is_private(deployed: Deployed) -> None:
    """Encrypted, closed to the public, without access lists, and over TLS alone."""
    bucket = deployed.of_type("AWS::S3::Bucket")["ArtifactBucket"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    key = deployed.parameters["ArtifactKeyArn"]
    assert rule["ServerSideEncryptionByDefault"] == (
        {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"}
    )
    (statement,) = deployed.of_type("AWS::S3::BucketPolicy")["ArtifactBucketPolicy"]["PolicyDocument"]["Statement"]
    arn = f"arn:aws:s3:::{bucket['BucketName']}"
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [arn, f"{arn}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_bucket_forgets(by_default: Deployed) -> None:
    """Copies of code go after two days, runs after the retention, unfinished uploads after one day."""
    rules = by_default.of_type("AWS::S3::Bucket")["ArtifactBucket"]["LifecycleConfiguration"]["Rules"]
    expiry = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    assert expiry == {"clones/": 2, "runs/": 90, "index/": 90}
    assert [
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for rule in rules if "Prefix" not in rule
    ] == [1]


def test_removing_the_stack_destroys_no_report_unasked() -> None:
    """The bucket is CloudFormation's to delete, which it does only when it is empty; a replaced one is kept."""
    bucket = transformed()["Resources"]["ArtifactBucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Delete", "Retain")


def test_every_run_that_did_not_end_well_is_restored(by_default: Deployed) -> None:
    """FAILED, ABORTED and TIMED_OUT executions of tune, and no others, start restore with run id and status."""
    rule = by_default.of_type("AWS::Events::Rule")["RestoreRule"]
    assert rule["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [by_default.outputs["TuneStateMachineArn"]["Value"]],
            "status": ["FAILED", "ABORTED", "TIMED_OUT"],
        },
    }
    (target,) = rule["Targets"]
    assert target["Arn"] == by_default.outputs["RestoreStateMachineArn"]["Value"]
    assert target["InputTransformer"]["InputPathsMap"] == {"runId": "$.detail.name", "status": "$.detail.status"}
    assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 3, "Step Functions may refuse for a moment"
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 3600, "afterwards the sweeper comes"
    # EventBridge puts the quotation marks around a text itself.
    filled = target["InputTransformer"]["InputTemplate"].replace("<runId>", '"a"').replace("<status>", '"FAILED"')
    assert json.loads(filled) == {"runId": "a", "status": "FAILED"}


def test_nightly_schedule_is_off_until_switched_on(by_default: Deployed) -> None:
    """Nothing is tuned by night unless asked for; the sweeper runs from the start."""
    schedules = by_default.of_type("AWS::Scheduler::Schedule")
    assert schedules["NightlyTrigger"]["State"] == "DISABLED"
    assert schedules["NightlyTrigger"]["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert schedules["NightlyTrigger"]["ScheduleExpressionTimezone"] == "UTC"
    assert schedules["SweepSchedule"].get("State", "ENABLED") == "ENABLED"
    assert schedules["SweepSchedule"]["ScheduleExpression"] == "rate(1 hour)"
    assert (
        Deployed({"NightlyState": "ENABLED"}).of_type("AWS::Scheduler::Schedule")["NightlyTrigger"]["State"]
        == "ENABLED"
    )


def test_a_late_night_does_not_become_a_busy_morning(by_default: Deployed) -> None:
    """Schedules give up within half an hour: the service's own default is a day."""
    for schedule in by_default.of_type("AWS::Scheduler::Schedule").values():
        assert schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 1800
        assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] <= 3
        assert schedule["FlexibleTimeWindow"]["Mode"] == "FLEXIBLE"
        assert json.loads(schedule["Target"]["Input"]) == {}


def test_alarms_only_where_they_are_heard(deployed: Deployed) -> None:
    """Without a topic there are no alarms; with one, nightly and restore have one each."""
    topic = deployed.parameters["AlarmTopicArn"]
    alarms = deployed.of_type("AWS::CloudWatch::Alarm")
    assert set(alarms) == ({"NightlyFailedAlarm", "RestoreFailedAlarm"} if topic else set())
    assert all(alarm["AlarmActions"] == [topic] for alarm in alarms.values())


def test_parameters_need_no_thought() -> None:
    """Every parameter has a default and says what it is for."""
    for name, parameter in transformed()["Parameters"].items():
        assert "Default" in parameter, name
        assert parameter["Description"].endswith("."), name


def test_two_stacks_do_not_meet() -> None:
    """Under another stack name nothing of the first is named, the prefix of temporary functions aside."""
    other = Deployed(stack="second")
    text = json.dumps({name: each["Properties"] for name, each in other.resources.items()})
    text = text.replace("lambda-tuner-clone-", "").replace('"POWERTOOLS_SERVICE_NAME": "lambda-tuner"', "")
    assert "lambda-tuner" not in text.replace("tagged lambda-tuner=enabled", "")


def test_outputs_name_what_a_user_starts_and_reads(by_default: Deployed) -> None:
    """The machines, the bucket, and where a report is."""
    assert by_default.outputs.keys() >= {
        "TuneStateMachineArn",
        "RestoreStateMachineArn",
        "NightlyStateMachineArn",
        "ArtifactBucket",
        "ReportLocation",
    }
    # The scripts of AWS Lambda Power Tuning find the machine by this one.
    assert by_default.outputs["StateMachineARN"]["Value"] == by_default.outputs["TuneStateMachineArn"]["Value"]
    report = by_default.outputs["ReportLocation"]["Value"]
    assert report == f"s3://lambda-tuner-artifacts-{ACCOUNT}-{REGION}/runs/RUN_ID/report.html"


def test_logs_of_clones_are_encrypted_by_a_key_where_one_is_given() -> None:
    """Whatever the functions under test print is in that group."""
    key = EVERYTHING_SET["CloneLogKeyArn"]
    assert Deployed({"CloneLogKeyArn": key}).of_type("AWS::Logs::LogGroup")["CloneLogGroup"]["KmsKeyId"] == key
    assert "KmsKeyId" not in Deployed().of_type("AWS::Logs::LogGroup")["CloneLogGroup"]


@pytest.mark.parametrize("good", ["", "env=prod", "env=prod,team=shop floor,empty=,cost:centre=a=b/c@d"])
def test_tags_for_clones_reach_the_one_who_makes_them(good: str) -> None:
    """As they were given, and nobody else."""
    assert re.fullmatch(transformed()["Parameters"]["CloneTags"]["AllowedPattern"], good)
    deployed = Deployed({"CloneTags": good})
    told = {
        name: properties["Environment"]["Variables"]["TUNER_CLONE_TAGS"]
        for name, properties in deployed.functions.items()
        if "TUNER_CLONE_TAGS" in properties["Environment"]["Variables"]
    }
    assert told == {"CreateClonesFunction": good}
    assert all(TAG_KEY.fullmatch(key) and TAG_VALUE.fullmatch(value) for key, value in read_tags(good).items())


@pytest.mark.parametrize(
    "bad", ["env", "=prod", "env=it's", "env=a,", ",env=a", "env=" + "a" * 257, "a;b=c", "aws:x=y"]
)
def test_tags_that_no_function_can_bear_are_refused_at_deployment(bad: str) -> None:
    """CloudFormation compares the parameter with its pattern before it makes anything."""
    assert not re.fullmatch(transformed()["Parameters"]["CloneTags"]["AllowedPattern"], bad)


def test_the_deployed_version_is_the_packages(by_default: Deployed) -> None:
    """The stack tells the doctor which version it is."""
    assert by_default.outputs["Version"]["Value"] == __version__
