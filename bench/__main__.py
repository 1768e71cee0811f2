"""``python -m bench``: ``search`` (or no word), ``frontier``, ``nights``, ``cost``, ``logs``, ``report``, ``cpu``."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys

# One core a worker: otherwise the CPU time of a suggestion is that of waiting threads.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


def main() -> int:
    """Parse the command line and run one benchmark."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["cpu"] and importlib.util.find_spec("bench.cpu_share") is not None:
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
    from bench import frontier, nights, report, search

    search.add_arguments(commands.add_parser("search", help="the search against its peers, on measured curves"))
    frontier.add_arguments(commands.add_parser("frontier", help="our search's quality against invocations, as a plot"))
    nights.add_arguments(commands.add_parser("nights", help="a second run that starts from the first one's study"))
    report.add_arguments(commands.add_parser("report", help="the report's size, and how soon it can be used"))
    commands.add_parser("logs", help="how many records of a log are read a second", add_help=False)
    commands.add_parser("cost", help="what one run takes besides the invocations", add_help=False)
    if importlib.util.find_spec("bench.cpu_share") is not None:
        commands.add_parser("cpu", help="the embedded AWS's CPU share against AWS's", add_help=False)
    parsed = parser.parse_args(arguments or ["search"])
    runs = {"frontier": frontier.run, "nights": nights.run, "report": report.run}
    return runs.get(parsed.command, search.run)(parsed)


if __name__ == "__main__":
    sys.exit(main())
