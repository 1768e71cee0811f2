"""No role may do more than its code does: the promise that tuning cannot touch what is tuned."""

from __future__ import annotations

import fnmatch
import importlib.util
import inspect
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import pytest

from tests.infrastructure.deployed import ACCOUNT, EVERYTHING_SET, REGION, ROOT, Deployed, definition, states
from tuner.aws.snapshot import SnapshotReader, iam_action
from tuner.core.run.bucket_layout import GIVEN_PAYLOAD, PROGRESS
from tuner.core.run.plan import CLONE_PREFIX

CLONES = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{CLONE_PREFIX}*"
BUCKET = f"arn:aws:s3:::lambda-tuner-artifacts-{ACCOUNT}-{REGION}"

WITHOUT_ARN = {
    "cloudwatch:GetMetricData": "AWS takes no ARN",
    "ec2:DescribeSecurityGroups": "AWS takes no ARN; Lambda asks it of whoever puts a function into a VPC",
    "ec2:DescribeSubnets": "as above",
    "ec2:DescribeVpcs": "as above",
    "lambda:ListEventSourceMappings": "AWS takes no ARN",
    "lambda:GetAccountSettings": "AWS takes no ARN",
    "lambda:ListFunctions": "AWS takes no ARN",
    "tag:GetResources": "AWS takes no ARN",
    "xray:PutTelemetryRecords": "AWS takes no ARN",
    "xray:PutTraceSegments": "AWS takes no ARN",
    # Step Functions' own logging ("Logging using CloudWatch Logs", Step Functions Developer Guide).
    "logs:CreateLogDelivery": "AWS takes no ARN",
    "logs:DeleteLogDelivery": "AWS takes no ARN",
    "logs:DescribeLogGroups": "AWS asks for * for vended logs",
    "logs:DescribeResourcePolicies": "AWS takes no ARN",
    "logs:GetLogDelivery": "AWS takes no ARN",
    "logs:ListLogDeliveries": "AWS takes no ARN",
    "logs:PutResourcePolicy": "AWS takes no ARN",
    "logs:UpdateLogDelivery": "AWS takes no ARN",
}
"""Every action that may stand with the resource ``*``, and why."""

READS = re.compile(r"^[a-z0-9]+:(Get|List|Describe|Filter|BatchGet)")

CHANGES_NOTHING = {"iam:PassRole", "lambda:AssociateRuntimeAlias"}
"""Asked of whoever gives a function a role or a customer-managed runtime."""

OUR_OWN = (
    CLONES,
    f"{CLONES}:*",
    f"{BUCKET}/*",
    f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/lambda-tuner-*",
    f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/lambda-tuner/clones:*",
    f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lambda-tuner-*",
    f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:lambda-tuner-*",
    f"arn:aws:states:{REGION}:{ACCOUNT}:execution:lambda-tuner-tune:*",
    f"arn:aws:events:{REGION}:{ACCOUNT}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule",
)
"""What may be written, invoked, started, stopped or deleted by anything of ours."""

IMPLIED = {
    # Asked of whoever calls CreateFunction, according to what the function is made of.
    "CreateClonesRole": {
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
        "ecr:GetRepositoryPolicy",
        "elasticfilesystem:DescribeMountTargets",
        "iam:PassRole",
        "lambda:AssociateRuntimeAlias",
        "lambda:GetLayerVersion",
        "lambda:PublishVersion",
        "lambda:TagResource",
        "s3files:ListMountTargets",
    },
}
NOT_FOR_COPIES = {
    "kms:CreateGrant": "of the function's own key, whose policy allows the role: docs/permissions.md",
    "kms:Decrypt": "as above",
    "kms:DescribeKey": "as above",
    "kms:Encrypt": "as above",
    "kms:GenerateDataKey": "as above",
    "lambda:GetCodeSigningConfig": "a clone has no code signing",
    "lambda:GetFunctionCodeSigningConfig": "as above",
    "lambda:GetFunctionRecursionConfig": "a call of its own, which CreateFunction does not make",
    "lambda:GetRuntimeManagementConfig": "as above",
    "lambda:PutFunctionRecursionConfig": "as above",
    "lambda:PutFunctionScalingConfig": "as above",
    "lambda:PutRuntimeManagementConfig": "as above",
    "lambda:PassCapacityProvider": "Managed Instances are refused",
    "s3:GetObjectVersion": "the artifact bucket has no versions",
}
"""What CloudFormation may need to create a function and the creator of clones does not, and why."""

ALWAYS_IMPLIED = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    # Decides whether a missing object answers 404 or 403.
    "s3:ListBucket",
}


def statements(deployed: Deployed) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every statement of every role, with the role's logical id."""
    for role in deployed.roles:
        for statement in deployed.statements(role):
            yield role, statement


def granted(deployed: Deployed, role: str, action: str) -> set[str]:
    """Give the resources on which a role may do something."""
    found = [one["Resource"] for one in deployed.statements(role) if action in one["Action"]]
    return {resource for resources in found for resource in resources}


@cache
def packaging() -> ModuleType:
    """Load packages/build_function.py, which knows what a function's package holds."""
    spec = importlib.util.spec_from_file_location("build_function", ROOT / "packages" / "build_function.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_statements_only_allow_and_name_their_actions(deployed: Deployed) -> None:
    """No action is a pattern, and nothing is granted by exclusion."""
    for role, statement in statements(deployed):
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & statement.keys()
        assert not [action for action in statement["Action"] if "*" in action or "?" in action], role


def test_star_only_where_aws_takes_no_arn(deployed: Deployed) -> None:
    """The resource ``*`` stands only with actions that are listed with their reason."""
    for role, statement in statements(deployed):
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= WITHOUT_ARN.keys(), role


LISTED_PROCESSOR = EVERYTHING_SET["ProcessorFunctions"]
"""Somebody else's function that may be invoked, where the deployer lists it."""


def test_writes_end_at_what_is_ours(deployed: Deployed) -> None:
    """Whatever changes, starts or removes something names only resources of this stack or temporary functions."""
    for role, statement in statements(deployed):
        changing = {one for one in statement["Action"] if not READS.match(one)} - WITHOUT_ARN.keys() - CHANGES_NOTHING
        listed = {LISTED_PROCESSOR} if changing == {"lambda:InvokeFunction"} else set()
        for resource in set(statement["Resource"]) - listed if changing else ():
            assert any(fnmatch.fnmatchcase(resource, ours) for ours in OUR_OWN), f"{role}: {changing} on {resource}"


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("lambda:CreateFunction", {"CreateClonesRole"}),
        ("lambda:TagResource", {"CreateClonesRole"}),
        ("lambda:PutFunctionConcurrency", {"CreateClonesRole"}),
        ("lambda:PublishVersion", {"CreateClonesRole"}),
        ("lambda:DeleteFunction", {"RestoreRole", "SweepRole"}),
    ],
)
def test_functions_are_made_and_removed_by_few(action: str, roles: set[str], deployed: Deployed) -> None:
    """Only temporary functions can be made or removed, and only by those whose work it is."""
    holders = {role for role, statement in statements(deployed) if action in statement["Action"]}
    assert holders == roles
    for role in roles:
        assert granted(deployed, role, action) == {CLONES}


def test_live_functions_are_never_changed(deployed: Deployed) -> None:
    """No role holds any other action of Lambda that writes."""
    writes = {
        action
        for _, statement in statements(deployed)
        for action in statement["Action"]
        if action.startswith("lambda:") and not READS.match(action)
    }
    assert writes == {
        # Changes nothing: it is asked of whoever gives a function a customer-managed runtime.
        "lambda:AssociateRuntimeAlias",
        "lambda:CreateFunction",
        "lambda:DeleteFunction",
        "lambda:InvokeFunction",
        "lambda:PublishVersion",
        "lambda:PutFunctionConcurrency",
        "lambda:TagResource",
    }


def test_invocations_go_to_clones_or_to_our_own_steps(deployed: Deployed) -> None:
    """Measure invokes clones and listed processors alone; a machine invokes the functions that its definition names."""
    assert granted(deployed, "MeasureRole", "lambda:InvokeFunction") - {LISTED_PROCESSOR} == {CLONES, f"{CLONES}:*"}
    holders = {role for role, statement in statements(deployed) if "lambda:InvokeFunction" in statement["Action"]}
    assert holders == {
        "MeasureRole",
        "TuneMachineRole",
        "RestoreMachineRole",
        "NightlyMachineRole",
        "SweepScheduleRole",
    }
    for machine in ("tune", "restore", "nightly"):
        named = {
            f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{deployed.functions[state['Resource'][2:-4]]['FunctionName']}"
            for _, state in states(definition(machine))
            if state["Type"] == "Task" and state["Resource"].endswith("FunctionArn}")
        }
        assert granted(deployed, f"{machine.title()}MachineRole", "lambda:InvokeFunction") == named


def test_our_own_functions_are_no_clones(deployed: Deployed) -> None:
    """The pattern that may be written and deleted matches nothing that this stack deploys."""
    for function in deployed.functions.values():
        assert not function["FunctionName"].startswith(CLONE_PREFIX)


def test_roles_are_passed_by_one_to_lambda_alone(deployed: Deployed) -> None:
    """iam:PassRole is held by the clones' creator, for Lambda, and for the roles that the parameter names."""
    holders = [(role, one) for role, one in statements(deployed) if "iam:PassRole" in one["Action"]]
    ((role, statement),) = holders
    assert role == "CreateClonesRole"
    assert statement["Action"] == ["iam:PassRole"]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    assert statement["Resource"] == [f"arn:aws:iam::{ACCOUNT}:role/*"]


def test_patterns_narrow_what_is_read_and_passed() -> None:
    """With both patterns given, nothing outside of them is read or passed."""
    narrow = Deployed({"FunctionPattern": "shop-*", "PassableRoles": "shop/*"})
    assert granted(narrow, "CreateClonesRole", "iam:PassRole") == {f"arn:aws:iam::{ACCOUNT}:role/shop/*"}
    for role, statement in statements(narrow):
        for action in statement["Action"]:
            if action.startswith("lambda:Get") and action not in {"lambda:GetLayerVersion", *WITHOUT_ARN}:
                for resource in statement["Resource"]:
                    assert ":function:shop-*" in resource or resource == CLONES, role


def test_roles_policies_are_read_where_that_is_wanted() -> None:
    """Plan alone reads the policies of roles that may be passed, and one parameter takes that away."""
    reading = {
        (role, action)
        for role, statement in statements(Deployed({"PassableRoles": "shop/*"}))
        for action in statement["Action"]
        if action.startswith("iam:") and action != "iam:PassRole"
    }
    assert {role for role, _ in reading} == {"PlanRole"}
    for _, action in reading:
        assert granted(Deployed({"PassableRoles": "shop/*"}), "PlanRole", action) in (
            {f"arn:aws:iam::{ACCOUNT}:role/shop/*"},
            {f"arn:aws:iam::{ACCOUNT}:policy/*", "arn:aws:iam::aws:policy/*"},
        )
    without = Deployed({"ReadRolePolicies": "DISABLED"})
    assert {action for _, one in statements(without) for action in one["Action"] if action.startswith("iam:")} == {
        "iam:PassRole"
    }


@pytest.mark.parametrize("role", ["PlanRole", "RestoreRole"])
def test_everything_that_is_compared_may_be_read(role: str, by_default: Deployed) -> None:
    """Both who take a snapshot hold each action that one takes: no section is left out for want of a permission."""
    source = inspect.getsource(SnapshotReader.snapshot)
    asked = set(re.findall(r'"((?:lambda|logs):[A-Z][A-Za-z]+)"', source))
    asked |= {iam_action(operation) for operation in re.findall(r'"((?:get|list)_[a-z_]+)"', source)}
    held = {action for statement in by_default.statements(role) for action in statement["Action"]}
    assert len(asked) >= 13
    assert asked <= held


def test_payloads_come_from_listed_places() -> None:
    """An input is not a permission: no other run is read, and of other buckets only what is listed."""
    assert granted(Deployed(), "PlanRole", "s3:GetObject") == {
        f"{BUCKET}/payloads/*",
        f"{BUCKET}/runs/*/{GIVEN_PAYLOAD}",
        f"{BUCKET}/runs/*/{PROGRESS}",
        f"{BUCKET}/open/*",
    }
    listed = granted(Deployed(EVERYTHING_SET), "PlanRole", "s3:GetObject") - granted(
        Deployed(), "PlanRole", "s3:GetObject"
    )
    assert listed == {EVERYTHING_SET["PayloadObjects"]}


def test_code_that_lambda_does_not_store_comes_from_listed_places() -> None:
    """The copier reads what the parameter lists, versions too; by default no bucket but ours."""
    for action in ("s3:GetObject", "s3:GetObjectVersion"):
        by_default = granted(Deployed(), "CopyCodeRole", action)
        assert not [one for one in by_default if not one.startswith(BUCKET)]
        listed = granted(Deployed(EVERYTHING_SET), "CopyCodeRole", action) - by_default
        assert listed == {EVERYTHING_SET["CodeObjects"]}


def test_creator_of_copies_may_what_aws_asks_of_it(by_default: Deployed) -> None:
    """CloudFormation's own list of what creating a function takes: a permission that AWS adds there fails here."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # takes a second, in each process that collects tests

    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, "AWS::Lambda::Function").schema
    asked = set(schema["handlers"]["create"]["permissions"])
    held = {action for statement in by_default.statements("CreateClonesRole") for action in statement["Action"]}
    assert asked - held == NOT_FOR_COPIES.keys()


def test_records_of_copies_may_be_searched(by_default: Deployed) -> None:
    """IAM writes a log group's ARN with a star behind it for this action, CloudWatch Logs' own answers without."""
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/lambda-tuner/clones"
    assert granted(by_default, "MeasureRole", "logs:FilterLogEvents") == {group, f"{group}:*"}


def test_whatever_is_started_by_itself_may_be(by_default: Deployed) -> None:
    """The rule's and the schedules' roles may start their targets: EventBridge tells nobody where they may not."""
    rules = [row["Targets"][0] for row in by_default.of_type("AWS::Events::Rule").values()]
    targets = [*rules, *(row["Target"] for row in by_default.of_type("AWS::Scheduler::Schedule").values())]
    assert len(targets) == 3
    by_arn = {by_default.resolve({"Fn::GetAtt": [role, "Arn"]}): role for role in by_default.roles}
    for target in targets:
        role, kind = by_arn[target["RoleArn"]], target["Arn"].split(":")[2]
        action = {"states": "states:StartExecution", "lambda": "lambda:InvokeFunction"}[kind]
        assert target["Arn"] in granted(by_default, role, action), role
        service = by_default.roles[role]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
        assert service == ("events.amazonaws.com" if target in rules else "scheduler.amazonaws.com")


def test_images_and_runtimes_may_be_another_accounts(by_default: Deployed) -> None:
    """A central registry's own policy decides; images and runtimes come from the same Region."""
    assert granted(by_default, "CreateClonesRole", "ecr:BatchGetImage") == {f"arn:aws:ecr:{REGION}:*:repository/*"}
    runtimes = granted(by_default, "CreateClonesRole", "lambda:AssociateRuntimeAlias")
    assert runtimes == {f"arn:aws:lambda:{REGION}:*:runtime/*"}


def test_only_listed_processors_may_be_invoked() -> None:
    """Besides clones, measuring invokes what the parameter lists, and by default that is nothing."""
    listed = granted(Deployed(EVERYTHING_SET), "MeasureRole", "lambda:InvokeFunction") - granted(
        Deployed(), "MeasureRole", "lambda:InvokeFunction"
    )
    assert listed == {EVERYTHING_SET["ProcessorFunctions"]}


def test_code_is_written_by_one_and_read_by_one(deployed: Deployed) -> None:
    """A target's package is stored by the copier and read by the clones' creator; nobody else sees it."""
    holders = {
        (role, action)
        for role, statement in statements(deployed)
        for action in statement["Action"]
        if f"{BUCKET}/clones/*" in statement["Resource"]
    }
    assert holders == {
        ("CopyCodeRole", "s3:GetObject"),
        ("CopyCodeRole", "s3:PutObject"),
        ("CreateClonesRole", "s3:GetObject"),
    }


def test_nothing_is_deleted_from_the_bucket(deployed: Deployed) -> None:
    """Artifacts go by the life-cycle rules alone: a role may take away marks of open runs and an answer that failed."""
    deleting = [
        (role, one["Resource"])
        for role, one in statements(deployed)
        if any("s3:Delete" in action for action in one["Action"])
    ]
    assert deleting == [
        ("ReportRole", [f"{BUCKET}/functions/*/latest.json"]),
        ("ReportRole", [f"{BUCKET}/open/*"]),
    ]


def test_every_grant_is_used(by_default: Deployed) -> None:
    """Each action that a function's role holds is one that the code in its package names when it calls AWS."""
    for logical in by_default.functions:
        name = logical.removesuffix("Function")
        role = f"{name}Role"
        entry = f"tuner.handlers.{packaging().handler_name(name)}"
        modules = packaging().reachable_modules(entry, ROOT)
        code = "\n".join(packaging().module_path(module, ROOT).read_text(encoding="utf-8") for module in modules)
        named = set(re.findall(r'"([a-z0-9]+:[A-Z][A-Za-z]+)"', code))
        named |= {iam_action(operation) for operation in re.findall(r'"((?:get|list)_[a-z_]+)"', code)}
        held = {action for statement in by_default.statements(role) for action in statement["Action"]}
        assert held - named - ALWAYS_IMPLIED - IMPLIED.get(role, set()) == set(), role


def test_roles_are_assumed_by_this_accounts_services_alone(deployed: Deployed) -> None:
    """Trust names one service and this account, and for all but Lambda the very resource: no confused deputy."""
    for name, role in deployed.roles.items():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Action"] == "sts:AssumeRole"
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
        if trust["Principal"]["Service"] != "lambda.amazonaws.com":
            source = trust["Condition"]["ArnLike"]["aws:SourceArn"]
            assert source.split(":")[3:5] == [REGION, ACCOUNT], name
            assert "*" not in source, name


def test_trusted_sources_exist(by_default: Deployed) -> None:
    """The resource that a trust policy names is one that is deployed."""
    machines = {
        f"stateMachine:{one['StateMachineName']}"
        for one in by_default.of_type("AWS::StepFunctions::StateMachine").values()
    }
    rules = {f"rule/{one['Name']}" for one in by_default.of_type("AWS::Events::Rule").values()}
    groups = {f"schedule-group/{one['Name']}" for one in by_default.of_type("AWS::Scheduler::ScheduleGroup").values()}
    for schedule in by_default.of_type("AWS::Scheduler::Schedule").values():
        assert f"schedule-group/{schedule['GroupName']}" in groups
    for role in by_default.roles.values():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        if "ArnLike" in trust["Condition"]:
            assert trust["Condition"]["ArnLike"]["aws:SourceArn"].split(":", 5)[5] in machines | rules | groups


def test_boundary_is_on_every_role_or_none(deployed: Deployed) -> None:
    """A permissions boundary, where given, bounds all of them."""
    boundary = deployed.parameters["PermissionsBoundaryArn"]
    for name, role in deployed.roles.items():
        assert role.get("PermissionsBoundary", "") == boundary, name


def test_key_is_for_those_who_use_the_bucket() -> None:
    """With a key of its own, the bucket's readers and writers may use the key, through S3 alone."""
    deployed = Deployed(EVERYTHING_SET)
    (policy,) = deployed.of_type("AWS::IAM::ManagedPolicy").values()
    users = {role for role, one in statements(deployed) if any(each.startswith(BUCKET) for each in one["Resource"])}
    assert set(policy["Roles"]) == {f"lambda-tuner-{role}" for role in users}
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Resource"] == EVERYTHING_SET["ArtifactKeyArn"]
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    assert not Deployed().of_type("AWS::IAM::ManagedPolicy")
