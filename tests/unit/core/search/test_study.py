"""The study in Optuna's journal: told values, constraints, damage, two runs at once."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.unit.core.search.simulated import SimulatedFunction, measure_until_stop, problem_of, search, suggest
from tuner.core.errors import InvalidRequest
from tuner.core.model import LatencyGoal, RunContext, Suggestion
from tuner.core.search import (
    SEARCH_SPACE,
    LeastLossSampler,
    StudySetAside,
    ask_round,
    batch_of,
    fit_run,
    open_study,
    recommend,
    tell,
)
from tuner.core.search.planning import RoundPlan
from tuner.core.search.study import FORMAT

SIZES = (128, 512, 1024, 2048)


def test_trials_carry_cost_and_constraint(tmp_path: Path) -> None:
    """Each measured batch is a finished trial with its observed cost, and the goal is an Optuna constraint."""
    problem = problem_of(SIZES, goal=LatencyGoal(95, 300.0))
    run = search(problem, SimulatedFunction(), tmp_path)
    trials = open_study(tmp_path / "study.log", "function").trials
    assert len(trials) == len(run.observations)
    for trial in trials:
        assert trial.state == TrialState.COMPLETE
        assert trial.value is not None
        assert trial.value > 0
        assert set(trial.constraints) == {"goal"}
    slow = next(t for t in trials if t.params["memory_mb"] == 128)
    assert slow.constraints["goal"] > 0
    assert slow.user_attrs["reason"]


def test_batches_are_numbered_as_their_trials(tmp_path: Path) -> None:
    """A batch's trial is the study's number, also in the function's next run."""
    problem = problem_of(SIZES)
    first, _ = measure_until_stop(problem, SimulatedFunction(), tmp_path)
    second, _ = measure_until_stop(problem, SimulatedFunction(), tmp_path)
    numbers = [b.trial for s in (*first, *second) for b in s.batches]
    assert numbers == list(range(len(numbers)))


def test_a_step_that_is_repeated_leaves_no_open_trial(tmp_path: Path) -> None:
    """When the suggesting step is retried, the batches of the lost answer fail and new ones are asked for."""
    problem = problem_of(SIZES)
    study = open_study(tmp_path / "s", "f")
    first = suggest(problem, study, [], elapsed_minutes=0, context=RunContext())
    again = suggest(problem, study, [], elapsed_minutes=0, context=RunContext())
    assert replace(first.batches[0], trial=again.batches[0].trial) == again.batches[0]
    assert [t.state for t in study.trials] == [TrialState.FAIL, TrialState.RUNNING]


@pytest.mark.parametrize("content", ["not a journal\n", '{"op_code": 0, "worker_id": "w"}\n', "\x00\x01\x02\n"])
def test_damaged_study_is_set_aside(tmp_path: Path, content: str) -> None:
    """A file that is no journal is kept under another name, with a warning, and the search starts cold."""
    path = tmp_path / "study.log"
    path.write_text(content)
    with pytest.warns(StudySetAside, match="set-aside-1"):
        study = open_study(path, "f")
    assert study.trials == []
    assert (tmp_path / "study.log.set-aside-1").read_text().startswith(content)


def test_study_of_a_newer_version_is_set_aside(tmp_path: Path) -> None:
    """A format that this version does not know is not guessed at."""
    path = tmp_path / "study.log"
    open_study(path, "f").set_user_attr(FORMAT, 99)
    with pytest.warns(StudySetAside, match="99"):
        study = open_study(path, "f")
    assert study.user_attrs[FORMAT] == 1


def test_two_runs_on_one_study(tmp_path: Path) -> None:
    """Two writers of one journal get different trials and lose nothing."""
    problem = problem_of(SIZES)
    one, two = open_study(tmp_path / "s", "f"), open_study(tmp_path / "s", "f")
    first = suggest(problem, one, [], elapsed_minutes=0, context=RunContext())
    function = SimulatedFunction()
    observation = function.measure(first.batches[0])
    suggest(problem, one, [observation], elapsed_minutes=0, context=RunContext())
    second = suggest(problem, two, [], elapsed_minutes=0, context=RunContext())
    numbers = [t.number for t in open_study(tmp_path / "s", "f").trials]
    assert numbers == list(range(len(numbers)))
    assert second.batches[0].trial not in {b.trial for b in first.batches}


@pytest.mark.parametrize("duration_ms", [math.nan, -1.0, math.inf])
def test_impossible_durations_are_refused_by_name(tmp_path: Path, duration_ms: float) -> None:
    """NaN, negative and infinite durations name the invocation and its size."""
    problem = problem_of(SIZES)
    first = suggest(problem, open_study(tmp_path / "s", "f"), [], elapsed_minutes=0, context=RunContext())
    good = SimulatedFunction().measure(first.batches[0])
    bad = replace(good, invocations=(replace(good.invocations[0], request_id="r-bad", duration_ms=duration_ms),))
    with pytest.raises(InvalidRequest, match="r-bad"):
        suggest(problem, open_study(tmp_path / "s", "f"), [bad], elapsed_minutes=0, context=RunContext())
    with pytest.raises(InvalidRequest, match="1,024 MB"):
        recommend(fit_run(problem, [bad], RunContext()), stop_reason="")


def test_a_script_gets_its_batches_by_ask(tmp_path: Path) -> None:
    """One batch after the other, asked and told as in any study, is the search of a run: same batches, same answer."""
    problem = problem_of(SIZES, goal=LatencyGoal(95, 300.0), max_parallel=3)
    run = search(problem, SimulatedFunction(), tmp_path)
    sampler = LeastLossSampler(problem)
    study, function = optuna.create_study(sampler=sampler), SimulatedFunction()
    while (stop_reason := sampler.stop_reason(study)) is None:
        tell(study, function.measure(batch_of(study.ask(SEARCH_SPACE))))
    assert [batch_of(trial) for trial in study.trials] == [b for s in run.suggestions for b in s.batches]
    assert sampler.observations(study) == run.observations
    assert stop_reason == run.suggestions[-1].stop_reason
    assert recommend(fit_run(problem, run.observations), stop_reason=stop_reason) == run.recommendation


def test_pending_trials_are_batches_of_the_round(tmp_path: Path) -> None:
    """Asks before a tell give the round's batches, each once; the next round waits until none of them is running."""
    problem = problem_of(SIZES)
    sampler = LeastLossSampler(problem)
    study, function = optuna.create_study(sampler=sampler), SimulatedFunction()
    tell(study, function.measure(batch_of(study.ask(SEARCH_SPACE))))
    planned = sampler.plan(study).batches
    asked = [batch_of(study.ask(SEARCH_SPACE)) for _ in planned]
    assert [batch.candidate for batch in asked] == [batch.candidate for batch in planned]
    assert len({batch.candidate for batch in asked}) == len(SIZES)
    for batch in asked:
        assert sampler.plan(study) == RoundPlan()
        assert ask_round(study) == Suggestion()
        assert LeastLossSampler(problem).plan(study) == RoundPlan()
        tell(study, function.measure(batch))
    assert {batch.round for batch in asked} == {2}
    assert batch_of(study.ask(SEARCH_SPACE)).round == 3


def test_another_sampler_goes_on_where_trials_are_running() -> None:
    """A round that one process began to ask for is asked to its end by the next."""
    problem = problem_of(SIZES)
    study = optuna.create_study(sampler=LeastLossSampler(problem))
    tell(study, SimulatedFunction().measure(batch_of(study.ask(SEARCH_SPACE))))
    first = batch_of(study.ask(SEARCH_SPACE))
    study.sampler = LeastLossSampler(problem)
    rest = ask_round(study).batches
    assert {batch.round for batch in rest} == {first.round}
    assert sorted([first.candidate, *(batch.candidate for batch in rest)]) == sorted(problem.candidates)


def test_who_asks_for_more_than_is_worth_gets_one_invocation() -> None:
    """Optuna cannot say "no more": after the last batch it is today's size, once."""
    problem = problem_of(SIZES)
    sampler = LeastLossSampler(problem, RunContext(stop_requested=True))
    study = optuna.create_study(sampler=sampler)
    assert sampler.stop_reason(study) is not None
    batch = batch_of(study.ask(SEARCH_SPACE))
    assert (batch.candidate, batch.invocation_count) == (problem.current, 1)


def test_what_a_lost_study_held_is_put_back(tmp_path: Path) -> None:
    """Set aside in the middle of a run: the run goes on with what it measured, and keeps it for later runs."""
    problem = problem_of(SIZES, goal=LatencyGoal(95, 600))
    function, observations = SimulatedFunction(), []
    for number in range(3):
        study = open_study(tmp_path / f"study-{min(number, 1)}.log", "function")
        observations += [function.measure(b) for b in suggest(problem, study, observations).batches]
    study = open_study(tmp_path / "study-1.log", "function")
    again = suggest(problem, study, observations).batches
    whole = open_study(tmp_path / "whole.log", "function")
    assert [replace(b, trial=0) for b in again] == [
        replace(b, trial=0) for b in suggest(problem, whole, observations).batches
    ]
    assert {b.round for b in again} == {observations[-1].round + 1}
    assert study.sampler.observations(study) == observations  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("intact", "damaged"),
    [
        ('"candidate":', '"candidat":'),
        ('"invocations":[', '"invocations":7,"x":['),
        ('{"round":2', '{"rund":2'),
        ('"round":2', '"round":"two"'),
        ('"duration_ms":', '"duration_ms":-'),
    ],
)
def test_a_damaged_record_does_not_end_the_run_that_measured_it(tmp_path: Path, intact: str, damaged: str) -> None:
    """In a study that can be read otherwise: the run has its own record, and puts the batch back."""
    problem = problem_of(SIZES)
    function, observations = SimulatedFunction(), []
    path = tmp_path / "study.log"
    for _ in range(2):
        observations += [
            function.measure(b) for b in suggest(problem, open_study(path, "function"), observations).batches
        ]
    suggest(problem, open_study(path, "function"), observations)
    lines = path.read_text().splitlines()
    assert any(intact in line for line in lines)
    path.write_text("".join(f"{line.replace(intact, damaged)}\n" for line in lines))

    study = open_study(path, "function")
    again = suggest(problem, study, observations).batches

    whole = suggest(problem, open_study(tmp_path / "whole.log", "function"), observations).batches
    assert [replace(b, trial=0) for b in again] == [replace(b, trial=0) for b in whole]
    seen = study.sampler.observations(study)  # type: ignore[attr-defined]
    assert sorted(seen, key=lambda each: each.trial) == observations


def test_journal_is_plain_json_lines(tmp_path: Path) -> None:
    """The study is Optuna's own journal, so that optuna-dashboard opens it."""
    open_study(tmp_path / "s", "f")
    for line in (tmp_path / "s").read_text().splitlines():
        assert "op_code" in json.loads(line)
