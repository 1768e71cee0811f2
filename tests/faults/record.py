"""What really happened, written down by the world itself: the verdict believes this, and not what the product says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Ran:
    """One invocation of the target's stand-in, as its REPORT record tells it."""

    function: str
    memory_mb: int
    architecture: str
    duration_ms: float
    billed_ms: int
    init_ms: float | None
    max_memory_used_mb: int
    failed: bool


@dataclass(frozen=True)
class Made:
    """A function that a step made."""

    run: str | None
    expires_at: str
    made_at: str
    planned: bool
    """Whether the run's plan held its name at that moment."""


@dataclass(frozen=True)
class Marked:
    """A mark of an open run, as the plan's step wrote it."""

    run: str
    expires_at: str
    made_at: str


@dataclass(frozen=True)
class Deleted:
    """A deletion that took effect, and in which invocation of which of the stack's functions."""

    name: str
    by: tuple[str, int]


@dataclass(frozen=True)
class Restoration:
    """A ``restore.json`` at the moment when it was written."""

    run: str
    by: tuple[str, int]
    says: dict[str, Any]
    there: frozenset[str]
    """The functions that were there."""
    target: dict[str, Any]
    """The function under test, by the world's own reading."""


@dataclass
class Record:
    """Everything that the world saw."""

    ran: dict[str, Ran] = field(default_factory=dict)
    """By request id."""
    made: dict[str, Made] = field(default_factory=dict)
    marks: list[Marked] = field(default_factory=list)
    deleted: list[Deleted] = field(default_factory=list)
    restorations: list[Restoration] = field(default_factory=list)
    target_when_planned: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By run: the function under test when its plan was written."""

    told: dict[str, int] = field(default_factory=dict)
    """By run: how many restorations there had been when its report was last written."""

    def restorations_of(self, run: str) -> list[Restoration]:
        """The proofs of which a run's report could know: a step that nobody stopped may write one more after it."""
        return [one for one in self.restorations[: self.told.get(run, 0)] if one.run == run]

    def removed(self, run: str) -> set[str]:
        """The functions of a run that an invocation of ``restore`` deleted and wrote down before the report."""
        lived = {one.by for one in self.restorations_of(run)}
        return {one.name for one in self.deleted if one.by in lived and self.run_of(one.name) == run}

    def run_of(self, name: str) -> str | None:
        """The run that made a function; ``None``: none did."""
        return self.made[name].run if name in self.made else None
