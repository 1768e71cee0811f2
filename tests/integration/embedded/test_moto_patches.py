# ruff: noqa: D103 - the names of helpers and probes say what they do
"""Each patch of moto: it works, and moto without it is still wrong (else the patch can go)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import inspect
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from tests.integration.embedded import conftest
from tests.integration.embedded.conftest import Account, code_archive, unique, wait_for
from tuner.embedded import moto_patches
from tuner.embedded.identity import memory_cap_mb

Probe = Callable[[Account], None]
PROBES: list[tuple[str, Probe]] = []

WITHOUT_PROBE = {
    "patch_concurrent_reads": "shows only by chance; see test_readers_and_writers_meet, test_moto_is_not_for_threads",
    "patch_interpreter_clients": "shows only in time; see test_interpreter_clients_are_made_once",
    "patch_interpreter_memory": "shows only in memory; see test_threads_are_still_kept",
    "patch_interpreter_noise": "shows only in the log; see test_failures_print_no_syntax_tree",
    "patch_module_list": "shows only in time; see test_the_folder_is_still_read_at_each_request",
    "patch_object_store": "is an addition; see test_bucket_folder.py",
    "patch_start": "shows only in time and memory; see test_the_catalogues_are_still_loaded",
}


def probe(patch: str) -> Callable[[Probe], Probe]:
    def register(function: Probe) -> Probe:
        PROBES.append((patch, function))
        return function

    return register


@contextlib.contextmanager
def refused(code: str, text: str = "") -> Any:
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code
    assert text in caught.value.response["Error"]["Message"]


# --- Lambda ---------------------------------------------------------------------------------------------------------


@probe("patch_function_settings")
def settings_are_kept(account: Account) -> None:
    name = account.function(
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "/shared"},
        DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"},
        FileSystemConfigs=[{"Arn": "arn:aws:elasticfilesystem:us-east-1:1:access-point/a", "LocalMountPath": "/mnt/a"}],
        SnapStart={"ApplyOn": "PublishedVersions"},
        RuntimeConfig={"RuntimeArn": "arn:aws:lambda:us-east-1:123456789012:runtime/theirs", "RuntimeAlias": "prod"},
    )
    kept = account.client("lambda").get_function_configuration(FunctionName=name)
    assert kept["LoggingConfig"]["LogFormat"] == "JSON"
    assert kept["LoggingConfig"]["LogGroup"] == "/shared"
    assert kept["DeadLetterConfig"]["TargetArn"].endswith(":dead")
    assert kept["FileSystemConfigs"][0]["LocalMountPath"] == "/mnt/a"
    assert kept["SnapStart"]["ApplyOn"] == "PublishedVersions"
    assert kept["RuntimeConfig"]["RuntimeAlias"] == "prod"
    assert kept["State"] == "Active"
    assert kept["LastUpdateStatus"] == "Successful"


@probe("patch_function_settings")
def tags_that_aws_does_not_take_are_refused(account: Account) -> None:
    for tags in ({"run": "it's(me)!"}, {"a" * 129: ""}, {"run": "a" * 257}, {"aws:run": "a"}):
        with refused("ValidationException", "at 'tags' failed to satisfy constraint: Map"):
            account.function(Tags=tags)
    account.function(Tags={"lambda-tuner:run": "it=27=s", "team": "größe 7 @ a/b+c=d"})


@probe("patch_function_settings")
def updates_are_kept(account: Account) -> None:
    name = account.function()
    updated = account.client("lambda").update_function_configuration(
        FunctionName=name, TracingConfig={"Mode": "Active"}, EphemeralStorage={"Size": 1024}
    )
    assert (updated["TracingConfig"]["Mode"], updated["EphemeralStorage"]["Size"]) == ("Active", 1024)


@probe("patch_function_settings")
def a_creation_takes_as_long_as_it_says(account: Account) -> None:
    began = time.monotonic()
    account.function(Environment={"Variables": {"LAMBDA_TUNER_LOCAL_CREATION_S": "0.5"}})
    assert time.monotonic() - began >= 0.5


@probe("patch_function_settings")
def revisions_are_named_and_checked(account: Account) -> None:
    functions = account.client("lambda")
    name = account.function()
    first = functions.get_function_configuration(FunctionName=name)["RevisionId"]
    second = functions.update_function_configuration(FunctionName=name, MemorySize=256, RevisionId=first)["RevisionId"]
    assert second != first
    with refused("PreconditionFailedException"):
        functions.update_function_configuration(FunctionName=name, MemorySize=512, RevisionId=first)


@probe("patch_function_settings")
def memory_above_the_limit_is_refused(account: Account) -> None:
    with refused("ValidationException", "less than or equal to 10240"):
        account.function(MemorySize=20_000)


@probe("patch_function_settings")
def memory_above_this_machine_is_refused(account: Account) -> None:
    cap = min(memory_cap_mb(), 10_239)
    with refused("InvalidParameterValueException", "'MemorySize' value failed to satisfy constraint: Member must have"):
        account.function(MemorySize=cap + 1)


@probe("patch_function_settings")
def long_names_are_refused(account: Account) -> None:
    with refused("ValidationException", "length less than or equal to 64"):
        account.function(FunctionName="x" * 65)


@probe("patch_function_code")
def code_can_be_downloaded(account: Account) -> None:
    answer = account.client("lambda").get_function(FunctionName=account.function())
    assert answer["Code"]["Location"].startswith("http://127.0.0.1:")
    with urllib.request.urlopen(answer["Code"]["Location"]) as response:
        content = response.read()
    assert base64.b64encode(hashlib.sha256(content).digest()).decode() == answer["Configuration"]["CodeSha256"]


@probe("patch_function_code")
def a_concurrency_of_zero_is_named(account: Account) -> None:
    name = account.function()
    account.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert account.client("lambda").get_function(FunctionName=name)["Concurrency"]["ReservedConcurrentExecutions"] == 0


@probe("patch_function_code")
def code_that_is_not_there_is_refused(account: Account) -> None:
    bucket = account.bucket()
    text = (
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist"
    )
    with refused("InvalidParameterValueException", text):
        account.function(Code={"S3Bucket": bucket, "S3Key": "clones/0.zip"})


@probe("patch_function_code")
def code_that_is_no_archive_is_refused(account: Account) -> None:
    bucket = account.bucket()
    account.client("s3").put_object(Bucket=bucket, Key="half.zip", Body=code_archive()[:-30])
    for code in ({"S3Bucket": bucket, "S3Key": "half.zip"}, {"ZipFile": b"no archive"}):
        with refused("InvalidParameterValueException", "Could not unzip uploaded file."):
            account.function(Code=code)


@probe("patch_function_code")
def code_by_reference_is_named_by_its_place(account: Account) -> None:
    bucket, functions = account.bucket(), account.client("lambda")
    s3 = account.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="app.zip", Body=code_archive())["VersionId"]
    s3.put_object(Bucket=bucket, Key="app.zip", Body=code_archive("# another"))
    place = {"S3Bucket": bucket, "S3Key": "app.zip", "S3ObjectVersion": version}
    name = account.function(Code={**place, "S3ObjectStorageMode": "REFERENCE"})
    answer = functions.get_function(FunctionName=name)
    assert answer["Code"] == {"RepositoryType": "S3", "ResolvedS3Object": place}
    assert answer["Configuration"]["CodeSha256"] == _sha256(code_archive())
    # Without the mode it is COPY, as on AWS: the function no longer points there.
    functions.update_function_code(FunctionName=name, S3Bucket=bucket, S3Key="app.zip")
    assert functions.get_function(FunctionName=name)["Code"].keys() == {"RepositoryType", "Location"}


@probe("patch_function_code")
def images_are_taken_by_their_digest(account: Account) -> None:
    digest, functions = "ab" * 32, account.client("lambda")
    uri = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/theirs@sha256:{digest}"
    settings = {"PackageType": "Image", "Role": account.role_arn, "Code": {"ImageUri": uri}}
    created = functions.create_function(FunctionName=unique("image"), **settings)
    assert created["CodeSha256"] == digest
    assert functions.get_function(FunctionName=created["FunctionName"])["Code"]["ResolvedImageUri"] == uri


@probe("patch_function_code")
def images_of_another_account_are_refused(account: Account) -> None:
    uri = "210987654321.dkr.ecr.us-east-1.amazonaws.com/theirs:latest"
    with refused("AccessDeniedException", "Lambda does not have permission to access the ECR image."):
        account.client("lambda").create_function(
            FunctionName=unique("image"), PackageType="Image", Role=account.role_arn, Code={"ImageUri": uri}
        )


def _sha256(package: bytes) -> str:
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


@probe("patch_function_from_cloudformation")
def templates_reach_the_function(account: Account) -> None:
    name = unique("function")
    account.stack(
        {
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": name,
                    "Role": account.role_arn,
                    "Handler": "index.handler",
                    "Runtime": "python3.11",
                    "Code": {"ZipFile": "def handler(event, context): return 1"},
                    "Architectures": ["arm64"],
                    "TracingConfig": {"Mode": "Active"},
                    "Tags": [{"Key": "team", "Value": "tuning"}],
                    "Environment": {"Variables": {"SIZE": 5}},
                },
            }
        }
    )
    answer = account.client("lambda").get_function(FunctionName=name)
    assert answer["Configuration"]["Architectures"] == ["arm64"]
    assert answer["Configuration"]["TracingConfig"]["Mode"] == "Active"
    assert answer["Configuration"]["Environment"]["Variables"] == {"SIZE": "5"}
    assert answer["Tags"]["team"] == "tuning"


@probe("patch_function_from_cloudformation")
def a_templates_function_can_be_updated(account: Account) -> None:
    functions, cloudformation = account.client("lambda"), account.client("cloudformation")
    stack, name = unique("stack"), unique("function")

    def template(colour: str, **changed: Any) -> str:
        properties = {
            "Role": account.role_arn,
            "Handler": "index.handler",
            "Runtime": "python3.11",
            "Code": {"ZipFile": f"def handler(event, context): return '{colour}'"},
            "Environment": {"Variables": {"COLOUR": colour}},
            "FunctionName": name,
        }
        resources = {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties | changed}}
        return json.dumps({"Resources": resources})

    def assert_is(function_name: str, colour: str, memory_mb: int) -> None:
        configuration = functions.get_function_configuration(FunctionName=function_name)
        assert (configuration["MemorySize"], configuration["Timeout"]) == (memory_mb, 20)
        assert configuration["Environment"]["Variables"] == {"COLOUR": colour}
        assert json.load(functions.invoke(FunctionName=function_name)["Payload"]) == colour
        [row] = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        assert row["PhysicalResourceId"] == function_name

    cloudformation.create_stack(StackName=stack, TemplateBody=template("red"))
    cloudformation.update_stack(StackName=stack, TemplateBody=template("blue", MemorySize=512, Timeout=20))
    assert_is(name, "blue", 512)
    # Another name is another function, which takes the old one's place.
    renamed = template("green", MemorySize=256, Timeout=20, FunctionName=f"{name}-2")
    cloudformation.update_stack(StackName=stack, TemplateBody=renamed)
    assert_is(f"{name}-2", "green", 256)
    with refused("ResourceNotFoundException"):
        functions.get_function_configuration(FunctionName=name)


@probe("patch_function_versions")
def a_version_number_is_given_once(account: Account) -> None:
    functions = account.client("lambda")
    name = account.function()
    for memory_mb in (256, 512):
        functions.publish_version(FunctionName=name)
        functions.update_function_configuration(FunctionName=name, MemorySize=memory_mb)
    functions.delete_function(FunctionName=name, Qualifier="1")
    assert functions.publish_version(FunctionName=name)["Version"] == "3"


@probe("patch_function_versions")
def a_version_with_snapstart_is_initialised_first(account: Account) -> None:
    functions = account.client("lambda")
    code = code_archive("raise RuntimeError('no table')")
    name = account.function(SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True, Code={"ZipFile": code})
    wait_for(lambda: functions.get_function_configuration(FunctionName=name, Qualifier="1")["State"] != "Pending")
    failed = functions.get_function_configuration(FunctionName=name, Qualifier="1")
    assert (failed["State"], failed["SnapStart"]["OptimizationStatus"]) == ("Failed", "Off")
    assert failed["StateReason"] == "Function initialization error: RuntimeError: no table"
    with refused("ResourceConflictException", "in the following state: Failed"):
        functions.invoke(FunctionName=name, Qualifier="1")
    functions.delete_function(FunctionName=name)


@probe("patch_function_lookup")
def another_region_is_refused(account: Account) -> None:
    name = account.function()
    with refused("ResourceNotFoundException", "not reachable in this region"):
        account.client("lambda").get_function(FunctionName=f"arn:aws:lambda:eu-west-1:123456789012:function:{name}")


@probe("patch_function_lookup")
def another_account_is_refused(account: Account) -> None:
    name = account.function()
    with refused("AccessDeniedException", "lambda:GetFunction"):
        account.client("lambda").get_function(FunctionName=f"arn:aws:lambda:us-east-1:999999999999:function:{name}")


@probe("patch_invoke")
def a_qualifier_is_run(account: Account) -> None:
    functions = account.client("lambda")
    name = account.function(MemorySize=128, Environment={"Variables": {"COLOUR": "red"}})
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"COLOUR": "blue"}})
    for qualifier, colour, version in (("1", "red", "1"), ("live", "red", "1"), ("$LATEST", "blue", "$LATEST")):
        answer = functions.invoke(FunctionName=name, Qualifier=qualifier, Payload=b"{}")
        payload = json.load(answer["Payload"])
        assert (payload["colour"], payload["version"], answer["ExecutedVersion"]) == (colour, version, version)


@probe("patch_invoke")
def the_request_id_is_the_logs(account: Account) -> None:
    functions, logs = account.client("lambda"), account.client("logs")
    name = account.function()
    answer = functions.invoke(FunctionName=name, Payload=b'{"a": 1}', LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert f"REPORT RequestId: {request_id}\t" in tail
    found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern=f'"{request_id}"')["events"]
    assert [event["message"].split()[0] for event in found] == ["START", "END", "REPORT"]


@probe("patch_invoke")
def errors_are_unhandled(account: Account) -> None:
    answer = account.client("lambda").invoke(FunctionName=account.function(), Payload=b'{"fail": true}')
    payload = json.load(answer["Payload"])
    assert answer["FunctionError"] == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("Wrong", "on purpose")


@probe("patch_invoke")
def a_concurrency_of_zero_throttles(account: Account) -> None:
    name = account.function()
    account.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with refused("TooManyRequestsException", "Rate Exceeded"):
        account.client("lambda").invoke(FunctionName=name)


@probe("patch_invoke")
def reserved_concurrency_is_a_limit(account: Account) -> None:
    name = account.function(MemorySize=1024)
    functions = account.client("lambda")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(max_workers=3) as threads:
        calls = [threads.submit(functions.invoke, FunctionName=name, Payload=b'{"sleepS": 1}') for _ in range(3)]
    errors = [call.exception() for call in calls if call.exception()]
    assert len(errors) == 2
    assert all(error.response["Error"]["Code"] == "TooManyRequestsException" for error in errors)  # type: ignore[union-attr]
    assert json.load(functions.invoke(FunctionName=name, Payload=b"{}")["Payload"])["event"] == {}


@probe("patch_invoke")
def what_cannot_run_is_said(account: Account) -> None:
    functions = account.client("lambda")
    node = account.function()
    functions.update_function_configuration(FunctionName=node, Runtime="nodejs22.x")
    with refused("InvalidRuntimeException", "of the runtime nodejs22.x"):
        functions.invoke(FunctionName=node)


@probe("patch_start_execution")
def deep_inputs_are_carried_or_refused(account: Account) -> None:
    machine = account.machine({"A": {"Type": "Pass", "End": True}})
    deep = account.finish(account.start(machine, json.loads('{"a":' * 900 + "1" + "}" * 900)))
    assert (deep["status"], deep["output"].count("a")) == ("SUCCEEDED", 900)
    with refused("InvalidExecutionInput", "nested deeper than 1000 levels"):
        account.client("stepfunctions").start_execution(stateMachineArn=machine, input="[" * 90_000 + "]" * 90_000)


@probe("patch_function_lookup")
def partial_arns_are_understood(account: Account) -> None:
    name = account.function()
    for partial in (f"123456789012:function:{name}", f"function:{name}"):
        answer = account.client("lambda").get_function(FunctionName=partial)
        assert answer["Configuration"]["FunctionName"] == name


@probe("patch_invoke")
def payloads_are_checked(account: Account) -> None:
    name = account.function()
    with refused("InvalidRequestContentException"):
        account.client("lambda").invoke(FunctionName=name, Payload=b"{not json")
    with refused("RequestTooLargeException"):
        account.client("lambda").invoke(FunctionName=name, Payload=json.dumps("x" * 6_300_000).encode())


@probe("patch_invoke")
def a_trace_is_sampled_as_its_header_says(account: Account) -> None:
    functions = account.client("lambda")
    header = "Root=1-66666666-111111111111111111111111;Sampled=0"

    def trace(name: str, **given: str) -> str:
        def add(request: Any, **_: Any) -> None:
            for key, value in given.items():
                request.headers[key.replace("_", "-")] = value

        functions.meta.events.register("before-send.lambda.Invoke", add, unique_id="trace")
        try:
            return str(json.load(functions.invoke(FunctionName=name)["Payload"])["trace"])
        finally:
            functions.meta.events.unregister("before-send.lambda.Invoke", unique_id="trace")

    active = account.function(TracingConfig={"Mode": "Active"})
    passing = account.function()
    assert (trace(active).rpartition(";")[2], trace(passing).rpartition(";")[2]) == ("Sampled=1", "Sampled=0")
    assert trace(active, X_Amzn_Trace_Id=header) == header
    assert trace(passing, X_Amzn_Trace_Id=header.replace("=0", "=1")) == header.replace("=0", "=1")


@probe("patch_invoke")
def a_function_may_not_be_ready(account: Account) -> None:
    functions = account.client("lambda")
    codes = "ENINotReadyException,EFSMountTimeoutException"
    name = account.function(Environment={"Variables": {"LAMBDA_TUNER_LOCAL_NOT_READY": codes}})
    for code, status in (("ENINotReadyException", 502), ("EFSMountTimeoutException", 408)):
        with pytest.raises(ClientError) as caught:
            functions.invoke(FunctionName=name)
        error = caught.value.response
        assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert functions.invoke(FunctionName=name)["StatusCode"] == 200


@probe("patch_invoke")
def a_connection_that_waits_too_long_is_cut(account: Account) -> None:
    functions, logs = account.client("lambda"), account.client("logs")
    name = account.function(Environment={"Variables": {"LAMBDA_TUNER_LOCAL_IDLE_S": "0.1"}})
    with pytest.raises(HTTPClientError):
        functions.invoke(FunctionName=name, Payload=b'{"sleepS": 0.5}')

    def report() -> Any:
        group = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
        pattern = '"REPORT RequestId"'
        return group and logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern=pattern)["events"]

    wait_for(report)


@probe("patch_invoke")
def streams_of_a_shared_log_group_bear_the_functions_name(account: Account) -> None:
    group = unique("/shared")
    name = account.function(LoggingConfig={"LogGroup": group})
    account.client("lambda").invoke(FunctionName=name)
    (stream,) = account.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    assert f"/{name}[$LATEST]" in stream["logStreamName"]


@probe("patch_function_policy")
def a_policy_belongs_to_its_qualifier(account: Account) -> None:
    functions = account.client("lambda")
    name = account.function()
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    may = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    functions.add_permission(FunctionName=name, Qualifier="live", **may)
    with refused("ResourceNotFoundException", "The resource you requested does not exist."):
        functions.get_policy(FunctionName=name)
    policy = json.loads(functions.get_policy(FunctionName=name, Qualifier="live")["Policy"])
    assert policy["Statement"][0]["Sid"] == "s"
    assert policy["Statement"][0]["Resource"].endswith(f":function:{name}:live")


@probe("patch_function_listing")
def functions_are_paged(account: Account) -> None:
    names = {account.function() for _ in range(3)}
    pages = list(account.client("lambda").get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) > 1
    assert names <= {function["FunctionName"] for page in pages for function in page["Functions"]}


@probe("patch_reserved_concurrency")
def a_reserve_leaves_others_a_hundred(account: Account) -> None:
    functions = account.client("lambda")
    first, second = account.function(), account.function()

    def free() -> int:
        return int(functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"])

    spare = free() - 100
    functions.put_function_concurrency(FunctionName=first, ReservedConcurrentExecutions=spare)
    try:
        assert free() == 100
        refused = "below its minimum value of"
        with pytest.raises(functions.exceptions.InvalidParameterValueException, match=refused):
            functions.put_function_concurrency(FunctionName=second, ReservedConcurrentExecutions=1)
        functions.put_function_concurrency(FunctionName=first, ReservedConcurrentExecutions=spare - 1)
        functions.put_function_concurrency(FunctionName=second, ReservedConcurrentExecutions=1)
    finally:
        functions.delete_function_concurrency(FunctionName=first)
    functions.delete_function(FunctionName=second)
    assert free() == spare + 100


@probe("patch_layer_lookup")
def a_layer_version_is_found_by_its_arn(account: Account) -> None:
    functions = account.client("lambda")
    archive = code_archive()
    published = functions.publish_layer_version(LayerName=unique("layer"), Content={"ZipFile": archive})
    arn = published["LayerVersionArn"]
    found = functions.get_layer_version_by_arn(Arn=arn)
    assert (found["LayerVersionArn"], found["Version"]) == (arn, 1)
    with urllib.request.urlopen(found["Content"]["Location"]) as answer:
        assert answer.read() == archive
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_layer_version_by_arn(Arn=arn.removesuffix(":1") + ":2")


@probe("patch_function_questions")
def questions_about_a_function_are_answered(account: Account) -> None:
    functions = account.client("lambda")
    name = account.function()
    assert functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert functions.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"] == []
    assert functions.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"] == []
    assert functions.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "Auto"
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=name)


# --- Step Functions -------------------------------------------------------------------------------------------------


@probe("patch_state_machines_from_cloudformation")
def a_templates_state_machine_runs(account: Account) -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "${Colour}", "End": True}}}
    properties = {
        "StateMachineName": unique("machine"),
        "RoleArn": account.role_arn,
        "DefinitionString": json.dumps(definition),
        "DefinitionSubstitutions": {"Colour": 'r"ed'},
    }
    outputs = account.stack(
        {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}},
        {"Arn": {"Value": {"Fn::GetAtt": ["Machine", "Arn"]}}},
    )
    described = account.finish(account.start(outputs["Arn"], name=unique("run")))
    assert json.loads(described["output"]) == 'r"ed'


@probe("patch_state_machines_from_cloudformation")
def a_stack_can_be_updated(account: Account) -> None:
    name, machine, bucket = unique("stack"), unique("machine"), unique("bucket")
    cloudformation, s3 = account.client("cloudformation"), account.client("s3")

    def template(result: str, days: int, suffix: str = "") -> str:
        definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": result, "End": True}}}
        rule = {"Id": "a", "Status": "Enabled", "Prefix": "a/", "ExpirationInDays": days}
        properties = {"StateMachineName": machine + suffix, "RoleArn": account.role_arn, "Definition": definition}
        rules = {"BucketName": bucket + suffix, "LifecycleConfiguration": {"Rules": [rule]}}
        resources = {
            "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties},
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": rules},
        }
        return json.dumps({"Resources": resources})

    def assert_holds(result: str, days: int, suffix: str = "") -> None:
        [rule] = s3.get_bucket_lifecycle_configuration(Bucket=bucket + suffix)["Rules"]
        assert rule["Expiration"] == {"Days": days}
        arn = f"arn:aws:states:us-east-1:123456789012:stateMachine:{machine}{suffix}"
        assert json.loads(account.finish(account.start(arn, name=unique("run")))["output"]) == result

    cloudformation.create_stack(StackName=name, TemplateBody=template("red", 2))
    cloudformation.update_stack(StackName=name, TemplateBody=template("blue", 3))
    assert_holds("blue", 3)
    # Another name is another resource, which takes the old one's place.
    cloudformation.update_stack(StackName=name, TemplateBody=template("green", 4, "-2"))
    assert_holds("green", 4, "-2")
    assert bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}
    machines = account.client("stepfunctions").list_state_machines()["stateMachines"]
    assert machine not in {each["name"] for each in machines}


@probe("patch_start_execution")
def executions_without_a_name_get_one(account: Account) -> None:
    machine = account.machine({"A": {"Type": "Pass", "End": True}})
    first, second = account.start(machine), account.start(machine)
    assert first != second
    assert account.finish(second)["status"] == "SUCCEEDED"


@probe("patch_start_execution")
def wrong_names_are_refused(account: Account) -> None:
    with refused("InvalidName"):
        account.start(account.machine({"A": {"Type": "Pass", "End": True}}), name="a b")


@probe("patch_execution_times")
def the_start_time_is_text(account: Account) -> None:
    states = {"A": {"Type": "Pass", "Parameters": {"at.$": "$$.Execution.StartTime"}, "End": True}}
    assert account.output(states)["at"].endswith("Z")


@probe("patch_execution_end")
def a_stop_keeps_error_and_cause(account: Account) -> None:
    execution = account.start(account.machine({"A": {"Type": "Wait", "Seconds": 60, "End": True}}), name=unique("run"))
    account.client("stepfunctions").stop_execution(executionArn=execution, error="Enough", cause="by hand")
    described = account.finish(execution)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Enough", "by hand")
    assert described["stopDate"]


@probe("patch_execution_end")
def a_stop_right_after_the_start_stops(account: Account) -> None:
    states = {"A": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "B": {"Type": "Pass", "End": True}}
    machine = account.machine(states)
    for _ in range(3):
        execution = account.start(machine, name=unique("run"))
        account.client("stepfunctions").stop_execution(executionArn=execution, cause="at once")
        described = account.client("stepfunctions").describe_execution(executionArn=execution)
        assert (described["status"], described["cause"]) == ("ABORTED", "at once")
        events = account.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
        assert events[-1]["type"] == "ExecutionAborted"
        assert events[-1]["executionAbortedEventDetails"] == {"cause": "at once"}


@probe("patch_execution_end")
def a_status_change_is_an_event(account: Account) -> None:
    group = f"/events/{unique('status')}"
    machine = account.machine({"A": {"Type": "Fail", "Error": "Planned", "Cause": "to see it"}})
    account.client("logs").create_log_group(logGroupName=group)
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [machine], "status": ["FAILED"]}}
    rule = unique("rule")
    account.client("events").put_rule(Name=rule, EventPattern=json.dumps(pattern))
    target = {"Id": "log", "Arn": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}"}
    account.client("events").put_targets(Rule=rule, Targets=[target])
    execution = account.start(machine, {"a": 1}, name=unique("run"))
    account.finish(execution)
    events = wait_for(lambda: account.client("logs").filter_log_events(logGroupName=group)["events"])
    detail = json.loads(events[0]["message"])["detail"]
    assert (detail["executionArn"], detail["error"]) == (execution, "Planned")
    assert json.loads(detail["input"]) == {"a": 1}


@probe("patch_execution_answers")
def the_history_is_paged_and_turned(account: Account) -> None:
    execution = account.start(account.machine({"A": {"Type": "Pass", "End": True}}), name=unique("run"))
    account.finish(execution)
    page = account.client("stepfunctions").get_execution_history(
        executionArn=execution, reverseOrder=True, maxResults=1
    )
    assert [event["type"] for event in page["events"]] == ["ExecutionSucceeded"]
    assert page["nextToken"]


@probe("patch_execution_answers")
def a_timed_out_execution_has_a_stop_date(account: Account) -> None:
    definition = {
        "StartAt": "A",
        "TimeoutSeconds": 1,
        "States": {"A": {"Type": "Wait", "Seconds": 30, "End": True}},
    }
    created = account.client("stepfunctions").create_state_machine(
        name=unique("machine"), definition=json.dumps(definition), roleArn=account.role_arn
    )
    described = account.finish(account.start(created["stateMachineArn"], name=unique("run")))
    assert described["status"] == "TIMED_OUT"
    assert described["stopDate"]


def nested(child: str, action: str = "startExecution.sync:2", **parameters: Any) -> dict[str, Any]:
    return {
        "A": {
            "Type": "Task",
            "Resource": f"arn:aws:states:::states:{action}",
            "Parameters": {"StateMachineArn": child, "Input": {"a": 1}, **parameters},
            "End": True,
        }
    }


@probe("patch_nested_executions")
def a_child_gives_its_output(account: Account) -> None:
    child = account.machine({"A": {"Type": "Pass", "End": True}})
    name = unique("child")
    output = account.output(nested(child, Name=name))
    assert (output["Name"], output["Status"], output["Output"]) == (name, "SUCCEEDED", {"a": 1})


@probe("patch_nested_executions")
def a_started_child_is_named(account: Account) -> None:
    child = account.machine({"A": {"Type": "Pass", "End": True}})
    output = account.output(nested(child, action="startExecution"))
    assert output["ExecutionArn"].startswith(child.replace(":stateMachine:", ":execution:"))


@probe("patch_nested_executions")
def a_child_is_stopped_with_its_parent(account: Account) -> None:
    states = account.client("stepfunctions")
    child = account.machine({"A": {"Type": "Wait", "Seconds": 60, "End": True}})
    parent = account.start(account.machine(nested(child)), name=unique("run"))
    running = wait_for(lambda: states.list_executions(stateMachineArn=child)["executions"])
    states.stop_execution(executionArn=parent)
    wait_for(lambda: states.describe_execution(executionArn=running[0]["executionArn"])["status"] == "ABORTED")


@probe("patch_nested_executions")
def dates_in_answers_are_text(account: Account) -> None:
    s3 = account.client("s3")
    bucket = unique("bucket")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2",
        "Parameters": {"Bucket": bucket},
        "End": True,
    }
    assert account.output({"A": task})["Contents"][0]["LastModified"].endswith("Z")


@probe("patch_error_names")
def states_all_does_not_catch_runtime_errors(account: Account) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl.$": "$.missing"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "End": True,
    }
    described = account.run({"A": task, "Caught": {"Type": "Pass", "End": True}})
    assert (described["status"], described["error"]) == ("FAILED", "States.Runtime")


@probe("patch_error_names")
def a_branchs_time_out_can_be_caught(account: Account) -> None:
    child = account.machine({"A": {"Type": "Wait", "Seconds": 60, "End": True}})
    slow = nested(child, "startExecution.waitForTaskToken", Input={"token.$": "$$.Task.Token"})["A"]
    branch = {"StartAt": "Slow", "States": {"Slow": {**slow, "TimeoutSeconds": 1}}}
    parallel = {
        "Type": "Parallel",
        "Branches": [branch],
        "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Caught"}],
        "End": True,
    }
    described = account.run({"A": parallel, "Caught": {"Type": "Pass", "Result": "caught", "End": True}})
    assert described["status"] == "SUCCEEDED", described
    assert json.loads(described["output"]) == "caught"


@probe("patch_task_errors")
def a_refusal_of_lambda_has_its_own_name(account: Account) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:never-was",
        "Catch": [{"ErrorEquals": ["Lambda.ResourceNotFoundException"], "Next": "Caught"}],
        "End": True,
    }
    described = account.run({"A": task, "Caught": {"Type": "Pass", "Result": "caught", "End": True}})
    assert described["status"] == "SUCCEEDED", described
    assert json.loads(described["output"]) == "caught"


@probe("patch_json_paths")
def an_index_gives_one_value(account: Account) -> None:
    states = {"A": {"Type": "Pass", "Parameters": {"b.$": "$.x[0].b", "all.$": "$.x[*].b"}, "End": True}}
    assert account.output(states, {"x": [{"b": 1}]}) == {"b": 1, "all": [1]}


# --- Events, schedules, logs ----------------------------------------------------------------------------------------


@probe("patch_event_targets")
def an_event_starts_a_state_machine(account: Account) -> None:
    events, states = account.client("events"), account.client("stepfunctions")
    machine = account.machine({"A": {"Type": "Pass", "End": True}})
    rule, source = unique("rule"), unique("source")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    transformer = {"InputPathsMap": {"run": "$.detail.name"}, "InputTemplate": '{"runId": <run>, "note": "of <run>"}'}
    events.put_targets(Rule=rule, Targets=[{"Id": "m", "Arn": machine, "InputTransformer": transformer}])
    events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": json.dumps({"name": 'a"b'})}])
    started = wait_for(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    described = account.finish(started[0]["executionArn"])
    assert json.loads(described["input"]) == {"runId": 'a"b', "note": 'of a"b'}


@probe("patch_event_targets")
def an_event_invokes_a_function(account: Account) -> None:
    events, logs = account.client("events"), account.client("logs")
    name = account.function()
    arn = account.client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]
    rule, source = unique("rule"), unique("source")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "f", "Arn": arn, "InputPath": "$.detail"}])
    events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": json.dumps({"seen": source})}])

    def logged() -> Any:
        with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
            return logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern=f'"{source}"')["events"]

    assert wait_for(logged)


@probe("patch_schedules")
def a_template_makes_schedules(account: Account) -> None:
    name = unique("schedule")
    properties = {
        "Name": name,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ScheduleExpression": "cron(0 3 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "State": "DISABLED",
        "Target": {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:x", "RoleArn": account.role_arn},
    }
    outputs = account.stack(
        {"Schedule": {"Type": "AWS::Scheduler::Schedule", "Properties": properties}},
        {"Arn": {"Value": {"Fn::GetAtt": ["Schedule", "Arn"]}}},
    )
    schedule = account.client("scheduler").get_schedule(Name=name)
    assert (schedule["State"], schedule["ScheduleExpressionTimezone"]) == ("DISABLED", "Europe/Berlin")
    assert schedule["Arn"] == outputs["Arn"]


@probe("patch_schedules")
def a_schedule_needs_its_group(account: Account) -> None:
    target = {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:x", "RoleArn": account.role_arn}
    with refused("ResourceNotFoundException", "none"):
        account.client("scheduler").create_schedule(
            Name=unique("schedule"),
            GroupName="none",
            ScheduleExpression="rate(1 hour)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )


@probe("patch_schedules")
def a_schedule_needs_an_expression_that_aws_takes(account: Account) -> None:
    scheduler, name = account.client("scheduler"), unique("schedule")
    settings: dict[str, Any] = {
        "Name": name,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:x", "RoleArn": account.role_arn},
    }
    for expression in ("cron(0 3 * * * *)", "cron(0 3 ? * ? *)", "cron(5 17 * * 6L *)", "cron(0 9 ? * 7#6 *)"):
        with refused("ValidationException", "Invalid Schedule Expression"):
            scheduler.create_schedule(ScheduleExpression=expression, **settings)
    scheduler.create_schedule(ScheduleExpression="rate(5 minutes)", **settings)
    with refused("ValidationException", "Invalid Schedule Expression"):
        scheduler.update_schedule(ScheduleExpression="rate(5 minute)", **settings)
    scheduler.delete_schedule(Name=name)
    with refused("ValidationException", "ScheduleExpression is not valid"):
        account.client("events").put_rule(Name=name, ScheduleExpression="cron(0 3 * * * *)")


@probe("patch_schedules")
def a_template_makes_schedule_groups(account: Account) -> None:
    group, name = unique("group"), unique("schedule")
    properties = {
        "Name": name,
        "GroupName": group,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ScheduleExpression": "rate(1 hour)",
        "Target": {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:x", "RoleArn": account.role_arn},
    }
    account.stack(
        {
            "Schedule": {"Type": "AWS::Scheduler::Schedule", "DependsOn": "Group", "Properties": properties},
            "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": group}},
        }
    )
    assert account.client("scheduler").get_schedule(Name=name, GroupName=group)["State"] == "ENABLED"


@probe("patch_bucket_policies")
def a_template_puts_bucket_policies(account: Account) -> None:
    bucket = unique("bucket")
    policy = {"Version": "2012-10-17", "Statement": []}
    account.stack(
        {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}},
            "Policy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": policy},
            },
        }
    )
    assert json.loads(account.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]) == policy


@probe("patch_bucket_policies")
def a_denial_of_plain_http_does_not_close_the_bucket(account: Account) -> None:
    s3 = account.client("s3")
    bucket = unique("bucket")
    s3.create_bucket(Bucket=bucket)
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    only_tls = {**statement, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [only_tls]}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    with refused("403"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"2")


@probe("patch_bucket_rules")
def buckets_have_the_rules_of_their_template(account: Account) -> None:
    name = unique("bucket")
    rules = [
        {"Id": "code", "Status": "Enabled", "Prefix": "clones/", "ExpirationInDays": 2},
        {"Id": "parts", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
    ]
    properties = {"BucketName": name, "LifecycleConfiguration": {"Rules": rules}}
    account.stack({"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}})
    first, second = account.client("s3").get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert (first["Prefix"], first["Expiration"]) == ("clones/", {"Days": 2})
    assert "Expiration" not in second


@probe("patch_stack_contents")
def a_stack_with_an_alarm_can_be_described(account: Account) -> None:
    name = unique("stack")
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {}},
            "Topic": {"Type": "AWS::SNS::Topic", "Condition": "Never"},
        },
    }
    cloudformation = account.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    [row] = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    assert (row["ResourceType"], row["LogicalResourceId"]) == ("AWS::CloudWatch::Alarm", "Alarm")
    cloudformation.delete_stack(StackName=name)


@probe("patch_role_policies")
def a_policy_of_a_stacks_role_is_json_without_gaps(account: Account) -> None:
    name = unique("stack")
    read, gap = ({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}, {"Ref": "AWS::NoValue"})
    role = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "RoleName": name,
        "Policies": [{"PolicyName": "needed", "PolicyDocument": {"Version": "2012-10-17", "Statement": [read, gap]}}],
    }
    template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": role}}}
    account.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    answer = account.client("iam").get_role_policy(RoleName=name, PolicyName="needed")
    assert answer["PolicyDocument"] == {"Version": "2012-10-17", "Statement": [read]}


@probe("patch_log_filter")
def filters_are_applied(account: Account) -> None:
    logs = account.client("logs")
    group = f"/filter/{unique('group')}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    moment_ms = int(time.time() * 1000)
    messages = ["REPORT RequestId: 1-a Duration: 3 ms", "START RequestId: 1-a", '{"type": "platform.report", "ms": 3}']
    logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": moment_ms, "message": message} for message in messages],
    )

    def found(pattern: str) -> list[str]:
        events = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
        return [event["message"] for event in events]

    assert found('"1-a" "REPORT"') == messages[:1]
    assert found('?"REPORT" ?"START"') == messages[:2]
    assert found("1-a") == messages[:2]
    assert found('{ $.type = "platform.report" }') == messages[2:]


@pytest.mark.parametrize(("patch", "works"), PROBES, ids=[function.__name__ for _, function in PROBES])
def test_the_patch_works(patch: str, works: Probe, account: Account) -> None:
    """With the patch the embedded AWS answers as AWS does."""
    works(account)


@pytest.mark.parametrize(("patch", "works"), PROBES, ids=[function.__name__ for _, function in PROBES])
def test_moto_still_needs_the_patch(
    patch: str, works: Probe, plain_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the patch the same question gets another answer; else the patch can go."""
    monkeypatch.setattr(conftest, "patience_s", 3.0)
    with pytest.raises(
        (AssertionError, ResponseParserError, ClientError, KeyError, OSError, ValueError, pytest.fail.Exception)
    ):
        works(plain_account)


def test_every_patch_is_probed() -> None:
    """No patch is without a test that fails when moto no longer needs it."""
    patches = {patch.__name__ for patch in moto_patches.PATCHES}
    assert {patch for patch, _ in PROBES} | set(WITHOUT_PROBE) == patches
    assert not {patch for patch, _ in PROBES} & set(WITHOUT_PROBE)


def test_interpreter_clients_are_made_once() -> None:
    """Moto still makes a boto client for every state."""
    from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

    assert not hasattr(boto_client_for, "cache_info")
    assert "boto3.client(" in inspect.getsource(boto_client_for)


def test_readers_and_writers_meet(account: Account) -> None:
    """Objects are read and listed while others overwrite, add and delete them; logs likewise. Nobody fails."""
    s3, logs = account.client("s3"), account.client("logs")
    bucket, group = unique("bucket"), unique("/group")
    s3.create_bucket(Bucket=bucket)
    logs.create_log_group(logGroupName=group)
    s3.put_object(Bucket=bucket, Key="progress.json", Body=b"0")

    def write(number: int) -> None:
        for turn in range(25):
            s3.put_object(Bucket=bucket, Key="progress.json", Body=str(turn).encode())
            s3.put_object(Bucket=bucket, Key=f"{number}/{turn}", Body=b"1")
            s3.delete_object(Bucket=bucket, Key=f"{number}/{turn - 1}")
            logs.create_log_stream(logGroupName=group, logStreamName=f"{number}-{turn}")

    def read(_: int) -> None:
        for _ in range(25):
            assert s3.get_object(Bucket=bucket, Key="progress.json")["Body"].read().isdigit()
            s3.list_objects_v2(Bucket=bucket)
            logs.filter_log_events(logGroupName=group)

    with ThreadPoolExecutor(max_workers=6) as threads:
        for done in [threads.submit(use, number) for number in range(3) for use in (write, read)]:
            done.result()


def test_moto_is_not_for_threads() -> None:
    """Moto still walks through its objects while they change, and closes content under its readers."""
    from moto.s3.models import FakeKey
    from moto.s3.utils import _VersionedKeyStore

    record = FakeKey("k", b"content", "123456789012", "us-east-1")
    store = _VersionedKeyStore({"a": [record], "b": [record]})
    items = store.items()
    next(items)
    store.pop("b")
    with pytest.raises(KeyError):
        next(items)
    with pytest.raises(ValueError, match="closed file"):
        assert record.value


def test_threads_are_still_kept() -> None:
    """Moto still collects the threads of all states in a list that nobody empties."""
    from moto.stepfunctions.parser.asl.component.state.exec import execute_state

    assert "TMP_THREADS.append(thread)" in inspect.getsource(execute_state)


def test_the_catalogues_are_still_loaded() -> None:
    """Moto still reads EC2's catalogues where nobody asked for EC2."""
    script = "import moto.cloudformation.parsing, moto.ec2.models.instance_types as t; print(len(t.INSTANCE_TYPES))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(result.stdout) > 100


def test_the_folder_is_still_read_at_each_request() -> None:
    """Moto still looks through its own folder for the service of every request."""
    from moto import backends
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    assert "backends.list_of_moto_modules()" in inspect.getsource(DomainDispatcherApplication.get_backend_for_host)
    assert "os.listdir" in inspect.getsource(backends.list_of_moto_modules)


def test_failures_print_no_syntax_tree() -> None:
    """Moto still writes the syntax tree of what failed at the level of errors."""
    from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent

    assert "LOG.error" in inspect.getsource(EvalComponent._log_failure_event_exception)
    assert "repr(self)" in inspect.getsource(EvalComponent._log_exception)
