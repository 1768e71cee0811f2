"""The function before and after a run: a snapshot without secrets, and what differs between two of them.

The roles of a run can read the function and write nothing of it, so a
difference is always somebody else's work. It is named with what is known of
it: which settings, when, and the revisions on both sides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONFIGURATION = "configuration"
QUALIFIED = "qualified configuration"
PROVISIONED_CONCURRENCY = "provisioned concurrency"
RUNTIME_MANAGEMENT = "runtime management"
"""Sections that are looked into before the run."""

MISSING = "missing"
"""Stands in the place of a whole snapshot's configuration if the function is gone."""

NOT_READABLE = "not readable"
"""Stands in a snapshot for a section that could not be read."""

_SECRET_KEYS = frozenset({"Environment"})

# What changes while nobody changes the function: AWS's own states and counts. The revision is kept apart.
_VOLATILE_KEYS = frozenset(
    {
        "AllocatedProvisionedConcurrentExecutions",
        "AvailableProvisionedConcurrentExecutions",
        "LastProcessingResult",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
        "OptimizationStatus",
        "ResponseMetadata",
        "RevisionId",
        "RuntimeVersionConfig",
        "State",
        "StateReason",
        "StateReasonCode",
        "StateTransitionReason",
        "Status",
        "StatusReason",
        "metricFilterCount",
        "storedBytes",
    }
)
_VOLATILE_EXCEPT = {"event source mappings": frozenset({"State"})}
"""Where a volatile key is a setting: a mapping that somebody disabled has another state."""

_IDENTITY_KEYS = ("Name", "Version", "UUID", "FunctionArn", "Arn", "Sid")
"""What tells the rows of a list apart, so that a difference is named by its row."""


@dataclass(frozen=True, slots=True)
class Check:
    """One property of the function before and after a run."""

    what: str
    before: str | int | None
    after: str | int | None
    same: bool | None
    """``None``: it could not be read, so it could not be compared."""
    differs: tuple[str, ...] = ()
    """The settings in it that differ, such as ``Timeout`` or ``live.FunctionVersion``."""


@dataclass(frozen=True, slots=True)
class ForeignChange:
    """A difference, in a sentence: what somebody else changed while the run was under way."""

    what: str
    sentence: str
    modified_at: str | None
    """The function's own ``LastModified``, if it moved."""
    revision_before: str | None
    revision_after: str | None


_SCALARS = {
    "memory size (MB)": "MemorySize",
    "timeout (s)": "Timeout",
    "code SHA-256": "CodeSha256",
    "last modified": "LastModified",
}


def fingerprint(readable: Mapping[str, Any]) -> dict[str, Any]:
    """Make a comparable snapshot out of what AWS lets us read of a function.

    Environment variables are kept as a hash only; what AWS changes by itself
    is left out, but for the configuration's revision, which stands as a
    section of its own and is never compared: AWS renews it too. Sections (``configuration``,
    ``aliases``, ``tags``, …) come as AWS returned them, and are JSON-safe in the snapshot.
    """
    sections = {
        section: _comparable(value, _VOLATILE_KEYS - _VOLATILE_EXCEPT.get(section, frozenset()))
        for section, value in readable.items()
    }
    configuration = readable.get(CONFIGURATION)
    if isinstance(configuration, Mapping):
        sections["revision"] = configuration.get("RevisionId")
    return sections


def _comparable(value: Any, volatile: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: f"sha256:{_digest(item)}" if key in _SECRET_KEYS else _comparable(item, volatile)
            for key, item in value.items()
            if key not in volatile
        }
    if isinstance(value, (list, tuple)):
        return [_comparable(item, volatile) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Check, ...]:
    """Compare two snapshots, property by property.

    The first rows name what people look for; then each section stands as a
    whole, by a short hash. A function that is gone is one row: that it is.

    Args:
        before: From ``fingerprint``; a section that is in one of the two alone is not compared.
        after: The same later; its ``configuration`` is ``MISSING`` if the function is gone.

    Example:
        >>> compare({"tags": {"a": "1"}}, {"tags": {"a": "2"}})[0].differs
        ('a',)
    """
    configuration, later = before.get(CONFIGURATION) or {}, after.get(CONFIGURATION) or {}
    if later == MISSING:
        return (Check("the function itself", "there", MISSING, False),)
    checks = [
        Check(what, configuration.get(key), later.get(key), configuration.get(key) == later.get(key))
        for what, key in _SCALARS.items()
        if isinstance(configuration, Mapping) and isinstance(later, Mapping) and key in configuration
    ]
    for section, value in before.items():
        if section == "revision":
            continue
        other = after.get(section, NOT_READABLE)
        unknown = NOT_READABLE in (value, other)
        differs = () if unknown else tuple(dict.fromkeys(_differences(value, other)))
        same = None if unknown else value == other
        checks.append(Check(section, _brief(value), _brief(other), same, differs))
    return tuple(checks)


def foreign_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], checks: Sequence[Check], *, since: str, until: str
) -> tuple[ForeignChange, ...]:
    """Word every difference as what it is: a change by somebody else.

    *checks* are ``compare``'s rows; the snapshots were taken at *since* and *until*, ISO 8601.
    """
    was, now = _modified_at(before), _modified_at(after)
    modified_at = now if now != was else None
    revisions = before.get("revision"), after.get("revision")
    found = []
    for check in checks:
        # The scalar rows are part of the section configuration, which names them.
        if check.same is not False or check.what in _SCALARS:
            continue
        in_configuration = check.what == CONFIGURATION
        if check.after == MISSING:
            sentence = "Somebody else deleted the function"
        elif check.differs:
            sentence = f"Somebody else changed the {check.what} ({', '.join(check.differs)})"
        else:
            sentence = f"Somebody else changed the {check.what}, from {check.before} to {check.after}"
        if in_configuration and modified_at:
            sentence += f"; it was last modified at {modified_at}."
        else:
            sentence += f", between {since} and {until}."
        found.append(ForeignChange(check.what, sentence, modified_at if in_configuration else None, *revisions))
    return tuple(found)


def _modified_at(snapshot: Mapping[str, Any]) -> str | None:
    configuration = snapshot.get(CONFIGURATION)
    return configuration.get("LastModified") if isinstance(configuration, Mapping) else None


def _differences(value: Any, other: Any, path: str = "") -> Iterator[str]:
    if value == other:
        return
    left, right = _by_name(value), _by_name(other)
    if left is None or right is None or (path and None in (value, other)):
        if path:
            yield path
        return
    # Two levels say where to look; a deeper path says it no better.
    for key in sorted({*left, *right}):
        inner = f"{path}.{key}" if path else key
        if path:
            if left.get(key) != right.get(key):
                yield inner
        else:
            yield from _differences(left.get(key), right.get(key), inner)


def _by_name(value: Any) -> Mapping[str, Any] | None:
    """A mapping, or a list of mappings by what tells its rows apart; nothing else has parts to name."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, list) or not value or not all(isinstance(row, Mapping) for row in value):
        return {} if value in ([], None) else None
    for key in _IDENTITY_KEYS:
        if all(isinstance(row.get(key), str) for row in value) and len({row[key] for row in value}) == len(value):
            return {str(row[key]): row for row in value}
    return None


def _brief(value: Any) -> str | int:
    if value is None:
        return "none"
    if isinstance(value, (str, int)) and len(str(value)) <= 24:
        return value
    if value in ([], {}):
        return "no entries"
    digest = _digest(value)[:12]
    if not isinstance(value, (list, dict)):
        return digest
    return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}, {digest}"
