"""The core's frozen values to JSON and back.

cattrs reads the dataclasses' own types, so that no value needs a hand-written
``from_json`` and a damaged file is refused with the field's name.
"""

from __future__ import annotations

from typing import Any, TypeVar

import cattrs
from cattrs.errors import ClassValidationError

from tuner.core.request.tuning_request import MemoryRange, MemorySpec
from tuner.core.run.plan import CreateFunction, Step, UnknownStep

Value = TypeVar("Value")

_converter = cattrs.Converter(detailed_validation=True)


def to_json(value: object) -> Any:
    """Turn a value of the core into dicts, lists, strings, numbers and ``None``."""
    return _converter.unstructure(value)


def from_json(kind: type[Value], data: object) -> Value:
    """Read a value of the core back.

    Raises:
        ValueError: *data* is not a *kind*; names the fields that are wrong.
    """
    try:
        return _converter.structure(data, kind)
    except ClassValidationError as error:
        raise ValueError(f"not a {kind.__name__}: {'; '.join(cattrs.transform_error(error))}") from error


def _structure_memory(data: Any, _: object) -> MemorySpec:
    return tuple(int(size) for size in data) if isinstance(data, (list, tuple)) else from_json(MemoryRange, data)


_converter.register_structure_hook(MemorySpec, _structure_memory)


def _structure_step(data: Any, _: object) -> Step:
    if data["kind"] == "create_function":
        return from_json(CreateFunction, data)
    return from_json(UnknownStep, data)


_converter.register_structure_hook(Step, _structure_step)


def _keep(data: Any, _: object) -> Any:
    return data


# Plain JSON values that a field may hold one or the other of.
_converter.register_structure_hook(str | int | None, _keep)
