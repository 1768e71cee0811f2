"""Observations inside Optuna's trials: as user attributes, so that the study is complete on its own."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from typing import Any

from optuna.trial import FrozenTrial

from tuner.core.model import Candidate, Invocation, Observation

OBSERVATION = "observation"
_OF_THE_RUN_ALONE = ("error_frames", "log_tail")


def record_of(observation: Observation) -> dict[str, Any]:
    """A JSON-safe record of *observation*, without what the function printed: studies outlive the runs."""
    record = asdict(observation)
    for invocation in record["invocations"]:
        for name in _OF_THE_RUN_ALONE:
            del invocation[name]
    return record


def observation_of(trial: FrozenTrial) -> Observation | None:
    """The observation that a finished trial carries; None where it was never measured.

    Fields that this version does not know are left out; those that an older
    one did not have are absent.

    Raises:
        KeyError, TypeError, ValueError: The record lacks a field, or holds a
            CPU time that no clock can have measured.
    """
    record = trial.user_attrs.get(OBSERVATION)
    if record is None:
        return None
    return Observation(
        round=record["round"],
        trial=record["trial"],
        candidate=Candidate(**record["candidate"]),
        invocations=tuple(_invocation_of(invocation) for invocation in record["invocations"]),
    )


_KNOWN = {field.name for field in fields(Invocation)}


def _invocation_of(record: dict[str, Any]) -> Invocation:
    cpu_ms = record.get("cpu_ms")
    if cpu_ms is not None and not (math.isfinite(cpu_ms) and cpu_ms >= 0):
        raise ValueError(f"a CPU time of {cpu_ms} ms")
    return Invocation(**{name: value for name, value in record.items() if name in _KNOWN})
