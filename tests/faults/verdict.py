"""What must hold after every fault, whatever failed and wherever: each thing measured by the world's own record."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.faults.cells import Cell, arm
from tests.faults.cleaners import ends_as_without, heals, is_too_late, rule_for
from tests.faults.record import Made, Marked, Ran, Restoration
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

USD_PER_GB_SECOND = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
USD_PER_REQUEST = 0.20 / 1e6
_INIT_LIMIT_MS = 10_000
"""What an init can be billed for, before the timeout begins."""
"""AWS Lambda pricing, us-east-1, seen 2026-11: by hand, and not from the product's table."""

_NOBODY_TOLD = "ServiceError"
_AT_ONCE = 2
"""Batches of a round in these stories: each may have one invocation under way when its execution is stopped."""


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
    left_to: str = ""
    """Who was the last that might: see ``tests.faults.cleaners``."""
    sweeps: int = 0


def judge(world: World, cell: Cell) -> Verdict:
    """Play a cell's story with its fault in it, and look at what is there afterwards."""
    rule = rule_for(cell)
    verdict = Verdict(cell.id, left_to=rule.cleaner)
    story = next(story for story in STORIES if story.name == cell.story)
    story.prepare(world)
    before, stored_before = world.snapshot(), world.stored()
    has_struck = arm(world, cell)
    try:
        story.play(world)
        runs = [row["name"] for row in world.executions("tune") if _did_anything(world, row["name"])]
        unfinished = _unfinished(world, runs)
        swept = bool(unfinished or world.swept)
        verdict.cleaned_by = "the sweeper" if swept else "restore" if world.left_by_the_run else "the run"
        unheard = swept or world.events_are_lost
        _lift(world)
        left = unfinished
        while left and verdict.sweeps < SWEEPS:
            sweep(world)
            verdict.sweeps += 1
            left = _unfinished(world, runs)
    except TimeoutError as error:
        verdict.problems.append(f"never came to its end: {error}")
        return verdict
    verdict.struck = has_struck()
    if not verdict.struck:
        verdict.problems.append("the fault never struck: the run took another way")
    if is_too_late(cell, verdict.cleaned_by):
        what = ", ".join(unfinished) or ", ".join(world.left_by_the_run or ())
        verdict.problems.append(
            f"cleaned up by {verdict.cleaned_by}, and this is left to {rule.cleaner} ({rule.why}): there was {what}"
        )
    if ends_as_without(cell) and world.describe(world.execution_arn("tune", RUN))["status"] != story.ends:
        verdict.problems.append(f"the run did not end as it does without the fault: {story.ends}")
    if verdict.sweeps > rule.sweeps:
        verdict.problems.append(f"the sweeper had to come {verdict.sweeps} times instead of {rule.sweeps}")
    _check_target(world, world.snapshot_disturbed if world.disturbed else before, verdict)
    verdict.problems.extend(f"left behind: {name}" for name in world.left())
    verdict.problems.extend(
        f"left behind: {key}" for key in world.stored() if key not in stored_before and not MAY_STAY.fullmatch(key)
    )
    _check_made(world, verdict)
    for run in runs:
        _check_run(world, run, verdict, unheard=unheard)
        _check_restored(world, run, verdict, cell)
        _check_books(world, run, verdict, cell)
    return verdict


def _unfinished(world: World, runs: list[str]) -> list[str]:
    """What is there of the runs, and those whose report does not know their end."""
    return [*world.left(), *(f"the end of {run}" for run in runs if not _is_told(world, run))]


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


# --- what was made ------------------------------------------------------------------------------------------------


def _check_made(world: World, verdict: Verdict) -> None:
    """Everything stood in the plan before it was made, and tells whose it is and until when."""
    for name, made in world.record.made.items():
        if not made.planned:
            verdict.problems.append(f"{name} was made before it was in the plan of {made.run}")
    stamps: list[tuple[str, str | None, Made | Marked]] = [
        (name, made.run, made) for name, made in world.record.made.items()
    ]
    stamps += [(f"the mark of {mark.run}", mark.run, mark) for mark in world.record.marks]
    for what, run, stamp in stamps:
        request = (world.object(f"runs/{run}/request.json") or {}).get("request") or {}
        minutes = request.get("budget", {}).get("max_minutes", 0)
        if not stamp.expires_at or _time(stamp.expires_at) <= _time(stamp.made_at) + timedelta(minutes=minutes):
            verdict.problems.append(f"{what} expires at {stamp.expires_at}, and its run may take {minutes:g} minutes")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


# --- restored.* ---------------------------------------------------------------------------------------------------

_SECTIONS = {
    "configuration": "function",
    "versions": "versions",
    "aliases": "aliases",
    "tags": "tags",
    "policy": "policy",
    "reserved concurrency": "concurrency",
    "event source mappings": "mappings",
    "log group": "logs",
}
"""Rows of the report's proof, and where the world's own snapshot has the same."""
_SETTINGS = {"memory size (MB)": "MemorySize", "timeout (s)": "Timeout", "code SHA-256": "CodeSha256"}


def _check_restored(world: World, run: str, verdict: Verdict, cell: Cell) -> None:
    for one in world.record.restorations:
        unsaid = _there(world, run, one) - {*one.says["remaining"]}
        if one.run == run and unsaid:
            verdict.problems.append(f"{run}: a proof was written that is silent of {sorted(unsaid)}")
    proof = next(reversed(world.record.restorations_of(run)), None)
    told = (_report(world, run) or {}).get("restored")
    planned = world.object(f"runs/{run}/plan.json") is not None
    if proof is None or told is None:
        if planned or proof is not None:
            verdict.problems.append(f"{run}: there was something to restore, and the report tells of no restoring")
        return
    removed, there = world.record.removed(run), _there(world, run, proof)
    if set(told["removed"]) != removed:
        verdict.problems.append(f"{run}: restored.removed is {told['removed']}, and restore removed {sorted(removed)}")
    if set(told["remaining"]) != there:
        verdict.problems.append(f"{run}: restored.remaining is {told['remaining']}, and there were {sorted(there)}")
    before, after = world.record.target_when_planned[run], proof.target
    rows = {row["what"]: row for row in told["checks"]}
    if not after:
        verdict.problems.extend(
            f"{run}: the function is gone, and restored says of {what} that it is the same"
            for what, row in rows.items()
            if row["same"]
        )
    else:
        verdict.problems.extend(f"{run}: {problem}" for problem in _wrong_rows(rows, before, after, told, cell))
    complete = not there and all(same for same in _sections_same(before, after).values())
    if told["complete"] != complete:
        verdict.problems.append(f"{run}: restored.complete is {told['complete']}, and by the world's look {complete}")


def _there(world: World, run: str, proof: Restoration) -> set[str]:
    return {name for name in proof.there if world.record.run_of(name) == run}


def _sections_same(before: dict[str, Any], after: dict[str, Any]) -> dict[str, bool]:
    return {what: before.get(section) == after.get(section) for what, section in _SECTIONS.items()}


def _wrong_rows(
    rows: dict[str, Any], before: dict[str, Any], after: dict[str, Any], told: dict[str, Any], cell: Cell
) -> list[str]:
    problems = []
    for what, same in _sections_same(before, after).items():
        if what not in rows:
            if not _hides_sections(cell):
                problems.append(f"restored does not compare {what}: {told['notCompared']}")
        elif rows[what]["same"] != same:
            problems.append(f"restored says of {what} that it is {'' if rows[what]['same'] else 'not '}the same")
    for what, key in _SETTINGS.items():
        if what in rows:
            seen = [reading["function"]["Configuration"][key] for reading in (before, after)]
            if [rows[what]["before"], rows[what]["after"]] != seen:
                problems.append(f"restored says of {what} {rows[what]['before']}, {rows[what]['after']}: it was {seen}")
    changed = any(not same for same in _sections_same(before, after).values())
    if changed != bool(told["changes"]):
        problems.append(f"restored tells of the changes {told['changes']}, and something changed: {changed}")
    return problems


def _hides_sections(cell: Cell) -> bool:
    """Whether the fault keeps the product from reading a part of the function, which it then names as not compared."""
    return (
        cell.place == "call"
        and cell.where in ("plan", "restore")
        and bool(re.search(r":(Get|List|Describe)", cell.what))
    )


# --- the books ----------------------------------------------------------------------------------------------------


def _check_books(world: World, run: str, verdict: Verdict, cell: Cell) -> None:
    """Each journalled number is the one that the world reported; no invocation is lost, made up, or made beyond."""
    books = [world.object(key) for key in world.stored() if key.startswith(f"runs/{run}/observations/")]
    seen: Counter[str] = Counter()
    gaps: Counter[tuple[int, str]] = Counter()
    for journal in books:
        observation = journal["observation"]
        size = (observation["candidate"]["memory_mb"], observation["candidate"]["architecture"])
        gaps[size] += journal["started"] - len(observation["invocations"])
        for row in observation["invocations"]:
            if row["outcome"] == "unmeasured":
                gaps[size] += 1
            if row["request_id"]:
                seen[row["request_id"]] += 1
                fields = {ours: row[theirs] for ours, theirs in _JOURNAL_FIELDS.items()}
                verdict.problems.extend(_wrong_numbers(world, run, row["request_id"], size, fields, "the journal"))
    verdict.problems.extend(f"{request} is in the books {count} times" for request, count in seen.items() if count > 1)
    ran = {request: one for request, one in world.record.ran.items() if world.record.run_of(one.function) == run}
    lost: Counter[tuple[int, str]] = Counter(
        (one.memory_mb, one.architecture) for request, one in ran.items() if request not in seen
    )
    if not _loses_books(cell):
        for size, count in lost.items():
            if count > gaps[size]:
                verdict.problems.append(f"{run}: {count} invocations at {size} are in no book ({gaps[size]} are open)")
        most = world.object(f"runs/{run}/request.json")
        if most is not None and len(ran) > most["request"]["budget"]["max_invocations"]:
            verdict.problems.append(f"{run}: {len(ran)} invocations, more than its budget")
    if gaps.total() > _may_lose(cell):
        verdict.problems.append(f"{run}: {gaps.total()} invocations without a measure, and {_may_lose(cell)} may be")
    _check_report_numbers(world, run, verdict, books)


_JOURNAL_FIELDS = {
    "duration": "duration_ms",
    "billed": "billed_ms",
    "init": "init_ms",
    "memory": "max_memory_used_mb",
    "cold": "cold",
    "outcome": "outcome",
}
_REPORT_FIELDS = {
    "duration": "durationMs",
    "billed": "billedMs",
    "init": "initMs",
    "memory": "maxMemoryUsedMb",
    "cold": "cold",
    "outcome": "outcome",
}


def _wrong_numbers(
    world: World, run: str, request: str, size: tuple[int, str], fields: dict[str, Any], where: str
) -> list[str]:
    ran = world.record.ran.get(request)
    if ran is None:
        return [f"{where} has the invocation {request}, which never was"]
    problems = []
    whose = world.record.run_of(ran.function)
    if (ran.memory_mb, ran.architecture) != size or whose != run:
        problems.append(f"{where} books {request} at {size}: it was {ran.memory_mb} MB of {whose}")
    if fields["outcome"] != "unmeasured":  # without its record nothing is known of it
        problems.extend(
            f"{where} says of {request} that its {what} was {fields[what]}: it was {true}"
            for what, true in _truth(ran).items()
            if fields[what] != true
        )
    return problems


def _truth(ran: Ran) -> dict[str, Any]:
    return {
        "duration": ran.duration_ms,
        "billed": ran.billed_ms,
        "init": ran.init_ms,
        "memory": ran.max_memory_used_mb,
        "cold": ran.init_ms is not None,
        "outcome": "function_error" if ran.failed else "ok",
    }


def _check_report_numbers(world: World, run: str, verdict: Verdict, books: list[Any]) -> None:
    report = _report(world, run) or {}
    if "observations" not in report:
        return
    rows = report["observations"]
    for row in rows:
        if row["requestId"]:
            fields = {ours: row[theirs] for ours, theirs in _REPORT_FIELDS.items()}
            size = (row["memoryMb"], row["architecture"])
            verdict.problems.extend(_wrong_numbers(world, run, row["requestId"], size, fields, "the report"))
    if report["invocations"] != len(rows):
        verdict.problems.append(f"{run}: the report counts {report['invocations']} invocations and shows {len(rows)}")
    booked = sum(len(journal["observation"]["invocations"]) for journal in books)
    if verdict.status == "SUCCEEDED" and len(rows) != booked and run == RUN:
        verdict.problems.append(f"{run}: the report shows {len(rows)} invocations, and {booked} are in the books")
    worst_ms = report["function"]["timeoutS"] * 1000 + _INIT_LIMIT_MS
    own_usd = (report.get("snapStart") or {}).get("feesUsd", 0.0) + sum(
        USD_PER_REQUEST
        + row["memoryMb"]
        / 1024
        * USD_PER_GB_SECOND[row["architecture"]]
        * (worst_ms if row["billedMs"] is None else world.record.ran[row["requestId"]].billed_ms)
        / 1000
        for row in rows
        if row["billedMs"] is None or row["requestId"] in world.record.ran
    )
    if abs(report["spentUsd"] - own_usd) > 1e-9:
        verdict.problems.append(f"{run}: the report says that ${report['spentUsd']:.9f} were spent: ${own_usd:.9f}")


def _loses_books(cell: Cell) -> bool:
    """Whether the fault is that a journal itself was lost."""
    return cell.kind == "object lost" and "/observations/" in cell.what


def _may_lose(cell: Cell) -> int:
    """How many invocations a fault may leave without a measure: the one that it hit, or those under way at the end."""
    if heals(cell):
        return 0 if cell.story not in _STOPPED_WHILE_MEASURING else _AT_ONCE
    if cell.kind in ("aborted", "aborted, no event", "timed out") or cell.story in _STOPPED_WHILE_MEASURING:
        return _AT_ONCE
    return 1 if cell.where == "measure" else 0


_STOPPED_WHILE_MEASURING = {"stopped", "swept", "followed", "unrestored"}


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
