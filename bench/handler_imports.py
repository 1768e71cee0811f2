"""``python -m bench imports``: how long each handler takes to import, in fresh interpreters."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

from rich.console import Console
from rich.table import Table

from tuner.application import application_root

_TIMED = """
import time
began = time.perf_counter()
import tuner.handlers.{name}
print((time.perf_counter() - began) * 1000)
"""


def main(arguments: list[str] | None = None) -> int:
    """Import every handler several times, interleaved, and print the medians."""
    parser = argparse.ArgumentParser(prog="python -m bench imports", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=7, help="fresh interpreters a handler")
    options = parser.parse_args(arguments)
    folder = application_root() / "tuner" / "handlers"
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    times_ms: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(options.repetitions):
        for name in names:
            times_ms[name].append(_import_ms(name))
    table = Table("handler", "import, ms (median)", "fastest", "slowest")
    for name, row in times_ms.items():
        table.add_row(name, f"{statistics.median(row):.0f}", f"{min(row):.0f}", f"{max(row):.0f}")
    Console().print(table)
    return 0


def _import_ms(name: str) -> float:
    environment = {**os.environ, "POWERTOOLS_TRACE_DISABLED": "1", "TUNER_BUCKET": "none"}
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(name=name)], capture_output=True, text=True, check=True, env=environment
    )
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
