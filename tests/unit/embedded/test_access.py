"""Who may ask what of the embedded AWS."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import quote

import pytest

from tuner.embedded.access import AccessKey, Gate, key_id_of, new_access_key, refusal_of_function
from tuner.embedded.identity import ARTIFACT_BUCKET, CODE_BUCKET

USER, FUNCTIONS = new_access_key(), new_access_key()
OURS = "arn:aws:states:us-east-1:123456789012:stateMachine:lambda-tuner-restore"
THEIRS = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"


def request(
    method: str = "POST", path: str = "/", *, query: str = "", target: str = "", body: Any = b"", **headers: str
) -> dict[str, Any]:
    """A request as a WSGI server hands it on."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "HTTP_X_AMZ_TARGET": target}
    return {**environ, "CONTENT_LENGTH": str(len(content)), "wsgi.input": io.BytesIO(content), **headers}


def signed(key_id: str, service: str = "lambda") -> dict[str, Any]:
    """A request that is signed in its header."""
    credential = f"{key_id}/20261128/us-east-1/{service}/aws4_request"
    return request(HTTP_AUTHORIZATION=f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0")


def test_callers_are_told_by_their_keys() -> None:
    """The user, the functions and what the account gave away are known; everybody else is nobody."""
    gate = Gate(USER, FUNCTIONS, lambda key_id: key_id == "ASIAOFAROLE")
    assert gate.caller(signed(USER.access_key_id)) == "user"
    assert gate.caller(signed(FUNCTIONS.access_key_id)) == "function"
    assert gate.caller(signed("ASIAOFAROLE")) == "function"
    for key_id in ("lambda-tuner-local", "local", USER.access_key_id[:-1], USER.access_key_id.lower(), "é"):
        assert gate.caller(signed(key_id)) is None
    assert gate.caller(request()) is None


def test_presigned_addresses_carry_a_key() -> None:
    """Addresses signed in their query belong to whoever signed them; a header goes before them, as in moto."""
    scope = quote(f"{USER.access_key_id}/20261128/us-east-1/s3/aws4_request", safe="")
    assert key_id_of(request("GET", "/b/k", query=f"X-Amz-Credential={scope}")) == USER.access_key_id
    assert key_id_of(request("GET", "/b/k", query=f"AWSAccessKeyId={USER.access_key_id}")) == USER.access_key_id
    assert key_id_of(request(query=f"X-Amz-Credential={scope}", HTTP_AUTHORIZATION="Bearer x")) is None


def test_keys_are_drawn_anew_and_not_shown() -> None:
    """No two servers share a key, and none gets into a message by accident."""
    key = new_access_key()
    assert key != new_access_key()
    assert len(key.access_key_id) >= 32
    assert key.access_key_id not in repr(key)
    assert key.secret_access_key not in repr(key)
    assert repr(AccessKey("a", "b")) == "AccessKey()"


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("dynamodb", request(target="DynamoDB_20120810.PutItem", body={"TableName": "t", "Item": {}})),
        ("sqs", request(target="AmazonSQS.SendMessage", body={"MessageBody": "lambda-tuner-plan"})),
        ("s3", request("PUT", "/mine/lambda-tuner-notes.txt", body=b":lambda-tuner-plan")),
        ("awslambda", request("GET", "/2015-03-31/functions/lambda-tuner-plan")),
        ("awslambda", request(path="/2015-03-31/functions/other/invocations")),
        ("awslambda", request(path="/2015-03-31/functions/lambda-tuner-clone-abc-128-x86/invocations")),
        ("stepfunctions", request(target="AWSStepFunctions.StartExecution", body={"stateMachineArn": THEIRS})),
        ("stepfunctions", request(target="AWSStepFunctions.ListStateMachines", body={})),
        ("events", request(target="AWSEvents.PutEvents", body={"Entries": [{"Source": "my.app"}]})),
        ("iam", request(body=b"Action=GetRole&RoleName=x")),
        ("sts", request(body=b"Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/other")),
    ],
)
def test_functions_use_the_account(service: str, call: dict[str, Any]) -> None:
    """A handler reads, writes and invokes as on AWS; the service can still read the body."""
    length = int(call["CONTENT_LENGTH"])
    assert refusal_of_function(call, service) is None
    assert len(call["wsgi.input"].read()) == length


def escaped(text: str) -> bytes:
    """JSON that names what it names in escapes."""
    letters = "".join(f"\\u{ord(letter):04x}" for letter in text)
    return f'{{"stateMachineArn": "{letters}"}}'.encode()


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("awslambda", request(path="/2015-03-31/functions", body={"FunctionName": "f"})),
        ("awslambda", request("PUT", "/2015-03-31/functions/lambda-tuner-plan/code")),
        ("awslambda", request("DELETE", "/2015-03-31/functions/other")),
        ("awslambda", request(path="/2015-03-31/functions/lambda-tuner-plan/invocations")),
        ("awslambda", request(path="/2015-03-31/functions/lambda%2Dtuner-plan/invocations")),
        ("awslambda", request(path="/2015-03-31/functions/arn%3Aaws%3Afunction%3Alambda-tuner-plan/invocations")),
        ("stepfunctions", request(target="AWSStepFunctions.CreateStateMachine", body={"definition": "{}"})),
        ("stepfunctions", request(target="AWSStepFunctions.StartExecution", body={"stateMachineArn": OURS})),
        ("stepfunctions", request(target="AWSStepFunctions.StartExecution", body=escaped(OURS))),
        ("stepfunctions", request(target="A.ListX", query="Action=CreateStateMachine")),
        ("stepfunctions", request()),
        ("events", request(target="AWSEvents.PutEvents", body={"Entries": [{"Source": "aws.states"}]})),
        ("events", request(target="AWSEvents.PutTargets", body={})),
        ("scheduler", request(path="/schedules/mine", body={})),
        ("cloudformation", request(body=b"Action=CreateStack&StackName=mine")),
        ("moto_api._internal", request("GET", "/moto-api/data.json")),
        ("batch", request(path="/v1/submitjob", body={})),
        (
            "sns",
            request(body=b"Action=Subscribe&Endpoint=arn%3Aaws%3Alambda%3A%3A1%3Afunction%3Alambda-tuner-plan"),
        ),
        ("s3", request("GET", f"/{ARTIFACT_BUCKET}/runs/1/payloads.json")),
        ("s3", request("PUT", f"/{CODE_BUCKET}/interpreters/0")),
        ("s3", request("PUT", f"/{quote(CODE_BUCKET).replace('-', '%2D')}/interpreters/0")),
        ("s3", request("GET", "/runs/1", HTTP_HOST=f"{ARTIFACT_BUCKET}.localhost:4599")),
        ("s3", request("PUT", "/mine/k", HTTP_X_AMZ_COPY_SOURCE=f"{ARTIFACT_BUCKET}/runs/1/payloads.json")),
        ("s3", request("PUT", "/mine", query="replication")),
        ("s3", request("PUT", "/mine", query="notification=")),
    ],
)
def test_functions_have_nothing_done_in_their_stead(service: str, call: dict[str, Any]) -> None:
    """What runs or changes things in the account, and what is ours, is for the user alone, however it is named."""
    refusal = refusal_of_function(call, service)
    assert refusal is not None
    assert "lambda-tuner local start" in refusal.message
