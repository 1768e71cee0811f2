"""The plan with undo: what a run makes is written down before it is made.

``plan.json`` lists every step with its undo, so that a dry run, ``restore``,
the sweeper and the report's proof read one list. A step is appended before
its side effect happens: what is in the plan may exist, what is not in it does
not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tuner.core.model import Candidate

CLONE_PREFIX = "lambda-tuner-clone-"
"""Names of temporary functions begin so; nothing else may be written, invoked or deleted."""

RUN_TAG = "lambda-tuner:run"
EXPIRES_TAG = "lambda-tuner:expires"

_SECRET_KEYS = frozenset({"Environment"})
# What AWS changes by itself while nobody touches the function; the revision is compared apart.
_VOLATILE_KEYS = frozenset({"RevisionId", "ResponseMetadata"})


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One side effect and its undo. Creating a function is undone by deleting it."""

    kind: Literal["create_function"]
    name: str
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that ``restore`` needs, and the function as it was before."""

    run_id: str
    function_name: str
    qualifier: str | None
    expires_at: str
    """ISO 8601, UTC: after this moment the sweeper undoes the run."""
    snapshot_before: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[PlanStep, ...] = ()

    def with_clones(self, candidates: Sequence[Candidate]) -> Plan:
        """Append a step for each candidate that has none yet."""
        known = {step.candidate for step in self.steps}
        added = tuple(
            PlanStep("create_function", clone_name(self.run_id, candidate), candidate)
            for candidate in dict.fromkeys(candidates)
            if candidate not in known
        )
        return replace(self, steps=self.steps + added)


def clone_name(run_id: str, candidate: Candidate) -> str:
    """Name a run's temporary function at one candidate.

    The same run and candidate always give the same name, so that a repeated
    step finds what it made before. At most 64 characters, Lambda's limit.

    Example:
        >>> clone_name("night-1", Candidate(1024, "arm64"))
        'lambda-tuner-clone-c1dd2cf71d60-1024-arm'
    """
    architecture = "arm" if candidate.architecture == "arm64" else "x86"
    return f"{clone_prefix(run_id)}{candidate.memory_mb}-{architecture}"


def clone_prefix(run_id: str) -> str:
    """The beginning of the names of everything that one run makes."""
    return f"{CLONE_PREFIX}{hashlib.sha256(run_id.encode()).hexdigest()[:12]}-"


def fingerprint(readable: Mapping[str, Any]) -> dict[str, Any]:
    """Make a comparable snapshot out of what AWS lets us read of a function.

    Environment variables and other secrets are kept as hashes only; what AWS
    changes by itself is left out.

    Args:
        readable: Sections (``configuration``, ``aliases``, ``tags``, …) as AWS
            returned them.

    Returns:
        The same sections, JSON-safe, without secrets.
    """
    return {section: _without_secrets(value) for section, value in readable.items()}


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _hash(item) if key in _SECRET_KEYS else _without_secrets(item)
            for key, item in value.items()
            if key not in _VOLATILE_KEYS
        }
    if isinstance(value, (list, tuple)):
        return [_without_secrets(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def _hash(value: Any) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Check:
    """One property of the function before and after a run."""

    what: str
    before: str | int | None
    after: str | int | None
    same: bool | None
    """``None``: it may not be read, so it could not be compared."""


_SCALARS = {
    "memory size (MB)": "MemorySize",
    "time-out (s)": "Timeout",
    "code SHA-256": "CodeSha256",
    "last modified": "LastModified",
}


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Check, ...]:
    """Compare two snapshots, property by property.

    The first rows name what people look for; then each section stands as a
    whole, by a short hash.

    Example:
        >>> [check.same for check in compare({"tags": {"a": "1"}}, {"tags": {"a": "2"}})]
        [False]
    """
    configuration, later = before.get("configuration") or {}, after.get("configuration") or {}
    checks = [
        Check(what, configuration.get(key), later.get(key), configuration.get(key) == later.get(key))
        for what, key in _SCALARS.items()
        if key in configuration and isinstance(later, Mapping)
    ]
    for section, value in before.items():
        other = after.get(section)
        unknown = NOT_READABLE in (value, other)
        checks.append(Check(section, _brief(value), _brief(other), None if unknown else value == other))
    return tuple(checks)


NOT_READABLE = "not readable"
"""Stands in a snapshot for a section that the role may not read."""


def _brief(value: Any) -> str:
    if value is None:
        return "none"
    if value == NOT_READABLE:
        return NOT_READABLE
    digest = hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]
    return f"{len(value)} entries, {digest}" if isinstance(value, (list, dict)) else digest
