"""``lambda-tuner local start``, ``status`` and ``stop``."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.cli.console import error_console
from tuner.cli.failures import EXIT_FAILED, EXIT_OK, print_json
from tuner.cli.flags import JsonFlag, NoSandboxFlag, command, flag
from tuner.cli.local import require_local, warn_of
from tuner.cli.store import bucket_folder, store_home

local = typer.Typer(
    name="local",
    help="Keep an embedded AWS running on this machine, for the AWS CLI, boto3 and --local.",
    epilog='Example: eval "$(lambda-tuner local start)" && aws lambda list-functions',
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
)


@command(
    "start",
    epilog='Example: eval "$(lambda-tuner local start)" && aws s3 ls\n\nStop it with: lambda-tuner local stop',
    of=local,
)
def start(
    port: Annotated[int, flag("--port 4599", "Port to listen on.", min=1, max=65535)] = 4599,
    no_sandbox: NoSandboxFlag = False,
) -> int:
    """Start the embedded AWS, return when it is ready, and print the `export` lines that its clients need."""
    require_local()
    from tuner.embedded import account

    home, console = store_home(), error_console()
    aws = account.start(home, port, sandbox=not no_sandbox)
    if aws.already_running:
        console.print(f"The embedded AWS is already running: {aws.endpoint_url} (pid {aws.pid}).")
    else:
        from tuner.cli.examples import deploy_examples

        deploy_examples(aws)
        console.print(f"The embedded AWS is ready: {aws.endpoint_url} (pid {aws.pid}).")
        console.print(
            f"Lambda Tuner is deployed in it, and the examples as functions example-….\n"
            f"The artifact bucket is kept in {bucket_folder(home)} and comes back at the next start; "
            "executions, logs and metrics do not."
        )
    warn_of(aws)
    console.print(f"A role for functions of your own: {account.function_role(aws)}")
    console.print("The AWS CLI and boto3 reach it with these variables:")
    for line in account.export_lines(aws):
        typer.echo(line)
    console.print(
        f"For example: aws stepfunctions start-execution --state-machine-arn {aws.tune_arn} --name my-first-run "
        '--input \'{"lambdaARN": "example-io-wait"}\''
    )
    return EXIT_OK


@command("status", epilog="Example: lambda-tuner local status --json", of=local)
def status(json_output: JsonFlag = False) -> int:
    """Say whether the embedded AWS is running, and where; the exit code is 4 if it is not."""
    require_local()
    from tuner.embedded import account

    home = store_home()
    running = account.status(home) if home.is_dir() else None
    if json_output:
        print_json(
            {
                "running": running is not None,
                "endpointUrl": running and running.endpoint_url,
                "pid": running and running.pid,
                "version": running and running.version,
                "bucketFolder": str(bucket_folder(home)),
            }
        )
    elif running:
        typer.echo(f"The embedded AWS is running at {running.endpoint_url} (pid {running.pid}).")
        typer.echo(f"Its artifact bucket is kept in {bucket_folder(home)}.")
        typer.echo(f"Its version is {running.version}.")
    else:
        typer.echo("The embedded AWS is not running. Start it: lambda-tuner local start")
    return EXIT_OK if running else EXIT_FAILED


@command("stop", epilog="Example: lambda-tuner local stop", of=local)
def stop() -> int:
    """Stop the embedded AWS; its artifact bucket stays."""
    require_local()
    from tuner.embedded import account

    home = store_home()
    typer.echo("Stopped." if home.is_dir() and account.stop(home) else "The embedded AWS was not running.")
    return EXIT_OK
