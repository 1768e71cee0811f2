"""Lambda Tuner: the cheapest Lambda configuration that meets a latency goal.

:func:`tune` and :func:`try_handler` are the command's ``tune`` and ``try``
for a script; docs/api.md has examples. All else may change without notice.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.api import Answer, DryRun, Failure, RunReport, TunerError, try_handler, tune

__version__ = "0.1.0"
__all__ = ["Answer", "DryRun", "Failure", "RunReport", "TunerError", "__version__", "try_handler", "tune"]


def __getattr__(name: str) -> Any:
    """Import what a script uses when it uses it: deployed functions import this package too."""
    if name not in __all__:
        raise AttributeError(f"module 'tuner' has no attribute {name!r}")
    # By its name: the packages of the deployed functions follow import statements.
    return getattr(importlib.import_module("tuner.api"), name)
