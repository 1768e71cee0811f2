"""Planted bugs: ``python -m tests.mutants`` (``make mutants``) sees whether each makes what should notice it fail.

Each is put into a copy of the tree, and the tests and cells of the fault matrix
that are to notice it run there. The exit code is 1 if one survives, if one's
place is not in the code any more, or if what should notice it does not pass
without it.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
_PARTS = ("tuner", "tests", "state_machine", "examples", "template.yaml", "pyproject.toml", "docs", "bench", "packages")
_ENDS_WITHIN_S = 900


@dataclass(frozen=True)
class Outcome:
    """What became of a planted bug."""

    mutant: Mutant
    result: str
    """``caught``, ``survived``, ``its place is gone``, or ``broken``: what should notice it could not run."""
    by: tuple[str, ...]
    """Those that noticed it."""
    took_s: float
    tells: str = ""

    @property
    def is_caught(self) -> bool:
        """Whether everything that is to notice it did."""
        return self.result == "caught"


def try_all(mutants: Sequence[Mutant], *, at_once: int = 1) -> Iterator[Outcome]:
    """Try each in a copy of the tree of its own."""
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(try_one, mutants)


def try_one(mutant: Mutant) -> Outcome:
    """Plant one bug, and see who notices."""
    started = time.monotonic()

    def outcome(result: str, by: tuple[str, ...] = (), tells: str = "") -> Outcome:
        return Outcome(mutant, result, by, time.monotonic() - started, tells)

    with _copy_of_the_tree() as tree:
        place = Path(tree) / mutant.path
        source = place.read_text(encoding="utf-8")
        for old, new in ((mutant.old, mutant.new), *mutant.more):
            if source.count(old) != 1:
                return outcome("its place is gone", tells=f"{source.count(old)} times in {mutant.path}: {old!r}")
            source = source.replace(old, new)
        place.write_text(source, encoding="utf-8")
        failed, broken = who_fails(Path(tree), mutant.killers)
    if broken:
        return outcome("broken", tells=broken)
    missed = [killer for killer in mutant.killers if killer not in failed]
    if missed:
        return outcome("survived", tuple(failed), f"not noticed by {', '.join(missed)}")
    return outcome("caught", tuple(failed))


def who_fails(tree: Path, killers: Sequence[str]) -> tuple[list[str], str]:
    """Run tests and cells in a tree: those that fail, and why they could not be run (empty: they could)."""
    tests = [killer for killer in killers if "tests/" in killer]
    cells = [killer for killer in killers if killer not in tests]
    failed: list[str] = []
    for killer in tests:  # one by one: which of them failed is asked
        run = _python(tree, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:randomly", "-p", "no:cacheprovider", killer)
        if run.returncode not in (0, 1):
            return failed, (run.stdout + run.stderr)[-1500:]
        if run.returncode == 1:
            failed.append(killer)
    if cells:
        verdicts = tree / "verdicts.json"
        run = _python(tree, "-m", "tests.faults", *cells, "--json", str(verdicts))
        if not verdicts.is_file():
            return failed, (run.stdout + run.stderr)[-1500:]
        rows = json.loads(verdicts.read_text(encoding="utf-8"))
        for cell in cells:
            of_it = [row for row in rows if fnmatch.fnmatchcase(row["cell"], cell)]
            if not of_it:
                return failed, f"there is no cell {cell}"
            if any(row["problems"] for row in of_it):
                failed.append(cell)
    return failed, ""


def _copy_of_the_tree() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="lambda-tuner-mutant-")
    for name in _PARTS:
        source, copy = ROOT / name, Path(folder.name) / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy)
    return folder


def _python(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=_ENDS_WITHIN_S,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the planted bugs, or some of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; * stands for anything")
    parser.add_argument("--room", help="only those of one room: restore, sweep, plan, measure, snapshot or booking")
    parser.add_argument("--part", metavar="K/N", help="only the Kth of N parts, which together are the whole: 1/4")
    parser.add_argument("--at-once", type=int, default=2, help="planted bugs at the same time")
    parser.add_argument("--list", action="store_true", help="name them and run nothing")
    parser.add_argument("--unplanted", action="store_true", help="first see that all who should notice pass without")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 132)
    chosen = [mutant for mutant in MUTANTS if options.room in (None, mutant.room)]
    if options.names:
        chosen = [one for one in chosen if any(fnmatch.fnmatchcase(one.name, name) for name in options.names)]
    if options.part:
        number, _, parts = options.part.partition("/")
        chosen = chosen[int(number) - 1 :: int(parts)]
    if options.list:
        for mutant in chosen:
            console.print(f"{mutant.room:9} {mutant.name}  ({', '.join(mutant.killers)})", soft_wrap=True, markup=False)
        return 0
    if not chosen:
        console.print("No planted bug has such a name. --list names them all.")
        return 2
    if options.unplanted:
        with _copy_of_the_tree() as tree:
            killers = list(dict.fromkeys(killer for mutant in chosen for killer in mutant.killers))
            failed, broken = who_fails(Path(tree), killers)
        if failed or broken:
            console.print(f"Without a planted bug these fail too: {', '.join(failed)} {broken}", markup=False)
            return 1
        console.print(f"Without a planted bug all {len(killers)} tests and cells pass.")
    outcomes = []
    for outcome in try_all(chosen, at_once=options.at_once):
        outcomes.append(outcome)
        console.print(
            f"{len(outcomes)} of {len(chosen)}  {outcome.result}  {outcome.mutant.name}  {outcome.took_s:.0f} s  "
            f"{outcome.tells}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    console.print(_table(outcomes))
    caught = sum(outcome.is_caught for outcome in outcomes)
    console.print(f"{len(outcomes)} bugs planted, {caught} caught.")
    return 0 if caught == len(outcomes) else 1


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="Planted bugs and who noticed", title_justify="left")
    for heading in ("room", "bug", "result", "noticed by"):
        table.add_column(heading)
    for outcome in outcomes:
        table.add_row(outcome.mutant.room, outcome.mutant.name, outcome.result, "\n".join(outcome.by))
    return table


if __name__ == "__main__":
    sys.exit(main())
