"""The report's value to JSON and back: dataclass fields in camelCase, unknown fields ignored.

The converter is built at the first use, since most of what imports this
never encodes: handlers start quickly.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal

import cattrs

from tuner.core.answer.recommendation import Drift
from tuner.core.answer.report import Answer, DryRun, Failure, PowerTuningOutput, RunReport
from tuner.core.answer.run_row import RunRow
from tuner.core.json_shape import camel_case

POWER_TUNING_NAMES = tuple(camel_case(field.name) for field in dataclasses.fields(PowerTuningOutput))
"""What the execution's output has besides ours, for an input with fields of AWS Lambda Power Tuning."""
OUTPUT_FIELDS = (
    "schemaVersion", "runId", "functionArn", "where", "verdict", "goal", "recommended", "current", "safer",
    "savingRatio", "decision", "probability", "confidence", "currency", "invocations", "spentUsd", "stoppedBecause",
    *POWER_TUNING_NAMES, "report", "estimate", "drift", "coldStarts", "error",
)  # fmt: skip
"""The fields that the execution's output has, in its order; ``report.json`` has them and more."""


def encode(report: RunReport) -> dict[str, Any]:
    """Write a report as ``docs/schema/report.schema.json`` describes it."""
    fields: dict[str, Any] = _converter().unstructure(report)
    if report.function_arn is None:
        # It failed before it was planned: what is not known is left out.
        return {name: value for name, value in fields.items() if value or name == "restored"}
    return fields


def decode(data: object) -> RunReport:
    """Read a report, or an execution's output, of this or an earlier version.

    Raises:
        ValueError: It is not one; names the field that is wrong.
    """
    if not isinstance(data, Mapping):
        raise ValueError("it is not a JSON object")
    if data.get("error"):
        return _converter().structure(data, Failure)
    if data.get("verdict") == "DRY_RUN":
        return _converter().structure(data, DryRun)
    return _converter().structure(data, Answer)


def encode_row(row: RunRow) -> dict[str, Any]:
    """Write a row of the list of runs."""
    return dict(_converter().unstructure(row))


def decode_row(data: object, run_id: str) -> RunRow:
    """Read a run's row of the list of runs.

    Raises:
        ValueError: One of its fields is not what it may be.
    """
    if not isinstance(data, Mapping):
        raise ValueError("it is not a JSON object")
    return _converter().structure({**data, "runId": run_id}, RunRow)


def execution_output(report: RunReport) -> dict[str, Any]:
    """Write the part of a report that is the state machine's output."""
    fields = encode(report)
    return {name: fields[name] for name in OUTPUT_FIELDS if name in fields}


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    """How a field of a dataclass stands in JSON."""

    name: str
    json_name: str
    kind: Any
    default: Any
    left_out: bool
    flat: bool


@cache
def _fields(kind: Any) -> tuple[_Field, ...]:
    kinds = typing.get_type_hints(kind)
    return tuple(
        _Field(
            field.name,
            field.metadata.get("name", camel_case(field.name)),
            kinds[field.name],
            field.default if field.default_factory is dataclasses.MISSING else field.default_factory(),
            "left_out" in field.metadata,
            "flat" in field.metadata,
        )
        for field in dataclasses.fields(kind)
        if "hidden" not in field.metadata
    )


@cache
def _converter() -> cattrs.Converter:
    made = cattrs.Converter(detailed_validation=False, unstruct_collection_overrides={tuple: list})
    for kinds, wanted in (((int, float), float), ((int,), int), ((str,), str), ((bool,), bool)):
        made.register_structure_hook(wanted, _one_of(kinds, wanted.__name__))
    made.register_structure_hook_func(_is_literal, _literal)
    made.register_structure_hook(str | int | None, lambda value, _: value)
    made.register_structure_hook(
        Drift | Literal["unknown"] | None, lambda value, _: None if value is None else made.structure(value, Drift)
    )
    made.register_structure_hook_factory(dataclasses.is_dataclass, lambda kind: _decoder(made, kind))
    made.register_unstructure_hook_factory(dataclasses.is_dataclass, lambda kind: _encoder(made, kind))
    return made


def _one_of(kinds: tuple[type, ...], name: str) -> Callable[[Any, Any], Any]:
    def check(value: Any, _: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"is not of the kind {name}: {value!r:.80}")
        return value

    return check


def _is_literal(kind: Any) -> bool:
    return typing.get_origin(kind) is Literal


def _literal(value: Any, kind: Any) -> Any:
    if value not in typing.get_args(kind):
        raise ValueError(f"is none of {', '.join(map(str, typing.get_args(kind)))}: {value!r:.80}")
    return value


def _encoder(converter: cattrs.Converter, kind: Any) -> Callable[[Any], dict[str, Any]]:
    def encode_fields(value: Any) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for field in _fields(kind):
            part = getattr(value, field.name)
            if field.flat:
                written |= {} if part is None else converter.unstructure(part)
            elif not (field.left_out and part == field.default):
                written[field.json_name] = converter.unstructure(part)
        return written

    return encode_fields


def _decoder(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    def decode_fields(data: Any, _: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValueError(f"is not a JSON object: {data!r:.80}")
        read: dict[str, Any] = {}
        for field in _fields(kind):
            if field.flat:
                if _stands_in(field, data):
                    read[field.name] = converter.structure(data, field.kind)
            elif field.json_name in data:
                try:
                    read[field.name] = converter.structure(data[field.json_name], field.kind)
                except (ValueError, TypeError, AttributeError) as error:  # as cattrs fails on lists and mappings
                    raise ValueError(f"{field.json_name} {error}") from error
            elif field.default is dataclasses.MISSING:
                raise ValueError(f"{field.json_name} is missing")
        return kind(**read)

    return decode_fields


def _stands_in(field: _Field, data: Mapping[str, Any]) -> bool:
    """Whether the fields of a flat value are there; those of one that may be absent are it all or not at all."""
    if field.default is not None:
        return True
    [kind] = [each for each in typing.get_args(field.kind) if each is not type(None)]
    return all(part.json_name in data for part in _fields(kind) if part.default is dataclasses.MISSING)
