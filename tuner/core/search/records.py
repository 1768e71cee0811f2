"""Observations inside Optuna's trials: as user attributes, so that the study is complete on its own."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from optuna.trial import FrozenTrial

from tuner.core.model import Candidate, Invocation, Observation

OBSERVATION = "observation"


def record_of(observation: Observation) -> dict[str, Any]:
    """A JSON-safe record of *observation*."""
    return asdict(observation)


def observation_of(trial: FrozenTrial) -> Observation | None:
    """The observation that a finished trial carries; None where it was never measured.

    Fields that this version does not know are left out.

    Raises:
        KeyError, TypeError: The record lacks a field.
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
    return Invocation(**{name: value for name, value in record.items() if name in _KNOWN})
