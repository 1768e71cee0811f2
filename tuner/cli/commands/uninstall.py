"""``lambda-tuner uninstall``."""

from __future__ import annotations

from typing import Annotated

from tuner.cli.failures import EXIT_OK
from tuner.cli.flags import AccountFlags, Without, YesFlag, command


@command(
    "uninstall",
    epilog="Example: lambda-tuner uninstall --region eu-central-1\n\n"
    "Exit codes: 0 nothing is left · 2 not confirmed · 4 something could not be removed.",
)
def uninstall(where: Annotated[AccountFlags, Without(("state_machine", "local"))], yes: YesFlag = False) -> int:
    """Remove Lambda Tuner from an AWS account: empty its bucket, delete its stack, confirm that nothing is left."""
    from tuner.cli.account import account_names
    from tuner.cli.console import confirm, error_console, result_console
    from tuner.cli.uninstall import find_remains
    from tuner.cli.uninstall import uninstall as remove

    account = account_names(where)
    remains = find_remains(account)
    if not remains.lines:
        nothing = f"Nothing to remove: there is nothing of Lambda Tuner (stack {account.stack}) in {account.name}."
        result_console().print(nothing)
        return EXIT_OK
    console = error_console()
    console.print(f"In {account.name} this removes, with every report in the bucket:")
    for line in remains.lines:
        console.print(f"  {line}")
    if not yes:
        confirm("", "Remove it?", if_not="Nothing was removed.")
    return remove(account, remains)
