"""``lambda-tuner doctor``."""

from __future__ import annotations

from typing import Annotated

from tuner.cli.flags import HOW, OUTPUT, AccountFlags, Without, YesFlag, command, flag


@command(
    "doctor",
    epilog="Example: lambda-tuner doctor --region eu-central-1\n\nExample: lambda-tuner doctor --local\n\n"
    "Exit codes: 0 no check failed · 2 usage · 4 a check failed · 130 Ctrl-C; what the probe made was removed.",
)
def doctor(
    where: Annotated[AccountFlags, Without(("state_machine",))],
    probe: Annotated[
        bool,
        flag(
            "--probe/--no-probe",
            "Tune a function of its own with real executions, and remove it. Asks first; under one cent.",
            HOW,
        ),
    ] = True,
    yes: YesFlag = False,
    json_output: Annotated[
        bool, flag("--json", "One JSON document for a bug report, with account numbers and keys masked.", OUTPUT)
    ] = False,
) -> int:
    """Check what a deployment and a run need: before and after `sam deploy`, and for a bug report."""
    from tuner.cli.doctor.command import run_doctor

    return run_doctor(where, probe=probe, yes=yes, json_output=json_output)
