"""The plan with undo: what a run makes is written down before it is made.

``plan.json`` lists every step that has an undo, so that ``restore``, the
sweeper and the report's proof read one list. A step is appended before its
side effect happens: what is in the plan may exist, what is not in it does
not. A step says what was made; ``restore`` knows how each kind is undone, and
a kind that it forgets is an error of the type checker.

That costs one write of ``plan.json`` for each round that makes something. A
copied package is no step: runs share it, and the bucket's own rule removes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tuner.core.model import Candidate

CLONE_PREFIX = "lambda-tuner-clone-"
"""Names of temporary functions begin so; nothing else may be written, invoked or deleted."""

CLONE_VERSION = "1"
"""The version that publishing a new function makes."""

RUN_TAG = "lambda-tuner:run"
EXPIRES_TAG = "lambda-tuner:expires"
CPU_TIME_TAG = "lambda-tuner:cpu-time"
"""On clones in the embedded AWS whose REPORT records are to say how much CPU time an invocation took."""


@dataclass(frozen=True, slots=True)
class CreateFunction:
    """A temporary function. Deleting it deletes its published version as well, and gives back what it has reserved."""

    name: str
    candidate: Candidate
    kind: Literal["create_function"] = "create_function"


@dataclass(frozen=True, slots=True)
class UnknownStep:
    """What a later version made and wrote down, before the stack went back to this one."""

    name: str
    kind: str


Step = CreateFunction | UnknownStep
"""Every kind of step, told apart by ``kind``; each has a ``name``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that ``restore`` needs, and the function as it was before."""

    run_id: str
    function_name: str
    qualifier: str | None
    expires_at: str
    """ISO 8601, UTC: after this moment the sweeper undoes the run."""
    planned_at: str
    """ISO 8601, UTC: when the snapshot was taken."""
    snapshot_before: Mapping[str, Any] = field(default_factory=dict)
    """Of ``tuner.core.function.snapshot``."""
    steps: tuple[Step, ...] = ()

    def with_clones(self, wanted: Sequence[tuple[Candidate, int]]) -> Plan:
        """Append a step for each candidate and clone that has none yet."""
        known = {step.name for step in self.steps}
        names = {clone_name(self.run_id, candidate, number): candidate for candidate, number in wanted}
        added = tuple(CreateFunction(name, candidate) for name, candidate in names.items() if name not in known)
        return replace(self, steps=self.steps + added)


def read_tags(text: str) -> dict[str, str]:
    """Read the tags that the deployer wants on temporary functions.

    Example:
        >>> read_tags("env=prod,team=a=b")
        {'env': 'prod', 'team': 'a=b'}
    """
    pairs = (pair.partition("=") for pair in text.split(",") if pair)
    return {key: value for key, _, value in pairs}


def is_clone(function: Mapping[str, Any], log_group: str) -> bool:
    """Tell one stack's temporary functions from everything else, another stack's too, by where they log."""
    logs_to = (function.get("LoggingConfig") or {}).get("LogGroup")
    return str(function["FunctionName"]).startswith(CLONE_PREFIX) and logs_to == log_group


def clone_name(run_id: str, candidate: Candidate, number: int = 0) -> str:
    """Name a run's temporary function at one candidate, or a further one there.

    The same run, candidate and clone always give the same name, so that a
    repeated step finds what it made before. At most 64 characters, Lambda's limit.

    Example:
        >>> clone_name("night-1", Candidate(1024, "arm64"))
        'lambda-tuner-clone-c1fc126ec61f-1024-arm'
    """
    architecture = "arm" if candidate.architecture == "arm64" else "x86"
    return f"{clone_prefix(run_id)}{candidate.memory_mb}-{architecture}" + (f"-{number}" if number else "")


def clone_prefix(run_id: str) -> str:
    """The beginning of the names of everything that one run makes."""
    return f"{CLONE_PREFIX}{hashlib.sha256(run_id.encode()).hexdigest()[:12]}-"
