"""Who must have cleaned up after a fault, at the latest: the run itself, ``restore`` by the event, or the sweeper.

A run that leaves everything to the sweeper passes a look a day later and is
broken all the same. So every cell names whom the design leaves it to, by the
first row of ``RULES`` that holds, and whoever comes later is a problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.faults.cells import Cell
from tests.faults.kinds import COPY_INVOCATION, LIKE_NOTHING, PASSING_CALL_FAULTS

Cleaner = Literal["the run", "restore", "the sweeper"]
CLEANERS: tuple[Cleaner, ...] = ("the run", "restore", "the sweeper")
"""From the earliest to the latest; ``restore`` by the event of a failed run, or by the function's next run."""

SWEPT_STORIES = {"swept", "unrestored", "orphaned"}
"""No event is delivered, ``restore`` is down, or nobody knows whose a clone is: the story is about the sweeper."""
STOPPED_STORIES = {"stopped", "followed"}
"""The execution is stopped: nothing of it goes on. In ``followed`` no event reports any end: the next run looks."""
PASSING = {"throttled", "answer lost once", "error after", "error before"}
"""Kinds after which a step is simply done again; what a call does after them, see ``heals``."""


@dataclass(frozen=True)
class Rule:
    """Who, why, and for which cells."""

    cleaner: Cleaner
    why: str
    holds: Callable[[Cell], bool]
    sweeps: int = 1
    """How often the sweeper may have to come, where it is the one."""


def _state(cell: Cell) -> str:
    """The state in which a cell strikes, such as ``tune.Restore``; ``-`` in a step that no machine started."""
    if cell.place == "state":
        return cell.where if cell.where.startswith("restore.") else f"tune.{cell.where}"
    return cell.what.partition(" ")[0]


def heals(cell: Cell) -> bool:
    """Whether the fault passes by itself, so that a run ends as if nothing had been."""
    if cell.place == "step":
        return cell.kind in PASSING
    if cell.place != "call":
        return cell.kind in LIKE_NOTHING
    # An invocation is never made again, so that its lost answer is one.
    return cell.kind in ("throttled", *PASSING_CALL_FAULTS) or (
        cell.kind == "answer lost once" and ":Invoke " not in cell.what
    )


def ends_as_without(cell: Cell) -> bool:
    """Whether the run ends as if nothing had been; an invocation that leaves no answer counts as unmeasured."""
    at_invocation = cell.place == "call" and COPY_INVOCATION in cell.what
    return heals(cell) or (at_invocation and cell.kind in ("error before", "error after", "answer lost once"))


_ENDED = {"aborted", "timed out"}
_LAST_TRIES = {"tune.RestoreAfterFailure", "tune.ReportFailure"}


def _hits_the_last_try(cell: Cell) -> bool:
    return _state(cell) in _LAST_TRIES and not heals(cell)


def _keeps_the_next_run_from_looking(cell: Cell) -> bool:
    ends_it = _state(cell) == "tune.Plan" or cell.kind == "out of order" or cell.kind in _ENDED
    return cell.story == "followed" and ((ends_it and not heals(cell)) or _hits_the_last_try(cell))


RULES: tuple[Rule, ...] = (
    Rule("the sweeper", "the story is about the sweeper", lambda cell: cell.story in SWEPT_STORIES, sweeps=2),
    Rule(
        "the sweeper",
        "no event reports the end, and no next run looks",
        lambda cell: cell.kind == "aborted, no event" or _keeps_the_next_run_from_looking(cell),
    ),
    Rule(
        "the sweeper",
        "the plan is lost: nobody knows what was made until it has outlived its run by a day",
        lambda cell: cell.kind == "object lost" and cell.what.endswith("/plan.json"),
        sweeps=2,
    ),
    Rule(
        "the sweeper",
        "the proof is lost: the report cannot tell that all was undone, and leaves the run open",
        lambda cell: cell.kind == "object lost" and cell.what.endswith("/restore.json"),
    ),
    Rule(
        "the sweeper",
        "restore itself is hit, and no event reports its end",
        lambda cell: _state(cell).startswith("restore.") and not heals(cell),
    ),
    Rule(
        "the sweeper",
        "what undoes or reports is broken for good",
        lambda cell: cell.kind == "out of order" and cell.where in ("restore", "report"),
    ),
    Rule(
        "the sweeper",
        "a step that nobody stops creates something after the clean-up",
        lambda cell: cell.kind == "aborted" and cell.place == "call" and cell.where in ("plan", "create-clones"),
    ),
    Rule(
        "restore",
        "the execution is stopped or its time is over",
        lambda cell: cell.story in STOPPED_STORIES or cell.kind in _ENDED,
    ),
    Rule(
        "restore",
        "its last try to undo, or to write down its end, is hit",
        _hits_the_last_try,
    ),
    Rule("the run", "the execution continues, by repeating a step or by its own failure path", lambda cell: True),
)


def rule_for(cell: Cell) -> Rule:
    """The first rule that holds."""
    return next(rule for rule in RULES if rule.holds(cell))


def is_too_late(cell: Cell, cleaned_by: str) -> bool:
    """Whether somebody cleaned up who should not have had to."""
    return CLEANERS.index(cleaned_by) > CLEANERS.index(rule_for(cell).cleaner)  # type: ignore[arg-type]
