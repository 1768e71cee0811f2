"""``lambda-tuner doctor``: every check in order, on the terminal or as JSON for a bug report."""

from __future__ import annotations

import functools
import json
import platform
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from botocore.exceptions import BotoCoreError, NoRegionError

from tuner import __version__
from tuner.aws.failures import aws_call
from tuner.cli.account import Account, account_names, embedded_account, find_stack
from tuner.cli.console import error_console, is_interactive, result_console
from tuner.cli.doctor import checks, permissions
from tuner.cli.doctor.checks import Check
from tuner.cli.doctor.comparison import compare, probe_price, reference
from tuner.cli.doctor.probe import Probed, outputs_of, probe_left_out, run_probe
from tuner.cli.failures import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, CredentialsRefused, explained, print_json
from tuner.cli.flags import AccountFlags
from tuner.cli.follow import caught_interrupts
from tuner.cli.local import local_aws
from tuner.cli.reading import run_ids
from tuner.cli.runs import Runs
from tuner.cli.uninstall import STATE_MACHINE_NAMES
from tuner.core.errors import TunerError

_MARKS = {"ok": ("✓", "green"), "failed": ("✗", "red"), "not checked": ("–", "yellow")}
_SECRETS = (
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b"), r"\1************"),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), "************"),
)
_IAM_IS_NOT_ENFORCED = "The embedded AWS does not enforce IAM."


@dataclass(slots=True)
class Doctor:
    """The results so far, shown as they come."""

    json_output: bool
    found: list[Check] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    probed: Probed | None = None
    where: dict[str, str] = field(default_factory=dict)

    def add(self, *results: Check) -> None:
        """Take results, and show them at once to a person."""
        self.found += results
        for check in () if self.json_output else results:
            mark, style = _MARKS[check.status]
            console = result_console()
            console.print(mark, style=style, end=" ")
            console.print(f"{check.name}: ", style="bold", end="")
            prefix = "not checked. " if check.status == "not checked" else ""
            console.print(prefix + check.sentence, soft_wrap=True)
            if check.way_out:
                console.print(f"  {check.way_out}", soft_wrap=True)

    def attempt(self, name: str, look: Callable[[], Check]) -> None:
        """Add what *look* finds; a question that AWS does not answer leaves the check open."""
        try:
            self.add(look())
        except TunerError as error:
            self.add(Check(name, "not checked", error.message, error.hint))

    def counted(self, account: Account) -> Account:
        """The same account, with every call counted."""

        def count(model: Any, **_: Any) -> None:
            self.calls[f"{model.service_model.service_name}:{model.name}"] += 1

        @functools.cache
        def client(service: str) -> Any:
            made = account.client(service)
            made.meta.events.register("before-call", count)
            return made

        return replace(account, client=client)

    def document(self) -> dict[str, Any]:
        """Everything found, for ``--json``, with account numbers and access keys masked."""
        document = {
            "version": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            **self.where,
            "checks": [asdict(check) for check in self.found],
            "probe": None
            if self.probed is None
            else {
                "runs": {name: asdict(run) for name, run in self.probed.runs.items()},
                "spentUsd": self.probed.spent_usd,
                "versions": self.probed.versions,
            },
            "calls": dict(sorted(self.calls.items())),
        }
        return dict(json.loads(masked(json.dumps(document))))


def masked(text: str) -> str:
    """Replace account numbers and access keys with stars.

    Example:
        >>> masked("arn:aws:iam::123456789012:role/a, bucket b-123456789012-eu-west-1, AKIAIOSFODNN7EXAMPLE")
        'arn:aws:iam::************:role/a, bucket b-************-eu-west-1, AKIA************'
    """
    for pattern, stars in _SECRETS:
        text = pattern.sub(stars, text)
    return text


def run_doctor(where: AccountFlags, *, probe: bool, yes: bool, json_output: bool) -> int:
    """Make every check that can be made, with *probe* also that by a function of its own; 0 unless one failed."""
    doctor = Doctor(json_output)
    if where.local:
        with local_aws(function="the doctor's own") as aws:
            _examine(doctor, embedded_account(aws), probe=probe, yes=True)
    elif account := _named_account(doctor, where):
        _examine(doctor, account, probe=probe, yes=yes)
    return _end(doctor)


def _end(doctor: Doctor) -> int:
    count = Counter(check.status for check in doctor.found)
    if doctor.json_output:
        print_json(doctor.document())
    else:
        error_console().print(
            f"{count['ok']} checks passed, {count['failed']} failed, {count['not checked']} skipped."
            + (" In a bug report, please include the output of --json." if count["failed"] else "")
        )
    if doctor.probed is not None and doctor.probed.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if count["failed"] else EXIT_OK


def _named_account(doctor: Doctor, where: AccountFlags) -> Account | None:
    """The account that the flags name; ``None`` if credentials or Region stand in the way."""
    try:
        return account_names(where)
    except CredentialsRefused as error:
        doctor.add(Check("Credentials", "failed", error.message, error.hint))
    except BotoCoreError as error:
        doctor.add(Check("Region" if isinstance(error, NoRegionError) else "Credentials", "failed", *explained(error)))
    return None


def _examine(doctor: Doctor, account: Account, *, probe: bool, yes: bool) -> None:
    account = doctor.counted(account)
    doctor.where = {"where": account.where, "region": account.region, "stack": account.stack}
    with aws_call("sts:GetCallerIdentity", account.name):
        caller_arn = account.client("sts").get_caller_identity()["Arn"]
    doctor.add(Check("Credentials", "ok", f"{caller_arn}."), checks.check_region(account.region))
    doctor.attempt("Deployer's permissions", lambda: _deployer(account, caller_arn))
    try:
        stack = find_stack(account)
    except TunerError as error:
        doctor.add(Check("Stack", "not checked", error.message, error.hint))
        return
    doctor.add(checks.check_stack(account.stack, stack))
    if stack is not None:
        doctor.add(checks.check_version(outputs_of(stack).get("Version"), __version__))
        doctor.attempt("State machines", lambda: checks.check_machines(_definitions(account), account))
        _roles(doctor, account)
    _limits(doctor, account)
    if stack is not None:
        _probe(doctor, account, stack, probe=probe, yes=yes)
        doctor.attempt("SDK in the functions", lambda: _sdk(doctor, account))


def _deployer(account: Account, caller_arn: str) -> Check:
    name = "Deployer's permissions"
    if account.where == "local":
        return Check(name, "not checked", _IAM_IS_NOT_ENFORCED)
    principal = permissions.principal_arn(account, caller_arn)
    if principal is None:
        return Check(name, "not checked", f"The simulator accepts only users and roles, and {caller_arn} is neither.")
    return permissions.check_permissions(
        account,
        name,
        permissions.deployer_questions(account, principal),
        "Allow them, or deploy with a CloudFormation service role; docs/permissions.md has the list.",
    )


def _definitions(account: Account) -> dict[str, Any]:
    machines, found = account.client("stepfunctions"), {}
    prefix = account.tune_arn.removesuffix("tune")
    for name in STATE_MACHINE_NAMES:
        with aws_call("states:DescribeStateMachine", prefix + name):
            try:
                answer = machines.describe_state_machine(stateMachineArn=prefix + name)
            except machines.exceptions.StateMachineDoesNotExist:
                continue
            found[name] = json.loads(answer["definition"])
    return found


def _roles(doctor: Doctor, account: Account) -> None:
    try:
        policies, arns = permissions.read_policies(account)
    except TunerError as error:
        doctor.add(*(Check(n, "not checked", error.message, error.hint) for n in ("Role policies", "Role permissions")))
        return
    doctor.add(permissions.check_policies(policies))
    if account.where == "local":
        doctor.add(Check("Role permissions", "not checked", _IAM_IS_NOT_ENFORCED))
        return
    questions = [
        question
        for role, policy in policies.items()
        if policy is not None
        for question in permissions.role_questions(arns[role], policy)
    ]
    way_out = (
        "Lift the boundary (PermissionsBoundaryArn) or the SCP that takes them away; docs/permissions.md says why."
    )
    doctor.attempt(
        "Role permissions", lambda: permissions.check_permissions(account, "Role permissions", questions, way_out)
    )


def _limits(doctor: Doctor, account: Account) -> None:
    names = ("Concurrency", "Code storage")
    if account.where == "local":
        doctor.add(*(Check(n, "not checked", "The embedded AWS has no account limits.") for n in names))
        return
    try:
        with aws_call("lambda:GetAccountSettings", account.name):
            settings: Mapping[str, Any] = account.client("lambda").get_account_settings()
    except TunerError as error:
        doctor.add(*(Check(name, "not checked", error.message, error.hint) for name in names))
        return
    doctor.add(checks.check_concurrency(settings), checks.check_code_storage(settings))


def _probe(doctor: Doctor, account: Account, stack: Mapping[str, Any], *, probe: bool, yes: bool) -> None:
    price = probe_price(account.region)
    left_out = probe_left_out(account, stack)
    if any(check.status == "failed" and check.name in {"Stack", "State machines"} for check in doctor.found):
        doctor.add(Check("Probe", "not checked", "The stack is not as it should be.", "Fix that first."))
    elif left_out:
        doctor.add(Check("Probe", "not checked", *left_out))
    elif not probe:
        doctor.add(Check("Probe", "not checked", "--no-probe skips it."))
    elif not (yes or _agreed(account, price)):
        doctor.add(Check("Probe", "not checked", f"It was not confirmed. It costs {price}.", "Confirm it with --yes."))
    else:
        with caught_interrupts() as interrupts:
            doctor.probed = run_probe(account, stack, interrupts, error_console().print)
        doctor.add(*doctor.probed.checks, *compare(doctor.probed.runs, reference()))


def _agreed(account: Account, price: str) -> bool:
    if not is_interactive():
        return False
    import typer

    error_console().print(
        f"The probe makes a function {account.stack}-probe in {account.name}, tunes it with two real executions, and "
        f"removes everything. It takes a minute or two and costs {price}."
    )
    return typer.confirm("Run it?", err=True)


def _sdk(doctor: Doctor, account: Account) -> Check:
    """What the probe's report says, else the newest run's."""
    versions = doctor.probed.versions if doctor.probed else None
    runs = Runs(account)
    if versions is None and (known := run_ids(runs.artifacts)):
        report = runs.report(known[-1])
        versions = report.versions if report else None
    return checks.check_sdk(versions)
