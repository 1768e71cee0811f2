"""What permission each call needs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.permissions import Need, UnknownCall, needs_of
from tests.faults.seam import Call

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"
LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:tools:3"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:lambda-tuner-restore"


def call(service: str, operation: str, path: str, body: Any = None) -> Call:
    """A call as the seam sees it."""
    text = b"" if body is None else json.dumps(body).encode()
    return Call(service, operation, f"http://127.0.0.1:9/{path}", 1, {}, body=text)


@pytest.mark.parametrize(
    ("asked", "needed"),
    [
        (
            call("lambda", "Invoke", "2015-03-31/functions/orders/invocations?Qualifier=live"),
            Need("lambda:InvokeFunction", f"{FUNCTION}:orders:live"),
        ),
        (
            call("lambda", "Invoke", f"2015-03-31/functions/{FUNCTION.replace(':', '%3A')}%3Aorders/invocations"),
            Need("lambda:InvokeFunction", f"{FUNCTION}:orders"),
        ),
        (
            call("lambda", "DeleteFunction", "2015-03-31/functions/orders"),
            Need("lambda:DeleteFunction", f"{FUNCTION}:orders"),
        ),
        (
            call("lambda", "ListTags", f"2017-03-31/tags/{FUNCTION.replace(':', '%3A')}%3Aorders"),
            Need("lambda:ListTags", f"{FUNCTION}:orders"),
        ),
        (
            call("lambda", "PutFunctionConcurrency", "2017-10-31/functions/orders/concurrency", {}),
            Need("lambda:PutFunctionConcurrency", f"{FUNCTION}:orders"),
        ),
        (
            call("lambda", "GetLayerVersionByArn", f"2018-10-31/layers?find=LayerVersion&Arn={LAYER}"),
            Need("lambda:GetLayerVersion", LAYER),
        ),
        (call("lambda", "ListFunctions", "2015-03-31/functions/"), Need("lambda:ListFunctions", "*")),
        (call("s3", "HeadObject", "bucket/runs/a%20b"), Need("s3:GetObject", "arn:aws:s3:::bucket/runs/a b")),
        (
            call("s3", "GetObject", "packages/app.zip?versionId=v7"),
            Need("s3:GetObjectVersion", "arn:aws:s3:::packages/app.zip"),
        ),
        (call("s3", "UploadPart", "bucket/key?partNumber=1"), Need("s3:PutObject", "arn:aws:s3:::bucket/key")),
        (call("s3", "ListObjectsV2", "bucket?prefix=runs"), Need("s3:ListBucket", "arn:aws:s3:::bucket")),
        (
            call("stepfunctions", "StartExecution", "", {"stateMachineArn": MACHINE}),
            Need("states:StartExecution", MACHINE),
        ),
        (
            call("logs", "FilterLogEvents", "", {"logGroupName": "/lambda-tuner/clones"}),
            Need("logs:FilterLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:/lambda-tuner/clones:*"),
        ),
        (call("resourcegroupstaggingapi", "GetResources", "", {}), Need("tag:GetResources", "*")),
    ],
)
def test_a_call_needs_its_action_on_its_resource(asked: Call, needed: Need) -> None:
    """As the Service Authorization Reference has it, whatever the API calls it."""
    assert needs_of(asked) == [needed]


def test_creating_a_function_needs_what_it_is_made_of() -> None:
    """Passing the role, tagging, reading the package and the layers are asked of the creator."""
    request = {
        "FunctionName": "clone",
        "Role": "arn:aws:iam::123456789012:role/orders",
        "Code": {"S3Bucket": "bucket", "S3Key": "clones/1.zip"},
        "Tags": {"a": "b"},
        "Publish": True,
        "Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:x:1"],
    }
    assert needs_of(call("lambda", "CreateFunction", "2015-03-31/functions", request)) == [
        Need("lambda:CreateFunction", f"{FUNCTION}:clone"),
        Need("iam:PassRole", "arn:aws:iam::123456789012:role/orders"),
        Need("lambda:TagResource", f"{FUNCTION}:clone"),
        Need("lambda:PublishVersion", f"{FUNCTION}:clone"),
        Need("s3:GetObject", "arn:aws:s3:::bucket/clones/1.zip"),
        Need("lambda:GetLayerVersion", "arn:aws:lambda:us-east-1:123456789012:layer:x:1"),
    ]


@pytest.mark.parametrize(
    ("made_of", "needed"),
    [
        (
            {"Code": {"ImageUri": "210987654321.dkr.ecr.us-east-1.amazonaws.com/team/orders@sha256:00"}},
            Need("ecr:BatchGetImage", "arn:aws:ecr:us-east-1:210987654321:repository/team/orders"),
        ),
        (
            {
                "RuntimeConfig": {
                    "RuntimeArn": "arn:aws:lambda:us-east-1:210987654321:runtime/r",
                    "RuntimeAlias": "prod",
                }
            },
            Need("lambda:AssociateRuntimeAlias", "arn:aws:lambda:us-east-1:210987654321:runtime/r/alias/prod"),
        ),
        (
            {
                "FileSystemConfigs": [
                    {"Arn": "arn:aws:s3files:us-east-1:123456789012:file-system/fs-0/access-point/fsap-0"}
                ]
            },
            Need("s3files:ListMountTargets", "arn:aws:s3files:us-east-1:123456789012:file-system/fs-0"),
        ),
    ],
)
def test_images_runtimes_and_file_systems_are_asked_of_the_creator(made_of: dict[str, Any], needed: Need) -> None:
    """Each on its own resource, whichever account it belongs to."""
    request = {"FunctionName": "clone", "Role": "arn:aws:iam::123456789012:role/orders", "Code": {}, **made_of}
    assert needed in needs_of(call("lambda", "CreateFunction", "2015-03-31/functions", request))


@pytest.mark.parametrize(
    ("asked", "resource"),
    [
        ("Action=GetRolePolicy&RoleName=orders&PolicyName=logs", "arn:aws:iam::123456789012:role/orders"),
        ("Action=GetPolicy&PolicyArn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FLogs", "arn:aws:iam::aws:policy/Logs"),
    ],
)
def test_reading_a_policy_needs_it_on_its_role_or_on_itself(asked: str, resource: str) -> None:
    """An inline policy is its role's, a managed one has an ARN of its own."""
    action = asked.split("&", maxsplit=1)[0].removeprefix("Action=")
    made = Call("iam", action, "http://127.0.0.1:9/", 1, {}, body=asked.encode())
    assert needs_of(made) == [Need(f"iam:{action}", resource)]


def test_an_unknown_service_is_not_let_pass() -> None:
    """A new call must be told of before it can be proved."""
    with pytest.raises(UnknownCall, match="sqs:SendMessage"):
        needs_of(call("sqs", "SendMessage", ""))
