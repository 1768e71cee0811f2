"""``python -m bench`` (most of them), or one of ``search frontier nights examples busy cost logs report cpu``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

# One core a worker: otherwise the CPU time of a suggestion is that of waiting threads.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


def main() -> int:
    """Parse the command line and run one benchmark."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["cpu"]:
        from bench import cpu_share

        sys.argv = ["python -m bench cpu", *arguments[1:]]
        cpu_share.main()
        return 0
    if arguments[:1] == ["cost"]:
        from bench import run_cost

        return run_cost.main(arguments[1:])
    if arguments[:1] == ["logs"]:
        from bench import logs

        return logs.main(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    from bench import busy, examples, frontier, nights, report, search

    search.add_arguments(commands.add_parser("search", help="the search against its peers, on measured curves"))
    frontier.add_arguments(commands.add_parser("frontier", help="our search's quality against invocations, as a plot"))
    nights.add_arguments(commands.add_parser("nights", help="a second run that starts from the first one's study"))
    examples.add_arguments(
        commands.add_parser("examples", help="the picks on real examples against all sizes measured")
    )
    busy.add_arguments(commands.add_parser("busy", help="known functions tuned on an idle and on a busy machine"))
    report.add_arguments(commands.add_parser("report", help="the report's size, and how soon it can be used"))
    commands.add_parser("logs", help="how many records of a log are read a second", add_help=False)
    commands.add_parser("cost", help="what one run takes besides the invocations", add_help=False)
    commands.add_parser("cpu", help="the embedded AWS's CPU share against AWS's", add_help=False)
    everything = commands.add_parser("all", help="one after the other, what the documentation states; the default")
    everything.add_argument("--quick", action="store_true", help="few curves and logs: whether all of it runs")
    parsed = parser.parse_args(arguments or ["all"])
    if parsed.command == "all":
        return _run_all(quick=parsed.quick)
    runs = {
        "busy": busy.run,
        "examples": examples.run,
        "frontier": frontier.run,
        "nights": nights.run,
        "report": report.run,
    }
    return runs.get(parsed.command, search.run)(parsed)


def _run_all(*, quick: bool) -> int:
    """Each benchmark in a process of its own; 1 where one of them failed."""
    commands = (
        ["search", *(["--quick"] if quick else [])],
        ["search", "--algorithms", "ours", "--truth", "out-of-reach", *(["--quick"] if quick else ["--seeds", "1"])],
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
