"""``lambda-tuner local start``, ``status`` and ``stop``."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.cli.failures import EXIT_FAILED, EXIT_OK, print_json
from tuner.cli.flags import JsonFlag, NoSandboxFlag, command, flag


def start(
    port: Annotated[int, flag("--port", "Port to listen on.", form="4599", min=1, max=65535)] = 4599,
    no_sandbox: NoSandboxFlag = False,
) -> int:
    """Start the embedded AWS, return when it is ready, and print the `export` lines that its clients need."""
    from tuner.cli.local import start_local

    start_local(port, sandbox=not no_sandbox)
    return EXIT_OK


def status(json_output: JsonFlag = False) -> int:
    """Say whether the embedded AWS is running, and where; the exit code is 4 if it is not."""
    from tuner.cli.local import local_status

    found = local_status()
    if json_output:
        print_json(found)
    elif found["running"]:
        typer.echo(f"The embedded AWS is running at {found['endpointUrl']} (pid {found['pid']}).")
        typer.echo(f"Its artifact bucket is kept in {found['bucketFolder']}.")
        typer.echo(f"Its version is {found['version']}.")
    else:
        typer.echo("The embedded AWS is not running. Start it: lambda-tuner local start")
    return EXIT_OK if found["running"] else EXIT_FAILED


def stop() -> int:
    """Stop the embedded AWS; its artifact bucket stays."""
    from tuner.cli.local import stop_local

    typer.echo("Stopped." if stop_local() else "The embedded AWS was not running.")
    return EXIT_OK


app = typer.Typer(
    name="local",
    help="An AWS of its own on this machine, kept running: for the AWS CLI, boto3 and --local.",
    epilog='Example: eval "$(lambda-tuner local start)" && aws lambda list-functions',
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
)
command(
    "start",
    start,
    epilog='Example: eval "$(lambda-tuner local start)" && aws s3 ls\n\nStop it with: lambda-tuner local stop',
    of=app,
)
command("status", status, epilog="Example: lambda-tuner local status --json", of=app)
command("stop", stop, epilog="Example: lambda-tuner local stop", of=app)
