"""Reading everything about the function under test, to compare it before and after a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from tuner.aws.failures import aws_call, error_code
from tuner.aws.target import TargetReader, qualified
from tuner.core.errors import PermissionDenied, ServiceError
from tuner.core.function.snapshot import (
    CONFIGURATION,
    NOT_READABLE,
    PROVISIONED_CONCURRENCY,
    QUALIFIED,
    RUNTIME_MANAGEMENT,
)

_ABSENT = {
    "ResourceNotFoundException",
    "404",
    "UnknownOperationException",
    # What does not apply, such as runtime management to a container image.
    "InvalidParameterValueException",
}

_POLICY_COUNT = 20
"""Of so many aliases the policy is read: ``GetPolicy`` is limited to 15 a second in an account and Region."""


class SnapshotReader(TargetReader):
    """Everything that can be read of a function."""

    def snapshot(self, name: str, qualifier: str | None) -> dict[str, Any]:
        """Everything readable about the function, by section, as AWS answers it.

        What does not exist is ``None``; a section that could not be read is
        ``NOT_READABLE``, so that the comparison can say that it was not made.

        Raises:
            FunctionNotFound: There is none of that name.
            PermissionDenied: Not even its configuration may be read.
            Throttled: AWS asked to slow down.
        """
        configuration = self.configuration(name, None)
        arn = str(configuration["FunctionArn"])
        log_group = (configuration.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
        one, pages, section = self._one, self._pages, self._section

        def ask(read: Callable[[str, str, str], Any], operation: str, field: str) -> Any | None:
            return section(iam_action(operation), name, partial(read, name, operation, field))

        sections: dict[str, Any] = {
            CONFIGURATION: configuration,
            "versions": ask(pages, "list_versions_by_function", "Versions"),
            "aliases": ask(pages, "list_aliases", "Aliases"),
            "tags": section("lambda:ListTags", arn, lambda: self._lambda.list_tags(Resource=arn).get("Tags")),
            "reserved concurrency": ask(one, "get_function_concurrency", "ReservedConcurrentExecutions"),
            PROVISIONED_CONCURRENCY: ask(
                pages, "list_provisioned_concurrency_configs", "ProvisionedConcurrencyConfigs"
            ),
            "asynchronous invocation": ask(pages, "list_function_event_invoke_configs", "FunctionEventInvokeConfigs"),
            "function URLs": ask(pages, "list_function_url_configs", "FunctionUrlConfigs"),
            "event source mappings": ask(pages, "list_event_source_mappings", "EventSourceMappings"),
            "code signing": ask(one, "get_function_code_signing_config", "CodeSigningConfigArn"),
            "recursion": ask(one, "get_function_recursion_config", "RecursiveLoop"),
            RUNTIME_MANAGEMENT: section(
                "lambda:GetRuntimeManagementConfig", name, partial(self._runtime_management, name, qualifier)
            ),
            "log group": section("logs:DescribeLogGroups", log_group, partial(self._log_group, log_group)),
        }
        aliases = sections["aliases"] if isinstance(sections["aliases"], list) else []
        qualifiers = dict.fromkeys([*([qualifier] if qualifier else []), *(row["Name"] for row in aliases)])
        sections["policy"] = section("lambda:GetPolicy", name, partial(self._policy, name, None))
        for each in list(qualifiers)[:_POLICY_COUNT]:
            sections[f"policy of {each}"] = section(
                "lambda:GetPolicy", f"{name}:{each}", partial(self._policy, name, each)
            )
        if qualifier:
            sections[QUALIFIED] = self.configuration(name, qualifier)
        return sections

    def missing_layers(self, layer_version_arns: Sequence[str]) -> tuple[str, ...]:
        """Those of a function's layer versions that are gone.

        The function goes on with them, a new function does not get them. What
        may not be read is not called missing.
        """
        return tuple(
            arn
            for arn in layer_version_arns
            if self._section("lambda:GetLayerVersion", arn, partial(self._layer_version, arn)) is None
        )

    def _section(self, action: str, name: str, read: Callable[[], Any]) -> Any | None:
        try:
            with aws_call(action, name):
                try:
                    return read()
                except ClientError as error:
                    if error_code(error) in _ABSENT:
                        return None
                    raise
        except (PermissionDenied, ServiceError):
            return NOT_READABLE

    def _one(self, name: str, operation: str, field: str) -> Any:
        return getattr(self._lambda, operation)(FunctionName=name).get(field)

    def _pages(self, name: str, operation: str, rows: str) -> list[dict[str, Any]]:
        pages = self._lambda.get_paginator(operation).paginate(FunctionName=name)
        found = [dict(row) for page in pages for row in page[rows]]
        return sorted(found, key=lambda row: json.dumps(row, sort_keys=True, default=str))

    def _runtime_management(self, name: str, qualifier: str | None) -> dict[str, Any]:
        answer = self._lambda.get_runtime_management_config(FunctionName=name, **qualified(qualifier))
        return {key: answer.get(key) for key in ("UpdateRuntimeOn", "RuntimeVersionArn")}

    def _log_group(self, name: str) -> dict[str, Any] | None:
        groups = self.clients("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return next((dict(group) for group in groups if group["logGroupName"] == name), None)

    def _policy(self, name: str, qualifier: str | None) -> Any:
        return json.loads(self._lambda.get_policy(FunctionName=name, **qualified(qualifier))["Policy"])

    def _layer_version(self, arn: str) -> bool:
        self._lambda.get_layer_version_by_arn(Arn=arn)
        return True


def iam_action(operation: str) -> str:
    """The IAM action of an operation of Lambda's client: ``get_policy`` is ``lambda:GetPolicy``."""
    return "lambda:" + "".join(word.capitalize() for word in operation.split("_"))
