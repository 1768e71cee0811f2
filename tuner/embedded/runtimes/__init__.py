"""The languages that the embedded AWS runs; a new one is a module here, with its runtime client, and a row below.

::

    runtime            what has to be known of a language
    python             Python: interpreters, variables, layers, a handler's source
    python_bootstrap   a runtime client of the standard library alone, for interpreters without AWS's own
    python_source      reads a handler's source in the interpreter that will run it
"""

from __future__ import annotations

from pathlib import PurePath

from tuner.embedded.runtimes.python import PYTHON
from tuner.embedded.runtimes.runtime import Runtime

RUNTIMES: list[Runtime] = [PYTHON]
"""The first one runs if nothing says which."""


def runtime_named(identifier: str) -> Runtime | None:
    """The runtime of Lambda's identifier, such as ``python3.13``; ``None``: it does not run here."""
    return next((each for each in RUNTIMES if identifier.startswith(each.family)), None)


def runtime_of_file(path: PurePath) -> Runtime | None:
    """The runtime of a handler's file; ``None``: it does not run here."""
    return next((each for each in RUNTIMES if path.suffix == each.suffix), None)


def languages() -> str:
    """What runs here, for sentences: ``Python``."""
    return " and ".join(each.language for each in RUNTIMES)
