"""The subcommands of ``lambda-tuner``: flags and help; what they do is in the modules beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from tuner.cli.failures import (
    CHECK_CODES_HELP,
    EXIT_CODES_HELP,
    EXIT_FAILED,
    EXIT_OK,
    debug_requested,
    expected_errors,
    print_json,
)


class DebugAnywhere(TyperGroup):
    """Takes ``--debug`` wherever it stands: whoever meets an error adds it at the end of the line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note it and take it out, up to a ``--`` that ends the flags."""
        end = args.index("--") if "--" in args else len(args)
        if "--debug" in args[:end]:
            args = ["--debug", *(word for word in args[:end] if word != "--debug"), *args[end:]]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="lambda-tuner",
    cls=DebugAnywhere,
    help="Finds the cheapest memory size of an AWS Lambda function that meets a latency goal, and says how sure it is.",
    epilog=f"Start here: lambda-tuner demo\n\n{EXIT_CODES_HELP}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
local_app = typer.Typer(
    help="An AWS of its own on this machine, kept running: for the AWS CLI, boto3 and --local.",
    epilog='Example: eval "$(lambda-tuner local start)" && aws lambda list-functions',
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.add_typer(local_app, name="local")

GOAL, SPACE, LIMITS, PLACE, HOW, OUTPUT = "Goal", "Search space", "Limits", "Where", "Execution", "Output"

GoalFlag = Annotated[
    str | None,
    typer.Option(
        "--goal",
        metavar="p95=300ms",
        help="The latency goal. Without one, the cheapest size wins.",
        rich_help_panel=GOAL,
    ),
]
PayloadFlag = Annotated[
    Path | None,
    typer.Option(
        "--payload",
        metavar="FILE",
        help="JSON file with the event, or a list of {payload, weight}. Default: {}.",
        rich_help_panel=GOAL,
    ),
]
PayloadS3Flag = Annotated[
    str | None,
    typer.Option("--payload-s3", metavar="s3://…", help="The event from a bucket.", rich_help_panel=GOAL),
]
SizesFlag = Annotated[
    str | None,
    typer.Option(
        "--sizes",
        metavar="128-3008:64",
        help="Memory sizes to try: a range with its step, a list (128,512,1024), or ALL.",
        rich_help_panel=SPACE,
    ),
]


def _refuse_memory(typed: str | None) -> None:
    if typed is not None:
        raise typer.BadParameter(
            f"today's memory size is read from the function. For memory sizes to try: --sizes {typed}.",
            param_hint="--memory",
        )


NoMemoryFlag = Annotated[str | None, typer.Option("--memory", hidden=True, callback=_refuse_memory)]
ConfidenceFlag = Annotated[
    float | None,
    typer.Option(
        "--confidence", metavar="0.9", help="How sure the verdict must be: 0.5 to 0.999.", rich_help_panel=GOAL
    ),
]
ToleranceFlag = Annotated[
    float | None,
    typer.Option(
        "--tolerance", metavar="0.05", help="How close to the cheapest size is good enough.", rich_help_panel=GOAL
    ),
]
ColdStartShareFlag = Annotated[
    float | None,
    typer.Option(
        "--cold-start-share",
        metavar="0.02",
        help="Share of cold starts in production, for the cost.",
        rich_help_panel=GOAL,
    ),
]
MonthlyFlag = Annotated[
    float | None,
    typer.Option(
        "--monthly-invocations", metavar="N", help="Invocations a month, for the monthly saving.", rich_help_panel=GOAL
    ),
]
SavingsPlanFlag = Annotated[
    float | None,
    typer.Option(
        "--savings-plan-discount",
        metavar="0.12",
        help="Your savings plan's discount on compute time.",
        rich_help_panel=GOAL,
    ),
]
AccountUseFlag = Annotated[
    float | None,
    typer.Option(
        "--account-gb-seconds",
        metavar="N",
        help="What the account uses a month, for its price tier.",
        rich_help_panel=GOAL,
    ),
]
ArchitecturesFlag = Annotated[
    str | None,
    typer.Option(
        "--architectures",
        metavar="x86_64,arm64",
        help="Architectures to try. Default: the function's own.",
        rich_help_panel=SPACE,
    ),
]
MaxInvocationsFlag = Annotated[
    int | None,
    typer.Option("--max-invocations", metavar="50", help="Maximum number of invocations.", rich_help_panel=LIMITS),
]
MaxCostFlag = Annotated[
    float | None,
    typer.Option(
        "--max-cost", metavar="1", help="Maximum cost of the invocations, in US dollars.", rich_help_panel=LIMITS
    ),
]
MaxMinutesFlag = Annotated[
    float | None,
    typer.Option(
        "--max-minutes", metavar="60", help="Maximum duration of the run, in minutes.", rich_help_panel=LIMITS
    ),
]
ParallelFlag = Annotated[
    bool | None,
    typer.Option(
        "--parallel/--no-parallel",
        metavar="",
        help="Invoke up to five at a time at each size, or one at a time. Default: up to three.",
        rich_help_panel=HOW,
    ),
]
PreProcessorFlag = Annotated[
    str | None,
    typer.Option(
        "--pre-processor", metavar="ARN", help="A function to run before each invocation.", rich_help_panel=HOW
    ),
]
PostProcessorFlag = Annotated[
    str | None,
    typer.Option(
        "--post-processor", metavar="ARN", help="A function to run after each invocation.", rich_help_panel=HOW
    ),
]
SleepFlag = Annotated[
    int | None,
    typer.Option("--sleep-between-ms", metavar="0", help="Pause between two invocations.", rich_help_panel=HOW),
]
ReservedConcurrencyFlag = Annotated[
    int | None,
    typer.Option(
        "--reserved-concurrency",
        metavar="1-5",
        help="Reserve this much concurrency for each temporary copy; the account's other functions go without it.",
        rich_help_panel=HOW,
    ),
]
NoWarmStartFlag = Annotated[
    bool,
    typer.Option("--no-warm-start", metavar="", help="Ignore what earlier runs measured.", rich_help_panel=HOW),
]
SnapStartFlag = Annotated[
    bool,
    typer.Option(
        "--snap-start",
        metavar="",
        help="Use SnapStart on the copies too, if the function has it. It costs fees, and minutes each round.",
        rich_help_panel=HOW,
    ),
]
ColdStartsFlag = Annotated[
    int | None,
    typer.Option(
        "--cold-starts",
        metavar="0",
        help="Measure this many cold starts, at today's size and at the recommended one.",
        rich_help_panel=HOW,
    ),
]
DryRunFlag = Annotated[
    bool,
    typer.Option(
        "--dry-run", metavar="", help="Check everything, invoke once and estimate the cost.", rich_help_panel=HOW
    ),
]
ShowLogsFlag = Annotated[
    bool,
    typer.Option(
        "--show-logs",
        metavar="",
        help="Show the last log lines of a failed invocation, and keep them in report.json and report.html.",
        rich_help_panel=OUTPUT,
    ),
]
ObservedFlag = Annotated[
    str | None,
    typer.Option(
        "--observed",
        metavar="512=420ms",
        help="A duration that you know from AWS, to turn this machine's milliseconds into AWS's.",
        rich_help_panel=GOAL,
    ),
]
CpuTimeFlag = Annotated[
    bool,
    typer.Option(
        "--cpu-time",
        metavar="",
        help="Measure CPU time too (on this machine only).",
        rich_help_panel=HOW,
    ),
]
ConfigFlag = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings of your functions. Default: the nearest lambda-tuner.toml, from this folder upward.",
        rich_help_panel=HOW,
    ),
]
NoConfigFlag = Annotated[
    bool, typer.Option("--no-config", metavar="", help="Read no lambda-tuner.toml.", rich_help_panel=HOW)
]
RegionFlag = Annotated[str | None, typer.Option("--region", metavar="NAME", help="AWS Region.", rich_help_panel=PLACE)]
ProfileFlag = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="Profile of the AWS configuration.", rich_help_panel=PLACE),
]
StackFlag = Annotated[
    str | None,
    typer.Option(
        "--stack", metavar="lambda-tuner", help="CloudFormation stack of the application.", rich_help_panel=PLACE
    ),
]
StateMachineFlag = Annotated[
    str | None,
    typer.Option(
        "--state-machine",
        metavar="ARN",
        help="The state machine <stack>-tune, instead of --region and --stack.",
        rich_help_panel=PLACE,
    ),
]
SetupFlag = Annotated[
    Path | None,
    typer.Option(
        "--setup",
        metavar="seed.py",
        help="A Python script that prepares the embedded AWS (tables, buckets, queues) before the first invocation.",
        rich_help_panel="The function",
    ),
]
NoSandboxFlag = Annotated[
    bool,
    typer.Option(
        "--no-sandbox",
        metavar="",
        help="Let the handler write anywhere on this machine.",
        rich_help_panel=HOW,
    ),
]
LocalFlag = Annotated[
    bool,
    typer.Option(
        "--local",
        metavar="",
        help="Use the embedded AWS: the running one, or a temporary one.",
        rich_help_panel=PLACE,
    ),
]
OutFlag = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        file_okay=False,
        help="Folder for report.html, report.md, report.json and report.svg.",
        rich_help_panel=OUTPUT,
    ),
]
JsonFlag = Annotated[
    bool,
    typer.Option(
        "--json",
        metavar="",
        help="Print the result as JSON, and nothing else, to standard output.",
        rich_help_panel=OUTPUT,
    ),
]
QuietFlag = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", metavar="", help="Print only the verdict, in one sentence, and errors.", rich_help_panel=OUTPUT
    ),
]


def _complete_run_id(incomplete: str) -> list[tuple[str, str]]:
    from tuner.cli.reading import complete_run_ids

    return complete_run_ids(incomplete)


def _complete_example(incomplete: str) -> list[tuple[str, str]]:
    from tuner.cli.examples import examples

    return [(each.name, each.summary) for each in examples() if each.name.startswith(incomplete)]


RunIdArgument = typer.Argument(
    metavar="RUN_ID", help="The run's id, the start of it, or `latest`.", autocompletion=_complete_run_id
)
YesFlag = Annotated[
    bool, typer.Option("--yes", "-y", metavar="", help="Do not ask for confirmation.", rich_help_panel=HOW)
]


def _show_version(asked: bool) -> None:
    if asked:
        from tuner import __version__

        typer.echo(f"lambda-tuner {__version__}")
        raise typer.Exit(EXIT_OK)


@app.callback()
def main(
    version: Annotated[  # noqa: ARG001 - its callback ends the command
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, metavar="", help="Show the version and exit."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", metavar="", help="Show the traceback of an error. Works anywhere on the line.")
    ] = False,
) -> None:
    """Take the flags of every subcommand."""
    debug_requested.set(debug)


@app.command(
    epilog="Example: lambda-tuner demo\n\nExample: lambda-tuner demo --example io-wait --out out/io-wait\n\n"
    "Exit codes: 0 whatever the verdict · 2 usage · 4 the run failed or could not start · 130 Ctrl-C."
)
@expected_errors
def demo(
    example: Annotated[
        str,
        typer.Option(
            "--example",
            metavar="NAME",
            help="One of image-resize, io-wait, json-transform, compression, memory-hungry, two-threads.",
            autocompletion=_complete_example,
        ),
    ] = "image-resize",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", file_okay=False, help="Where the report goes.")] = Path(
        "out/demo"
    ),
    cpu_time: CpuTimeFlag = False,
    no_sandbox: NoSandboxFlag = False,
    quiet: QuietFlag = False,
    json_output: JsonFlag = False,
) -> None:
    """Tune a real function on this machine and write a report: no AWS account needed."""
    from tuner.cli.demo import run_demo
    from tuner.cli.execute import Presentation
    from tuner.cli.typed_command import typed_command

    presentation = Presentation(
        out=out, json_output=json_output, show_states=True, quiet=quiet, command=typed_command()
    )
    _end(run_demo(example, presentation, cpu_time=cpu_time, sandbox=not no_sandbox))


@app.command(
    epilog="Example: lambda-tuner tune thumbnails --goal p95=300ms --payload event.json\n\n"
    "Example: lambda-tuner tune thumbnails:live --sizes 128-3008:64 --max-cost 0.20 --region eu-central-1 --yes --json"
    "\n\n" + EXIT_CODES_HELP
)
@expected_errors
def tune(
    function: Annotated[
        str, typer.Argument(metavar="ARN_OR_NAME", help="The function: name or ARN, also with version or alias.")
    ],
    goal: GoalFlag = None,
    payload: PayloadFlag = None,
    payload_s3: PayloadS3Flag = None,
    confidence: ConfidenceFlag = None,
    tolerance: ToleranceFlag = None,
    cold_start_share: ColdStartShareFlag = None,
    monthly_invocations: MonthlyFlag = None,
    savings_plan_discount: SavingsPlanFlag = None,
    account_gb_seconds: AccountUseFlag = None,
    observed: ObservedFlag = None,
    cpu_time: CpuTimeFlag = False,
    sizes: SizesFlag = None,
    memory: NoMemoryFlag = None,  # noqa: ARG001 - its callback refuses it
    architectures: ArchitecturesFlag = None,
    max_invocations: MaxInvocationsFlag = None,
    max_cost_usd: MaxCostFlag = None,
    max_minutes: MaxMinutesFlag = None,
    parallel: ParallelFlag = None,
    sleep_between_ms: SleepFlag = None,
    reserved_concurrency: ReservedConcurrencyFlag = None,
    pre_processor: PreProcessorFlag = None,
    post_processor: PostProcessorFlag = None,
    cold_starts: ColdStartsFlag = None,
    snap_start: SnapStartFlag = False,
    no_warm_start: NoWarmStartFlag = False,
    dry_run: DryRunFlag = False,
    config: ConfigFlag = None,
    no_config: NoConfigFlag = False,
    yes: YesFlag = False,
    region: RegionFlag = None,
    profile: ProfileFlag = None,
    stack: StackFlag = None,
    state_machine: StateMachineFlag = None,
    local: LocalFlag = False,
    out: OutFlag = None,
    show_logs: ShowLogsFlag = False,
    quiet: QuietFlag = False,
    json_output: JsonFlag = False,
) -> None:
    """Tune a deployed function: find the cheapest memory size that meets the goal."""
    from tuner.cli.execute import Presentation
    from tuner.cli.options import RequestFlags
    from tuner.cli.settings import read_settings
    from tuner.cli.tune_function import AccountFlags, run_tune, subject_of

    flags = RequestFlags(
        goal=goal,
        payload=payload,
        payload_s3=payload_s3,
        sizes=sizes,
        architectures=architectures,
        max_invocations=max_invocations,
        max_cost_usd=max_cost_usd,
        max_minutes=max_minutes,
        confidence=confidence,
        tolerance=tolerance,
        cold_start_share=cold_start_share,
        monthly_invocations=monthly_invocations,
        savings_plan_discount=savings_plan_discount,
        account_gb_seconds=account_gb_seconds,
        parallel=parallel,
        sleep_between_ms=sleep_between_ms,
        reserved_concurrency=reserved_concurrency,
        pre_processor=pre_processor,
        post_processor=post_processor,
        cold_starts=cold_starts,
        snap_start=snap_start,
        no_warm_start=no_warm_start,
        dry_run=dry_run,
        show_logs=show_logs,
        observed=observed,
        cpu_time=cpu_time,
    )
    settings = read_settings(subject_of(function), config, no_config=no_config, quiet=quiet)
    account = AccountFlags(region=region, profile=profile, stack=stack, state_machine=state_machine, local=local)
    _end(
        run_tune(
            function,
            settings.under(flags),
            account,
            Presentation(out=out, json_output=json_output, quiet=quiet),
            yes=yes,
        )
    )


@app.command(
    epilog="Example: lambda-tuner check thumbnails --goal p95=300ms --max-cost-per-million 5 --yes --out report\n\n"
    + EXIT_CODES_HELP
    + "\n\n"
    + CHECK_CODES_HELP
)
@expected_errors
def check(
    function: Annotated[
        str, typer.Argument(metavar="ARN_OR_NAME", help="The function: name or ARN, also with version or alias.")
    ],
    goal: GoalFlag = None,
    max_cost_per_million: Annotated[
        float | None,
        typer.Option(
            "--max-cost-per-million",
            metavar="5",
            help="Maximum cost of a million invocations at today's size, in US dollars.",
            rich_help_panel=GOAL,
        ),
    ] = None,
    payload: PayloadFlag = None,
    payload_s3: PayloadS3Flag = None,
    confidence: ConfidenceFlag = None,
    tolerance: ToleranceFlag = None,
    cold_start_share: ColdStartShareFlag = None,
    monthly_invocations: MonthlyFlag = None,
    savings_plan_discount: SavingsPlanFlag = None,
    account_gb_seconds: AccountUseFlag = None,
    observed: ObservedFlag = None,
    cpu_time: CpuTimeFlag = False,
    sizes: SizesFlag = None,
    memory: NoMemoryFlag = None,  # noqa: ARG001 - its callback refuses it
    architectures: ArchitecturesFlag = None,
    max_invocations: MaxInvocationsFlag = None,
    max_cost_usd: MaxCostFlag = None,
    max_minutes: MaxMinutesFlag = None,
    parallel: ParallelFlag = None,
    sleep_between_ms: SleepFlag = None,
    reserved_concurrency: ReservedConcurrencyFlag = None,
    pre_processor: PreProcessorFlag = None,
    post_processor: PostProcessorFlag = None,
    snap_start: SnapStartFlag = False,
    no_warm_start: NoWarmStartFlag = False,
    config: ConfigFlag = None,
    no_config: NoConfigFlag = False,
    yes: YesFlag = False,
    region: RegionFlag = None,
    profile: ProfileFlag = None,
    stack: StackFlag = None,
    state_machine: StateMachineFlag = None,
    local: LocalFlag = False,
    out: OutFlag = None,
    show_logs: ShowLogsFlag = False,
    quiet: QuietFlag = False,
    json_output: JsonFlag = False,
) -> None:
    """Tune a deployed function; the exit code says whether today's size is still the right one."""
    from tuner.cli.check import judge_with
    from tuner.cli.execute import Presentation
    from tuner.cli.options import RequestFlags
    from tuner.cli.settings import read_settings
    from tuner.cli.tune_function import AccountFlags, run_tune, subject_of

    flags = RequestFlags(
        goal=goal,
        payload=payload,
        payload_s3=payload_s3,
        sizes=sizes,
        architectures=architectures,
        max_invocations=max_invocations,
        max_cost_usd=max_cost_usd,
        max_minutes=max_minutes,
        confidence=confidence,
        tolerance=tolerance,
        cold_start_share=cold_start_share,
        monthly_invocations=monthly_invocations,
        savings_plan_discount=savings_plan_discount,
        account_gb_seconds=account_gb_seconds,
        parallel=parallel,
        sleep_between_ms=sleep_between_ms,
        reserved_concurrency=reserved_concurrency,
        pre_processor=pre_processor,
        post_processor=post_processor,
        snap_start=snap_start,
        no_warm_start=no_warm_start,
        show_logs=show_logs,
        observed=observed,
        cpu_time=cpu_time,
    )
    settings = read_settings(subject_of(function), config, no_config=no_config, quiet=quiet)
    account = AccountFlags(region=region, profile=profile, stack=stack, state_machine=state_machine, local=local)
    limit_usd = settings.max_cost_per_million_usd if max_cost_per_million is None else max_cost_per_million
    shown = Presentation(out=out, json_output=json_output, quiet=quiet, judge=judge_with(limit_usd))
    _end(run_tune(function, settings.under(flags), account, shown, yes=yes))


@app.command(
    "try",
    epilog="Example: lambda-tuner try src/app.py:handler --payload event.json --goal p95=300ms\n\n"
    "Example: lambda-tuner try --template template.yaml --function Thumbnails --env TABLE_NAME=test\n\n"
    + EXIT_CODES_HELP,
)
@expected_errors
def try_command(
    handler: Annotated[
        str | None,
        typer.Argument(metavar="path/to/app.py:handler", help="The handler: a file and a function in it."),
    ] = None,
    goal: GoalFlag = None,
    payload: PayloadFlag = None,
    confidence: ConfidenceFlag = None,
    tolerance: ToleranceFlag = None,
    cold_start_share: ColdStartShareFlag = None,
    monthly_invocations: MonthlyFlag = None,
    observed: ObservedFlag = None,
    cpu_time: CpuTimeFlag = False,
    memory_mb: Annotated[
        int | None,
        typer.Option(
            "--memory",
            metavar="128",
            help="Today's memory size in MB, to compare with. Default: the template's, else 128.",
            rich_help_panel="The function",
        ),
    ] = None,
    sizes: SizesFlag = None,
    timeout_s: Annotated[
        int | None,
        typer.Option("--timeout", metavar="30", help="Time-out in seconds.", rich_help_panel="The function"),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(
            "--python",
            metavar="PATH",
            help="The Python with the handler's dependencies. Default: the active virtual environment's, else python3.",
            rich_help_panel="The function",
        ),
    ] = None,
    code_root: Annotated[
        Path | None,
        typer.Option(
            "--code-root",
            metavar="DIR",
            help="Where the code begins: Lambda's task root. Default: the template's, else found by the imports.",
            rich_help_panel="The function",
        ),
    ] = None,
    prices: Annotated[
        str | None,
        typer.Option(
            "--prices",
            metavar="REGION",
            help="Region whose prices to use. Default: us-east-1.",
            rich_help_panel="The function",
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            metavar="NAME=value",
            help="An environment variable; may be repeated.",
            rich_help_panel="The function",
        ),
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file", metavar="FILE", help="A file with lines NAME=value.", rich_help_panel="The function"
        ),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            "--template",
            metavar="FILE",
            help="A SAM or CloudFormation template that describes the function.",
            rich_help_panel="The function",
        ),
    ] = None,
    function: Annotated[
        str | None,
        typer.Option(
            "--function", metavar="ID", help="Which function of the template.", rich_help_panel="The function"
        ),
    ] = None,
    setup: SetupFlag = None,
    real_aws: Annotated[
        bool,
        typer.Option(
            "--real-aws",
            metavar="",
            help="Let the handler reach your own AWS account, not the embedded one.",
            rich_help_panel=HOW,
        ),
    ] = False,
    no_sandbox: NoSandboxFlag = False,
    max_invocations: MaxInvocationsFlag = None,
    max_cost_usd: MaxCostFlag = None,
    max_minutes: MaxMinutesFlag = None,
    parallel: ParallelFlag = None,
    sleep_between_ms: SleepFlag = None,
    cold_starts: ColdStartsFlag = None,
    no_warm_start: NoWarmStartFlag = False,
    dry_run: DryRunFlag = False,
    config: ConfigFlag = None,
    no_config: NoConfigFlag = False,
    yes: YesFlag = False,
    out: OutFlag = None,
    quiet: QuietFlag = False,
    json_output: JsonFlag = False,
) -> None:
    """Tune a Python handler from its source, on this machine: no AWS account needed."""
    import os

    from tuner.cli.execute import Presentation
    from tuner.cli.options import RequestFlags, parse_environment
    from tuner.cli.settings import read_settings
    from tuner.cli.try_handler import plan_function, run_try
    from tuner.cli.typed_command import typed_command

    flags = RequestFlags(
        goal=goal,
        payload=payload,
        sizes=sizes,
        max_invocations=max_invocations,
        max_cost_usd=max_cost_usd,
        max_minutes=max_minutes,
        confidence=confidence,
        tolerance=tolerance,
        cold_start_share=cold_start_share,
        monthly_invocations=monthly_invocations,
        parallel=parallel,
        sleep_between_ms=sleep_between_ms,
        cold_starts=cold_starts,
        no_warm_start=no_warm_start,
        dry_run=dry_run,
        observed=observed,
        cpu_time=cpu_time,
        prices_region=prices,
    )
    planned = plan_function(
        handler,
        python=python,
        memory_mb=memory_mb,
        timeout_s=timeout_s,
        environment=parse_environment(env or [], env_file),
        template=template,
        logical_id=function,
        surroundings=os.environ,
        code_root=code_root,
    )
    settings = read_settings(planned.subject, config, no_config=no_config, quiet=quiet)
    presentation = Presentation(out=out, json_output=json_output, quiet=quiet, command=typed_command())
    _end(
        run_try(
            planned,
            settings.under(flags),
            presentation,
            setup=setup,
            real_aws=real_aws,
            sandbox=not no_sandbox,
            yes=yes,
        )
    )


@app.command(
    epilog="Example: lambda-tuner report latest --out out/latest\n\n"
    "Without a flag of an AWS account it reads the runs made on this machine.\n\n" + EXIT_CODES_HELP
)
@expected_errors
def report(
    run_id: Annotated[str, RunIdArgument],
    link_hours: Annotated[
        float | None,
        typer.Option(
            "--link",
            metavar="HOURS",
            help="Print a link to report.html instead. Anyone who has it can open it, for this many hours.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    out: OutFlag = None,
    json_output: JsonFlag = False,
    region: RegionFlag = None,
    profile: ProfileFlag = None,
    stack: StackFlag = None,
    state_machine: StateMachineFlag = None,
) -> None:
    """Show an earlier run's report again; the exit code is that of the run."""
    from tuner.cli.execute import prepare_out
    from tuner.cli.reading import show_report
    from tuner.cli.tune_function import AccountFlags, artifacts_of, run_link

    account = AccountFlags(region, profile, stack, state_machine, local=False)
    if link_hours is not None:
        _end(run_link(account, run_id, hours=link_hours, json_output=json_output))
    artifacts, where = artifacts_of(account)
    prepare_out(out)
    _end(show_report(artifacts, run_id, where, out=out, json_output=json_output))


@app.command(
    "open",
    epilog="Example: lambda-tuner open latest\n\nExample: lambda-tuner open 20261103 --region eu-central-1 --print-path"
    "\n\nWithout a flag of an AWS account it opens the runs made on this machine.",
)
@expected_errors
def open_command(
    run_id: Annotated[str, RunIdArgument],
    print_path: Annotated[
        bool,
        typer.Option(
            "--print-path", metavar="", help="Print the file's path and open nothing.", rich_help_panel=OUTPUT
        ),
    ] = False,
    region: RegionFlag = None,
    profile: ProfileFlag = None,
    stack: StackFlag = None,
    state_machine: StateMachineFlag = None,
) -> None:
    """Fetch a run's report and open it in the browser."""
    from tuner.cli.open_report import open_report
    from tuner.cli.tune_function import AccountFlags, artifacts_of

    artifacts, where = artifacts_of(AccountFlags(region, profile, stack, state_machine, local=False))
    _end(open_report(artifacts, run_id, where, print_path=print_path))


@app.command(
    "list",
    epilog="Example: lambda-tuner list\n\nExample: lambda-tuner list --region eu-central-1 --json\n\n"
    "Without a flag of an AWS account it lists the runs made on this machine.",
)
@expected_errors
def list_command(
    limit: Annotated[int, typer.Option("--limit", metavar="20", min=1, help="Maximum number of runs to show.")] = 20,
    json_output: JsonFlag = False,
    region: RegionFlag = None,
    profile: ProfileFlag = None,
    stack: StackFlag = None,
    state_machine: StateMachineFlag = None,
) -> None:
    """List the latest runs, newest first."""
    from tuner.cli.reading import list_runs
    from tuner.cli.tune_function import AccountFlags, artifacts_of

    artifacts, where = artifacts_of(AccountFlags(region, profile, stack, state_machine, local=False))
    _end(list_runs(artifacts, where, limit=limit, json_output=json_output))


@app.command(
    epilog="Example: lambda-tuner patch latest --file template.yaml\n\n"
    "Example: lambda-tuner patch 20261103 --file template.json --function Thumbnails --dry-run\n\n"
    "Exit codes: 0 changed, or it says so already · 2 not changed: not sure what, or no such run or file · "
    "3, 4, 5 not changed: the run's verdict."
)
@expected_errors
def patch(
    run_id: Annotated[str, RunIdArgument],
    file: Annotated[
        Path, typer.Option("--file", metavar="FILE", help="The SAM or CloudFormation template, YAML or JSON.")
    ],
    function: Annotated[
        str | None,
        typer.Option(
            "--function",
            metavar="ID",
            help="The function's logical id, name or handler. Default: found by the run's function.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            metavar="",
            help="Write even if the goal is not met, others share the value, or a reference is replaced.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", metavar="", help="Show the change, write nothing.")] = False,
    json_output: JsonFlag = False,
    region: RegionFlag = None,
    profile: ProfileFlag = None,
    stack: StackFlag = None,
    state_machine: StateMachineFlag = None,
) -> None:
    """Write a run's recommendation into a SAM or CloudFormation template; everything else stays, byte for byte."""
    from tuner.cli.patch import run_patch
    from tuner.cli.tune_function import AccountFlags, artifacts_of

    artifacts, where = artifacts_of(AccountFlags(region, profile, stack, state_machine, local=False))
    _end(
        run_patch(
            artifacts,
            run_id,
            where,
            file,
            function=function,
            force=force,
            dry_run=dry_run,
            json_output=json_output,
        )
    )


@app.command(
    epilog="Example: aws logs tail /aws/lambda/thumbnails --since 1d | lambda-tuner logs - --summary\n\n"
    "Exit codes: 0 records were found · 2 the file cannot be read · 4 there is no record in it."
)
@expected_errors
def logs(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A log of Lambda; - is standard input.")],
    summary: Annotated[
        bool,
        typer.Option(
            "--summary", metavar="", help="Print a table by memory size instead of JSON lines.", rich_help_panel=OUTPUT
        ),
    ] = False,
) -> None:
    """Read the REPORT records of a log: one JSON object a line, or a summary by memory size."""
    from tuner.cli.logs import run_logs

    _end(run_logs(file, summary=summary))


@app.command(
    epilog="Example: lambda-tuner doctor --region eu-central-1\n\nExample: lambda-tuner doctor --local\n\n"
    "Exit codes: 0 no check failed · 2 usage · 4 a check failed · 130 Ctrl-C; what the probe made was removed."
)
@expected_errors
def doctor(
    probe: Annotated[
        bool,
        typer.Option(
            "--probe/--no-probe",
            metavar="",
            help="Tune a function of its own with real executions, and remove it. Asks first; under one cent.",
            rich_help_panel=HOW,
        ),
    ] = True,
    yes: YesFlag = False,
    region: RegionFlag = None,
    profile: ProfileFlag = None,
    stack: StackFlag = None,
    local: LocalFlag = False,
    json_output: Annotated[
        bool,
        typer.Option(
            "--json",
            metavar="",
            help="One JSON document for a bug report, with account numbers and keys masked.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
) -> None:
    """Check what a deployment and a run need: before and after `sam deploy`, and for a bug report."""
    from tuner.cli.doctor.command import run_doctor
    from tuner.cli.tune_function import AccountFlags

    where = AccountFlags(region, profile, stack, None, local=local)
    _end(run_doctor(where, probe=probe, yes=yes, json_output=json_output))


@app.command(
    epilog="Example: lambda-tuner uninstall --region eu-central-1\n\n"
    "Exit codes: 0 nothing is left · 2 not confirmed · 4 something could not be removed."
)
@expected_errors
def uninstall(
    yes: YesFlag = False,
    region: RegionFlag = None,
    profile: ProfileFlag = None,
    stack: StackFlag = None,
) -> None:
    """Remove Lambda Tuner from an AWS account: empties its bucket, deletes its stack, shows that nothing is left."""
    from tuner.cli.tune_function import AccountFlags, run_uninstall

    _end(run_uninstall(AccountFlags(region, profile, stack, None, local=False), yes=yes))


@local_app.command(
    "start", epilog='Example: eval "$(lambda-tuner local start)" && aws s3 ls\n\nStop it with: lambda-tuner local stop'
)
@expected_errors
def local_start(
    port: Annotated[int, typer.Option("--port", metavar="4599", min=1, max=65535, help="Port to listen on.")] = 4599,
    no_sandbox: NoSandboxFlag = False,
) -> None:
    """Start the embedded AWS, return when it is ready, and print the `export` lines that its clients need."""
    from tuner.cli.local import start_local

    start_local(port, sandbox=not no_sandbox)


@local_app.command("status", epilog="Example: lambda-tuner local status --json")
@expected_errors
def local_status(json_output: JsonFlag = False) -> None:
    """Say whether the embedded AWS is running, and where; the exit code is 4 if it is not."""
    from tuner.cli.local import local_status as read_status

    status = read_status()
    if json_output:
        print_json(status)
    elif status["running"]:
        typer.echo(f"The embedded AWS is running at {status['endpointUrl']} (pid {status['pid']}).")
        typer.echo(f"Its artifact bucket is kept in {status['bucketFolder']}.")
        typer.echo(f"Its version is {status['version']}.")
    else:
        typer.echo("The embedded AWS is not running. Start it: lambda-tuner local start")
    if not status["running"]:
        _end(EXIT_FAILED)


@local_app.command("stop", epilog="Example: lambda-tuner local stop")
@expected_errors
def local_stop() -> None:
    """Stop the embedded AWS; its artifact bucket stays."""
    from tuner.cli.local import stop_local

    typer.echo("Stopped." if stop_local() else "The embedded AWS was not running.")


def _end(code: int) -> NoReturn:
    raise typer.Exit(code)
