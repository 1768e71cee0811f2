"""The proof that a run was undone."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.core.function.snapshot import Check, ForeignChange


@dataclass(frozen=True, slots=True)
class Restored:
    """The proof: what was removed, what is left, and whether the function is as it was."""

    removed: tuple[str, ...]
    """What was there and is gone: looked for after its deletion."""
    remaining: tuple[str, ...]
    """What is still there, or could not be looked for."""
    checks: tuple[Check, ...]
    checked_at: str
    changes: tuple[ForeignChange, ...] = ()
    """What somebody else changed meanwhile: the roles of a run cannot write the function."""

    @property
    def complete(self) -> bool:
        """Whether nothing of the run is left and nothing that could be compared has changed."""
        return not self.remaining and all(check.same is not False for check in self.checks)
