"""Ends the workers of a host that died without ending them. Standard library alone; run by its path.

Reads lines from standard input: ``+pid mark`` when a worker has started,
``-pid mark`` when it was ended; *mark* is an environment variable that only
this worker and its descendants have. The end of the input means that the host
is gone: a worker cannot notice that itself while it is stopped (which is how
CPU time is limited), so it is killed from here, with all that it started. The
folders given as arguments are removed then.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import sys


def open_mount_namespace(pid: int) -> int | None:
    """A descriptor of the mount namespace that *pid* has for itself; ``None`` if it shares this process's own.

    While it is open the namespace keeps its number, which the next worker's would get otherwise.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    except OSError:
        return None
    if os.path.samestat(os.fstat(descriptor), pathlib.Path("/proc/self/ns/mnt").stat()):
        os.close(descriptor)
        return None
    return descriptor


def relatives(pid: int, mark: bytes, namespace: int | None = None) -> set[int]:
    """The processes that came from the worker *pid*, where the system has ``/proc``; the worker is not among them.

    Its children and theirs, and daemons that have cut every other tie: they
    are in the worker's mount *namespace* where it has one of its own, or still
    carry *mark*, ``NAME=text``, in their environment.
    """
    inside = None if namespace is None else os.fstat(namespace)
    parents: dict[int, int] = {}
    marked: set[int] = set()
    with contextlib.suppress(OSError):
        for folder in pathlib.Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    parents[int(folder.name)] = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
                    is_inside = inside is not None and os.path.samestat((folder / "ns" / "mnt").stat(), inside)
                    if is_inside or mark in (folder / "environ").read_bytes().split(b"\0"):
                        marked.add(int(folder.name))
    found: set[int] = set()
    to_look_at = [pid, *marked]
    while to_look_at:
        parent = to_look_at.pop()
        children = {child for child, its_parent in parents.items() if its_parent == parent} - found
        found |= children
        to_look_at += children
    return (found | marked) - {pid, os.getpid()}


def kill_all(pid: int, mark: bytes, namespace: int | None) -> None:
    """Kill a worker, its process group and whatever else came from it."""
    family = relatives(pid, mark, namespace)
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    # What was started between the look and the kill is found by a second look.
    for relative in family | relatives(pid, mark, namespace):
        with contextlib.suppress(OSError):
            os.kill(relative, signal.SIGKILL)


def main() -> None:
    """Follow the host until it is gone."""
    workers: dict[int, tuple[bytes, int | None]] = {}
    for line in sys.stdin.buffer:
        pid, _, mark = line[1:].rstrip(b"\n").partition(b" ")
        if line[:1] == b"+":
            workers[int(pid)] = mark, open_mount_namespace(int(pid))
        else:
            _, namespace = workers.pop(int(pid), (b"", None))
            if namespace is not None:
                os.close(namespace)
    for worker, (mark, namespace) in workers.items():
        kill_all(worker, mark, namespace)
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
