"""The function under test as the product sees it, and whether it can be measured at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from tuner.core.errors import FunctionNotTunable
from tuner.core.model import Architecture
from tuner.core.plan import CLONE_PREFIX

MAX_TIMEOUT_S = 14 * 60
"""An invoker (at most 15 minutes) cannot outlive a function that may run longer than this."""


@dataclass(frozen=True, slots=True)
class TargetFunction:
    """What a run needs to know of the function; no secrets, so that it may be stored."""

    arn: str
    name: str
    qualifier: str | None
    region: str
    account: str
    architecture: Architecture
    memory_mb: int
    timeout_s: int
    ephemeral_storage_mb: int
    code_sha256: str
    role_arn: str
    package_type: str
    runtime: str | None
    handler: str | None
    log_format: str
    reserved_concurrency: int | None = None
    last_modified: str | None = None


def read_target(
    configuration: Mapping[str, Any], *, qualifier: str | None, reserved_concurrency: int | None
) -> TargetFunction:
    """Read ``GetFunctionConfiguration``'s answer.

    Args:
        configuration: The answer, for the version that will be measured.
        qualifier: The version or alias the user named, if any.
        reserved_concurrency: From ``GetFunctionConcurrency``; ``None``: none reserved.
    """
    arn = str(configuration["FunctionArn"])
    parts = arn.split(":")
    return TargetFunction(
        arn=":".join(parts[:7]) + (f":{qualifier}" if qualifier else ""),
        name=str(configuration["FunctionName"]),
        qualifier=qualifier,
        region=parts[3],
        account=parts[4],
        architecture=cast(Architecture, (configuration.get("Architectures") or ["x86_64"])[0]),
        memory_mb=int(configuration["MemorySize"]),
        timeout_s=int(configuration["Timeout"]),
        ephemeral_storage_mb=int((configuration.get("EphemeralStorage") or {}).get("Size") or 512),
        code_sha256=str(configuration.get("CodeSha256", "")),
        role_arn=str(configuration.get("Role", "")),
        package_type=str(configuration.get("PackageType") or "Zip"),
        runtime=configuration.get("Runtime"),
        handler=configuration.get("Handler"),
        log_format=str((configuration.get("LoggingConfig") or {}).get("LogFormat") or "Text"),
        reserved_concurrency=reserved_concurrency,
        last_modified=configuration.get("LastModified"),
    )


def check_tunable(configuration: Mapping[str, Any], target: TargetFunction) -> tuple[str, ...]:
    """Refuse a function that cannot be measured, before anything is spent.

    Args:
        configuration: ``GetFunctionConfiguration``'s answer.
        target: The same, read.

    Returns:
        Warnings: what the measurement will not show, one sentence each.

    Raises:
        FunctionNotTunable: With the reason, and the way out where there is one.
    """
    reason = _reason_against(configuration, target)
    if reason:
        message, hint = reason
        raise FunctionNotTunable(f"{target.name} cannot be tuned: {message}.", hint=hint)
    warnings: list[str] = []
    if (configuration.get("VpcConfig") or {}).get("VpcId") or (configuration.get("VpcConfig") or {}).get("SubnetIds"):
        warnings.append("The function runs in a VPC: its temporary copies use the same subnets and security groups.")
    if configuration.get("FileSystemConfigs"):
        warnings.append("The function mounts a file system: what the payload writes there is really written.")
    if (configuration.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions":
        warnings.append(
            "The function uses SnapStart; its temporary copies do not, so cold starts shown here are not production's."
        )
    return tuple(warnings)


def _reason_against(configuration: Mapping[str, Any], target: TargetFunction) -> tuple[str, str] | None:
    if target.name.startswith(CLONE_PREFIX):
        return "it is a temporary function of Lambda Tuner itself", "Name the function that it was copied from."
    if configuration.get("CapacityProviderConfig"):
        return (
            "it runs on Lambda Managed Instances, which are not billed by memory size and duration",
            "Only functions on standard Lambda compute can be tuned.",
        )
    if configuration.get("AcceleratorConfig"):
        return "it uses a GPU", "Only functions on standard Lambda compute can be tuned."
    if configuration.get("DurableConfig"):
        return "it is a durable function, whose invocations are not single executions", ""
    if (configuration.get("TenancyConfig") or {}).get("TenantIsolationMode") == "PER_TENANT":
        return "it isolates tenants, and every new tenant's environment is billed", ""
    if configuration.get("MasterArn"):
        return (
            "it is a Lambda@Edge replica",
            f"Tune the function it was replicated from: {configuration['MasterArn']}.",
        )
    state = configuration.get("State") or "Active"
    if state not in {"Active", "Inactive"}:
        why = configuration.get("StateReason")
        return f"its state is {state}" + (f" ({why})" if why else ""), "Wait until it is active, or deploy it again."
    if configuration.get("LastUpdateStatus") == "InProgress":
        return "a deployment of it is in progress", "Start again when the deployment has ended."
    if target.reserved_concurrency == 0:
        return (
            "its reserved concurrency is 0, which stops every invocation",
            "If that is not meant, raise it and start again.",
        )
    if target.timeout_s > MAX_TIMEOUT_S:
        return (
            f"its time-out is {target.timeout_s} s; the longest that can be measured is {MAX_TIMEOUT_S} s",
            "Lower the time-out of the function, or of a copy of it, and tune that.",
        )
    if (configuration.get("Environment") or {}).get("Error"):
        return (
            "its environment variables cannot be decrypted, and a copy without them would be another function",
            "Allow the plan and create-clones roles to use its KMS key.",
        )
    return None
