"""Reading the policies of the role that a function has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from tuner.aws.failures import aws_call, error_code
from tuner.core.errors import PermissionDenied, ServiceError
from tuner.core.function.role_policies import RolePolicy


def read_role_policies(iam: Any, role_arn: str) -> tuple[RolePolicy, ...] | None:
    """The inline and attached policies of a role; ``None`` if they could not be read, or not all of them.

    Raises:
        Throttled: AWS asked to slow down.
    """
    role = role_arn.rpartition("/")[2]
    try:
        return (*_inline(iam, role), *_attached(iam, role))
    except (PermissionDenied, ServiceError):
        return None


def _inline(iam: Any, role: str) -> Iterator[RolePolicy]:
    for name in _listed(iam, "iam:ListRolePolicies", "list_role_policies", "PolicyNames", role):
        with aws_call("iam:GetRolePolicy", role):
            answer = iam.get_role_policy(RoleName=role, PolicyName=name)
        yield RolePolicy(name, _document(answer["PolicyDocument"]))


def _attached(iam: Any, role: str) -> Iterator[RolePolicy]:
    action, operation = "iam:ListAttachedRolePolicies", "list_attached_role_policies"
    for row in _listed(iam, action, operation, "AttachedPolicies", role):
        arn = row["PolicyArn"]
        with aws_call("iam:GetPolicy", arn):
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        with aws_call("iam:GetPolicyVersion", arn):
            answer = iam.get_policy_version(PolicyArn=arn, VersionId=version)
        yield RolePolicy(row["PolicyName"], _document(answer["PolicyVersion"]["Document"]))


def _listed(iam: Any, action: str, operation: str, field: str, role: str) -> list[Any]:
    with aws_call(action, role):
        try:
            return [row for page in iam.get_paginator(operation).paginate(RoleName=role) for row in page[field]]
        except ClientError as error:
            # The role may be gone while the function is there: it has no policies then.
            if error_code(error) == "NoSuchEntity":
                return []
            raise


def _document(document: Any) -> dict[str, Any]:
    # boto3 decodes it; an endpoint that is not AWS's may send it as it travels.
    return dict(json.loads(unquote(document))) if isinstance(document, str) else dict(document)
