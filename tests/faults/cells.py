"""The matrix's cells: made from a recording of each story, so that a new call or state is in them by itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.faults import kinds
from tests.faults.stories import RUN, STORIES, Story
from tests.faults.world import Caller, World


@dataclass
class Recording:
    """What a story does when nothing fails."""

    calls: list[tuple[str, int, int, str]] = field(default_factory=list)
    """Function, visit, number of the call in it, and what it is."""
    visits: list[tuple[str, int, str]] = field(default_factory=list)
    """Function, for which time it is invoked, and in which state of which machine."""
    states: list[tuple[str, int]] = field(default_factory=list)
    """States of ``tune``, those of ``restore`` as ``restore.<name>``, and for which time each was entered."""
    objects: list[tuple[str, int, str]] = field(default_factory=list)
    """Objects of the bucket, and the state of ``tune`` at whose entry each is there for the first time."""
    status: str = ""


@dataclass(frozen=True, order=True)
class Cell:
    """One fault at one place of one story."""

    story: str
    place: str
    """``call``, ``step`` or ``state``; ``story`` where nothing fails."""
    where: str
    """A function's short name, or a state's name; ``all`` of a story."""
    visit: int
    call: int
    kind: str
    what: str = ""

    @property
    def id(self) -> str:
        """By what the cell is called for."""
        number = f".{self.call}" if self.call else ""
        return f"{self.story}/{self.place}/{self.where}:{self.visit}{number}/{self.kind.replace(' ', '-')}"

    def __str__(self) -> str:
        return f"{self.id}  ({self.what})" if self.what else self.id


def record(world: World, story: Story) -> Recording:
    """Play a story and write down its calls, steps and states."""
    recording = Recording()

    def around_call(caller: Caller, number: int, call: Any, go: Callable[[], Any]) -> Any:
        if call.attempt == 1:
            recording.calls.append((_short(caller.function), caller.visit, number, _label(call)))
        return go()

    def around_visit(caller: Caller, go: Callable[[], Any]) -> Any:
        recording.visits.append((_short(caller.function), caller.visit, entered.get(caller.function, "-")))
        return go()

    entered: dict[str | None, str] = {}

    def state_entered(execution: str, state: str) -> None:
        entered[world.function_of(state)] = f"{_machine(execution)}.{state}"
        place = _place(execution, state)
        entry = 1 + sum(1 for name, _ in recording.states if name == place)
        recording.states.append((place, entry))
        if place == state:
            known = {key for _, _, key in recording.objects}
            recording.objects.extend((state, entry, key) for key in world.stored() if key not in known)

    story.prepare(world)
    world.around_call, world.around_visit, world.state_entered = around_call, around_visit, state_entered
    story.play(world)
    recording.status = world.describe(world.execution_arn("tune", RUN))["status"]
    return recording


def cells_of(recordings: dict[str, Recording]) -> list[Cell]:
    """Every cell, each place once.

    A call is known where the same function has made it before in the same
    state, after the same other call and whatever the names in it; steps and
    states are tried each time they come.
    """
    cells: list[Cell] = []
    known: set[tuple[str, ...]] = set()

    def is_new(*place: str) -> bool:
        if place in known:
            return False
        known.add(place)
        return True

    for story in (story for story in STORIES if story.name in recordings):
        recording = recordings[story.name]
        cells.append(Cell(story.name, "story", "all", 0, 0, kinds.NOTHING))
        seen: set[str] = set()
        for function, visit, state in recording.visits:
            labels = [what for name, time, _, what in recording.calls if (name, time) == (function, visit)]
            if is_new("step", function, state, str(visit), *_plain(labels)):
                cells.extend(Cell(story.name, "step", function, visit, 0, kind, state) for kind in kinds.STEP_FAULTS)
            for number, (before, what) in enumerate(pairwise(["", *labels]), 1):
                if is_new("call", function, state, *_plain([before, what])):
                    cells.extend(
                        Cell(story.name, "call", function, visit, number, kind, f"{state} {what}")
                        for kind in kinds.call_faults(what, is_first=what not in seen)
                    )
                seen.add(what)
        for state, entry in recording.states:
            if is_new("state", state, str(entry)):
                acts = [*kinds.STATE_FAULTS, *(kinds.DISTURBANCES if story.name == "well" else ())]
                if state.startswith("restore."):
                    acts = list(kinds.RESTORE_FAULTS)
                cells.extend(Cell(story.name, "state", state, entry, 0, kind) for kind in acts)
        if story.name == "well":
            cells.extend(
                Cell(story.name, "state", state, entry, number, kinds.OBJECT_LOST, key)
                for number, (state, entry, key) in enumerate(
                    [*recording.objects, *(("Restore", 1, key) for _, _, key in recording.objects)], 1
                )
                if is_new("object", state, str(entry), key)
            )
    return cells


def _plain(labels: list[str]) -> list[str]:
    return [re.sub(r"(\d+|…|x86|arm)", "", label) for label in labels]


def share_of(cells: list[Cell], share: float, seed: int) -> list[Cell]:
    """A part of the cells, the same for the same seed: every kind and place has the same chance."""

    def rank(cell: Cell) -> str:
        return hashlib.sha256(f"{seed} {cell.id}".encode()).hexdigest()

    return sorted(cells, key=rank)[: round(len(cells) * share)]


def part_of(cells: list[Cell], number: int, parts: int) -> list[Cell]:
    """One of so many parts, which together are the whole and have no cell in common, on whichever machine."""
    return [cell for cell in cells if int(hashlib.sha256(cell.id.encode()).hexdigest(), 16) % parts == number - 1]


def arm(world: World, cell: Cell) -> Callable[[], bool]:
    """Put a cell's fault into the world; gives a function that tells whether it struck."""
    struck: list[bool] = []
    function = f"lambda-tuner-{cell.where}"

    def here(caller: Caller) -> bool:
        return caller.function == function and caller.visit == cell.visit

    def around_call(caller: Caller, number: int, call: Any, go: Callable[[], Any]) -> Any:
        if not (here(caller) and number == cell.call):
            return go()
        struck.append(True)
        return kinds.CALL_FAULTS[cell.kind](world, caller, call, go)

    def around_visit(caller: Caller, go: Callable[[], Any]) -> Any:
        if not here(caller):
            return go()
        struck.append(True)
        return kinds.STEP_FAULTS[cell.kind](world, caller, go)

    entries: list[str] = []

    def state_entered(execution: str, state: str) -> None:
        if _place(execution, state) == cell.where:
            entries.append(state)
            if len(entries) == cell.visit:
                struck.append(True)
                kinds.AT_STATES[cell.kind](world, execution, cell.what)
                if cell.kind in kinds.CHANGES:
                    world.disturbed = True
                    world.snapshot_disturbed = world.snapshot()

    match cell.place:
        case "call":
            world.around_call = around_call
        case "step":
            world.around_visit = around_visit
            if cell.kind == "timeout":
                kinds.arm_time_out(world, function, cell.visit)
        case "state":
            world.state_entered = state_entered
        case _:
            struck.append(True)
    return lambda: bool(struck)


def _machine(execution: str) -> str:
    return execution.split(":")[-2].rsplit("-", 1)[-1]


def _place(execution: str, state: str) -> str:
    machine = _machine(execution)
    return state if machine == "tune" else f"{machine}.{state}"


def _short(function: str) -> str:
    return function.removeprefix("lambda-tuner-")


def _label(call: Any) -> str:
    path = call.url.split("/", 3)[-1].split("?")[0]
    path = re.sub(r"^(lambda-tuner-artifacts-[^/]+|[\d-]+/functions|[\d-]+/tags)", "", path)
    path = re.sub(r"[0-9a-f]{12,}", "…", path).strip("/")
    return f"{call.service}:{call.operation} {path}".strip()
