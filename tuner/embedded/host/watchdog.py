"""Ends the workers of a host that died without ending them. Standard library alone; run by its path.

Reads lines from standard input: ``+pid`` when a worker has started, ``-pid``
when it was ended. The end of the input means that the host is gone: a worker
cannot notice that itself while it is stopped (which is how CPU time is
limited), so it is killed from here, with its process group and its children.
The folder given as argument is removed then.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import sys


def descendants(pid: int) -> list[int]:
    """The pids below *pid* where the system has ``/proc``, else none."""
    parents = {}
    with contextlib.suppress(OSError):
        for folder in pathlib.Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    parents[int(folder.name)] = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
    found, to_look_at = [], [pid]
    while to_look_at:
        parent = to_look_at.pop()
        children = [child for child, its_parent in parents.items() if its_parent == parent]
        found += children
        to_look_at += children
    return found


def main() -> None:
    """Follow the host until it is gone."""
    workers: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "+":
            workers.add(pid)
        else:
            workers.discard(pid)
    for pid in workers:
        children = descendants(pid)
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
