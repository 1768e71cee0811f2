"""``try``: the user's own handler on the embedded AWS, with one command and no account."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.cli.account import Account, embedded_account
from tuner.cli.commands.try_handler import FunctionFlags
from tuner.cli.console import confirm, error_console
from tuner.cli.execute import Presentation, execute, prepare_out
from tuner.cli.failures import HandlerNotImported, SetupFailed, UsageProblem
from tuner.cli.handler_code import HandlerCode, choose_interpreter, file_of_handler, function_name_for, locate_handler
from tuner.cli.local import bucket_of_store, local_aws, require_local
from tuner.cli.options import build_request, parse_environment
from tuner.cli.packing_display import shown_packing
from tuner.cli.settings import Subject
from tuner.cli.template_function import TemplateFunction, read_template_function
from tuner.core.answer.advice import advise
from tuner.core.aws_limits import LONGEST_FUNCTION_TIMEOUT_S
from tuner.core.foreign_text import one_line, visible
from tuner.core.function.target import MAX_TIMEOUT_S
from tuner.core.model import Invocation, architecture_of
from tuner.embedded.identity import STEERING_PREFIX
from tuner.embedded.runtimes import runtime_named, runtime_of_file
from tuner.embedded.runtimes.python import PYTHON
from tuner.embedded.runtimes.runtime import Interpreter, Runtime

if TYPE_CHECKING:
    from tuner.embedded.account import EmbeddedAws

DEFAULT_MEMORY_MB = 128
DEFAULT_TIMEOUT_S = 30
NO_TEMPLATE = TemplateFunction("", None, None)
_REAL_AWS = "With --real-aws what the handler calls is your own AWS account, with your credentials, at each invocation."


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
    known: TemplateFunction = NO_TEMPLATE
    """What the template says."""
    packs_all: bool = False
    """Whether ``.gitignore`` leaves nothing out, as the user named the folder for this run."""

    @property
    def subject(self) -> Subject:
        """What a table of ``lambda-tuner.toml`` may call it."""
        return Subject(tuple(filter(None, [self.known.logical_id])), self.code.file, self.code.function)


def plan_function(target: str | None, flags: FunctionFlags, *, surroundings: Mapping[str, str]) -> TriedFunction:
    """Put together what the flags, the template and the machine say of the handler; flags win.

    Raises:
        UsageProblem: Something is missing or cannot be used; says what.
    """
    template, code_root = flags.template, flags.code_root
    environment = parse_environment(flags.env or [], flags.env_file)
    if flags.logical_id is not None and template is None:
        raise UsageProblem(f"--function {flags.logical_id} needs --template: it names a function of that template.")
    if target is None and template is None:
        raise UsageProblem("No handler was given.", hint="Name one: lambda-tuner try path/to/app.py:handler.")
    if code_root is not None and not code_root.is_dir():
        raise UsageProblem(f"--code-root {code_root} is not a folder.", hint="Name the folder where the code begins.")
    if template is not None:
        require_local()  # it brings what reads templates
    needs_code = target is None and code_root is None
    known = read_template_function(template, flags.logical_id, needs_code=needs_code) if template else NO_TEMPLATE
    runtime = _runtime_of(target, known)
    interpreter = choose_interpreter(flags.python, surroundings, runtime)
    if target is None:
        code = _code_of_template(known, interpreter, code_root)
    else:
        code = locate_handler(target, interpreter.path, code_root or _its_code_dir(known, target))
    size_mb = _first(flags.memory_mb, known.memory_mb, DEFAULT_MEMORY_MB)
    limit_s = _first(flags.timeout_s, known.timeout_s, DEFAULT_TIMEOUT_S)
    if not 128 <= size_mb <= 10_240:
        raise UsageProblem(f"--memory {size_mb} is not a memory size: it must be between 128 and 10,240 MB.")
    notices = _template_notices(known, environment, runtime, interpreter)
    if flags.timeout_s is None and MAX_TIMEOUT_S < limit_s <= LONGEST_FUNCTION_TIMEOUT_S:
        notices.append(f"The timeout of {limit_s} s is taken as {MAX_TIMEOUT_S} s, the longest that is measured.")
        limit_s = MAX_TIMEOUT_S
    if not 1 <= limit_s <= MAX_TIMEOUT_S:
        raise UsageProblem(f"--timeout {limit_s} must be between 1 and {MAX_TIMEOUT_S} seconds.")
    if missing := runtime.missing_of_lambda(interpreter.path, code.missing, known.layer_dirs):
        notices.append(missing)
    variables = {**known.environment, **environment}
    if ours := sorted(name for name in variables if name.startswith(STEERING_PREFIX)):
        notices.append(
            f"Not set, because {STEERING_PREFIX}… are names of Lambda Tuner's own: {visible(', '.join(ours))}."
        )
        variables = {name: text for name, text in variables.items() if name not in ours}
    return TriedFunction(
        code=code,
        interpreter=interpreter,
        memory_mb=size_mb,
        timeout_s=limit_s,
        environment=variables,
        notices=tuple(notices),
        size_assumed=flags.memory_mb is None and known.memory_mb is None,
        template=template.resolve() if template is not None else None,
        known=known,
        packs_all=code_root is not None,
    )


def _runtime_of(target: str | None, known: TemplateFunction) -> Runtime:
    """The language of the handler: by its file's name, else by the template; Python if neither says."""
    named = None if target is None else runtime_of_file(Path(target.rpartition(":")[0] or target))
    return named or runtime_named(known.runtime or "") or PYTHON


def _template_notices(
    known: TemplateFunction, environment: Mapping[str, str], runtime: Runtime, interpreter: Interpreter
) -> list[str]:
    """What of the template is not as on Lambda here."""
    notices = []
    if missing := [name for name in known.left_out if name not in environment]:
        notices.append(
            f"Not set, because only AWS knows their values: {', '.join(missing)}. "
            f"Give them with --env, as in --env {missing[0]}=value."
        )
    if known.unknown:
        notices.append(f"Not used, because only AWS knows what the template means: {', '.join(known.unknown)}.")
    if known.runtime is not None and known.runtime != interpreter.runtime:
        language = runtime.language
        notices.append(
            f"The template's runtime is {known.runtime}, and the handler runs under {language} {interpreter.version}: "
            f"durations may differ. Name a {language} {known.runtime.removeprefix(runtime.family)} that has its "
            f"dependencies: --python path/to/{known.runtime}."
        )
    machine = architecture_of(platform.machine())
    if known.architecture not in (None, machine):
        notices.append(
            f"The template's architecture is {known.architecture}: prices are those of {known.architecture}, durations "
            f"those of this machine's {machine} processor."
        )
    if known.other_layers:
        notices.append(
            f"Layers that are not on this machine, or not built: {', '.join(known.other_layers)}. "
            "Install their contents for the interpreter of --python."
        )
    return notices


def _its_code_dir(known: TemplateFunction, target: str) -> Path | None:
    """The template's ``CodeUri``, if the handler that was named is in it."""
    if known.code_dir is None:
        return None
    folder = Path(target.rpartition(":")[0] or target).expanduser().parent.resolve()
    return known.code_dir if folder.is_relative_to(known.code_dir) else None


def _first(flag: int | None, template: int | None, default: int) -> int:
    return flag if flag is not None else template if template is not None else default


def _code_of_template(known: TemplateFunction, interpreter: Interpreter, code_root: Path | None) -> HandlerCode:
    root = code_root or known.code_dir
    if root is None or known.handler is None:
        missing = "CodeUri" if root is None else "Handler"
        raise UsageProblem(
            f"The template does not say where the code of {known.logical_id} is ({missing}).",
            hint="Name the handler as well: lambda-tuner try path/to/app.py:handler --template …",
        )
    file = file_of_handler(known.handler, root)
    if file is None:
        raise UsageProblem(
            f"The handler {known.handler} of {known.logical_id} is not in {root}.",
            hint="Is it built? Then name the template of .aws-sam/build. Or name the handler: path/to/app.py:handler.",
        )
    code = locate_handler(f"{file}:{known.handler.rpartition('.')[2]}", interpreter.path, root)
    return replace(code, name=known.logical_id)


def run_try(
    planned: TriedFunction,
    asked: Mapping[str, Any],
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
    name = function_name_for(planned.code.name)
    request = build_request(name, asked, local=True)
    prepare_out(presentation.out)
    if real_aws and not yes:
        confirm(_REAL_AWS, "Start it?")
    if planned.template is not None:
        tried = {"template": str(planned.template), "logicalId": planned.known.logical_id}
        presentation = replace(presentation, tried=tried)
    with deployed(planned, name, setup=setup, real_aws=real_aws, sandbox=sandbox, quiet=presentation.quiet) as account:
        return execute(account, name, request, presentation, bucket_folder=bucket_of_store())


@contextmanager
def deployed(
    planned: TriedFunction, name: str, *, setup: Path | None, real_aws: bool, sandbox: bool, quiet: bool
) -> Iterator[Account]:
    """Put the handler on the embedded AWS, prepare it, and see that it can be imported.

    Raises:
        UsageProblem: *setup* cannot be run.
        SetupFailed: It failed; what it printed has been shown.
        HandlerNotImported: The handler's module cannot be imported; its traceback has been shown.
    """
    if setup is not None and not setup.is_file():
        raise UsageProblem(f"--setup {setup} is not a file.", hint="Name a Python script: --setup seed.py.")
    from tuner.core.function.target import ASSUMED_SIZE_TAG

    console = error_console(quiet=quiet)
    for notice in planned.notices:
        console.print(visible(notice))
    console.print(
        f"Handler {planned.code.handler} in {planned.code.code_dir}, with Python {planned.interpreter.version} of "
        f"{planned.interpreter.path} ({planned.interpreter.chosen_because}).\n"
        f"{'Assumed memory' if planned.size_assumed else 'Memory'} size today: {planned.memory_mb:,} MB"
        f"{' (change it with --memory)' if planned.size_assumed else ''}. Timeout: {planned.timeout_s} s."
    )
    from tuner.embedded.account import deploy_function
    from tuner.embedded.code_store import LARGEST_UNPACKED_BYTES
    from tuner.embedded.packing import collect_package

    package = collect_package(
        planned.code.code_dir,
        limit_bytes=LARGEST_UNPACKED_BYTES,
        needed=planned.code.modules,
        heeds_gitignore=not planned.packs_all,
    )
    if package.ignored:
        console.print(
            f"Left out, because .gitignore lists it: {visible(', '.join(package.ignored[:5]))}"
            f"{f' and {len(package.ignored) - 5} more' if len(package.ignored) > 5 else ''}. If the handler needs it: "
            f"--code-root {planned.code.code_dir}."
        )
    # A running embedded AWS has nobody's credentials.
    with local_aws(real_aws=real_aws, sandbox=sandbox, quiet=quiet, function=name) as aws:
        with shown_packing(console, package) as progress:
            deploy_function(
                aws,
                name=name,
                code_dir=package,
                handler=planned.code.handler,
                memory_mb=planned.memory_mb,
                timeout_s=planned.timeout_s,
                environment=planned.environment,
                tags={ASSUMED_SIZE_TAG: str(planned.size_assumed).lower()},
                interpreter=planned.interpreter.path,
                runtime=planned.interpreter.runtime,
                layers=planned.known.layer_dirs,
                architecture=planned.known.architecture,
                ephemeral_storage_mb=planned.known.ephemeral_storage_mb,
                progress=progress,
            )
        _rehearse(aws, name, planned, setup, real_aws=real_aws, sandbox=sandbox, quiet=quiet)
        yield embedded_account(aws)


def _rehearse(
    aws: EmbeddedAws,
    name: str,
    planned: TriedFunction,
    setup: Path | None,
    *,
    real_aws: bool,
    sandbox: bool,
    quiet: bool,
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
            _show_output(output, quiet=quiet and not code)
            if code:
                how = f"exit status {code}" if code > 0 else f"signal {-code}"
                raise SetupFailed(
                    f"The script of --setup, {setup}, failed with {how}; nothing was invoked.",
                    hint="Its output is above. It runs with the handler's Python, variables and AWS.",
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
    error_console(quiet=quiet).print(visible(output).rstrip(), end="\n" if output else "")
