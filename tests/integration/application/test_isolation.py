"""A function is refused where a clone could not stand for it, and restoring tells what it found."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import uuid
import zipfile
from typing import Any

import pytest

from tests.integration.application.conftest import Application, wait_for

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def bound_role(application: Application) -> str:
    """A role with a policy that holds for the function ``spin`` alone."""
    iam = application.client("iam")
    name = "holds-for-spin-alone"
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {"ArnLike": {"lambda:SourceFunctionArn": "arn:aws:lambda:*:*:function:spin"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    policy = iam.create_policy(PolicyName="spin-alone", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    return str(role["Role"]["Arn"])


def test_function_whose_role_knows_it_by_name_is_refused(application: Application, bound_role: str) -> None:
    """By the name of the attached policy, before anything is made."""
    arn = application.deploy("spin")
    functions = application.client("lambda")
    before = functions.get_function_configuration(FunctionName=arn)["Role"]
    functions.update_function_configuration(FunctionName=arn, Role=bound_role)
    try:
        execution = application.tune(lambdaARN=arn)
    finally:
        functions.update_function_configuration(FunctionName=arn, Role=before)
    assert (execution["status"], execution["error"]) == ("FAILED", "FunctionNotTunable")
    assert "policy spin-alone has a condition on the calling function" in execution["cause"]
    assert "CreateClones" not in application.states_of(execution["executionArn"])


def packed(answer: str) -> bytes:
    """A package of its own, so that no other function has its hash."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", f"def handler(event, context):\n    print({answer!r})\n    return {answer!r}\n")
    return archive.getvalue()


def create(application: Application, **code: Any) -> dict[str, Any]:
    """A function that is made of this code."""
    role = application.client("lambda").get_function_configuration(FunctionName=application.deploy("spin"))["Role"]
    created = application.client("lambda").create_function(
        FunctionName=f"made-{uuid.uuid4().hex[:8]}",
        Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        Handler="app.handler",
        MemorySize=512,
        Role=role,
        Code=code,
    )
    return dict(created)


def test_code_that_somebody_put_into_the_bucket_is_never_run(application: Application) -> None:
    """Where the clones' code lies, somebody else put theirs: the run ends before anything is invoked, and says so."""
    name = f"honest {uuid.uuid4()}"
    function = create(application, ZipFile=packed(name))
    key = f"clones/{base64.b64decode(function['CodeSha256']).hex()}.zip"
    application.client("s3").put_object(Bucket=application.aws.bucket, Key=key, Body=packed("evil"))
    execution = application.tune(lambdaARN=function["FunctionArn"])
    assert (execution["status"], execution["error"]) == ("FAILED", "CloneFailed")
    assert "somebody wrote into the artifact bucket" in execution["cause"]
    assert "MeasureBatches" not in application.states_of(execution["executionArn"])
    assert application.report(execution["name"])["restored"]["complete"]


def test_code_that_lambda_only_points_to_is_copied(application: Application) -> None:
    """The version that the function has, from its owner's bucket; what lies there by now is another one."""
    s3, bucket = application.client("s3"), f"packages-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    package = packed(f"theirs {uuid.uuid4()}")
    version = s3.put_object(Bucket=bucket, Key="app.zip", Body=package)["VersionId"]
    s3.put_object(Bucket=bucket, Key="app.zip", Body=packed("newer"))
    place = {"S3Bucket": bucket, "S3Key": "app.zip", "S3ObjectVersion": version}
    function = create(application, **place, S3ObjectStorageMode="REFERENCE")
    execution = application.tune(lambdaARN=function["FunctionArn"], dryRun=True)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    assert application.object(f"clones/{hashlib.sha256(package).hexdigest()}.zip") == package


def test_what_somebody_else_changes_meanwhile_is_named_and_left(application: Application) -> None:
    """A tag and an alias of a function under test, set while it is measured, are in the report and stay."""
    arn = application.deploy("slow")
    functions = application.client("lambda")
    execution_arn = application.start(lambdaARN=arn, payload={"s": 0.2}, memory=[512, 1024])
    wait_for(lambda: application.clones() or application.has_ended(execution_arn))
    functions.tag_resource(Resource=arn, Tags={"team": "shop"})
    functions.create_alias(FunctionName="slow", Name="live", FunctionVersion="$LATEST")
    try:
        execution = application.ended(execution_arn)
        assert execution["status"] == "SUCCEEDED", execution.get("cause")
        restored = application.report(execution["name"])["restored"]
        assert {change["what"]: change["sentence"].split(", between")[0] for change in restored["changes"]} == {
            "tags": "Somebody else changed the tags (team)",
            "aliases": "Somebody else changed the aliases (live)",
        }
        assert (restored["remaining"], restored["notCompared"]) == ([], [])
        assert functions.list_tags(Resource=arn)["Tags"]["team"] == "shop"
        assert not application.has_object(f"open/{execution['name']}.json")
    finally:
        functions.untag_resource(Resource=arn, TagKeys=["team"])
        functions.delete_alias(FunctionName="slow", Name="live")


def test_copies_reserve_concurrency_where_that_is_asked(application: Application) -> None:
    """Others have less while the run goes on, are told so, and have all of it when it has ended."""
    arn = application.deploy("slow")
    functions = application.client("lambda")

    def free() -> int:
        return int(functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"])

    before = free()
    execution_arn = application.start(lambdaARN=arn, payload={"s": 0.2}, memory=[512, 1024], reservedConcurrency=2)
    wait_for(lambda: free() < before or application.has_ended(execution_arn))
    meanwhile = free()
    execution = application.ended(execution_arn)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    assert meanwhile in (before - 2, before - 4)
    assert free() == before
    report = application.report(execution["name"])
    assert report["request"]["reservedConcurrency"] == 2
    assert (
        f"Each of up to 2 clones reserves 2 of the account's concurrency until the run ends: of the {before} "
        "that no function has reserved, the others have 4 less until then." in report["warnings"]
    )
    assert "reserved concurrency" not in {row["what"] for row in report["restored"]["changes"]}


def test_a_reserve_that_the_account_has_not_to_spare_is_refused(application: Application) -> None:
    """Before anything is made, with what would fit."""
    arn = application.deploy("slow")
    functions = application.client("lambda")
    free = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    functions.put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=free - 103)
    try:
        execution = application.tune(lambdaARN=arn, payload={"s": 0.1}, memory=[512, 1024], reservedConcurrency=2)
    finally:
        functions.delete_function_concurrency(FunctionName="slow")
    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidRequest")
    assert "would reserve 4 of the account's concurrency, of which 103 are not reserved" in execution["cause"]
    assert "With 1 it would fit" in execution["cause"]
    assert "CreateClones" not in application.states_of(execution["executionArn"])


def test_restore_that_fails_ends_with_a_sentence(application: Application) -> None:
    """A plan that nobody can read: the execution's cause is no JSON, and its name is one of ours."""
    application.client("s3").put_object(Bucket=application.aws.bucket, Key="runs/odd/plan.json", Body=b'{"steps": 1}')
    machine = application.aws.restore_arn
    answer = application.client("stepfunctions").start_execution(
        stateMachineArn=machine, name="odd-plan", input=json.dumps({"runId": "odd"})
    )
    execution = application.ended(answer["executionArn"])
    assert (execution["status"], execution["error"]) == ("FAILED", "ServiceError")
    assert execution["cause"].startswith("A step of Lambda Tuner itself failed with ")
    assert "ExplainFailure" in application.states_of(answer["executionArn"])
