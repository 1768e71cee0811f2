"""Permissions before they are needed: of whoever deploys, and of each role of the stack, by IAM's own simulator.

``iam:SimulatePrincipalPolicy`` reads the policies of a principal, its boundary and its account's SCPs, and calls
nothing. It sees no resource policy (of a bucket, a key), no resource control policy and no session policy, and it has
no values for conditions on a request's own context (botocore's model of the operation, seen 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tuner.application import application_root
from tuner.aws.failures import aws_call, error_code
from tuner.cli.account import Account
from tuner.cli.doctor.checks import Check

UNSEEN = (
    "The simulator does not see resource policies, resource control policies, session policies, and SCPs with "
    "conditions on a request's own context."
)
_SHOWN = 6

DEPLOYMENT: Mapping[str, tuple[str, str]] = {
    "AWS::IAM::Role": (
        "iam::{account}:role/{stack}-doctor",
        "iam: CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy PassRole PutRolePolicy TagRole",
    ),
    "AWS::Serverless::Function": (
        "lambda:{region}:{account}:function:{stack}-plan",
        "lambda: CreateFunction DeleteFunction GetFunction TagResource UpdateFunctionCode UpdateFunctionConfiguration",
    ),
    "AWS::Serverless::StateMachine": (
        "states:{region}:{account}:stateMachine:{stack}-tune",
        "states: CreateStateMachine DeleteStateMachine DescribeStateMachine TagResource UpdateStateMachine",
    ),
    "AWS::S3::Bucket": (
        "s3:::{bucket}",
        "s3: CreateBucket DeleteBucket PutBucketOwnershipControls PutBucketPublicAccessBlock "
        "PutEncryptionConfiguration PutLifecycleConfiguration",
    ),
    "AWS::S3::BucketPolicy": ("s3:::{bucket}", "s3: DeleteBucketPolicy PutBucketPolicy"),
    "AWS::Logs::LogGroup": (
        "logs:{region}:{account}:log-group:/{stack}/clones",
        "logs: CreateLogGroup DeleteLogGroup PutRetentionPolicy",
    ),
    "AWS::Events::Rule": (
        "events:{region}:{account}:rule/{stack}-restore",
        "events: DeleteRule DescribeRule PutRule PutTargets RemoveTargets",
    ),
    "AWS::Scheduler::ScheduleGroup": (
        "scheduler:{region}:{account}:schedule-group/{stack}",
        "scheduler: CreateScheduleGroup DeleteScheduleGroup GetScheduleGroup",
    ),
    "AWS::Scheduler::Schedule": (
        "scheduler:{region}:{account}:schedule/{stack}/{stack}-sweep",
        "scheduler: CreateSchedule DeleteSchedule GetSchedule UpdateSchedule",
    ),
    "AWS::CloudFormation::Stack": (
        "cloudformation:{region}:{account}:stack/{stack}/doctor",
        "cloudformation: CreateChangeSet DeleteStack DescribeChangeSet DescribeStackEvents DescribeStacks "
        "ExecuteChangeSet",
    ),
}
"""What deploying a type of resource takes, on which resource; a test finds a type of the template that is missing."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a principal may do something."""

    principal_arn: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


def deployer_questions(account: Account, principal_arn: str) -> list[Question]:
    """What ``sam deploy`` asks of whoever runs it without a service role of CloudFormation's."""
    names = {"region": account.region, "account": account.account_id, "stack": account.stack, "bucket": account.bucket}
    partition = account.tune_arn.split(":")[1]
    questions = []
    for resource, words in DEPLOYMENT.values():
        service, *actions = words.split()
        arn = f"arn:{partition}:{resource.format(**names)}"
        questions.append(Question(principal_arn, tuple(f"{service}{action}" for action in actions), (arn,)))
    return questions


def role_questions(role_arn: str, policy: Mapping[str, Any]) -> list[Question]:
    """What a role of the stack may do by its own policy: one question for each statement.

    A pattern stands for all that it matches: its stars become ``1``, or the account's own number where one belongs.
    """
    account_id = role_arn.split(":")[4]

    def sample(resource: str) -> str:
        parts = resource.split(":", 5)
        if len(parts) == 6 and parts[4] == "*":
            parts[4] = account_id
        return resource if resource == "*" else ":".join(parts).replace("*", "1").replace("?", "1")

    return [
        Question(
            role_arn,
            tuple(_listed(statement["Action"])),
            tuple(sample(resource) for resource in _listed(statement["Resource"])),
            {key: _listed(value) for key, value in statement.get("Condition", {}).get("StringEquals", {}).items()},
        )
        for statement in policy["Statement"]
    ]


def packaged_actions() -> dict[str, set[str]]:
    """The actions that the packaged template grants to each role whatever its parameters, by logical id."""
    resources = packaged_template()["Resources"]
    return {
        name: {
            action
            for policy in resource["Properties"]["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            if "Action" in statement  # an Fn::If has none: it depends on a parameter
            for action in _listed(statement["Action"])
        }
        for name, resource in resources.items()
        if resource["Type"] == "AWS::IAM::Role"
    }


def packaged_template() -> dict[str, Any]:
    """The template in this package."""
    from tuner.embedded.deploy import read_template

    return read_template(application_root())


def check_policies(deployed: Mapping[str, Mapping[str, Any] | None]) -> Check:
    """Whether each role, by its logical id, has the policy of this package's template; ``None``: it has none."""
    lacking = []
    for role, wanted in packaged_actions().items():
        policy = deployed.get(role) or {"Statement": []}
        held = {action for statement in policy["Statement"] for action in _listed(statement["Action"])}
        if missing := sorted(wanted - held):
            lacking.append(f"{role} lacks {', '.join(missing)}")
    if not lacking:
        return Check("Role policies", "ok", f"All {len(deployed)} roles have the actions of this package's template.")
    return Check("Role policies", "failed", f"{'; '.join(lacking)}.", "Deploy this version again: sam deploy.")


def read_policies(account: Account) -> tuple[dict[str, Any], dict[str, str]]:
    """The policy ``needed`` of each role of the stack, and the role's ARN, by logical id."""
    iam, stack, action = account.client("iam"), account.stack, "cloudformation:ListStackResources"
    wanted = ("cloudformation", "list_stack_resources", "StackResourceSummaries", action)
    policies: dict[str, Any] = {}
    arns: dict[str, str] = {}
    partition = account.tune_arn.split(":")[1]
    for row in account.rows(*wanted, of=stack, StackName=stack):
        role, name = row["LogicalResourceId"], row.get("PhysicalResourceId")
        if row["ResourceType"] != "AWS::IAM::Role" or not name:  # a deployment that failed may have made no such role
            continue
        arns[role] = f"arn:{partition}:iam::{account.account_id}:role/{name}"
        with aws_call("iam:GetRolePolicy", name):
            try:
                policies[role] = iam.get_role_policy(RoleName=name, PolicyName="needed")["PolicyDocument"]
            except ClientError as error:
                if error_code(error) != "NoSuchEntity":
                    raise
                policies[role] = None
    return policies, arns


def principal_arn(account: Account, caller_arn: str) -> str | None:
    """The user or role behind a caller; ``None`` for the root user and for federated ones, which have no policies."""
    role = re.fullmatch(r"arn:[\w-]+:sts::\d+:assumed-role/([^/]+)/.+", caller_arn)
    if role:
        with aws_call("iam:GetRole", role[1]):
            return str(account.client("iam").get_role(RoleName=role[1])["Role"]["Arn"])
    return caller_arn if ":user/" in caller_arn else None


def check_permissions(account: Account, name: str, questions: Sequence[Question], way_out: str) -> Check:
    """Ask the simulator all questions; one result."""
    denied = [denial for question in questions for denial in _denials(account, question)]
    if not denied:
        count = sum(len(question.actions) for question in questions)
        return Check(name, "ok", f"All {count} simulated actions are allowed. {UNSEEN}")
    shown = "; ".join(denied[:_SHOWN]) + (f"; and {len(denied) - _SHOWN} more" if len(denied) > _SHOWN else "")
    return Check(name, "failed", f"Not allowed: {shown}.", way_out)


def _denials(account: Account, question: Question) -> Iterator[str]:
    who = question.principal_arn.rpartition("/")[2]
    asked = {
        "PolicySourceArn": question.principal_arn,
        "ActionNames": list(question.actions),
        "ResourceArns": list(question.resources),
        "ContextEntries": [
            {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": list(values)}
            for key, values in question.context.items()
        ],
    }
    action = "iam:SimulatePrincipalPolicy"
    for row in account.rows("iam", "simulate_principal_policy", "EvaluationResults", action, of=who, **asked):
        specific = row.get("ResourceSpecificResults") or ()
        refused = [one["EvalResourceName"] for one in specific if one["EvalResourceDecision"] != "allowed"]
        if row["EvalDecision"] != "allowed" or refused:
            on = ", ".join(refused or question.resources)
            yield f"{who} may not {row['EvalActionName']} on {on}{_because(row)}"


def _because(row: Mapping[str, Any]) -> str:
    if row.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations") is False:
        return " (an SCP of the organization)"
    if row.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary") is False:
        return " (its permissions boundary)"
    return " (an explicit deny)" if row["EvalDecision"] == "explicitDeny" else ""


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
