"""The study in Optuna's journal: told values, constraints, damage, two runs at once."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.unit.core.search.simulated import SimulatedFunction, measure_until_stop, problem_of, search
from tuner.core.errors import InvalidRequest
from tuner.core.model import Facts, LatencyGoal
from tuner.core.search import LeastLossSampler, StudySetAside, conclude, open_study, recommend, suggest
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
    first = suggest(problem, study, [], elapsed_minutes=0, facts=Facts())
    again = suggest(problem, study, [], elapsed_minutes=0, facts=Facts())
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
    first = suggest(problem, one, [], elapsed_minutes=0, facts=Facts())
    function = SimulatedFunction()
    observation = function.measure(first.batches[0])
    suggest(problem, one, [observation], elapsed_minutes=0, facts=Facts())
    second = suggest(problem, two, [], elapsed_minutes=0, facts=Facts())
    numbers = [t.number for t in open_study(tmp_path / "s", "f").trials]
    assert numbers == list(range(len(numbers)))
    assert second.batches[0].trial not in {b.trial for b in first.batches}


@pytest.mark.parametrize("duration_ms", [math.nan, -1.0, math.inf])
def test_impossible_durations_are_refused_by_name(tmp_path: Path, duration_ms: float) -> None:
    """NaN, negative and infinite durations name the invocation and its size."""
    problem = problem_of(SIZES)
    first = suggest(problem, open_study(tmp_path / "s", "f"), [], elapsed_minutes=0, facts=Facts())
    good = SimulatedFunction().measure(first.batches[0])
    bad = replace(good, invocations=(replace(good.invocations[0], request_id="r-bad", duration_ms=duration_ms),))
    with pytest.raises(InvalidRequest, match="r-bad"):
        suggest(problem, open_study(tmp_path / "s", "f"), [bad], elapsed_minutes=0, facts=Facts())
    with pytest.raises(InvalidRequest, match="1,024 MB"):
        recommend(conclude(problem, [bad], Facts()), stop_reason="")


def test_sampler_works_in_any_study() -> None:
    """The sampler is Optuna's: a study in memory asks it for the payload check first."""
    problem = problem_of(SIZES)
    study = optuna.create_study(sampler=LeastLossSampler(problem, Facts()))
    trial = study.ask(fixed_distributions=study.sampler.infer_relative_search_space(study, None))  # type: ignore[arg-type]
    assert trial.params == {"memory_mb": 1024, "architecture": "x86_64", "invocation_count": 1}


def test_journal_is_plain_json_lines(tmp_path: Path) -> None:
    """The study is Optuna's own journal, so that optuna-dashboard opens it."""
    open_study(tmp_path / "s", "f")
    for line in (tmp_path / "s").read_text().splitlines():
        assert "op_code" in json.loads(line)
