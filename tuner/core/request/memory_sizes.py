"""Which memory sizes may be measured and recommended, and how much CPU each brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.core.errors import InvalidRequest
from tuner.core.request.tuning_request import MemoryRange, MemorySpec, shown_json

MIN_MEMORY_MB = 128
MAX_MEMORY_MB = 10_240
"""Bounds of an ordinary function. Source: AWS Lambda quotas, seen 2026-11.

The API model allows 32,768; that is for Managed Instances, which are not tuned.
"""

ONE_VCPU_MB = 1_769
"""At this size a function has one full vCPU. Source: AWS Lambda developer guide, "Configure memory", seen 2026-11."""

ROUND_SIZES_MB = (
    *range(128, 1_024, 128),
    *range(1_024, 3_072, 256),
    3_008,  # the cap of young accounts, and the largest size there was until 2020: common in real functions
    *range(3_072, 10_241, 512),
)
"""The sizes that a pick may be rounded to: those that people type."""


@dataclass(frozen=True, slots=True)
class MemorySpace:
    """The sizes of a run.

    ``sizes`` ascends and is never empty. ``outside`` lists, ascending, the
    sizes that were asked for and cannot be measured here, each with the
    reason as a clause.
    """

    sizes: tuple[int, ...]
    outside: tuple[tuple[int, str], ...] = ()


def memory_space(
    spec: MemorySpec | Mapping[str, Any] | list[int] | str | None,
    *,
    current_mb: int,
    cap_mb: int | None = None,
    cap_reason: str | None = None,
) -> MemorySpace:
    """List the sizes of a run.

    A range holds its own steps and, between its ends, 1,769 MB (where a
    single-threaded function stops getting faster) and the round numbers that
    a pick may be rounded to. An explicit list is the user's word and is taken
    as it is. Both hold today's size, also where it lies beyond the range,
    because every answer is a comparison with it.

    Args:
        spec: A range, a list of sizes, ``"ALL"``, or ``None`` for the default
            range; in the request's form or as validated.
        current_mb: Today's memory size of the function.
        cap_mb: Largest size that can be measured here; ``None``: no cap of its own.
        cap_reason: Why there is a cap, as a clause that follows "3,072 MB".

    Raises:
        InvalidRequest: Sizes that Lambda does not have, or none left under the cap.

    Example:
        >>> memory_space([512, 1024], current_mb=128).sizes
        (128, 512, 1024)
    """
    checked, problems = check_memory(spec)
    if checked is None:
        raise InvalidRequest(problems)
    if isinstance(checked, MemoryRange):
        asked = set(range(checked.min_mb, checked.max_mb + 1, checked.step_mb))
        asked.update(size for size in (*ROUND_SIZES_MB, ONE_VCPU_MB) if checked.min_mb <= size <= checked.max_mb)
    else:
        asked = set(checked)
    asked.add(current_mb)
    cap = MAX_MEMORY_MB if cap_mb is None else cap_mb
    reason = cap_reason or f"is above the largest size that can be measured here, {cap:,} MB"
    sizes = tuple(sorted(size for size in asked if size <= cap))
    outside = tuple((size, reason) for size in sorted(asked) if size > cap)
    if not sizes:
        listed = ", ".join(f"{size:,}" for size in sorted(asked)[:5]) + (", …" if len(asked) > 5 else "")
        raise InvalidRequest(
            [f"memory leaves no size to measure: each of {listed} MB {reason}"],
            hint=f"Ask for at least one memory size of {cap:,} MB or less.",
        )
    return MemorySpace(sizes=sizes, outside=outside)


def check_memory(
    spec: MemorySpec | Mapping[str, Any] | list[Any] | str | float | None, *, field: str = "memory"
) -> tuple[MemorySpec | None, list[str]]:
    """Validate a memory specification as a request holds it.

    Args:
        spec: ``None`` or ``"ALL"`` (the default range), a mapping with any of
            ``min``, ``max`` and ``step``, a list of sizes, or what this
            function returned before.
        field: How messages call it.

    Returns:
        The specification and no problem, or ``None`` and every problem found.
        Lists come back ascending and without duplicates.
    """
    if spec is None:
        return MemoryRange(), []
    if isinstance(spec, MemoryRange):
        spec = {"min": spec.min_mb, "max": spec.max_mb, "step": spec.step_mb}
    if isinstance(spec, str):
        if spec == "ALL":
            return MemoryRange(), []
        return None, [f'{field} is the text {shown_json(spec)}: it must be {{"min", "max", "step"}}, a list, or "ALL"']
    if isinstance(spec, Mapping):
        return _check_range(spec, field)
    if isinstance(spec, list | tuple):
        return _check_list(spec, field)
    return None, [f'{field} is {shown_json(spec)}: it must be {{"min", "max", "step"}}, a list of sizes, or "ALL"']


def _check_range(spec: Mapping[str, Any], field: str) -> tuple[MemorySpec | None, list[str]]:
    problems = [
        f'{field}.{shown_json(name)[1:-1]} is not a field: there are "min", "max" and "step"'
        for name in spec
        if name not in ("min", "max", "step")
    ]
    low, high, step = MIN_MEMORY_MB, MAX_MEMORY_MB, 64
    for name, lowest in (("min", MIN_MEMORY_MB), ("max", MIN_MEMORY_MB), ("step", 1)):
        given = spec.get(name)
        if given is None:
            continue
        whole = _whole(given)
        if whole is None or not lowest <= whole <= MAX_MEMORY_MB:
            problems.append(
                f"{field}.{name} is {shown_json(given)}: it must be a whole number of MB "
                f"between {lowest:,} and {MAX_MEMORY_MB:,}"
            )
        elif name == "min":
            low = whole
        elif name == "max":
            high = whole
        else:
            step = whole
    if not problems and low > high:
        problems.append(f"{field}.min is {low:,} and {field}.max is {high:,}: min must not be above max")
    return (None, problems) if problems else (MemoryRange(low, high, step), [])


def _check_list(spec: list[Any] | tuple[Any, ...], field: str) -> tuple[MemorySpec | None, list[str]]:
    if not spec:
        return None, [f"{field} is an empty list: name at least one memory size"]
    sizes, problems = set(), []
    for index, given in enumerate(spec):
        whole = _whole(given)
        if whole is None or not MIN_MEMORY_MB <= whole <= MAX_MEMORY_MB:
            problems.append(
                f"{field}[{index}] is {shown_json(given)}: a memory size must be a whole number of MB "
                f"between {MIN_MEMORY_MB} and {MAX_MEMORY_MB:,}"
            )
        else:
            sizes.add(whole)
    return (None, problems) if problems else (tuple(sorted(sizes)), [])


def _whole(given: Any) -> int | None:
    """Take 512 and 512.0 (JSON has one kind of number), not "512", True or 512.5."""
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return given
    if isinstance(given, float) and given.is_integer():
        return int(given)
    return None
