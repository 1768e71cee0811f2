"""What a clone cannot do is refused with the way out; what it does differently is warned of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tuner.core.errors import FunctionNotTunable
from tuner.core.function.preflight import Inspection, check_tunable
from tuner.core.function.role_policies import RolePolicy
from tuner.core.function.snapshot import NOT_READABLE, PROVISIONED_CONCURRENCY, RUNTIME_MANAGEMENT
from tuner.core.function.target import read_target

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:theirs"
CONFIGURATION: dict[str, Any] = {
    "FunctionName": "theirs",
    "FunctionArn": ARN,
    "Runtime": "python3.13",
    "MemorySize": 1024,
    "Timeout": 10,
    "State": "Active",
}
CALM = Inspection(
    sections={RUNTIME_MANAGEMENT: {"UpdateRuntimeOn": "Auto"}, PROVISIONED_CONCURRENCY: []},
    missing_layers=(),
    policies=(RolePolicy("logs", {"Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}),),
    clone_log_group="/lambda-tuner/clones",
    today="2026-11-24",
)


def may(**statement: Any) -> RolePolicy:
    """A policy of one statement."""
    return RolePolicy("extra", {"Statement": [{"Effect": "Allow", "Resource": "*", **statement}]})


def with_policy(policy: RolePolicy) -> Inspection:
    """A role that may do one thing more than write logs."""
    return replace(CALM, policies=(*(CALM.policies or ()), policy))


def check(inspection: Inspection = CALM, *, reserved: int | None = None, **configuration: Any) -> tuple[str, ...]:
    """Look at a function that differs from a plain one in these settings."""
    described = {**CONFIGURATION, **configuration}
    target = read_target(described, qualifier=None, reserved_concurrency=reserved)
    return check_tunable(described, target, inspection)


def test_plain_function_is_tuned_without_a_word() -> None:
    """No refusal, no warning."""
    assert check() == ()


INVOKES = may(Action="lambda:InvokeFunction")
REFUSED: list[tuple[dict[str, Any], Inspection, str, str]] = [
    ({"FunctionName": "lambda-tuner-clone-0-128-arm"}, CALM, "temporary function", "copied from"),
    ({"CapacityProviderConfig": {"x": 1}}, CALM, "Managed Instances", "standard Lambda compute"),
    ({"AcceleratorConfig": {"x": 1}}, CALM, "GPU", "standard Lambda compute"),
    ({"DurableConfig": {"x": 1}}, CALM, "durable", "functions that it calls"),
    ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, CALM, "tenants", "without tenant isolation"),
    ({"MasterArn": f"{ARN}:7"}, CALM, "Lambda@Edge", f"{ARN}:7"),
    ({"Timeout": 841}, CALM, "841 s", "Lower the timeout"),
    ({"State": "Failed", "StateReason": "image gone"}, CALM, r"Failed \(image gone\)", "deploy it again"),
    ({"LastUpdateStatus": "InProgress"}, CALM, "deployment", "has ended"),
    ({"Environment": {"Error": {"ErrorCode": "AccessDenied"}}}, CALM, "decrypted", "KMS key"),
    ({"ImageConfigResponse": {"Error": {"ErrorCode": "x"}}}, CALM, "image settings", ""),
    ({"Runtime": "nodejs14.x"}, CALM, "since 2024-01-09 .* nodejs14.x", "to a current runtime"),
    (
        {},
        replace(CALM, sections={RUNTIME_MANAGEMENT: {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "v7"}}),
        r"pinned to one version \(v7\)",
        "Auto",
    ),
    ({}, replace(CALM, missing_layers=("arn:layer:3",)), "layer version .* gone.*arn:layer:3", "exist"),
    (
        {},
        with_policy(may(Action="s3:*", Condition={"ArnEquals": {"lambda:SourceFunctionArn": ARN}})),
        "policy extra has a condition on the calling function",
        "lambda-tuner-clone-",
    ),
    (
        {"Environment": {"Variables": {"WORKER": f"{ARN}:live", "OTHER": f"{ARN}-2"}}},
        with_policy(INVOKES),
        "invoke itself: the variable WORKER holds",
        "AWS_LAMBDA_FUNCTION_NAME",
    ),
]


@pytest.mark.parametrize(("configuration", "inspection", "reason", "way_out"), REFUSED)
def test_what_a_copy_cannot_do_is_refused_with_the_way_out(
    configuration: dict[str, Any], inspection: Inspection, reason: str, way_out: str
) -> None:
    """One sentence with the reason, one with what to do."""
    with pytest.raises(FunctionNotTunable, match=f"cannot be tuned: .*{reason}") as raised:
        check(inspection, **configuration)
    assert way_out in raised.value.hint


def test_reserved_concurrency_of_zero_is_refused() -> None:
    """Somebody stopped the function: it is not invoked by another name."""
    with pytest.raises(FunctionNotTunable, match="reserved concurrency is 0"):
        check(reserved=0)
    assert check(reserved=1) == ()


WARNED: list[tuple[dict[str, Any], Inspection, str]] = [
    ({"VpcConfig": {"SubnetIds": ["subnet-0"]}}, CALM, "same subnets and security groups"),
    ({"FileSystemConfigs": [{"Arn": "a"}]}, CALM, "written for real"),
    (
        {},
        replace(CALM, sections={PROVISIONED_CONCURRENCY: [{"FunctionArn": f"{ARN}:live"}]}),
        "provisioned concurrency and its clones have none",
    ),
    (
        {},
        replace(CALM, sections={RUNTIME_MANAGEMENT: {"UpdateRuntimeOn": "FunctionUpdate"}}),
        "updated only when it is deployed",
    ),
    ({"Runtime": "python3.9"}, replace(CALM, today="2027-03-01"), "from 2027-02-01 on"),
    ({}, replace(CALM, policies=None), "policies of the function's role could not be read"),
    ({}, replace(CALM, policies=()), "may not write to the log group /lambda-tuner/clones"),
    (
        {},
        replace(
            CALM,
            policies=(may(Action="logs:PutLogEvents", Resource="arn:aws:logs:*:*:log-group:/aws/lambda/theirs:*"),),
        ),
        "may not write to the log group",
    ),
    ({}, with_policy(may(Action="lambda:Invoke*", Resource=ARN)), "a clone that does so invokes the live function"),
    ({"Environment": {"Variables": {"SELF": ARN}}}, CALM, "variable SELF holds its own ARN"),
    ({}, replace(CALM, sections={"tags": NOT_READABLE, "policy": None}), "compared after the run: tags."),
]


@pytest.mark.parametrize(("configuration", "inspection", "sentence"), WARNED)
def test_what_a_copy_does_differently_is_one_warning(
    configuration: dict[str, Any], inspection: Inspection, sentence: str
) -> None:
    """Before anything is spent, and without ending the run."""
    (warning,) = check(inspection, **configuration)
    assert re.search(sentence, warning)


def test_bare_name_in_a_variable_says_nothing() -> None:
    """Services name themselves in their variables: that is no invocation."""
    assert check(with_policy(INVOKES), Environment={"Variables": {"POWERTOOLS_SERVICE_NAME": "theirs"}}) == ()


def test_alias_is_looked_at_as_its_function() -> None:
    """A role's condition names functions, not versions."""
    target = read_target({**CONFIGURATION, "FunctionArn": f"{ARN}:live"}, qualifier="live", reserved_concurrency=None)
    assert target.function_arn == ARN
    bound = with_policy(may(Action="*", Condition={"StringEquals": {"lambda:SourceFunctionArn": ARN}}))
    with pytest.raises(FunctionNotTunable, match="condition on the calling function"):
        check_tunable(CONFIGURATION, target, bound)
