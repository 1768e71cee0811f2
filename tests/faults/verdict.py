"""What must hold after every fault, whatever failed and wherever."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from typing import Any

from tests.faults.cells import Cell, arm
from tests.faults.stories import RUN, STORIES, SWEEPS, sweep
from tests.faults.world import TARGET, World

MAY_STAY = re.compile(
    r"(runs/[^/]+/.+"  # the record of a run, with its report
    r"|index/[^/]+\.json"
    r"|functions/[^/]+/[^/]+"  # what the function's next run starts from
    r"|clones/[0-9a-f]{64}\.zip)"  # the code, for the next run; the bucket's own rule removes it in two days
)
"""Objects that a run may leave."""

ENDED_FROM_OUTSIDE = {"ABORTED": "RunAborted", "TIMED_OUT": "RunTimedOut"}


_NOBODY_TOLD = "ServiceError"


@dataclass
class Verdict:
    """What became of one cell."""

    cell: str
    problems: list[str] = field(default_factory=list)
    struck: bool = True
    status: str = ""
    error: str = ""
    cleaned_by: str = ""
    """``the run``, ``restore`` (by the event) or ``the sweeper``: who took away the last thing of the run."""


def judge(world: World, cell: Cell) -> Verdict:
    """Play a cell's story with its fault in it, and look at what is there afterwards."""
    verdict = Verdict(cell.id)
    story = next(story for story in STORIES if story.name == cell.story)
    story.prepare(world)
    before, stored_before = world.snapshot(), world.stored()
    has_struck = arm(world, cell)
    try:
        story.play(world)
        runs = [row["name"] for row in world.executions("tune") if _did_anything(world, row["name"])]
        unfinished = bool(world.left() or [run for run in runs if not _is_told(world, run)])
        swept = unfinished or world.swept
        verdict.cleaned_by = "the sweeper" if swept else "restore" if world.left_by_the_run else "the run"
        unheard = swept or world.events_are_lost
        _lift(world)
        for _ in range(SWEEPS if unfinished else 0):
            sweep(world)
    except TimeoutError as error:
        verdict.problems.append(f"never came to its end: {error}")
        return verdict
    verdict.struck = has_struck()
    if not verdict.struck:
        verdict.problems.append("the fault never struck: the run took another way")
    _check_target(world, world.snapshot_disturbed if world.disturbed else before, verdict)
    verdict.problems.extend(f"left behind: {name}" for name in world.left())
    verdict.problems.extend(
        f"left behind: {key}" for key in world.stored() if key not in stored_before and not MAY_STAY.fullmatch(key)
    )
    for run in runs:
        _check_run(world, run, verdict, unheard=unheard)
    _check_counts(world, verdict)
    return verdict


def _lift(world: World) -> None:
    """End what was out of order: the sweeper finds everything working."""
    world.broken.clear()
    world.events_are_lost = False


def _check_target(world: World, before: dict[str, Any], verdict: Verdict) -> None:
    after = world.snapshot()
    verdict.problems.extend(
        f"the function's {what} changed: {before.get(what)} became {after.get(what)}"
        for what in {**before, **after}
        if before.get(what) != after.get(what)
    )
    if TARGET in world.invoked:
        verdict.problems.append(f"the function itself was invoked {world.invoked[TARGET]} times")


def _check_run(world: World, run: str, verdict: Verdict, *, unheard: bool) -> None:
    execution = world.describe(world.execution_arn("tune", run))
    status, error, cause = execution["status"], execution.get("error", ""), execution.get("cause", "")
    report = _report(world, run)
    if run == RUN:
        verdict.status, verdict.error = status, error
    if report is None:
        verdict.problems.append(f"{run} {status}, and there is no report")
        return
    told = report.get("error") or {}
    latest = world.object(f"functions/{TARGET}/latest.json") or {}
    if status == "SUCCEEDED":
        if told or not report.get("recommended"):
            verdict.problems.append(f"{run} SUCCEEDED without a usable answer: {told}")
    else:
        expected = {error}
        if status in ENDED_FROM_OUTSIDE:
            # It may have failed before, and then tells of that; who comes later does not know how it ended.
            failure = world.object(f"runs/{run}/failure.json") or {}
            expected = {ENDED_FROM_OUTSIDE[status], failure.get("name"), *([_NOBODY_TOLD] if unheard else [])}
        if not told:
            verdict.problems.append(f"{run} {status} with {error}, and the report tells of no error")
        elif told["name"] not in expected:
            verdict.problems.append(f"{run} {status} with {error}, and the report tells of {told['name']}")
        if latest.get("runId") == run:
            verdict.problems.append(f"{run} {status}, and its answer stands as the function's last recommendation")
    if status == "FAILED":
        verdict.problems.extend(_honesty(run, error, cause))
    planned = world.object(f"runs/{run}/plan.json") is not None
    if planned and not world.disturbed and not (report.get("restored") or {}).get("complete"):
        verdict.problems.append(f"{run}: the report does not tell that all was restored: {report.get('restored')}")


def _honesty(run: str, error: str, cause: str) -> list[str]:
    problems = []
    if error not in _error_names():
        problems.append(f"{run} FAILED with {error!r}, which is no error of ours: {cause[:200]}")
    if len(cause) < 20 or cause.lstrip().startswith("{"):
        problems.append(f"{run} FAILED with {error}, and its cause is no sentence: {cause[:200]!r}")
    if "report.html" not in cause:
        problems.append(f"{run} FAILED with {error}, and its cause does not lead to the report: {cause[-200:]!r}")
    return problems


def _error_names() -> set[str]:
    from tuner.core import errors

    return {name for name, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, Exception)}


def _check_counts(world: World, verdict: Verdict) -> None:
    """No invocation is lost from the books, and none is made beyond them."""
    booked = 0
    for key in world.stored():
        if "/observations/" in key:
            booked += world.object(key)["started"]
    made = sum(world.invoked.values())
    if made > booked and not world.disturbed:
        verdict.problems.append(f"{made} invocations were made, and {booked} are in the books")


def _did_anything(world: World, run: str) -> bool:
    """Whether a step of the run ever began: one that was stopped before has made nothing and left nothing to tell."""
    ended_from_outside = world.describe(world.execution_arn("tune", run))["status"] in ENDED_FROM_OUTSIDE
    return not ended_from_outside or any(run in key for key in world.stored())


def _is_told(world: World, run: str) -> bool:
    """Whether there is a report that knows of the execution's end."""
    report = _report(world, run)
    status = world.describe(world.execution_arn("tune", run))["status"]
    return report is not None and ("error" in report) == (status != "SUCCEEDED")


def _report(world: World, run: str) -> dict[str, Any] | None:
    report: dict[str, Any] | None = world.object(f"runs/{run}/report.json")
    return report
