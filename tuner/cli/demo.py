"""``lambda-tuner demo``: one example, tuned from its deployment to its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from tuner.cli.account import embedded_account
from tuner.cli.console import error_console
from tuner.cli.examples import Example, demo_memory_mb, deploy_example, example_named
from tuner.cli.execute import Presentation, execute, prepare_out
from tuner.cli.failures import EXIT_GOAL_NOT_MET, EXIT_OK, EXIT_UNCERTAIN
from tuner.cli.local import bucket_of_store, local_aws, require_local
from tuner.cli.options import build_request
from tuner.embedded.identity import memory_cap_mb


def introduce(example: Example, memory_mb: int, console: Console) -> None:
    """Say what the demo is about, for somebody who knows nothing of it."""
    percentile, limit_ms = example.goal["percentile"], example.goal["limitMs"]
    console.print(f"[bold]Demo: {example.name}[/bold], a Lambda function that {example.summary}.")
    console.print(
        f"Today it has {memory_mb:,} MB of memory. More memory also buys more CPU, and costs more per millisecond.\n"
        f"The goal: {percentile:g} of 100 invocations take at most {limit_ms:g} ms "
        f"(p{percentile:g} ≤ {limit_ms:g} ms).\n"
        "The question: which memory size is the cheapest that meets it?",
        markup=False,
    )


def run_demo(name: str, asked: Mapping[str, Any], presentation: Presentation, *, sandbox: bool = True) -> int:
    """Tune one example on the embedded AWS and give the exit code: 0 for every verdict.

    A verdict is what the demo is to show. Whether this machine is fast enough
    for the example's goal is no reason to call the demo failed.

    Raises:
        UsageProblem: There is no such example, or the report's folder cannot be written to.
    """
    require_local()
    example = example_named(name)
    prepare_out(presentation.out)
    memory_mb = demo_memory_mb(example, memory_cap_mb())
    console = error_console(quiet=presentation.quiet)
    introduce(example, memory_mb, console)
    with local_aws(function=example.function_name, sandbox=sandbox, quiet=presentation.quiet) as aws:
        function = deploy_example(aws, example, memory_mb)
        request = build_request(function, asked, local=True)
        request |= {"goal": dict(example.goal), "payload": example.event}
        code = execute(embedded_account(aws), function, request, presentation, bucket_folder=bucket_of_store())
    console.print(f"What this example shows: {example.lesson}.", markup=False, soft_wrap=True)
    console.print(
        "Next, your own handler: lambda-tuner try path/to/app.py:handler --payload event.json --goal p95=300ms",
        markup=False,
        soft_wrap=True,
    )
    return EXIT_OK if code in {EXIT_GOAL_NOT_MET, EXIT_UNCERTAIN} else code
