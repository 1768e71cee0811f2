"""Reading the function under test: only read, never written, never invoked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tuner.aws.failures import aws_call, error_code
from tuner.core.errors import FunctionNotFound, PermissionDenied
from tuner.core.plan import NOT_READABLE

_ABSENT = {"ResourceNotFoundException", "404", "UnknownOperationException"}


class TargetReader:
    """Everything that can be read of a function, through one injected Lambda client."""

    def __init__(self, lambda_client: Any) -> None:
        self._lambda = lambda_client

    def configuration(self, name: str, qualifier: str | None) -> dict[str, Any]:
        """``GetFunctionConfiguration`` of the function, or of one version or alias.

        Raises:
            FunctionNotFound: There is none of that name here.
        """
        shown = f"{name}:{qualifier}" if qualifier else name
        with aws_call("lambda:GetFunctionConfiguration", shown):
            try:
                answer = self._lambda.get_function_configuration(FunctionName=name, **_qualified(qualifier))
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    raise _not_found(self._lambda.meta.region_name, shown) from error
                raise
        answer.pop("ResponseMetadata", None)
        return dict(answer)

    def code_location(self, name: str, qualifier: str | None) -> dict[str, Any]:
        """``GetFunction``'s ``Code`` section: where the package can be fetched from, or the image's address."""
        shown = f"{name}:{qualifier}" if qualifier else name
        with aws_call("lambda:GetFunction", shown):
            try:
                return dict(self._lambda.get_function(FunctionName=name, **_qualified(qualifier))["Code"])
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    raise _not_found(self._lambda.meta.region_name, shown) from error
                raise

    def reserved_concurrency(self, name: str) -> int | None:
        """The function's reserved concurrency; ``None`` where none is reserved."""
        with aws_call("lambda:GetFunctionConcurrency", name):
            answer = self._lambda.get_function_concurrency(FunctionName=name)
        value = answer.get("ReservedConcurrentExecutions")
        return None if value is None else int(value)

    def snapshot(self, name: str, qualifier: str | None) -> dict[str, Any]:
        """Everything readable about the function, by section, as AWS answers it.

        What does not exist is ``None``; a section that may not be read is
        ``NOT_READABLE``, so that the comparison can say that it was not made.
        """
        sections: dict[str, Any] = {
            "configuration": self.configuration(name, None),
            "concurrency": self._section("lambda:GetFunctionConcurrency", name, self._concurrency),
            "aliases": self._section("lambda:ListAliases", name, self._aliases),
            "versions": self._section("lambda:ListVersionsByFunction", name, self._versions),
            "policy": self._section("lambda:GetPolicy", name, self._policy),
        }
        arn = sections["configuration"]["FunctionArn"]
        sections["tags"] = self._section("lambda:ListTags", arn, self._tags)
        if qualifier:
            sections["qualified configuration"] = self.configuration(name, qualifier)
        return sections

    def _section(self, action: str, name: str, read: Callable[[str], Any]) -> Any | None:
        try:
            with aws_call(action, name):
                try:
                    return read(name)
                except ClientError as error:
                    if error_code(error) in _ABSENT:
                        return None
                    raise
        except PermissionDenied:
            return NOT_READABLE

    def _concurrency(self, name: str) -> Any:
        return self._lambda.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")

    def _aliases(self, name: str) -> Any:
        pages = self._lambda.get_paginator("list_aliases").paginate(FunctionName=name)
        rows = [row for page in pages for row in page["Aliases"]]
        return sorted(rows, key=lambda row: str(row["Name"]))

    def _versions(self, name: str) -> Any:
        pages = self._lambda.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        return [
            {key: row.get(key) for key in ("Version", "CodeSha256", "MemorySize", "Description")}
            for page in pages
            for row in page["Versions"]
        ]

    def _policy(self, name: str) -> Any:
        return self._lambda.get_policy(FunctionName=name).get("Policy")

    def _tags(self, arn: str) -> Any:
        return self._lambda.list_tags(Resource=arn).get("Tags")


def _qualified(qualifier: str | None) -> dict[str, str]:
    return {"Qualifier": qualifier} if qualifier else {}


def _not_found(region: str, shown: str) -> FunctionNotFound:
    return FunctionNotFound(
        f"There is no function {shown} in Region {region}.",
        hint="Check the name, the version or alias, and the Region: "
        "the tuner reads functions of its own account and Region only.",
    )
