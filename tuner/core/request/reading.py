"""Read an object of the input by what its fields say of themselves: values of the right types, or every problem."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, is_dataclass, replace
from typing import Any, Literal, get_args, get_origin

from tuner.core.request.fields import RequestField, fields_of

Called = Callable[[str], str]
"""What a message calls the field at a path such as ``budget.maxCostUsd`` or ``memory[2]``: as the user wrote it."""

_SYNONYMS = {
    "function": "lambdaARN",
    "functionname": "lambdaARN",
    "functionarn": "lambdaARN",
    "arn": "lambdaARN",
    "event": "payload",
    "memorysize": "memory",
    "memorysizes": "memory",
    "architecture": "architectures",
    "parallel": "parallelInvocation",
    "dry_run": "dryRun",
    "limit": "limitMs",
    "p": "percentile",
}


class Problems:
    """What is wrong with an input, as sentences that name its fields as the user wrote them."""

    def __init__(self, called: Called = str) -> None:
        self.called = called
        self._found: list[tuple[str, str]] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, path: str, what: str) -> None:
        """Add a sentence that begins with what the field at *path* is called."""
        self._found.append((path, f"{shown_json(self.called(path))[1:-1]} {what}"))

    def extend(self, path: str, sentences: Sequence[str]) -> None:
        """Add whole sentences about the field at *path*."""
        self._found += [(path, sentence) for sentence in sentences]

    def in_order_of(self, names: Collection[str]) -> list[str]:
        """Each sentence once, in the order of the fields."""
        order = {name: index for index, name in enumerate(names)}

        def place(problem: tuple[str, str]) -> int:
            return order.get(problem[0].split(".")[0].split("[")[0], len(order))

        return list(dict.fromkeys(sentence for _, sentence in sorted(self._found, key=place)))


def read_fields(
    kind: Any, given: Mapping[str, Any], problems: Problems, *, within: str = "", names: Collection[str] = ()
) -> dict[str, Any]:
    """Read the fields of an object; ``null`` counts as left out.

    *within* is the object's own path and a full stop, if it is inside another one; *names* are all that it may have, if
    others read some of them.

    Returns:
        What was given and is right, by the attributes of *kind*.
    """
    described = fields_of(kind)
    given = {str(name): value for name, value in given.items() if value is not None}
    values: dict[str, Any] = {}
    for name, each in described.items():
        if name in given:
            values[each.attribute] = read_value(given[name], each, within + name, problems)
        elif each.default is MISSING:
            rule = "name the function to tune" if name == "lambdaARN" else each.rule
            problems.add(within + name, f"is missing: {rule}")
    for name in given:
        if name not in (names or described):
            problems.add(within + name, f"is not a field{_hint(name, names or tuple(described), within)}")
    return values


def read_value(given: Any, each: RequestField, path: str, problems: Problems) -> Any:
    """Read the value of one field; what is returned means nothing if there is a problem."""
    kind = each.kind
    if is_dataclass(kind) and isinstance(given, dict):
        before = len(problems)
        values = read_fields(each.kind, given, problems, within=f"{path}.")
        return each.kind(**values) if len(problems) == before else None
    if get_origin(kind) is tuple and isinstance(given, list):
        if not given and each.optional:
            problems.add(path, "is an empty list: name at least one, or leave it out")
        item = replace(each, kind=get_args(kind)[0])
        items = [read_value(value, item, f"{path}[{index}]", problems) for index, value in enumerate(given)]
        return tuple(dict.fromkeys(items))
    value = _number(given, each) if kind in (int, float) else given if _is_of(kind, given) else None
    if value is None:
        text = ", not a number" if kind in (int, float) and isinstance(given, str) else ""
        problems.add(path, f"is {'the text ' if text else ''}{shown_json(given)}{text}: {each.rule}")
    return value


def _is_of(kind: Any, given: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(given, str) and given in get_args(kind)
    return kind in (bool, str) and isinstance(given, kind)


def _number(given: Any, each: RequestField) -> float | None:
    """JSON has one kind of number: 50.0 is 50. No text is a number here, and neither are true, NaN and infinity."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not each.is_within_bounds(given):
        return None
    return float(given) if each.kind is float else int(given) if given == int(given) else None


def _hint(name: str, names: Collection[str], within: str) -> str:
    """What was meant by a name that is no field's."""
    import difflib

    known = {field.lower(): field for field in names}
    likely = known.get(name.lower()) or _SYNONYMS.get(name.lower())
    if likely not in names:
        close = difflib.get_close_matches(name.lower(), known, n=1)
        likely = known[close[0]] if close else None
    if likely:
        return f" (did you mean {likely}?)"
    *others, last = names
    return f": there are {', '.join(others)} and {last}" if within else " of a request"


def shown_json(given: Any, *, limit: int = 60) -> str:
    """Write a value into a message: as JSON where it is JSON, and never long."""
    try:
        text = json.dumps(given, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        text = type(given).__name__
    text = "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
