"""The checks that need no more than an answer of AWS: pure, one result each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tuner.application import application_root
from tuner.cli.account import Account
from tuner.cli.uninstall import STATE_MACHINE_NAMES
from tuner.core.errors import ServiceError
from tuner.core.function.clone import check_service_model
from tuner.core.function.concurrency import plan_concurrency
from tuner.core.money.pricing import known_regions

LEAST_FREE_CODE_BYTES = 1024**3
"""A clone's package counts; the largest is 250 MB, and a round makes a few."""
_SETTLED = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found."""

    name: str
    status: Literal["ok", "failed", "not checked"]
    sentence: str
    way_out: str = ""


def check_region(region: str) -> Check:
    """A run in a Region whose prices are unknown ends before it begins."""
    if region in known_regions("x86_64"):
        return Check("Region", "ok", f"{region}, and its prices are known.")
    return Check(
        "Region",
        "failed",
        f"The prices of {region} are not known, so a run there ends with PriceUnknown.",
        "Choose another Region with --region; docs/prices.md lists them and how to add one.",
    )


def check_stack(name: str, stack: Mapping[str, Any] | None) -> Check:
    """Whether the stack is deployed and settled; before the first deployment nothing is wrong."""
    if stack is None:
        return Check(
            "Stack",
            "not checked",
            f"There is no stack {name} here yet.",
            f"Deploy it: sam build && sam deploy --stack-name {name}, then run the doctor again.",
        )
    status = str(stack["StackStatus"])
    if status in _SETTLED:
        return Check("Stack", "ok", f"{name} is deployed ({status}).")
    return Check(
        "Stack",
        "failed",
        f"{name} is in the state {status}: {stack.get('StackStatusReason') or 'no reason given'}.",
        f"aws cloudformation describe-stack-events --stack-name {name} names the resource; then sam deploy again.",
    )


def check_version(deployed: str | None, installed: str) -> Check:
    """The command and the stack read and write the same documents only in the same version."""
    if deployed == installed:
        return Check("Version", "ok", f"The stack and this command are both {installed}.")
    return Check(
        "Version",
        "failed",
        f"The stack is {deployed or 'older than its Version output'}, this command is {installed}.",
        "Deploy the command's version (sam build && sam deploy in its checkout), or install the stack's.",
    )


def packaged_definition(machine: str, account: Account) -> Any:
    """A state machine's definition in this package, with the account's names in it, as it is deployed there."""
    text = (application_root() / "state_machine" / f"{machine}.asl.json").read_text(encoding="utf-8")
    partition = account.tune_arn.split(":")[1]

    def value(placeholder: re.Match[str]) -> str:
        match placeholder[1]:
            case "Partition":
                return partition
            case "TuneStateMachineArn":
                return account.tune_arn
            case function:
                name = re.sub("(?<!^)(?=[A-Z])", "-", function.removesuffix("FunctionArn")).lower()
                return f"arn:{partition}:lambda:{account.region}:{account.account_id}:function:{account.stack}-{name}"

    definition = json.loads(re.sub(r"\$\{(\w+)\}", value, text))
    if account.where == "local":
        from tuner.embedded.deploy import one_run_at_a_time

        return one_run_at_a_time(definition)
    return definition


def check_machines(deployed: Mapping[str, Any], account: Account) -> Check:
    """Whether each state machine, by its name without the stack's, is, state by state, the one of this package."""
    changed = []
    for machine in STATE_MACHINE_NAMES:
        expected, found = packaged_definition(machine, account), deployed.get(machine)
        if found is None:
            changed.append(f"{account.stack}-{machine} is not there")
        elif found != expected:
            states = expected["States"].keys() | found.get("States", {}).keys()
            differing = sorted(n for n in states if expected["States"].get(n) != found.get("States", {}).get(n))
            changed.append(f"{account.stack}-{machine} differs in {', '.join(differing) or 'its settings'}")
    if not changed:
        return Check("State machines", "ok", f"All {len(STATE_MACHINE_NAMES)} match this package.")
    return Check("State machines", "failed", f"{'; '.join(changed)}.", "Deploy this version again: sam deploy.")


def check_concurrency(settings: Mapping[str, Any]) -> Check:
    """How much of the account's concurrency a run may use: a tenth of what is free, and at least one."""
    limit = settings["AccountLimit"]
    free, total = limit["UnreservedConcurrentExecutions"], limit["ConcurrentExecutions"]
    plan = plan_concurrency(parallel=None, reserved=None, unreserved=free)
    if free >= 1:
        return Check(
            "Concurrency",
            "ok",
            f"{free:,} of {total:,} concurrent executions are not reserved; a run uses at most "
            f"{plan.batches * plan.per_batch} by default.",
        )
    return Check(
        "Concurrency",
        "failed",
        f"None of the account's {total:,} concurrent executions is free, so AWS throttles every clone.",
        "Lower a function's reserved concurrency, or ask AWS for more.",
    )


def check_code_storage(settings: Mapping[str, Any]) -> Check:
    """Whether there is room for the packages of temporary functions."""
    free = settings["AccountLimit"]["TotalCodeSize"] - settings["AccountUsage"]["TotalCodeSize"]
    if free >= LEAST_FREE_CODE_BYTES:
        return Check("Code storage", "ok", f"{free / 1024**3:,.0f} GB are free for the clones' code.")
    return Check(
        "Code storage",
        "failed",
        f"Only {free / 1024**2:,.0f} MB are left for the code of all functions; a run may need 1 GB meanwhile.",
        "Delete old function versions, or ask AWS for more.",
    )


def check_sdk(inside: Mapping[str, str] | None) -> Check:
    """Whether the SDK in the functions, by a report's ``versions``, knows each field that this version knows."""
    name = "SDK in the functions"
    if inside is None:
        return Check(name, "not checked", "No run of this stack has reported it yet.", "Let the doctor run its probe.")
    try:
        check_service_model(inside.get("botocore", "0"))
    except ServiceError as error:
        return Check(name, "failed", error.message, error.hint)
    return Check(name, "ok", f"{', '.join(f'{package} {version}' for package, version in sorted(inside.items()))}.")
