"""Reading the policies of the role that a function has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from tuner.aws.failures import aws_call, error_code
from tuner.core.errors import PermissionDenied, ServiceError
from tuner.core.function.role_policies import RolePolicy


class RolePolicyReader:
    """The inline and attached policies of a role.

    Args:
        clients: Gives the boto3 client of a service by its name.
    """

    def __init__(self, clients: Callable[[str], Any]) -> None:
        self._clients = clients

    def read(self, role_arn: str) -> tuple[RolePolicy, ...] | None:
        """All policies of the role; ``None`` where they could not be read, or not all of them.

        Raises:
            Throttled: AWS asked to slow down.
        """
        role = role_arn.rpartition("/")[2]
        try:
            return (*self._inline(role), *self._attached(role))
        except (PermissionDenied, ServiceError):
            return None

    def _inline(self, role: str) -> Iterator[RolePolicy]:
        iam = self._clients("iam")
        for name in self._listed("iam:ListRolePolicies", "list_role_policies", "PolicyNames", role):
            with aws_call("iam:GetRolePolicy", role):
                answer = iam.get_role_policy(RoleName=role, PolicyName=name)
            yield RolePolicy(name, _document(answer["PolicyDocument"]))

    def _attached(self, role: str) -> Iterator[RolePolicy]:
        iam = self._clients("iam")
        for row in self._listed(
            "iam:ListAttachedRolePolicies", "list_attached_role_policies", "AttachedPolicies", role
        ):
            arn = row["PolicyArn"]
            with aws_call("iam:GetPolicy", arn):
                version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            with aws_call("iam:GetPolicyVersion", arn):
                answer = iam.get_policy_version(PolicyArn=arn, VersionId=version)
            yield RolePolicy(row["PolicyName"], _document(answer["PolicyVersion"]["Document"]))

    def _listed(self, action: str, operation: str, field: str, role: str) -> list[Any]:
        with aws_call(action, role):
            try:
                pages = self._clients("iam").get_paginator(operation).paginate(RoleName=role)
                return [row for page in pages for row in page[field]]
            except ClientError as error:
                # The role may be gone while the function is there: it has no policies then.
                if error_code(error) == "NoSuchEntity":
                    return []
                raise


def _document(document: Any) -> dict[str, Any]:
    # boto3 decodes it; an endpoint that is not AWS's may send it as it travels.
    return dict(json.loads(unquote(document))) if isinstance(document, str) else dict(document)
