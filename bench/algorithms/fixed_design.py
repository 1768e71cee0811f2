"""Power Tuning's invocations with our pick: what a run with ``num`` does."""

from __future__ import annotations

from dataclasses import replace

from bench.algorithms.answer import Answer
from bench.algorithms.grid import grid_of
from bench.algorithms.ours import answer_of, measure_batch
from bench.replay import Replay
from bench.truth import Task
from tuner.core.model import Facts, FixedDesign, Observation
from tuner.core.search.fixed_design import plan_design


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
    observations: list[Observation] = []
    round_number = 0
    while True:
        plan = plan_design(problem, design, observations, elapsed_minutes=0.0, facts=Facts())
        if not plan.batches:
            return answer_of(problem, observations)
        round_number += 1
        for batch in plan.batches:
            observations.append(measure_batch(task, replay, batch, round_number, len(observations)))
