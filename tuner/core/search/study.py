"""The Optuna study of a function: opened from its journal, asked for batches, told what was observed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from tuner.core.errors import InvalidRequest
from tuner.core.measurement.disturbance import is_disturbed
from tuner.core.model import Batch, EarlierRun, Facts, Observation, SearchProblem
from tuner.core.search.earlier import recent
from tuner.core.search.evidence import checked_duration_ms
from tuner.core.search.planning import RoundPlan
from tuner.core.search.records import OBSERVATION, observation_of, record_of
from tuner.core.search.sampler import ARCHITECTURE, COUNT, MEMORY, SEARCH_SPACE, LeastLossSampler
from tuner.core.search.space import Space

FORMAT = "lambda-tuner-format"
FORMAT_VERSION = 1
RUN = "run"
STARTED = "run-started"
BUSY = "run-on-busy-machine"
ROUND = "round"
BEGINS = "begins"
"""Attribute of the study: the run that found the function changed, and its start; older ones say nothing any more."""


@dataclass(frozen=True)
class StudyRun:
    """Whose trials they are: the study is shared by all runs that measure the same thing."""

    run_id: str = "run"
    started_at: str = "1970-01-01T00:00:00+00:00"
    """ISO 8601 with time zone."""
    busy: bool = False
    """Whether the machine that measured it did other work when it began."""


class StudySetAside(UserWarning):
    """A study file could not be used; it was renamed, never deleted, and a new one begun."""


def open_study(storage_path: Path, name: str) -> optuna.Study:
    """Open or begin the study in an Optuna journal file; it opens in optuna-dashboard as well.

    A file that is damaged, or that a newer version wrote, is renamed to
    ``<name>.set-aside-<n>`` and a new study begins: a warm start is worth less
    than a run.

    Warns:
        StudySetAside: The file could not be read.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage_path.parent.mkdir(parents=True, exist_ok=True)
    try:
        study = _open(storage_path, name)
    except Exception as error:  # noqa: BLE001 - a journal can be damaged in more ways than Optuna names
        aside = _set_aside(storage_path)
        warnings.warn(
            f"The study in {storage_path.name} could not be read ({error}); it was kept as {aside.name}, "
            "and the search starts without it.",
            StudySetAside,
            stacklevel=2,
        )
        study = _open(storage_path, name)
    return study


def _open(storage_path: Path, name: str) -> optuna.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = JournalStorage(JournalFileBackend(str(storage_path), JournalFileOpenLock(str(storage_path))))
        study = optuna.create_study(storage=storage, study_name=name, direction="minimize", load_if_exists=True)
    version = study.user_attrs.get(FORMAT)
    if version is None:
        study.set_user_attr(FORMAT, FORMAT_VERSION)
    elif version != FORMAT_VERSION:
        raise ValueError(f"format {version}, this version reads {FORMAT_VERSION}")
    study.get_trials(deepcopy=False)
    return study


def _set_aside(storage_path: Path) -> Path:
    number = 1
    while (aside := storage_path.with_name(f"{storage_path.name}.set-aside-{number}")).exists():
        number += 1
    storage_path.rename(aside)
    return aside


def earlier_runs(study: optuna.Study, run: StudyRun) -> tuple[EarlierRun, ...]:
    """What other runs observed before *run* began and a warm start may use, the latest first.

    A run is left out where its machine was busy, or other work disturbed it.
    So is a record that cannot be read, or holds a duration that no clock can
    have measured: it must not end a run that could do without it.
    """
    began = datetime.fromisoformat(run.started_at)
    first, begins = study.user_attrs.get(BEGINS, (None, None))
    oldest = None if begins is None else datetime.fromisoformat(begins)
    found: dict[tuple[str, datetime], list[Observation]] = {}
    for trial in study.get_trials(deepcopy=False):
        owner = trial.user_attrs.get(RUN)
        if owner is None or owner == run.run_id or trial.user_attrs.get(BUSY):
            continue
        try:
            started_at = datetime.fromisoformat(trial.user_attrs[STARTED])
            observation = observation_of(trial)
            for invocation in observation.invocations if observation is not None else ():
                if observation is not None and invocation.duration_ms is not None:
                    checked_duration_ms(observation, invocation)
        except (InvalidRequest, KeyError, TypeError, ValueError):
            continue
        holds = owner == first or oldest is None or started_at > oldest
        if observation is not None and started_at <= began and holds:
            found.setdefault((owner, started_at), []).append(observation)
    return recent(
        [
            EarlierRun(owner, (began - started_at).total_seconds() / 86_400, tuple(observations))
            for (owner, started_at), observations in found.items()
            if not is_disturbed(observations)
        ]
    )


def forget_earlier_runs(study: optuna.Study, run: StudyRun) -> None:
    """Let later runs start from *run* and those after it only: what came before it was of another function."""
    study.set_user_attr(BEGINS, (run.run_id, run.started_at))


def tell_observations(
    study: optuna.Study,
    problem: SearchProblem,
    space: Space,
    observations: Sequence[Observation],
    run: StudyRun,
) -> None:
    """Finish the run's trials that were measured since; those that were asked for and never measured fail.

    Trials of other runs, which may go on at the same time, are left alone.
    The value is the mean cost per million as observed, the goal a constraint
    (the observed percentile over the limit, at most zero where it is met).
    """
    measured = {(observation.round, observation.trial): observation for observation in observations}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if trial.user_attrs.get(RUN) != run.run_id:
            continue
        observation = measured.get((trial.user_attrs.get(ROUND, 0), trial.number))
        if observation is None:
            study.tell(trial.number, state=TrialState.FAIL)
            continue
        _tell(study, problem, space, trial, observation)


def _tell(
    study: optuna.Study, problem: SearchProblem, space: Space, frozen: FrozenTrial, observation: Observation
) -> None:
    # Optuna has no public way from a number to a live trial, and only live trials take attributes.
    trial = Trial(study, frozen._trial_id)  # noqa: SLF001
    trial.set_user_attr(OBSERVATION, record_of(observation))
    succeeded = [invocation for invocation in observation.invocations if invocation.outcome == "ok"]
    # A batch of cold starts alone, as the payload check is, still has a value to show.
    usable = [invocation for invocation in succeeded if not invocation.cold] or succeeded
    durations_ms = [
        checked_duration_ms(observation, invocation) for invocation in usable if invocation.duration_ms is not None
    ]
    if not durations_ms:
        study.tell(frozen.number, state=TrialState.FAIL)
        return
    if problem.goal is not None:
        observed_ms = float(np.percentile(durations_ms, problem.goal.percentile))
        trial.set_constraint("goal", observed_ms / problem.goal.limit_ms - 1)
    mean_ms = np.full(len(space.candidates), float(np.mean(durations_ms)))
    cost = space.cost_per_million_usd(mean_ms)[space.index_of(observation.candidate)]
    study.tell(frozen.number, values=float(cost))


def ask_batches(
    study: optuna.Study, problem: SearchProblem, facts: Facts, plan: RoundPlan, round_number: int, run: StudyRun
) -> tuple[Batch, ...]:
    """Ask the study for one trial per planned batch."""
    batches = []
    for planned in plan.batches:
        # One at a time: what other runs have asked for does not count.
        study.sampler = LeastLossSampler(problem, facts, plan=RoundPlan((planned,)), is_of_run=lambda _: False)
        trial = study.ask(fixed_distributions=SEARCH_SPACE)
        trial.set_user_attr(RUN, run.run_id)
        trial.set_user_attr(STARTED, run.started_at)
        trial.set_user_attr(ROUND, round_number)
        if run.busy:
            trial.set_user_attr(BUSY, value=True)
        trial.set_user_attr("reason", planned.reason)
        assert (trial.params[MEMORY], trial.params[ARCHITECTURE], trial.params[COUNT]) == (
            planned.candidate.memory_mb,
            planned.candidate.architecture,
            planned.invocation_count,
        )
        batches.append(
            Batch(
                round=round_number,
                trial=trial.number,
                candidate=planned.candidate,
                invocation_count=planned.invocation_count,
                environment_count=planned.environment_count,
                reason=planned.reason,
            )
        )
    return tuple(batches)
