"""Power Tuning's invocations with our pick: what a run with ``num`` does."""

from __future__ import annotations

from dataclasses import replace

from bench.algorithms.answer import Answer
from bench.algorithms.grid import grid_of
from bench.algorithms.ours import answer_of, search_replay
from bench.replay import Replay
from bench.truth import Task
from tuner.core.model import FixedDesign, RunContext


def search_design50(task: Task, replay: Replay, seed: int) -> Answer:
    """50 in a row at each size, chosen by the posterior among these sizes."""
    return _search_design(task, replay, seed, 50)


def search_design10(task: Task, replay: Replay, seed: int) -> Answer:
    """10 in a row at each size."""
    return _search_design(task, replay, seed, 10)


def _search_design(task: Task, replay: Replay, seed: int, count: int) -> Answer:
    design = FixedDesign(tuple(task.problem.candidates[index] for index in grid_of(task)), count)
    budget = replace(task.problem.budget, max_invocations=count * len(design.candidates))
    problem = replace(task.problem, seed=seed, design=design, budget=budget)
    return answer_of(task, problem, search_replay(problem, RunContext(), task, replay))
