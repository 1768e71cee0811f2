"""How a field of a value stands in published JSON, if not under its own name in camelCase: metadata of the field."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LEFT_OUT: Mapping[str, bool] = MappingProxyType({"left_out": True})
"""The field is not written while it holds its default."""
FLAT: Mapping[str, bool] = MappingProxyType({"flat": True})
"""The fields of the field's value are written in its place; none if it is ``None``."""
HIDDEN: Mapping[str, bool] = MappingProxyType({"hidden": True})
"""The field is not written at all."""


def named(name: str) -> Mapping[str, str]:
    """The field is written under this name."""
    return MappingProxyType({"name": name})


def camel_case(name: str) -> str:
    """A field's name as JSON has it.

    Example:
        >>> camel_case("within_3_percent")
        'within3Percent'
    """
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
