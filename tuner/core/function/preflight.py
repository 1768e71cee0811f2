"""Whether the function can be measured on clones of it, found out before anything is spent.

What a clone cannot do is refused with the reason and the way out. What a clone
does differently, or really does, is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.core.errors import FunctionNotTunable
from tuner.core.function.role_policies import RolePolicy, allows, bound_to_caller, names_itself
from tuner.core.function.runtimes import create_blocked, create_perhaps_blocked
from tuner.core.function.snapshot import NOT_READABLE, PROVISIONED_CONCURRENCY, RUNTIME_MANAGEMENT
from tuner.core.function.target import MAX_TIMEOUT_S, TargetFunction
from tuner.core.run.plan import CLONE_PREFIX

_INVOKE = "lambda:InvokeFunction"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was read of the function besides its configuration."""

    sections: Mapping[str, Any]
    """The function's snapshot, by section."""
    missing_layers: Sequence[str]
    policies: Sequence[RolePolicy] | None
    """The role's; ``None`` if they could not be read."""
    clone_log_group: str
    today: str
    """ISO 8601."""


def check_tunable(configuration: Mapping[str, Any], target: TargetFunction, inspection: Inspection) -> tuple[str, ...]:
    """Refuse a function that cannot be measured on clones.

    Returns:
        Warnings: what the measurement will not show, or will really do, one sentence each.

    Raises:
        FunctionNotTunable: With the reason, and the way out if there is one.
    """
    for reason, hint in (
        *_of_another_kind(configuration, target),
        *_not_now(configuration, target),
        *_not_copied(configuration, inspection),
        *_not_by_another_name(configuration, target, inspection),
    ):
        raise FunctionNotTunable(f"{target.name} cannot be tuned: {reason}.", hint=hint)
    return (
        *_real_effects(configuration),
        *_unlike_the_function(inspection),
        *_uncertain(configuration, target, inspection),
    )


def _of_another_kind(configuration: Mapping[str, Any], target: TargetFunction) -> Iterator[tuple[str, str]]:
    standard = "Only functions on standard Lambda compute can be tuned."
    if target.name.startswith(CLONE_PREFIX):
        yield ("it is a temporary function of Lambda Tuner itself", "Name the function that it was copied from.")
    if configuration.get("CapacityProviderConfig"):
        yield ("it runs on Lambda Managed Instances, which are not billed by memory size and duration", standard)
    if configuration.get("AcceleratorConfig"):
        yield "it uses a GPU", standard
    if configuration.get("DurableConfig"):
        yield (
            "it is a durable function, whose invocations are not single executions",
            "Tune the functions that it calls, one by one.",
        )
    if (configuration.get("TenancyConfig") or {}).get("TenantIsolationMode") == "PER_TENANT":
        yield (
            "it isolates tenants, and every new tenant's environment is billed",
            "Deploy the same code without tenant isolation, and tune that.",
        )
    if configuration.get("MasterArn"):
        yield (
            "it is a Lambda@Edge replica",
            f"Tune the function it was replicated from: {configuration['MasterArn']}.",
        )
    if target.timeout_s > MAX_TIMEOUT_S:
        yield (
            f"its timeout is {target.timeout_s} s; the longest that can be measured is {MAX_TIMEOUT_S} s",
            "Lower the timeout of the function, or of a copy of it, and tune that.",
        )


def _not_now(configuration: Mapping[str, Any], target: TargetFunction) -> Iterator[tuple[str, str]]:
    state = configuration.get("State") or "Active"
    if state not in {"Active", "Inactive"}:
        why = configuration.get("StateReason")
        yield f"its state is {state}" + (f" ({why})" if why else ""), "Wait until it is active, or deploy it again."
    if configuration.get("LastUpdateStatus") == "InProgress":
        yield "a deployment of it is in progress", "Start again when the deployment has ended."
    if target.reserved_concurrency == 0:
        yield (
            "its reserved concurrency is 0, which stops every invocation",
            "If that is not intended, raise it and start again.",
        )


def _not_copied(configuration: Mapping[str, Any], inspection: Inspection) -> Iterator[tuple[str, str]]:
    if (configuration.get("Environment") or {}).get("Error"):
        yield (
            "its environment variables cannot be decrypted, and a clone without them would be another function",
            "Allow the plan and create-clones roles to use its KMS key.",
        )
    if (configuration.get("ImageConfigResponse") or {}).get("Error"):
        yield "its image settings cannot be read, and a clone without them would be another function", ""
    runtime = configuration.get("Runtime")
    blocked = create_blocked(runtime)
    if blocked:
        yield (
            f"since {blocked} AWS no longer creates functions with its runtime, {runtime}, so it cannot be copied",
            "Move the function to a current runtime, and tune that.",
        )
    management = inspection.sections.get(RUNTIME_MANAGEMENT)
    if isinstance(management, Mapping) and management.get("UpdateRuntimeOn") == "Manual":
        yield (
            f"its runtime is pinned to one version ({management.get('RuntimeVersionArn')}), "
            "and a clone would run on the newest",
            "Set its runtime update mode to Auto or to Function update, or tune a function with the same code that is "
            "not pinned.",
        )
    if inspection.missing_layers:
        yield (
            "a layer version is gone that the function keeps, but a clone cannot get: "
            f"{', '.join(inspection.missing_layers)}",
            "Deploy the function with layer versions that exist.",
        )


def _not_by_another_name(
    configuration: Mapping[str, Any], target: TargetFunction, inspection: Inspection
) -> Iterator[tuple[str, str]]:
    policies = inspection.policies
    if policies is None:
        return
    clone_arn = f"{target.function_arn.rpartition(':')[0]}:{CLONE_PREFIX}"
    bound = bound_to_caller(policies, function_arn=target.function_arn, clone_arn=clone_arn)
    if bound:
        yield (
            f"its role's policy {', '.join(bound)} has a condition on the calling function (lambda:SourceFunctionArn "
            "or aws:userid), and a clone, which has another name, has other rights",
            f"Let the condition hold for {clone_arn}* too, or give a copy of the function a role without it and tune "
            "that.",
        )
    own = _own_arns_in_environment(configuration, target)
    if own and allows(policies, _INVOKE, target.function_arn):
        yield (
            f"it seems to invoke itself: the variable {', '.join(own)} holds its ARN and its role may invoke it. A "
            "clone would invoke the live function",
            "Take the name from the context or from AWS_LAMBDA_FUNCTION_NAME instead, which a clone has too, and allow "
            f"the role to invoke {clone_arn}*; or tune a copy of the function whose variable names that copy.",
        )


def _real_effects(configuration: Mapping[str, Any]) -> Iterator[str]:
    vpc = configuration.get("VpcConfig") or {}
    if vpc.get("VpcId") or vpc.get("SubnetIds"):
        yield "The function runs in a VPC: its clones use the same subnets and security groups."
    if configuration.get("FileSystemConfigs"):
        yield "The function mounts a file system: what the payload writes there is written for real."


def _unlike_the_function(inspection: Inspection) -> Iterator[str]:
    provisioned = inspection.sections.get(PROVISIONED_CONCURRENCY)
    if isinstance(provisioned, list) and provisioned:
        yield (
            "The function has provisioned concurrency and its clones have none: durations hold, cold starts "
            "shown here are those of invocations beyond it. Its fee grows with the memory size and is not part of the "
            "cost shown."
        )
    management = inspection.sections.get(RUNTIME_MANAGEMENT)
    if isinstance(management, Mapping) and management.get("UpdateRuntimeOn") == "FunctionUpdate":
        yield (
            "The function's runtime is updated only when it is deployed; its clones run on the newest "
            "version of the runtime."
        )


def _uncertain(configuration: Mapping[str, Any], target: TargetFunction, inspection: Inspection) -> Iterator[str]:
    runtime = configuration.get("Runtime")
    perhaps = create_perhaps_blocked(runtime, today=inspection.today)
    if perhaps:
        yield (
            f"AWS announced that from {perhaps} on, no function can be created with the runtime {runtime}: "
            "if that holds, copying it fails."
        )
    policies = inspection.policies
    own = _own_arns_in_environment(configuration, target)
    if policies is None:
        yield (
            "The policies of the function's role could not be read: whether one of them applies only to this "
            "function's name is not known. If so, the first invocation fails with a refusal, and nothing else happens."
        )
    elif names_itself(policies, _INVOKE, target.function_arn):
        yield "The function's role may invoke the function itself: a clone that does so invokes the live function."
    if own and (policies is None or not allows(policies, _INVOKE, target.function_arn)):
        yield (
            f"The function's variable {', '.join(own)} holds its own ARN: if a clone uses it, it reaches the live "
            "function."
        )
    if policies is not None and not allows(policies, "logs:PutLogEvents", _log_stream(target, inspection)):
        yield (
            f"The function's role may not write to the log group {inspection.clone_log_group}: a REPORT record that "
            "is not in a response's tail cannot be looked up, and counts as unmeasured."
        )
    unread = [name for name, value in inspection.sections.items() if value == NOT_READABLE]
    if unread:
        yield f"Could not be read, and so cannot be compared after the run: {', '.join(unread)}."


def _own_arns_in_environment(configuration: Mapping[str, Any], target: TargetFunction) -> list[str]:
    variables = (configuration.get("Environment") or {}).get("Variables") or {}
    own = re.compile(re.escape(target.function_arn) + r"(?![A-Za-z0-9_-])")
    return sorted(name for name, value in variables.items() if own.search(str(value)))


def _log_stream(target: TargetFunction, inspection: Inspection) -> str:
    partition = target.arn.split(":")[1]
    group = f"arn:{partition}:logs:{target.region}:{target.account}:log-group:{inspection.clone_log_group}"
    return f"{group}:log-stream:copy"
