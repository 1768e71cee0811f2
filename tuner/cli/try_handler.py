"""``try``: the user's own handler on the embedded AWS, with one command and no account."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.cli.account import embedded_account
from tuner.cli.console import error_console
from tuner.cli.execute import Presentation, execute, prepare_out
from tuner.cli.failures import HandlerNotImported, NotConfirmed, SetupFailed, UsageProblem
from tuner.cli.handler_code import (
    HandlerCode,
    Interpreter,
    choose_interpreter,
    function_name_for,
    locate_handler,
)
from tuner.cli.local import bucket_of_store, local_aws, require_local
from tuner.cli.options import RequestFlags, build_request
from tuner.cli.settings import Subject
from tuner.cli.template_function import TemplateFunction, read_template_function
from tuner.core.advice import advise
from tuner.core.foreign_text import one_line, visible
from tuner.core.model import Invocation
from tuner.embedded.identity import STEERING_PREFIX

if TYPE_CHECKING:
    from tuner.embedded.account import EmbeddedAws

DEFAULT_MEMORY_MB = 128
DEFAULT_TIMEOUT_S = 30
LONGEST_TIMEOUT_S = 840


@dataclass(frozen=True, slots=True)
class TriedFunction:
    """The user's handler with everything that a function needs besides its code."""

    code: HandlerCode
    interpreter: Interpreter
    memory_mb: int
    timeout_s: int
    environment: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    size_assumed: bool = False
    """Whether neither a flag nor the template says today's memory size."""
    template: Path | None = None
    logical_id: str | None = None
    """Of the template's function, where there is a template."""

    @property
    def subject(self) -> Subject:
        """What a table of ``lambda-tuner.toml`` may call it."""
        module, _, function = self.code.handler.rpartition(".")
        file = self.code.code_dir.joinpath(*module.split(".")).with_suffix(".py")
        return Subject((self.logical_id,) if self.logical_id else (), file, function)


def plan_function(
    target: str | None,
    *,
    python: str | None,
    memory_mb: int | None,
    timeout_s: int | None,
    environment: Mapping[str, str],
    template: Path | None,
    logical_id: str | None,
    surroundings: Mapping[str, str],
) -> TriedFunction:
    """Put together what the flags, the template and the machine say of the handler; flags win.

    Raises:
        UsageProblem: Something is missing or cannot be used; says what.
    """
    if logical_id is not None and template is None:
        raise UsageProblem("--function names a function of a template, and there is no --template.")
    if target is None and template is None:
        raise UsageProblem("There is no handler.", hint="Name one: lambda-tuner try path/to/app.py:handler.")
    known = read_template_function(template, logical_id) if template is not None else None
    code = locate_handler(target) if target is not None else _code_of_template(known)
    size_mb = _first(memory_mb, known.memory_mb if known else None, DEFAULT_MEMORY_MB)
    limit_s = _first(timeout_s, known.timeout_s if known else None, DEFAULT_TIMEOUT_S)
    if not 128 <= size_mb <= 10_240:
        raise UsageProblem(f"--memory {size_mb} is not a memory size: it must be between 128 and 10,240 MB.")
    if not 1 <= limit_s <= LONGEST_TIMEOUT_S:
        raise UsageProblem(f"--timeout {limit_s} must be between 1 and {LONGEST_TIMEOUT_S} seconds.")
    notices: list[str] = []
    if known is not None:
        missing = [name for name in known.left_out if name not in environment]
        if missing:
            notices.append(
                f"Not set, because only AWS knows their values: {', '.join(missing)}. "
                f"Give them with --env, as in --env {missing[0]}=value."
            )
        if known.has_layers:
            notices.append("The template's layers are not read: what they hold must be in the interpreter of --python.")
    variables = {**(known.environment if known else {}), **environment}
    if ours := sorted(name for name in variables if name.startswith(STEERING_PREFIX)):
        notices.append(
            f"Not set, because {STEERING_PREFIX}… are names of Lambda Tuner's own: {visible(', '.join(ours))}."
        )
        variables = {name: text for name, text in variables.items() if name not in ours}
    return TriedFunction(
        code=code,
        interpreter=choose_interpreter(python, surroundings),
        memory_mb=size_mb,
        timeout_s=limit_s,
        environment=variables,
        notices=tuple(notices),
        size_assumed=memory_mb is None and (known is None or known.memory_mb is None),
        template=template.resolve() if template is not None else None,
        logical_id=known.logical_id if known is not None else None,
    )


def _first(flag: int | None, template: int | None, default: int) -> int:
    return flag if flag is not None else template if template is not None else default


def _code_of_template(known: TemplateFunction | None) -> HandlerCode:
    assert known is not None
    if known.code_dir is None or known.handler is None:
        missing = "CodeUri" if known.code_dir is None else "Handler"
        raise UsageProblem(
            f"The template does not say where the code of {known.logical_id} is ({missing}).",
            hint="Name the handler as well: lambda-tuner try path/to/app.py:handler --template …",
        )
    module, _, function = known.handler.replace("/", ".").rpartition(".")
    file = known.code_dir.joinpath(*module.split(".")).with_suffix(".py") if module else None
    if file is None or not file.is_file():
        raise UsageProblem(
            f"The handler {known.handler} of {known.logical_id} is not in {known.code_dir}.",
            hint="Is it built? Then name the template of .aws-sam/build. Or name the handler: path/to/app.py:handler.",
        )
    locate_handler(f"{file}:{function}")
    return HandlerCode(known.code_dir, f"{module}.{function}", known.logical_id)


def confirm_real_aws(*, yes: bool) -> None:
    """Ask before the handler may reach the user's own account.

    Raises:
        NotConfirmed: The user said no, or there is no terminal to ask on.
    """
    if yes:
        return
    sentence = (
        "With --real-aws what the handler calls is your own AWS account, with your credentials, at each invocation."
    )
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NotConfirmed(sentence, hint="There is no terminal to ask on: agree with --yes.")
    import typer

    error_console().print(sentence, markup=False)
    if not typer.confirm("Start it?", err=True):
        raise NotConfirmed("Nothing was started.")


def run_try(
    planned: TriedFunction,
    flags: RequestFlags,
    presentation: Presentation,
    *,
    setup: Path | None,
    real_aws: bool,
    sandbox: bool,
    yes: bool,
) -> int:
    """Deploy the handler on the embedded AWS, tune it there, and give the exit code."""
    require_local()
    if setup is not None and real_aws:
        raise UsageProblem("--setup and --real-aws exclude each other: it prepares the embedded AWS.")
    if setup is not None and not setup.is_file():
        raise UsageProblem(f"--setup {setup} is not a file.", hint="Name a Python script: --setup seed.py.")
    from tuner.steps.plan import ASSUMED_SIZE_TAG

    name = function_name_for(planned.code.name)
    request = build_request(name, flags, local=True)
    prepare_out(presentation.out)
    if real_aws:
        confirm_real_aws(yes=yes)
    if planned.template is not None and planned.logical_id is not None:
        tried = {"template": str(planned.template), "logicalId": planned.logical_id}
        presentation = replace(presentation, tried=tried)
    console = error_console(quiet=presentation.quiet)
    for notice in planned.notices:
        console.print(notice, markup=False)
    console.print(
        f"Handler {planned.code.handler} in {planned.code.code_dir}, with Python {planned.interpreter.version} of "
        f"{planned.interpreter.path} ({planned.interpreter.chosen_because}).\n"
        f"Its memory size today is {'taken to be ' if planned.size_assumed else ''}{planned.memory_mb:,} MB, its "
        f"time-out {planned.timeout_s} s.",
        markup=False,
        soft_wrap=True,
    )
    # A running embedded AWS has nobody's credentials.
    with local_aws(real_aws=real_aws, sandbox=sandbox, quiet=presentation.quiet, function=name) as aws:
        from tuner.embedded.account import deploy_function

        deploy_function(
            aws,
            name=name,
            code_dir=planned.code.code_dir,
            handler=planned.code.handler,
            memory_mb=planned.memory_mb,
            timeout_s=planned.timeout_s,
            environment=planned.environment,
            tags={ASSUMED_SIZE_TAG: str(planned.size_assumed).lower()},
            interpreter=planned.interpreter.path,
            runtime=planned.interpreter.runtime,
        )
        _rehearse(aws, name, planned, setup, presentation, real_aws=real_aws, sandbox=sandbox)
        return execute(embedded_account(aws), name, request, presentation, bucket_folder=bucket_of_store())


def _rehearse(
    aws: EmbeddedAws,
    name: str,
    planned: TriedFunction,
    setup: Path | None,
    presentation: Presentation,
    *,
    real_aws: bool,
    sandbox: bool,
) -> None:
    """Run the set-up script, then import the handler: what is missing shows before a run is started.

    Raises:
        SetupFailed: The script failed; what it printed has been shown.
        HandlerNotImported: The handler's module cannot be imported; its traceback has been shown.
    """
    from tuner.embedded.locks import working_folder
    from tuner.embedded.rehearsal import Rehearsal

    with working_folder("lambda-tuner-") as folder:
        rehearsal = Rehearsal(aws, name, planned.interpreter.path, folder, sandbox=sandbox, real_aws=real_aws)
        if setup is not None:
            code, output = rehearsal.run_script(setup)
            _show_output(output, quiet=presentation.quiet and not code)
            if code:
                how = f"exit status {code}" if code > 0 else f"signal {-code}"
                raise SetupFailed(
                    f"The script of --setup, {setup}, failed with {how}; nothing was invoked.",
                    hint="What it printed stands above. It runs with the handler's Python, variables and AWS.",
                )
        failure = rehearsal.import_handler()
    if failure is not None:
        _show_output(failure.output)
        error = Invocation(
            "", "function_error", cold=True, error_type=failure.error_type, error_message=failure.message
        )
        raise HandlerNotImported(
            f"{planned.code.handler} cannot be imported: {failure.error_type}: {one_line(failure.message, limit=300)}",
            hint=advise(error, local=True, at_import=True),
        )


def _show_output(output: str, *, quiet: bool = False) -> None:
    error_console(quiet=quiet).print(
        visible(output).rstrip(), markup=False, highlight=False, soft_wrap=True, end="\n" if output else ""
    )
