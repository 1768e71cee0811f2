"""``lambda-tuner demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from tuner.cli.failures import EXIT_OK
from tuner.cli.flags import JsonFlag, NoSandboxFlag, QuietFlag, command, flag
from tuner.cli.options import request_flags
from tuner.core.answer.verdicts import Ending, facts_of

if TYPE_CHECKING:
    from rich.console import Console

    from tuner.cli.examples import Example


def _complete_example(incomplete: str) -> list[tuple[str, str]]:
    from tuner.cli.examples import examples

    return [(each.name, each.summary) for each in examples() if each.name.startswith(incomplete)]


@command(
    "demo",
    epilog="Example: lambda-tuner demo\n\nExample: lambda-tuner demo --example io-wait --out out/io-wait\n\n"
    "Exit codes: 0 whatever the verdict · 2 usage · 4 the run failed or could not start · 130 Ctrl-C.",
)
def demo(
    asked: Annotated[dict[str, Any], request_flags("demo")],
    example: Annotated[
        str,
        flag(
            "--example NAME",
            "One of image-resize, io-wait, json-transform, compression, memory-hungry, two-threads.",
            autocompletion=_complete_example,
        ),
    ] = "image-resize",
    out: Annotated[Path, flag("--out DIR", "Where the report goes.", file_okay=False)] = Path("out/demo"),
    no_sandbox: NoSandboxFlag = False,
    quiet: QuietFlag = False,
    json_output: JsonFlag = False,
) -> int:
    """Tune a real function on this machine and write a report: no AWS account needed."""
    from tuner.cli.account import embedded_account
    from tuner.cli.console import error_console
    from tuner.cli.examples import demo_memory_mb, deploy_example, example_named
    from tuner.cli.execute import Presentation, execute, prepare_out
    from tuner.cli.local import bucket_of_store, local_aws, require_local
    from tuner.cli.options import build_request
    from tuner.cli.typed_command import typed_command
    from tuner.embedded.identity import memory_cap_mb

    presentation = Presentation(
        out=out, json_output=json_output, show_states=True, quiet=quiet, command=typed_command()
    )
    require_local()
    chosen = example_named(example)
    prepare_out(out)
    memory_mb = demo_memory_mb(chosen, memory_cap_mb())
    console = error_console(quiet=quiet)
    introduce(chosen, memory_mb, console)
    with local_aws(function=chosen.function_name, sandbox=not no_sandbox, quiet=quiet) as aws:
        function = deploy_example(aws, chosen, memory_mb)
        request = build_request(function, asked, local=True)
        request |= {"goal": dict(chosen.goal), "payload": chosen.event}
        code = execute(embedded_account(aws), function, request, presentation, bucket_folder=bucket_of_store())
    console.print(f"What this example shows: {chosen.lesson}.")
    console.print(
        "Next, your own handler: lambda-tuner try path/to/app.py:handler --payload event.json --goal p95=300ms"
    )
    # A verdict is what the demo is to show: that this machine is too slow for the example's goal is no failure of it.
    return EXIT_OK if code in {facts_of(verdict).exit_code for verdict in get_args(Ending)} else code


def introduce(example: Example, memory_mb: int, console: Console) -> None:
    """Say what the demo is about, for somebody who knows nothing of it."""
    percentile, limit_ms = example.goal["percentile"], example.goal["limitMs"]
    console.print(
        f"[bold]Demo: {example.name}[/bold], a Lambda function that {example.summary}.\n"
        f"Today it has {memory_mb:,} MB of memory. More memory also buys more CPU, and costs more per millisecond.\n"
        f"The goal: {percentile:g} of 100 invocations take at most {limit_ms:g} ms "
        f"(p{percentile:g} ≤ {limit_ms:g} ms).\n"
        "The question: which memory size is the cheapest that meets it?",
        markup=True,
        soft_wrap=False,
    )
