"""The embedded AWS for the command: a running one or a temporary one; and where its bucket is kept."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tuner import __version__
from tuner.cli.console import error_console
from tuner.cli.failures import UsageProblem
from tuner.cli.store import bucket_folder, store_home
from tuner.core.foreign_text import visible

if TYPE_CHECKING:
    from tuner.embedded.account import EmbeddedAws

_LOCAL_PACKAGES = ("moto", "samtranslator", "optuna", "numpy", "jinja2", "vl_convert", "psutil", "cfn_tools")
"""What the embedded AWS and the run in it import first; the rest is installed with them."""


def require_local(platform: str = sys.platform) -> None:
    """Refuse systems that the embedded AWS cannot run on, and installations without it.

    It slows functions with signals and process groups that Windows lacks.

    Raises:
        UsageProblem: This is Windows, or the packages of ``lambda-tuner[local]`` are not installed.
    """
    if platform in {"win32", "cygwin"}:
        raise UsageProblem(
            "The embedded AWS runs on Linux and macOS; on Windows it runs inside WSL.",
            hint="Open a WSL terminal (`wsl --install` sets one up), install lambda-tuner there, run the same command.",
        )
    missing = [name for name in _LOCAL_PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageProblem(
            f"The embedded AWS is not installed ({', '.join(missing)} missing).",
            hint="Install it from your checkout: pip install './lambda-tuner[local]'. "
            "Tuning in your account works without it.",
        )


@contextmanager
def local_aws(
    *, function: str, real_aws: bool = False, sandbox: bool = True, quiet: bool = False
) -> Iterator[EmbeddedAws]:
    """Give the running embedded AWS, else start one that ends with the block.

    Two commands for one function run one after the other: each starts from
    what the earlier found out, and writes what the next starts from.

    Args:
        function: What is tuned in the block.
        real_aws: Let functions reach the user's own AWS, which takes one of its own even if one runs.
        sandbox: Keep handlers from this machine; without, one of its own is started too.
        quiet: Say nothing of it, but what it does not isolate.
    """
    require_local()
    from tuner.embedded.account import embedded_aws, make_private, status
    from tuner.embedded.locks import is_held, one_at_a_time

    home, console = store_home(), error_console(quiet=quiet)
    make_private(home)
    lock = home / f"run-{hashlib.sha256(function.encode()).hexdigest()[:16]}.lock"
    if is_held(lock):
        error_console().print(f"Another command on this machine is tuning {visible(function)}; waiting until it ends.")
    with one_at_a_time(lock):
        running = status(home) if sandbox and not real_aws else None
        if running is not None:
            console.print(f"Using the embedded AWS at {running.endpoint_url}.")
            warn_of(running)
            yield running
            return
        started_s = time.monotonic()
        console.print("Starting the embedded AWS on this machine (loopback only, no account needed)…")
        with embedded_aws(home=home, sandbox=sandbox, real_aws=real_aws) as aws:
            console.print(f"Ready after {time.monotonic() - started_s:.1f} s, with Lambda Tuner deployed in it.")
            warn_of(aws)
            yield aws


def warn_of(aws: EmbeddedAws) -> None:
    """Say what the user must know of a server before it is used."""
    warnings = [aws.not_isolated]
    if aws.version != __version__:
        warnings.append(
            f"The embedded AWS that is running has version {aws.version}, this command {__version__}: "
            "stop it with `lambda-tuner local stop`, and the next start will have this version."
        )
    for warning in filter(None, warnings):
        error_console().print(warning)


def bucket_of_store() -> Path:
    """The store's bucket, as a folder."""
    return bucket_folder(store_home())
