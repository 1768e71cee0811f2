"""What keeps a handler from this machine: which means there are, and how a worker is started in them.

On Lambda a function can write to ``/tmp`` alone, which is empty at its start
and its environment's own ("Lambda execution environment", AWS Lambda Developer
Guide). Here one of three means stands for that, the best that the system
allows, found by trying:

- ``namespaces`` (Linux, where user namespaces are allowed): a file system of
  the environment's own, as ``unshare(1)`` or bubblewrap would make it.
- ``landlock`` (Linux 5.13 or later): the kernel refuses to write anywhere but
  to the environment's temporary folder.
- ``none``: ``TMPDIR`` names that folder, and nothing is refused.

``launcher.py`` carries them out, in the process that becomes the worker.
"""

from __future__ import annotations

import contextlib
import functools
import marshal
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tuner.core.errors import ServiceError
from tuner.embedded.runtimes.python import own_paths

Means = Literal["namespaces", "landlock", "none"]
ALL_MEANS: tuple[Means, ...] = ("namespaces", "landlock")

TASK_ROOT = Path("/var/task")
LAYERS_ROOT = Path("/opt")
_LAUNCHER = Path(__file__).with_name("launcher.py")
_HIDDEN = ("/tmp/", "/var/task/", "/opt/", "/dev/")  # noqa: S108 - what launcher.py makes anew
_APPARMOR_SWITCH = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How the workers of a host are kept from this machine."""

    means: Means

    @property
    def warning(self) -> str:
        """What is not isolated, and what changes that; empty if all is."""
        if self.means == "namespaces":
            return ""
        if self.means == "landlock":
            return (
                "This system allows no user namespaces, so handlers have no /tmp of their own here. They can write "
                "only to the folder that TMPDIR names, which tempfile uses; a handler that writes to /tmp by name "
                f'fails with "Permission denied". {_how_to_allow()} '
                "Or use --no-sandbox, which lets handlers write everywhere."
            )
        return (
            "Handlers are not isolated from this machine: what they write or delete in /tmp, their own code or your "
            f"home is really written or deleted. TMPDIR names a folder of their own, which tempfile uses.{_why_none()}"
        )

    @property
    def has_own_root(self) -> bool:
        """Whether the worker sees its code at ``/var/task``, layers at ``/opt``, and a ``/tmp`` of its own."""
        return self.means == "namespaces"


NO_SANDBOX = Sandbox("none")


def _how_to_allow() -> str:
    if _APPARMOR_SWITCH.exists():
        return "To allow them until the next start: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0."
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return "To allow them: start this container with --security-opt seccomp=unconfined, or with --privileged."
    return "To allow them: sudo sysctl -w user.max_user_namespaces=15000."


def _why_none() -> str:
    return " macOS offers no more." if sys.platform == "darwin" else ""


@functools.cache
def find_sandbox(candidates: Sequence[Means] = ALL_MEANS) -> Sandbox:
    """Choose the first of *candidates* in which a process starts; none does on macOS."""
    if sys.platform != "linux":
        return NO_SANDBOX
    for means in candidates:
        sandbox = Sandbox(means)
        with tempfile.TemporaryDirectory(prefix="lambda-tuner-") as folder, contextlib.suppress(ServiceError, OSError):
            worker, _ = start_worker(
                sandbox,
                [sys.executable, "-I", "-S", "-c", ""],
                {},
                Place(Path(folder), Path(folder), None, None, visible=own_paths()),
                output=subprocess.DEVNULL,
            )
            if worker.wait() == 0:
                return sandbox
    return NO_SANDBOX


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one environment."""

    folder: Path
    """Its own; exists and is empty."""
    code_dir: Path
    layers_dir: Path | None
    tmp_bytes: int | None
    """The size of a ``/tmp`` in memory; ``None`` if ``/tmp`` is the folder on disk."""
    visible: Sequence[str] = ()
    """Absolute paths that must be seen, wherever they are: the interpreter's."""

    @property
    def tmp_folder(self) -> Path:
        """What the environment may write to on disk."""
        return self.folder / "tmp"


def start_worker(
    sandbox: Sandbox | None, command: Sequence[str], environment: Mapping[str, str], place: Place, *, output: int
) -> tuple[subprocess.Popen[bytes], float]:
    """Start a worker in its sandbox, or without any and as it is (``None``); returns when its program begins.

    Returns:
        The process, and when its program began, by the monotonic clock: read
        by the process itself, as this one may go on much later.

    Raises:
        ServiceError: The sandbox or the program could not be started.
    """
    place.tmp_folder.mkdir()
    options: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": output,
        "stderr": output,
        "start_new_session": True,
    }
    if sandbox is None or sys.platform != "linux":
        began_s = time.monotonic()
        return subprocess.Popen(command, env=environment, cwd=place.code_dir, **options), began_s
    root = place.folder / "root"
    root.mkdir()
    plan = {
        "means": sandbox.means,
        "root": str(root),
        "code_dir": str(place.code_dir),
        "layers_dir": str(place.layers_dir or ""),
        "tmp_bytes": place.tmp_bytes,
        "tmp_folder": str(place.tmp_folder) if place.tmp_bytes is None else "",
        "visible": _outermost(path for path in place.visible if path.startswith(_HIDDEN) and Path(path).exists()),
        "command": list(command),
        "environment": dict(environment),
    }
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            worker = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LAUNCHER), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={},  # what the function sets (LD_PRELOAD, PYTHONHOME) is for its own program alone
                cwd="/",
                **options,
            )
        with contextlib.suppress(OSError):  # one that ended at once is noticed below
            ours.sendall(marshal.dumps(plan))
            ours.shutdown(socket.SHUT_WR)
        with ours.makefile("rb") as stream:
            *began, reason = stream.read().decode(errors="replace").split("\n", 1)
    if reason:
        worker.wait()
        raise ServiceError(f"A worker could not be started: {reason}.", hint=_START_HINT)
    return worker, float(began[0]) if began else time.monotonic()


_START_HINT = "Check that this user can read the interpreter and the code; or try without the sandbox (--no-sandbox)."


def _outermost(paths: Any) -> list[str]:
    """The paths that lie in no other one of them."""
    found: list[str] = []
    for path in sorted(os.path.normpath(each) for each in paths):
        if not found or not path.startswith(f"{found[-1]}/"):
            found.append(path)
    return found
