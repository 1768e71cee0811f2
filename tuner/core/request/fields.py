"""What a field of the request is, beside its name, type and default: written once, where the value has it.

The parser, the flags of the command, ``lambda-tuner.toml``, ``docs/request.md`` and the JSON Schema are made from it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

EVERY_COMMAND = ("tune", "check", "try")
IN_AN_ACCOUNT = ("tune", "check")


@dataclass(frozen=True, slots=True)
class Flag:
    """How the command takes a field; stands beside ``Asked``."""

    name: str
    """``--dry-run``, or ``--parallel/--no-parallel``."""
    panel: Literal["Goal", "Search space", "Limits", "Execution", "Output", "The function"]
    form: str = ""
    """An example or a word for what follows the name."""
    help: str = ""
    """If the field's own sentence does not fit the flag."""
    commands: tuple[str, ...] = EVERY_COMMAND
    is_setting: bool = False
    """Whether it may stand in ``lambda-tuner.toml`` too: what describes the function and what may be spent on it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of the execution's input; stands in the annotation of the value that it becomes."""

    meaning: str
    """A sentence; ``{bounds}`` in it is replaced by them."""
    name: str = ""
    """In the input, if it is not the attribute's in camel case."""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    unit: str = ""
    """For messages, if the field's name does not say it."""
    because: str = ""
    """Why the bounds are what they are; follows them in messages."""
    rule: str = ""
    """What the value must be, if type and bounds do not say it."""
    local_only: str = ""
    """Why only a run on the embedded AWS may have it; follows "is only for runs on the embedded AWS"."""
    shown_at_default: bool = True
    """Whether a run's report shows the field also if it has its default."""


@dataclass(frozen=True, slots=True)
class RequestField:
    """A field of the input with everything that is known of it."""

    name: str
    """In the input."""
    attribute: str
    """In the value."""
    kind: Any
    """The type, without ``None``."""
    optional: bool
    default: Any
    """``MISSING`` if it must be given."""
    asked: Asked
    flag: Flag | None

    @property
    def bounds(self) -> str:
        """The bounds in short, for documentation."""
        low, above, high = self.asked.at_least, self.asked.above, self.asked.at_most
        if above is not None:
            return f"above {above:,}" + (f", at most {high:,}" if high is not None else "")
        if low is not None:
            return f"at least {low:,}" if high is None else f"{low:,} to {high:,}"
        return ""

    def is_within_bounds(self, number: float) -> bool:
        """Whether the field may have this value; NaN and infinity never."""
        low, above, high = self.asked.at_least, self.asked.above, self.asked.at_most
        return (
            abs(number) <= sys.float_info.max
            and (low is None or number >= low)
            and (above is None or number > above)
            and (high is None or number <= high)
        )

    @property
    def rule(self) -> str:
        """What the value must be, as the end of a message."""
        asked, bounds = self.asked, self.bounds.replace(", at", " and at")
        kind: Any = self.kind
        if asked.rule:
            return asked.rule
        if is_dataclass(kind):
            return f"it must be an object with {_listed(tuple(fields_of(self.kind)), 'and')}"
        if get_origin(self.kind) is tuple:
            return f"it must be a list of {_listed(get_args(get_args(self.kind)[0]), 'and')}"
        if get_origin(self.kind) is Literal:
            return f"it must be {_listed(get_args(self.kind), 'or')}"
        if self.kind in (bool, str):
            return "it must be true or false" if self.kind is bool else "it must be a text"
        number = ("a whole number" if self.kind is int else "a number") + (asked.unit and f" of {asked.unit}")
        if asked.at_least is not None and asked.at_most is not None:
            between = f"between {asked.at_least:,} and {asked.at_most:,}{asked.because}"
            return f"it must be {number} {between}" if self.kind is int else f"it must lie {between}"
        return f"it must be {bounds}" if asked.above is not None else f"it must be {number} of {bounds}"

    @property
    def meaning(self) -> str:
        """Its sentence, with the bounds if that has a place for them."""
        return self.asked.meaning.replace("{bounds}", self.bounds)


@cache
def fields_of(kind: Any) -> Mapping[str, RequestField]:
    """The fields of an object of the input, by their names in it and in the order of the value's attributes.

    Example:
        >>> from tuner.core.model import LatencyGoal
        >>> [(name, each.attribute, each.bounds) for name, each in fields_of(LatencyGoal).items()]
        [('percentile', 'percentile', '50 to 99.9'), ('limitMs', 'limit_ms', 'above 0')]
    """
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for each in fields(kind):
        annotated = get_args(hints[each.name])
        parts = {type(part): part for part in annotated[1:]}
        if Asked not in parts:
            continue
        alternatives = get_args(annotated[0])
        optional = type(None) in alternatives
        bare = alternatives[0] if optional else annotated[0]
        name = parts[Asked].name or _camel_case(each.name)
        found[name] = RequestField(name, each.name, bare, optional, each.default, parts[Asked], parts.get(Flag))
    return found


def _camel_case(attribute: str) -> str:
    """``cold_start_share`` as ``coldStartShare``, and ``lambda_arn`` as ``lambdaARN``."""
    return re.sub(r"_(arn\b|\w)", lambda found: found[1].upper(), attribute)


def _listed(names: tuple[str, ...], last: str) -> str:
    quoted = [f'"{name}"' for name in names]
    return " ".join([", ".join(quoted[:-1]), last, quoted[-1]])
