"""``python -m bench`` (most of them), or one of ``COMMANDS``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib import import_module

# One core a worker: otherwise the CPU time of a suggestion is that of waiting threads.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


COMMANDS = {
    "search": ("search", "the search against its peers, on measured curves"),
    "quota": ("quota", "the search on raw durations of a short function, which falls in steps"),
    "steps": ("steps", "measured durations of a short function beside the mechanism, as a plot"),
    "frontier": ("frontier", "our search's quality against invocations, as a plot"),
    "nights": ("nights", "a second run that starts from the first one's study"),
    "examples": ("examples", "the picks on real examples against all sizes measured"),
    "busy": ("busy", "known functions tuned on an idle and on a busy machine"),
    "report": ("report", "the report's size, and how soon it can be used"),
    "logs": ("logs", "how many records of a log are read a second"),
    "cost": ("run_cost", "what one run takes besides the invocations"),
    "cpu": ("cpu_share", "the embedded AWS's CPU share against AWS's"),
    "host": ("host_steps", "whether short functions step on the embedded AWS where they do on Lambda"),
}
"""Module and help of each; the module has ``add_arguments`` and ``run``."""


def main() -> int:
    """Parse the command line and run one benchmark."""
    arguments = sys.argv[1:] or ["all"]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    everything = commands.add_parser("all", help="one after the other, what the documentation states; the default")
    everything.add_argument("--quick", action="store_true", help="few curves and logs: whether all of it runs")
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name == arguments[0]:
            import_module(f"bench.{module}").add_arguments(command)
    parsed = parser.parse_args(arguments)
    if parsed.command == "all":
        return _run_all(quick=parsed.quick)
    return int(import_module(f"bench.{COMMANDS[parsed.command][0]}").run(parsed))


def _run_all(*, quick: bool) -> int:
    """Each benchmark in a process of its own; 1 where one of them failed."""
    commands = (
        ["search", *(["--quick"] if quick else [])],
        ["search", "--algorithms", "ours", "--truth", "out-of-reach", *(["--quick"] if quick else ["--seeds", "1"])],
        ["search", "--truth", "quota", *(["--quick", "--algorithms", "ours,grid10"] if quick else [])],
        ["search", "--algorithms", "ours", "--truth", "quota-free,quota-cpu", *(["--quick"] if quick else [])],
        ["nights", "--stride", "17" if quick else "4"],
        ["frontier", "--stride", "34" if quick else "4"],
        ["report"],
        ["logs", "--invocations", "2000" if quick else "50000"],
    )
    failed = []
    for command in commands:
        print(f"\n$ python -m bench {' '.join(command)}", flush=True)
        if subprocess.run([sys.executable, "-m", "bench", *command], check=False).returncode:
            failed.append(command[0])
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
