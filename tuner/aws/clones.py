"""Temporary functions: clones of the target at one memory size each.

One clone a size costs two scarce control-plane calls (create, delete) and no
serial wait; one clone with a version a size costs two as well (update,
publish) and waits for each in turn. See docs/decisions/0002-isolation-by-clone.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from botocore.exceptions import ClientError

from tuner.aws.failures import aws_call, error_code, error_text
from tuner.core.errors import CloneFailed, CloneNotReady, CodeGone, PermissionDenied
from tuner.core.function.clone import clone_request, way_out
from tuner.core.model import Candidate
from tuner.core.run.bucket_layout import code_key
from tuner.core.run.plan import CLONE_PREFIX, CLONE_VERSION, is_clone

REFUSED_CAP = re.compile(r"MemorySize.*less than or equal to (?P<cap>\d+)", re.DOTALL)
"""How AWS refuses a memory size that the account may not have."""

_CODE_GONE = "S3 Error Code: NoSuchKey"
"""In Lambda's sentence where S3 has no package at the key that ``CreateFunction`` names."""

_ROLE_DENIED = re.compile(r"is not authorized to perform(?!.*resource-based policy)", re.DOTALL)
"""IAM's sentence where our role lacks a permission, and it is not the policy of an image or a layer that refuses it."""

_REFUSALS = {
    # In Lambda's own words, such as that it may not fetch the image.
    "AccessDeniedException",
    "CodeStorageExceededException",
    "CodeVerificationFailedException",
    "InvalidParameterValueException",
    # A layer or an image that is gone.
    "ResourceNotFoundException",
    "ValidationException",
}
"""What ``CreateFunction`` answers if trying again does not help."""


class MemoryCapReached(Exception):
    """The account allows no function of this memory size."""

    def __init__(self, cap_mb: int) -> None:
        self.cap_mb = cap_mb
        super().__init__(f"at most {cap_mb} MB")


class Clones:
    """Creates, watches and deletes temporary functions through one injected Lambda client."""

    def __init__(self, lambda_client: Any, *, log_group: str, tags: Mapping[str, str] | None = None) -> None:
        self._lambda = lambda_client
        self._log_group = log_group
        self._tags = tags or {}

    def create(
        self,
        name: str,
        candidate: Candidate,
        configuration: Mapping[str, Any],
        code: Mapping[str, str],
        tags: Mapping[str, str],
        *,
        snap_start: bool = False,
    ) -> bool:
        """Create the temporary function, or find that it is there already.

        *code* is ``S3Bucket`` and ``S3Key``, or ``ImageUri``; *tags* say which run it belongs to and until when, and
        the deployer's are added. With *snap_start* it is published, and invoked by its version when that is active.

        Returns:
            Whether it can be invoked at once.

        Raises:
            MemoryCapReached: The account allows no such memory size.
            CodeGone: The package is not where it was copied to.
            CloneFailed: AWS refuses this function, or gave it other code; says why.
        """
        with aws_call("lambda:CreateFunction", name):
            try:
                answer = self._lambda.create_function(
                    **clone_request(
                        name,
                        candidate,
                        configuration,
                        code,
                        {**self._tags, **tags},
                        log_group=self._log_group,
                        snap_start=snap_start,
                    )
                )
            except ClientError as error:
                cap = REFUSED_CAP.search(error_text(error))
                if cap:
                    raise MemoryCapReached(int(cap["cap"])) from error
                match error_code(error):
                    case "ResourceConflictException":
                        return False
                    case "InvalidParameterValueException" if _CODE_GONE in error_text(error):
                        raise CodeGone(
                            f"The copied package of {configuration['FunctionName']} is no longer at "
                            f"s3://{code.get('S3Bucket')}/{code.get('S3Key')}."
                        ) from error
                    case "AccessDeniedException" if "iam:PassRole" in error_text(error):
                        raise PermissionDenied(
                            f"A clone of {configuration['FunctionName']} may not use the function's role, "
                            f"{configuration['Role']}.",
                            hint="The stack's parameter PassableRoles lists the roles that a clone may have.",
                        ) from error
                    case "AccessDeniedException" if _ROLE_DENIED.search(error_text(error)):
                        raise
                    case refusal if refusal in _REFUSALS:
                        raise CloneFailed(
                            f"AWS refuses a clone of {configuration['FunctionName']} at {candidate}: "
                            f"{error_text(error)}",
                            hint=way_out(error_text(error)),
                        ) from error
                    case _:
                        raise

        _check_code(name, answer, configuration["CodeSha256"])
        if not snap_start:
            return bool(answer.get("State") == "Active")
        if answer.get("Version") != CLONE_VERSION:
            raise CloneFailed(
                f"The first version of {name} got the number {answer.get('Version')}: a function of that name existed "
                "before, and somebody deleted it during the run.",
                hint="Start again: a new run's clones get new names.",
            )
        return False  # what is answered is the state of the function, not of the version

    def state(self, name: str, code_sha256: str, *, snap_start: bool = False) -> Literal["absent", "pending", "active"]:
        """Whether the temporary function, or its version with SnapStart, is there and can be invoked.

        Raises:
            CloneFailed: It will never become active, or has other code than the function; says why.
        """
        version = {"Qualifier": CLONE_VERSION} if snap_start else {}
        with aws_call("lambda:GetFunctionConfiguration", name):
            try:
                answer = self._lambda.get_function_configuration(FunctionName=name, **version)
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    return "absent"
                raise
        _check_code(name, answer, code_sha256)
        state = answer.get("State") or "Active"
        if state == "Failed":
            why = answer.get("StateReason") or "no reason given"
            if snap_start:
                raise CloneFailed(
                    f"AWS could not make a SnapStart snapshot of the temporary function {name}: {why}",
                    hint="The function's own init, or a hook before the snapshot, failed in the clone; leave snapStart "
                    "out to measure without snapshots.",
                )
            raise CloneFailed(f"The temporary function {name} did not start: {why}", hint=way_out(why))
        if snap_start and state == "Active" and answer.get("SnapStart", {}).get("OptimizationStatus") == "Off":
            raise CloneFailed(
                f"AWS made no SnapStart snapshot of the clone {name}, so its cold starts are not restores.",
                hint="Leave snapStart out.",
            )
        return "active" if state == "Active" and answer.get("LastUpdateStatus") != "InProgress" else "pending"

    def reserve(self, name: str, concurrency: int) -> None:
        """Reserve concurrency for a temporary function: as much and no more; deleting it gives it back.

        Raises:
            CloneNotReady: It is still changing, or gone; call again.
            CloneFailed: The account has not that much to spare any more.
        """
        if not name.startswith(CLONE_PREFIX):
            raise ValueError(f"{name} is not ours to change")
        with aws_call("lambda:PutFunctionConcurrency", name):
            try:
                self._lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=concurrency)
            except ClientError as error:
                match error_code(error):
                    case "ResourceConflictException" | "ResourceNotFoundException":
                        raise CloneNotReady(f"No concurrency can be reserved for {name} yet.") from error
                    case "InvalidParameterValueException":
                        raise CloneFailed(
                            f"AWS refuses to reserve a concurrency of {concurrency} for {name}: {error_text(error)}",
                            hint="Lower reservedConcurrency, or leave it out; or start again when other functions "
                            "reserve less.",
                        ) from error
                    case _:
                        raise

    def delete(self, name: str) -> bool:
        """Ask AWS to delete a temporary function; ``False`` if it was gone before the first try.

        Raises:
            CloneNotReady: It is just being made; call again.
        """
        if not name.startswith(CLONE_PREFIX):
            raise ValueError(f"{name} is not ours to delete")
        with aws_call("lambda:DeleteFunction", name):
            try:
                self._lambda.delete_function(FunctionName=name)
            except ClientError as error:
                match error_code(error):
                    case "ResourceNotFoundException":
                        # A repetition of the SDK's finds nothing if the first try worked and its answer was lost.
                        return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts"))
                    case "ResourceConflictException":
                        raise CloneNotReady(f"{name} cannot be deleted while it is being created.") from error
                    case _:
                        raise
        return True

    def exists(self, name: str) -> bool:
        """Whether a temporary function is there, in whatever state: AWS may still be deleting it."""
        with aws_call("lambda:GetFunctionConfiguration", name):
            try:
                self._lambda.get_function_configuration(FunctionName=name)
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    return False
                raise
        return True

    def arns(self) -> dict[str, str]:
        """The ARNs of this stack's temporary functions in this account and Region, by name."""
        with aws_call("lambda:ListFunctions", "*"):
            pages = self._lambda.get_paginator("list_functions").paginate()
            return {
                row["FunctionName"]: row["FunctionArn"]
                for page in pages
                for row in page["Functions"]
                if is_clone(row, self._log_group)
            }

    def tags(self, arn: str) -> dict[str, str] | None:
        """The tags of a temporary function; ``None`` if it is gone.

        Asked by ``ListTags``: ``GetFunction`` leaves tags out without a word
        where that permission is missing (Lambda API reference, seen 2026-11),
        and a clone in use would look like one of no run.
        """
        with aws_call("lambda:ListTags", arn):
            try:
                return dict(self._lambda.list_tags(Resource=arn).get("Tags") or {})
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    return None
                raise


def _check_code(name: str, answer: Mapping[str, Any], code_sha256: str) -> None:
    """Let no temporary function be invoked whose code is not the function's."""
    found = answer.get("CodeSha256")
    if found == code_sha256:
        return
    other = f"The temporary function {name} does not have the function's code (SHA-256 {found}, not {code_sha256})"
    if answer.get("PackageType") == "Image":
        raise CloneFailed(
            f"{other}: somebody pushed another image under its tag. It was not invoked.",
            hint="Deploy the function with the image it should have, and start again.",
        )
    raise CloneFailed(
        f"{other}: somebody wrote into the artifact bucket after the package was copied there. It was not invoked.",
        hint=f"Find out who may write to {code_key(code_sha256)} there, remove that object, and start again.",
    )
