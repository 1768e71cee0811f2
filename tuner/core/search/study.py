"""The Optuna study of a function: opened from its journal, asked for batches, given what was observed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from tuner.core.errors import InvalidRequest
from tuner.core.measurement.anchor import scaled
from tuner.core.measurement.disturbance import is_disturbed
from tuner.core.model import EarlierRun, Observation, Suggestion
from tuner.core.search import trials
from tuner.core.search.bounded import bounded
from tuner.core.search.sampler import LeastLossSampler
from tuner.core.search.samples import checked_duration_ms, recent
from tuner.core.search.space import space_of
from tuner.core.search.trials import SEARCH_SPACE, StudyRun, annotate, batch_of, observation_of, params_of
from tuner.core.search.warm_start import verify

FORMAT = "lambda-tuner-format"
FORMAT_VERSION = 1
BEGINS = "begins"
"""Attribute of the study: the run that found the function changed, and its start; older ones say nothing any more."""


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

    A run is left out if its machine was busy, or other work disturbed it.
    So is a record that cannot be read, or holds a duration that no clock can
    have measured: it must not end a run that could do without it.
    """
    began = datetime.fromisoformat(run.started_at)
    first, begins = study.user_attrs.get(BEGINS, (None, None))
    oldest = None if begins is None else datetime.fromisoformat(begins)
    found: dict[tuple[str, datetime], list[Observation]] = {}
    for trial in study.get_trials(deepcopy=False):
        owner = trial.user_attrs.get(trials.RUN)
        if owner is None or owner == run.run_id or trial.user_attrs.get(trials.BUSY):
            continue
        try:
            started_at = datetime.fromisoformat(trial.user_attrs[trials.STARTED])
            observation = observation_of(trial)
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


def ask_round(study: optuna.Study) -> Suggestion:
    """Ask for every batch of the round at once; when there is none, leave a changed function's past behind.

    Returns:
        Batches that fit the budget even if every invocation runs into the
        timeout, or none and the reason why the search stops; neither while
        batches of the last round are running.
    """
    sampler = _sampler_of(study)
    plan = sampler.plan(study)
    if plan.batches:
        return Suggestion(tuple(batch_of(study.ask(SEARCH_SPACE)) for _ in plan.batches))
    if plan.stop_reason is not None:
        start = verify(*bounded(sampler.problem, sampler.observations(study), sampler.context)).warm_start
        if not start.used and start.unchanged_probability is not None:
            study.set_user_attr(BEGINS, (sampler.run.run_id, sampler.run.started_at))
    return Suggestion(stop_reason=plan.stop_reason)


def tell_measured(study: optuna.Study, observations: Sequence[Observation]) -> None:
    """Copy a run's record into the study: its trials that were measured since are finished, the other ones fail.

    Trials of other runs, which may go on at the same time, are left alone.
    What the study has lost, because it was damaged or set aside meanwhile, is
    put back.

    Raises:
        InvalidRequest: An observation holds a duration that no clock can have measured.
    """
    sampler = _sampler_of(study)
    measured = {(observation.round, observation.trial): observation for observation in observations}
    for trial in sampler.own_trials(study):
        number = trial.user_attrs.get(trials.OBSERVATION, {}).get("trial", trial.number)
        observation = measured.pop((trial.user_attrs[trials.ROUND], number), None)
        if trial.state == TrialState.RUNNING:
            _finish(study, trial, observation)
    for observation in measured.values():
        study.enqueue_trial(params_of(observation.candidate, len(observation.invocations), 1))
        trial = study.get_trials(deepcopy=False)[study.ask(SEARCH_SPACE).number]
        annotate(study, trial, sampler.attributes(observation.round, "was asked for, and lost by the study"))
        _finish(study, trial, observation)


def tell(study: optuna.Study, observation: Observation) -> None:
    """Finish the trial of one batch with what was observed."""
    _finish(study, study.get_trials(deepcopy=False)[observation.trial], observation)


def _finish(study: optuna.Study, trial: FrozenTrial, observation: Observation | None) -> None:
    """End a trial with what was observed; without a usable duration it fails.

    The value is the mean cost per million as observed, the goal a constraint
    (the observed percentile over the limit, at most zero where it is met).
    """
    sampler = _sampler_of(study)
    cost: float | None = None
    if observation is not None:
        problem = sampler.problem
        constraints = {}
        (seen,) = scaled([observation], sampler.duration_factor)
        succeeded = [invocation for invocation in seen.invocations if invocation.outcome == "ok"]
        # A batch of cold starts alone, as the payload check is, still has a value to show.
        usable = [invocation for invocation in succeeded if not invocation.cold] or succeeded
        durations_ms = [checked_duration_ms(seen, each) for each in usable if each.duration_ms is not None]
        if durations_ms:
            space = space_of(replace(problem, candidates=(seen.candidate,)))
            cost = float(space.cost_per_million_usd(np.array([np.mean(durations_ms)]))[0])
            if problem.goal is not None:
                observed_ms = float(np.percentile(durations_ms, problem.goal.percentile))
                constraints = {"goal": observed_ms / problem.goal.limit_ms - 1}
        annotate(study, trial, trials.attributes_of(observation), constraints)
    study.tell(trial.number, cost, state=TrialState.FAIL if cost is None else TrialState.COMPLETE)


def _sampler_of(study: optuna.Study) -> LeastLossSampler:
    if not isinstance(study.sampler, LeastLossSampler):
        raise TypeError(f"the study is sampled by {type(study.sampler).__name__}, not by LeastLossSampler")
    return study.sampler
