"""What a script may use: ``tuner.tune`` and ``tuner.try_handler``, with typed results."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.cli.account import Account
from tuner.cli.commands.try_handler import FunctionFlags
from tuner.cli.execute import Presentation, failure_of, run_to_its_end
from tuner.cli.failures import UsageProblem
from tuner.cli.flags import AccountFlags
from tuner.cli.options import parse_environment
from tuner.cli.reading import decoded_report
from tuner.core.answer.report import Answer, DryRun, Failure, RunReport
from tuner.core.errors import ServiceError, TunerError
from tuner.core.request.goal import parse_goal
from tuner.core.request.parsing import parse_request

__all__ = ["Answer", "DryRun", "Failure", "RunReport", "TunerError", "try_handler", "tune"]

_QUIET = Presentation(quiet=True)


def tune(
    function: str,
    *,
    goal: str | Mapping[str, float] | None = None,
    payload: Any = None,
    region: str | None = None,
    profile: str | None = None,
    stack: str | None = None,
    local: bool = False,
    **request: Any,
) -> RunReport:
    """Tune a deployed function, and wait for the result.

    Temporary clones of the function are invoked, with its real side effects;
    nobody is asked. Ctrl-C ends the run and removes what it made.

    Args:
        function: Its name or ARN, also with a version or alias.
        goal: ``"p95=300ms"``, or as in docs/request.md.
        payload: The event, or several with weights, as in docs/request.md; ``None``: ``{}``.
        region: The AWS Region; ``None``: the configured one.
        profile: Of the AWS configuration.
        stack: The CloudFormation stack of the application.
        local: Use the embedded AWS instead of an account; then none of the three may be given.
        request: Any other field of docs/request.md: ``budget={"maxInvocations": 40}``.

    Returns:
        The report: an ``Answer``, a ``DryRun``, or a ``Failure`` that says why there is no answer.

    Raises:
        TunerError: Nothing was started, or no report was written; says what, and what next.
        botocore.exceptions.BotoCoreError: There are no credentials or no Region, or AWS cannot be reached.
    """
    from tuner.cli.tune_function import account_of

    where = AccountFlags(region=region, profile=profile, stack=stack, local=local)
    asked = _request(function, goal, payload, request, local=local)
    with account_of(function, where, quiet=True) as account:
        return _run(account, function, asked)


def try_handler(
    handler: str | None = None,
    *,
    goal: str | Mapping[str, float] | None = None,
    payload: Any = None,
    memory_mb: int | None = None,
    timeout_s: int | None = None,
    python: str | None = None,
    code_root: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    template: str | Path | None = None,
    logical_id: str | None = None,
    setup: str | Path | None = None,
    **request: Any,
) -> RunReport:
    """Tune a handler from its source on this machine, and wait for the result. No AWS account is needed.

    Args:
        handler: ``"src/app.py:handler"``; may be left out if *template* describes it.
        goal: ``"p95=300ms"``, or as in docs/request.md.
        payload: The event, or several with weights, as in docs/request.md; ``None``: ``{}``.
        memory_mb: Today's memory size in MB; ``None``: the template's, else 128.
        timeout_s: The timeout in seconds; ``None``: the template's, else 30.
        python: The interpreter with the handler's dependencies.
        code_root: Lambda's task root; ``None``: found by the template and the imports.
        environment: The function's variables.
        template: A SAM or CloudFormation template that describes the function.
        logical_id: Which function of the template.
        setup: A script that prepares the embedded AWS before the first invocation.
        request: Any other field of docs/request.md.

    Returns:
        The report, as of :func:`tune`.

    Raises:
        TunerError: Nothing was started, or no report was written; says what, and what next.
    """
    from tuner.cli.handler_code import function_name_for
    from tuner.cli.local import require_local
    from tuner.cli.try_handler import deployed, plan_function

    require_local()
    pairs = [f"{name}={value}" for name, value in (environment or {}).items()]
    if parse_environment(pairs, None) != dict(environment or {}):
        raise UsageProblem("environment must map names, which contain no =, to strings.")
    flags = FunctionFlags(
        memory_mb=memory_mb, timeout_s=timeout_s, python=python, code_root=_path(code_root), env=pairs,
        template=_path(template), logical_id=logical_id,
    )  # fmt: skip
    planned = plan_function(handler, flags, surroundings=os.environ)
    name = function_name_for(planned.code.name)
    asked = _request(name, goal, payload, request, local=True)
    with deployed(planned, name, setup=_path(setup), real_aws=False, sandbox=True, quiet=True) as account:
        return _run(account, name, asked)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _request(
    function: str, goal: str | Mapping[str, float] | None, payload: Any, more: Mapping[str, Any], *, local: bool
) -> dict[str, Any]:
    """The execution's input, checked as the first step of the run will check it."""
    request: dict[str, Any] = dict(lambdaARN=function, **more)
    if goal is not None:
        request["goal"] = parse_goal(goal, field="goal") if isinstance(goal, str) else goal
    if payload is not None:
        request["payload"] = payload
    parse_request(request, local=local)
    return request


def _run(account: Account, function: str, request: Mapping[str, Any]) -> RunReport:
    runs, run_id, end = run_to_its_end(account, function, request, _QUIET)
    report = runs.report(run_id)
    if report is None and end.status.output is not None:
        report = decoded_report(end.status.output, run_id)
    if report is None:
        name, message, hint = failure_of(runs, run_id, end)
        raise ServiceError(f"{name}: {message}", hint=hint)
    return report
