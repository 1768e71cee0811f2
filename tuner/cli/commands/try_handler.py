"""``lambda-tuner try``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from tuner.cli import flags
from tuner.cli.failures import EXIT_CODES_HELP
from tuner.cli.flags import FUNCTION, HOW, command, flag
from tuner.cli.options import request_flags


@dataclass(frozen=True, slots=True)
class FunctionFlags:
    """What a function needs besides its code, as it was typed."""

    memory_mb: Annotated[
        int | None,
        flag(
            "--memory 128", "Today's memory size in MB, to compare with. Default: the template's, else 128.", FUNCTION
        ),
    ] = None
    timeout_s: Annotated[int | None, flag("--timeout 30", "Timeout in seconds.", FUNCTION)] = None
    python: Annotated[
        str | None,
        flag(
            "--python PATH",
            "The Python with the handler's dependencies. Default: the active virtual environment's, else python3.",
            FUNCTION,
        ),
    ] = None
    code_root: Annotated[
        Path | None,
        flag(
            "--code-root DIR",
            "Where the code begins: Lambda's task root. Default: the template's, else inferred from the imports.",
            FUNCTION,
        ),
    ] = None
    env: Annotated[
        list[str] | None, flag("--env NAME=value", "An environment variable; may be repeated.", FUNCTION)
    ] = None
    env_file: Annotated[
        Path | None, flag("--env-file FILE", "A file with a NAME=value pair on each line.", FUNCTION)
    ] = None
    template: Annotated[
        Path | None, flag("--template FILE", "A SAM or CloudFormation template that describes the function.", FUNCTION)
    ] = None
    logical_id: Annotated[str | None, flag("--function ID", "Which function of the template.", FUNCTION)] = None


@command(
    "try",
    epilog="Example: lambda-tuner try src/app.py:handler --payload event.json --goal p95=300ms\n\n"
    "Example: lambda-tuner try --template template.yaml --function Thumbnails --env TABLE_NAME=test\n\n"
    + EXIT_CODES_HELP,
)
def try_handler(
    asked: Annotated[dict[str, Any], request_flags("try")],
    function: FunctionFlags,
    files: flags.ConfigFlags,
    handler: Annotated[
        str | None, typer.Argument(metavar="path/to/app.py:handler", help="The handler: a file and a function in it.")
    ] = None,
    setup: Annotated[
        Path | None,
        flag(
            "--setup seed.py",
            "A Python script that prepares the embedded AWS (tables, buckets, queues) before the first invocation.",
            FUNCTION,
        ),
    ] = None,
    real_aws: Annotated[
        bool, flag("--real-aws", "Let the handler reach your own AWS account, not the embedded one.", HOW)
    ] = False,
    no_sandbox: flags.NoSandboxFlag = False,
    *,
    run: flags.RunFlags,
) -> int:
    """Tune a Python handler from its source, on this machine: no AWS account needed."""
    from tuner.cli.settings import read_settings
    from tuner.cli.try_handler import plan_function, run_try
    from tuner.cli.typed_command import typed_command

    planned = plan_function(handler, function, surroundings=os.environ)
    settings = read_settings(planned.subject, files, quiet=run.quiet)
    shown = run.presentation(command=typed_command())
    return run_try(
        planned, settings.under(asked), shown, setup=setup, real_aws=real_aws, sandbox=not no_sandbox, yes=run.yes
    )
