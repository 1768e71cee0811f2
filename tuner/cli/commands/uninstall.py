"""``lambda-tuner uninstall``."""

from __future__ import annotations

from typing import Annotated

from tuner.cli.flags import AccountFlags, Without, YesFlag

EPILOG = (
    "Example: lambda-tuner uninstall --region eu-central-1\n\n"
    "Exit codes: 0 nothing is left · 2 not confirmed · 4 something could not be removed."
)


def uninstall(where: Annotated[AccountFlags, Without(("state_machine", "local"))], yes: YesFlag = False) -> int:
    """Remove Lambda Tuner from an AWS account: empties its bucket, deletes its stack, shows that nothing is left."""
    from tuner.cli.tune_function import run_uninstall

    return run_uninstall(where, yes=yes)
