"""Our search, through the same functions as a run: plan, believe, decide."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from bench.algorithms.answer import Answer
from bench.replay import Replay
from bench.truth import Task
from tuner.core.model import Facts, Invocation, Observation, SearchProblem
from tuner.core.search.belief import FINAL_DRAW_COUNT, believe
from tuner.core.search.decision import decide
from tuner.core.search.planning import PlannedBatch, plan_round


def search_ours(task: Task, replay: Replay, seed: int) -> Answer:
    """Rounds until the search stops by itself or the budget ends it."""
    problem = replace(task.problem, seed=seed)
    observations: list[Observation] = []
    suggest_ms = []
    trial = 0
    while True:
        start = time.process_time()
        plan = plan_round(problem, observations, elapsed_minutes=0.0, facts=Facts())
        suggest_ms.append(1000 * (time.process_time() - start))
        if not plan.batches:
            break
        round_number = len(suggest_ms)
        for batch in plan.batches:
            observations.append(measure_batch(task, replay, batch, round_number, trial))
            trial += 1
    return answer_of(problem, observations, suggest_ms)


def answer_of(problem: SearchProblem, observations: Sequence[Observation], suggest_ms: Sequence[float] = ()) -> Answer:
    """Believe and decide, as at the end of a run."""
    start = time.process_time()
    belief = believe(problem, observations, Facts(), draw_count=FINAL_DRAW_COUNT)
    decision = decide(problem, belief)
    all_ms = (*suggest_ms, 1000 * (time.process_time() - start))
    return Answer(
        pick=decision.pick,
        verdict=decision.verdict,
        confidence=decision.confidence,
        goal_probability=decision.probability["goalMet"],
        within_5_percent=decision.probability["within5Percent"],
        expected_loss=float(belief.expected_loss[decision.pick]),
        suggest_ms=all_ms,
        round_count=len(all_ms) - 2,
    )


def measure_batch(task: Task, replay: Replay, batch: PlannedBatch, round_number: int, trial: int) -> Observation:
    """Let the replay answer a batch: one invocation after the other, in turn on its environments."""
    index = task.problem.candidates.index(batch.candidate)
    invocations = []
    for number in range(batch.invocation_count):
        slot = number % batch.environment_count
        duration_ms = replay.invoke(index, slot)
        invocations.append(Invocation(f"{trial}-{number}", "ok", False, duration_ms, environment=f"{index}-{slot}"))
    return Observation(round_number, trial, batch.candidate, tuple(invocations))
