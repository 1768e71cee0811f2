"""Observations as they are kept inside Optuna's trials."""

from __future__ import annotations

import json
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial

from tuner.core.model import Candidate, Invocation, Observation
from tuner.core.search import earlier_runs
from tuner.core.search.trials import OBSERVATION, RUN, STARTED, StudyRun, attributes_of, observation_of

SEEN = Observation(
    1,
    4,
    Candidate(512, "arm64"),
    (Invocation("r1", "ok", False, 100.5, 101, cpu_ms=28.125, thread_count=3), Invocation("r2", "timeout", False)),
)


def trial_of(record: Any) -> FrozenTrial:
    """A finished trial that carries *record*, as the journal gives it back."""
    return optuna.trial.create_trial(value=1.0, user_attrs={OBSERVATION: json.loads(json.dumps(record))})


def test_an_observation_comes_back_as_it_was() -> None:
    """CPU time and threads too, and their absence."""
    assert observation_of(trial_of(attributes_of(SEEN)[OBSERVATION])) == SEEN


def test_records_of_other_versions_are_read() -> None:
    """An older one has no CPU times; a newer one may have fields that nobody here knows."""
    record = attributes_of(SEEN)[OBSERVATION]
    for invocation in record["invocations"]:
        del invocation["cpu_ms"], invocation["thread_count"]
        invocation["energy_joules"] = 3

    read = observation_of(trial_of(record))

    assert read is not None
    assert [(each.cpu_ms, each.thread_count, each.duration_ms) for each in read.invocations] == [
        (None, None, 100.5),
        (None, None, None),
    ]


@pytest.mark.parametrize("cpu_ms", ["much", [28.0]])
def test_a_record_of_another_type_is_refused(cpu_ms: Any) -> None:
    """By the name of its field."""
    record = attributes_of(SEEN)[OBSERVATION]
    record["invocations"][0]["cpu_ms"] = cpu_ms
    with pytest.raises(ValueError, match="cpu_ms"):
        observation_of(trial_of(record))


@pytest.mark.parametrize("cpu_ms", [28.0, -1.0, float("nan"), float("inf"), "much", [28.0]])
def test_an_earlier_run_is_left_out_if_its_cpu_time_cannot_be(cpu_ms: Any) -> None:
    """As with a duration: what was damaged must not reach the model."""
    record = attributes_of(SEEN)[OBSERVATION]
    record["invocations"][0]["cpu_ms"] = cpu_ms
    study = optuna.create_study()
    attributes = {OBSERVATION: record, RUN: "night-1", STARTED: "2026-11-27T00:00:00+00:00"}
    study.add_trial(optuna.trial.create_trial(value=1.0, user_attrs=attributes))
    runs = earlier_runs(study, StudyRun("night-2", "2026-11-28T00:00:00+00:00"))
    assert [run.run_id for run in runs] == (["night-1"] if cpu_ms == 28.0 else [])
