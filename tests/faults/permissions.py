"""Least privilege on the embedded AWS: what a call needs, and whether the caller's role grants it.

moto checks an account's permissions only in part: it asks for
``lambda:Invoke``, knows no resource but ``*`` for most services, and looks at
none that a call implies (``iam:PassRole``). Here the roles and their policies
are moto's, as the template made them; what a call asks of them is told here,
after the Service Authorization Reference (seen 2026-11).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.faults.seam import Answer, Call, refusal
from tuner.core.errors import TunerError
from tuner.embedded.identity import ACCOUNT_ID, REGION

_LAMBDA_ACTIONS = {"Invoke": "InvokeFunction", "GetLayerVersionByArn": "GetLayerVersion"}
_S3_ACTIONS = {
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
_WITHOUT_RESOURCE = {
    "cloudwatch:GetMetricData",
    "lambda:GetAccountSettings",
    "lambda:ListEventSourceMappings",
    "lambda:ListFunctions",
    "tag:GetResources",
}
_NAMES = {"resourcegroupstaggingapi": "tag", "stepfunctions": "states"}
_PASSED = {"iam:PassedToService": "lambda.amazonaws.com"}


class UnknownCall(TunerError):
    """A call of which nobody has told what permission it needs."""


@dataclass(frozen=True, slots=True)
class Need:
    """One permission that a call needs."""

    action: str
    resource: str


def needs_of(call: Call) -> list[Need]:
    """The permissions that a call needs; none for the download of a package, whose address is signed.

    Raises:
        UnknownCall: The service is not known here.
    """
    match call.service:
        case "package":
            return []
        case "lambda":
            return _lambda_needs(call)
        case "s3":
            return [_s3_need(call)]
        case "stepfunctions" | "logs" | "cloudwatch" | "resourcegroupstaggingapi" | "iam":
            action = f"{_NAMES.get(call.service, call.service)}:{call.operation}"
            return [Need(action, "*" if action in _WITHOUT_RESOURCE else _named_resource(call))]
        case _:
            raise UnknownCall(
                f"What {call.service}:{call.operation} needs is not known to the embedded AWS.",
                hint="Tell it in tests/faults/permissions.py.",
            )


def role_of(call: Call) -> str | None:
    """The name of the role whose credentials signed a call; ``None`` for any that are no role's."""
    from moto.sts.models import sts_backends

    signed = re.search(r"Credential=([^/]+)/", call.headers.get("Authorization", ""))
    for assumed in sts_backends[ACCOUNT_ID]["aws"].assumed_roles:
        if signed is not None and assumed.access_key_id == signed[1]:
            return str(assumed.role_arn).rsplit("/", 1)[-1]
    return None


def granted_actions(role: str) -> list[str]:
    """Every action that the inline policies of a role allow, on whatever."""
    statements = [one for policy in _inline_policies(role) for one in json.loads(policy)["Statement"]]
    actions = [one["Action"] for one in statements if one["Effect"] == "Allow"]
    return sorted({each for one in actions for each in ([one] if isinstance(one, str) else one)})


def is_granted(role: str, need: Need) -> bool:
    """Whether the policies of a role allow what is needed, and none of them denies it."""
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.iam.models import iam_backends

    iam = iam_backends[ACCOUNT_ID]["aws"]
    policies: list[Any] = [*_inline_policies(role), *iam.list_attached_role_policies(role)[0]]
    results = {
        IAMPolicy(policy).is_action_permitted(need.action, need.resource, incoming_condition_values=_PASSED)
        for policy in policies
    }
    return PermissionResult.PERMITTED in results and PermissionResult.DENIED not in results


def _inline_policies(role: str) -> list[str]:
    from moto.iam.models import iam_backends

    iam = iam_backends[ACCOUNT_ID]["aws"]
    return [iam.get_role_policy(role, name)[1] for name in iam.list_role_policies(role)]


def enforce(call: Call, forward: Callable[[], Answer]) -> Answer:
    """Answer a call only as far as the caller's role grants it; what is signed by no role is the account's owner's."""
    role = role_of(call)
    if role is None:
        return forward()
    for need in needs_of(call):
        if not is_granted(role, need):
            return _denial(call, role, need)
    answer = forward()
    if call.service == "s3" and answer.status == 404:
        bucket = Need("s3:ListBucket", f"arn:aws:s3:::{_path(call).split('/')[0]}")
        if not is_granted(role, bucket):
            return _denial(call, role, bucket)  # S3 tells a stranger not even that there is no such object
    return answer


def _denial(call: Call, role: str, need: Need) -> Answer:
    code = "AccessDenied" if call.service in ("s3", "iam") else "AccessDeniedException"
    return refusal(
        call,
        403,
        code,
        f"User: arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/session is not authorized to perform: {need.action} "
        f"on resource: {need.resource} because no identity-based policy allows the {need.action} action",
    )


def _lambda_needs(call: Call) -> list[Need]:
    action = f"lambda:{_LAMBDA_ACTIONS.get(call.operation, call.operation)}"
    if action in _WITHOUT_RESOURCE:
        return [Need(action, "*")]
    if call.operation == "GetLayerVersionByArn":
        return [Need(action, parse_qs(urlsplit(call.url).query)["Arn"][0])]
    if call.operation == "CreateFunction":
        return _creation_needs(json.loads(call.body))
    name = _after(_path(call), "functions/", "tags/")
    qualifier = parse_qs(urlsplit(call.url).query).get("Qualifier", [""])[0]
    return [Need(action, _function_arn(name, qualifier))]


def _creation_needs(request: dict[str, Any]) -> list[Need]:
    arn = _function_arn(request["FunctionName"])
    needs = [Need("lambda:CreateFunction", arn), Need("iam:PassRole", request["Role"])]
    if request.get("Tags"):
        needs.append(Need("lambda:TagResource", arn))
    if request.get("Publish"):
        needs.append(Need("lambda:PublishVersion", arn))
    if request["Code"].get("S3Bucket"):
        needs.append(Need("s3:GetObject", f"arn:aws:s3:::{request['Code']['S3Bucket']}/{request['Code']['S3Key']}"))
    image = re.match(r"(\d{12})\.dkr\.ecr\.([\w-]+)\.[^/]+/([^:@]+)", request["Code"].get("ImageUri") or "")
    if image:
        needs.append(Need("ecr:BatchGetImage", f"arn:aws:ecr:{image[2]}:{image[1]}:repository/{image[3]}"))
    runtime = request.get("RuntimeConfig")
    if runtime:
        alias = f"{runtime['RuntimeArn']}/alias/{runtime['RuntimeAlias']}"
        needs.append(Need("lambda:AssociateRuntimeAlias", alias))
    needs.extend(
        Need("s3files:ListMountTargets", mounted["Arn"].partition("/access-point/")[0])
        for mounted in request.get("FileSystemConfigs") or ()
        if ":s3files:" in mounted["Arn"]
    )
    return needs + [Need("lambda:GetLayerVersion", layer) for layer in request.get("Layers") or ()]


def _function_arn(name: str, qualifier: str = "") -> str:
    arn = name if name.startswith("arn:") else f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn


def _s3_need(call: Call) -> Need:
    action = f"s3:{_S3_ACTIONS.get(call.operation, call.operation)}"
    if action == "s3:GetObject" and "versionId" in parse_qs(urlsplit(call.url).query):
        action = "s3:GetObjectVersion"
    bucket, _, key = _path(call).partition("/")
    return Need(
        action, f"arn:aws:s3:::{bucket}" if action == "s3:ListBucket" or not key else f"arn:aws:s3:::{bucket}/{key}"
    )


def _named_resource(call: Call) -> str:
    if call.service == "iam":
        fields = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        return fields.get("PolicyArn") or f"arn:aws:iam::{ACCOUNT_ID}:role/{fields.get('RoleName', '')}"
    if call.operation == "DescribeLogGroups":
        return f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group::log-stream:"  # whatever is asked for
    request = json.loads(call.body or b"{}")
    if "logGroupName" in request:
        return f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{request['logGroupName']}:*"
    return str(request.get("stateMachineArn") or request.get("executionArn") or "*")


def _path(call: Call) -> str:
    return unquote(urlsplit(call.url).path).lstrip("/")


def _after(path: str, *marks: str) -> str:
    for mark in marks:
        if mark in path:
            return path.split(mark, 1)[1].split("/", maxsplit=1)[0]
    return path
