"""Which memory sizes may be measured and recommended, and how much CPU each brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.core.aws_limits import MAX_MEMORY_MB, ONE_VCPU_MB
from tuner.core.errors import InvalidRequest
from tuner.core.request.fields import fields_of
from tuner.core.request.reading import Called, Problems, read_fields, read_value, shown_json
from tuner.core.request.tuning_request import DEFAULT_STEP_MB, ROUND_SIZES_MB, MemoryRange, MemorySpec, TuningRequest


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
    spec: MemorySpec, *, current_mb: int, cap_mb: int | None = None, cap_reason: str | None = None
) -> MemorySpace:
    """List the sizes of a run.

    A range holds its own steps and, between its ends, 1,769 MB (where a
    single-threaded function stops getting faster) and the round numbers that
    a pick may be rounded to. An explicit list is the user's word and is taken
    as it is. Both hold today's size, also where it lies beyond the range,
    because every answer is a comparison with it. *cap_mb* is the largest size that can be measured here; *cap_reason*
    is a clause that follows "3,072 MB".

    Raises:
        InvalidRequest: No size is left under the cap.

    Example:
        >>> memory_space((512, 1024), current_mb=128).sizes
        (128, 512, 1024)
    """
    if isinstance(spec, MemoryRange):
        asked = set(range(spec.min_mb, spec.max_mb + 1, spec.step_mb or DEFAULT_STEP_MB))
        asked.update(size for size in (*ROUND_SIZES_MB, ONE_VCPU_MB) if spec.min_mb <= size <= spec.max_mb)
    else:
        asked = set(spec)
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


def check_memory(spec: Any, *, called: Called = str) -> tuple[MemorySpec | None, list[str]]:
    """Validate a memory specification as a request holds it.

    It is ``"ALL"`` or ``None`` (the default range), a mapping with any of ``min``, ``max`` and ``step``, or a list of
    sizes. *called* is what messages call ``memory``, ``memory.min`` and ``memory[2]``.

    Returns:
        The specification and no problem, or ``None`` and every problem found.
        Lists come back ascending and without duplicates.
    """
    field, problems = fields_of(TuningRequest)["memory"], Problems(called)
    found: MemorySpec = MemoryRange()
    if isinstance(spec, Mapping):
        found = MemoryRange(**read_fields(MemoryRange, spec, problems, within="memory."))
        if not problems and found.min_mb > found.max_mb:
            highest = f"{called('memory.max')} is {found.max_mb:,}"
            problems.add("memory.min", f"is {found.min_mb:,} and {highest}: min must not be above max")
    elif isinstance(spec, list | tuple):
        size = fields_of(MemoryRange)["min"]
        sizes = {read_value(each, size, f"memory[{index}]", problems) for index, each in enumerate(spec)}
        found = () if problems else tuple(sorted(sizes))
        if not spec:
            problems.add("memory", "is an empty list: name at least one memory size")
    elif spec not in (None, "ALL"):
        text = "the text " if isinstance(spec, str) else ""
        problems.add("memory", f"is {text}{shown_json(spec)}: {field.rule}")
    return (None if problems else found), problems.in_order_of(())
