"""What a trial of the study holds: a batch that was asked for and, once it was measured, what was observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

from tuner.core.codec import from_json, to_json
from tuner.core.model import Batch, Candidate, Observation
from tuner.core.search.samples import checked_duration_ms

COUNT = "invocation_count"
ENVIRONMENTS = "environment_count"
SEARCH_SPACE: dict[str, BaseDistribution] = {
    "memory_mb": IntDistribution(128, 10_240),
    "architecture": CategoricalDistribution(["x86_64", "arm64"]),
    COUNT: IntDistribution(1, 1000),
    ENVIRONMENTS: IntDistribution(1, 1000),
}
"""The same for every run, so that studies stay comparable over nights whatever space each was given."""

RUN = "run"
STARTED = "run-started"
BUSY = "run-on-busy-machine"
ROUND = "round"
REASON = "reason"
OBSERVATION = "observation"


@dataclass(frozen=True)
class StudyRun:
    """Whose trials they are: the study is shared by all runs that measure the same thing."""

    run_id: str = "run"
    started_at: str = "1970-01-01T00:00:00+00:00"
    """ISO 8601 with time zone."""
    busy: bool = False
    """Whether the machine that measured it did other work when it began."""


def candidate_of(params: Mapping[str, Any]) -> Candidate:
    """The configuration that a trial's parameters name."""
    return Candidate(params["memory_mb"], params["architecture"])


def params_of(candidate: Candidate, invocation_count: int, environment_count: int) -> dict[str, Any]:
    """The parameters of a trial: a candidate's fields under their own names, and how it is invoked."""
    return {**asdict(candidate), COUNT: invocation_count, ENVIRONMENTS: environment_count}


def batch_of(trial: Trial | FrozenTrial) -> Batch:
    """The batch that a trial asks for; its number is the trial's."""
    params, attributes = trial.params, trial.user_attrs
    candidate = candidate_of(params)
    return Batch(attributes[ROUND], trial.number, candidate, params[COUNT], params[ENVIRONMENTS], attributes[REASON])


def observation_of(trial: FrozenTrial) -> Observation | None:
    """The observation that a finished trial carries; None if it was never measured.

    Fields that this version does not know are left out; those that an older
    one did not have are absent.

    Raises:
        ValueError: The record lacks a field, or one is of another type.
        InvalidRequest: It holds a duration that no clock can have measured.
    """
    record = trial.user_attrs.get(OBSERVATION)
    if record is None:
        return None
    observation = from_json(Observation, record)
    for invocation in observation.invocations:
        if invocation.duration_ms is not None:
            checked_duration_ms(observation, invocation)
    return observation


def attributes_of(observation: Observation) -> dict[str, Any]:
    """The attribute that carries *observation*, without what the function printed: studies outlive the runs."""
    invocations = tuple(replace(each, error_frames=(), log_tail=()) for each in observation.invocations)
    return {OBSERVATION: to_json(replace(observation, invocations=invocations))}


def annotate(
    study: Study, trial: FrozenTrial, attributes: dict[str, Any], constraints: dict[str, float] | None = None
) -> None:
    """Give a running trial attributes and constraints.

    Optuna takes them only through the live trial that ``ask`` returned. A
    sampler has a frozen copy, and so has the process that tells Optuna what came
    of another one's batch: for them this makes a live one, by Optuna's private number.
    """
    live = Trial(study, trial._trial_id)  # noqa: SLF001
    for name, value in attributes.items():
        live.set_user_attr(name, value)
        # The copy that the caller of `ask` holds.
        trial.set_user_attr(name, value)
    for name, violation in (constraints or {}).items():
        live.set_constraint(name, violation)
