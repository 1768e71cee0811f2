"""The command line as it was typed, for the report's "do it again"."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

_ENVIRONMENT_FLAG = "--env"


def typed_command(arguments: Sequence[str] | None = None) -> str:
    """The command line, ready for a shell, without the values of ``--env``: a report is passed on.

    Example:
        >>> typed_command(["try", "my app.py:handler", "--env", "TOKEN=secret", "--env=KEY=x"])
        "lambda-tuner try 'my app.py:handler' --env TOKEN=... --env=KEY=..."
    """
    words: list[str] = []
    for typed in sys.argv[1:] if arguments is None else arguments:
        if words and words[-1] == _ENVIRONMENT_FLAG:
            words.append(f"{typed.split('=', 1)[0]}=...")
        elif typed.startswith(f"{_ENVIRONMENT_FLAG}="):
            words.append("=".join(typed.split("=", 2)[:2]) + "=...")
        else:
            words.append(typed)
    return shlex.join(["lambda-tuner", *words])
