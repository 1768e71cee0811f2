"""Where runs happen: the application deployed in an AWS account, or the embedded AWS on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tuner.aws.failures import aws_call, error_code, error_text
from tuner.cli.failures import CredentialsRefused, NotDeployed, UsageProblem
from tuner.cli.flags import AccountFlags
from tuner.core.aws_limits import artifact_bucket, stack_name_problem

if TYPE_CHECKING:
    from tuner.embedded.account import EmbeddedAws

DEFAULT_STACK = "lambda-tuner"
_STATE_MACHINE_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):states:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):stateMachine:(?P<stack>[\w-]+)-tune"
)


@dataclass(frozen=True)
class Account:
    """The application's own names in one account and Region, and the clients to reach it."""

    where: Literal["aws", "local"]
    stack: str
    region: str
    account_id: str
    tune_arn: str
    restore_arn: str
    bucket: str
    client: Callable[..., Any]
    """Gives a boto3 client for a service, with options of botocore's ``Config`` if one needs them."""
    has_ended: Callable[[], bool] = lambda: False
    """Whether the account itself is gone, and every execution with it: an embedded AWS that died."""
    flags: str = ""
    """The command's flags that name this account again."""

    @property
    def name(self) -> str:
        """The account as a sentence names it."""
        if self.where == "local":
            return "the embedded AWS on this machine"
        return f"account {self.account_id}, Region {self.region}"

    def rows(
        self, service: str, operation: str, field: str, action: str, *, of: str | None = None, **arguments: Any
    ) -> list[Any]:
        """What all pages of an answer hold in a *field*; it takes the permission *action*, here or *of* one thing."""
        with aws_call(action, of or self.name):
            pages = self.client(service).get_paginator(operation).paginate(**arguments)
            return [row for page in pages for row in page[field]]


def deployed_account(named: AccountFlags) -> Account:
    """Find the deployed application.

    Raises:
        NotDeployed: There is no such state machine; says how to deploy it.
        UsageProblem: ``--state-machine`` is no such ARN, or contradicts ``--region`` or ``--stack``.
    """
    account = account_names(named)
    require_deployed(account)
    return account


def account_names(named: AccountFlags) -> Account:
    """Name the application's parts in an account, whether or not they are deployed there."""
    import boto3
    from botocore.config import Config

    from tuner.aws.clients import USER_AGENT

    region, stack, state_machine = named.region, named.stack, named.state_machine
    if state_machine is not None:
        found = _STATE_MACHINE_ARN.fullmatch(state_machine)
        if not found:
            raise UsageProblem(
                f"--state-machine {state_machine!r} is not the ARN of a state machine named <stack>-tune.",
                hint="It looks like arn:aws:states:eu-central-1:123456789012:stateMachine:lambda-tuner-tune.",
            )
        for flag, typed, said in (("--region", region, found["region"]), ("--stack", stack, found["stack"])):
            if typed is not None and typed != said:
                raise UsageProblem(f"{flag} {typed} contradicts --state-machine, which says {said}.")
        region, stack = found["region"], found["stack"]
    # As the AWS CLI does; boto3 by itself reads AWS_DEFAULT_REGION only.
    session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"), profile_name=named.profile)
    configuration = Config(
        user_agent_extra=USER_AGENT,
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 4},
    )

    def client(service: str, **options: Any) -> Any:
        return session.client(service, config=configuration.merge(Config(**options)))  # type: ignore[call-overload]

    caller = _caller(client("sts"))
    partition = caller["Arn"].split(":")[1]
    region_name = client("stepfunctions").meta.region_name
    name = stack or DEFAULT_STACK
    account_id = caller["Account"]
    if problem := stack_name_problem(name, account_id, region_name):
        raise UsageProblem(
            f"A stack cannot be named {name}: {problem}.",
            hint="Deploy it under another name: sam deploy --stack-name lambda-tuner.",
        )
    machines = f"arn:{partition}:states:{region_name}:{account_id}:stateMachine:{name}"
    return Account(
        where="aws",
        stack=name,
        region=region_name,
        account_id=account_id,
        tune_arn=state_machine or f"{machines}-tune",
        restore_arn=f"{(state_machine or machines + '-tune').removesuffix('-tune')}-restore",
        bucket=artifact_bucket(name, account_id, region_name),
        client=client,
        flags=" ".join(
            [f"--region {region_name}"]
            + ([f"--profile {named.profile}"] if named.profile else [])
            + ([f"--stack {name}"] if name != DEFAULT_STACK else [])
        ),
    )


def _caller(sts: Any) -> Any:
    """Ask who we are; if there are no credentials, botocore's own error says which."""
    from botocore.exceptions import ClientError

    try:
        return sts.get_caller_identity()
    except ClientError as error:
        raise CredentialsRefused(
            f"AWS refuses these credentials: {error_text(error)}.",
            hint="Log in again (`aws sso login`), or name another profile with --profile.",
        ) from error


def require_deployed(account: Account) -> None:
    """Check that the state machine is there.

    Raises:
        NotDeployed: It is not; says how to deploy it.
    """
    from botocore.exceptions import ClientError

    with aws_call("states:DescribeStateMachine", account.tune_arn):
        try:
            account.client("stepfunctions").describe_state_machine(stateMachineArn=account.tune_arn)
        except ClientError as error:
            if error_code(error) not in {"StateMachineDoesNotExist", "InvalidArn"}:
                raise
            raise NotDeployed(
                f"Lambda Tuner is not deployed in {account.name}: there is no state machine {account.stack}-tune.",
                hint="Deploy it from a checkout with `sam build && sam deploy --guided --stack-name "
                f"{account.stack} --region {account.region}`, name another stack with --stack, "
                "or run without an account: --local.",
            ) from error


def find_stack(account: Account) -> dict[str, Any] | None:
    """What CloudFormation says of the stack, with ``Outputs`` and ``Parameters``; ``None`` if there is none."""
    from botocore.exceptions import ClientError

    with aws_call("cloudformation:DescribeStacks", account.stack):
        try:
            stacks = account.client("cloudformation").describe_stacks(StackName=account.stack)["Stacks"]
        except ClientError as error:
            if error_code(error) == "ValidationError" and "does not exist" in error_text(error):
                return None
            raise
    return next((dict(stack) for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"), None)


def embedded_account(aws: EmbeddedAws) -> Account:
    """The application on a running embedded AWS."""
    from tuner.embedded.account import client

    _, _, _, region, account_id, *_ = aws.tune_arn.split(":")
    return Account(
        where="local",
        stack=DEFAULT_STACK,
        region=region,
        account_id=account_id,
        tune_arn=aws.tune_arn,
        restore_arn=f"{aws.tune_arn.removesuffix('-tune')}-restore",
        bucket=aws.bucket,
        client=lambda service: client(aws, service),
        has_ended=aws.has_ended,
    )
