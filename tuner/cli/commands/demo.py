"""``lambda-tuner demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from tuner.cli.flags import JsonFlag, NoSandboxFlag, QuietFlag, flag, request_flags

EPILOG = (
    "Example: lambda-tuner demo\n\nExample: lambda-tuner demo --example io-wait --out out/io-wait\n\n"
    "Exit codes: 0 whatever the verdict · 2 usage · 4 the run failed or could not start · 130 Ctrl-C."
)


def _complete_example(incomplete: str) -> list[tuple[str, str]]:
    from tuner.cli.examples import examples

    return [(each.name, each.summary) for each in examples() if each.name.startswith(incomplete)]


def demo(
    asked: Annotated[dict[str, Any], request_flags("demo")],
    example: Annotated[
        str,
        flag(
            "--example",
            "One of image-resize, io-wait, json-transform, compression, memory-hungry, two-threads.",
            form="NAME",
            autocompletion=_complete_example,
        ),
    ] = "image-resize",
    out: Annotated[Path, flag("--out", "Where the report goes.", form="DIR", file_okay=False)] = Path("out/demo"),
    no_sandbox: NoSandboxFlag = False,
    quiet: QuietFlag = False,
    json_output: JsonFlag = False,
) -> int:
    """Tune a real function on this machine and write a report: no AWS account needed."""
    from tuner.cli.demo import run_demo
    from tuner.cli.execute import Presentation
    from tuner.cli.typed_command import typed_command

    shown = Presentation(out=out, json_output=json_output, show_states=True, quiet=quiet, command=typed_command())
    return run_demo(example, asked, shown, sandbox=not no_sandbox)
