"""Runs the matrix: a copy of the world for every cell, two at a time."""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.faults.cells import Cell, Recording, cells_of, record
from tests.faults.stories import STORIES, Story
from tests.faults.verdict import Verdict, judge
from tests.faults.world import World

_CELL_ENDS_WITHIN_S = 600.0
_WORTH_A_REHEARSAL = 6
"""As many copies win what the rehearsal costs."""


@dataclass
class _Child:
    pid: int
    index: int
    deadline: float
    output: list[bytes]


def record_all(world: World, stories: Sequence[Story] = STORIES) -> tuple[dict[str, Recording], list[Cell]]:
    """Record every story, each in a copy of the world, and make the cells of what was recorded.

    Some stories alone give theirs with the same names, and those too that a story before them would have had.

    Raises:
        RuntimeError: A story does not run, or a state of ``tune`` or ``restore`` is in none of them.
    """
    rows = list(in_copies(world, [lambda story=story: asdict(record(world, story)) for story in stories], at_once=2))
    recordings: dict[str, Recording] = {}
    for index, row in rows:
        if "broken" in row:
            raise RuntimeError(f"the story {stories[index].name} does not run: {row['broken']}")
        recordings[stories[index].name] = Recording(
            calls=[tuple(call) for call in row["calls"]],
            visits=[tuple(visit) for visit in row["visits"]],
            states=[tuple(state) for state in row["states"]],
            objects=[tuple(one) for one in row["objects"]],
            status=row["status"],
        )
    if len(stories) < len(STORIES):
        return recordings, cells_of(recordings)
    entered = {state for recording in recordings.values() for state, _ in recording.states}
    every = {*world.states("tune"), *(f"restore.{state}" for state in world.states("restore"))}
    missing = every - entered
    if missing:
        raise RuntimeError(f"no story enters {', '.join(sorted(missing))}: write one in tests/faults/stories.py")
    return recordings, cells_of(recordings)


def run_cells(world: World, cells: Sequence[Cell], *, at_once: int = 2) -> Iterator[Verdict]:
    """Judge every cell in a copy of the world of its own, and give the verdicts as they come."""
    for index, row in in_copies(world, [lambda cell=cell: asdict(judge(world, cell)) for cell in cells], at_once):
        if "broken" in row:
            yield Verdict(cells[index].id, problems=[row["broken"]])
        else:
            yield Verdict(**row)


def in_copies(
    world: World, jobs: Sequence[Callable[[], dict[str, Any]]], at_once: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Run each job in a copy of this process; what ends badly or never gives ``{"broken": why}``."""
    if len(jobs) >= _WORTH_A_REHEARSAL:
        world.rehearse()
    waiting = list(enumerate(jobs))[::-1]
    running: dict[int, _Child] = {}
    selector = selectors.DefaultSelector()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                index, job = waiting.pop()
                reader, child = _start(index, job)
                running[reader] = child
                selector.register(reader, selectors.EVENT_READ)
            for key, _ in selector.select(timeout=1.0):
                child = running[key.fd]
                chunk = os.read(key.fd, 1 << 20)
                if chunk:
                    child.output.append(chunk)
                    continue
                selector.unregister(key.fd)
                os.close(key.fd)
                del running[key.fd]
                _, status = os.waitpid(child.pid, 0)
                text = b"".join(child.output)
                yield child.index, json.loads(text) if text else {"broken": f"its process ended with {status}"}
            for child in running.values():
                if time.monotonic() > child.deadline:
                    os.kill(child.pid, signal.SIGKILL)
    finally:
        for child in running.values():
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)


def _start(index: int, job: Callable[[], dict[str, Any]]) -> tuple[int, _Child]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return reader, _Child(pid, index, time.monotonic() + _CELL_ENDS_WITHIN_S, [])
    try:
        gc.disable()  # a copy does not live long enough to pay for it
        os.close(reader)
        try:
            answer = job()
        except BaseException:  # noqa: BLE001 - whatever it was is the cell's result
            answer = {"broken": traceback.format_exc()[-1500:]}
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
    finally:
        os._exit(0)
