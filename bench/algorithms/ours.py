"""Our search, through the same functions as a run: ask, tell, fit_posterior, decide."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import optuna

from bench.algorithms.answer import Answer
from bench.quota_truth import FREE_MB, GRID_MB
from bench.replay import Replay
from bench.truth import Task
from tuner.core.model import Batch, Invocation, Observation, RunContext, SearchProblem
from tuner.core.search import LeastLossSampler, ask_round, tell
from tuner.core.search.decision import decide
from tuner.core.search.run_fit import fit_run

optuna.logging.set_verbosity(optuna.logging.WARNING)


def search_ours(task: Task, replay: Replay, seed: int) -> Answer:
    """Rounds until the search stops by itself or the budget ends it."""
    problem = replace(task.problem, seed=seed)
    if task.truth.memory_mb == FREE_MB:
        # As in a request that names neither sizes nor a step.
        candidates = tuple(each for each in problem.candidates if each.memory_mb in GRID_MB)
        problem = replace(problem, candidates=candidates, any_size=True)
    suggest_ms: list[float] = []
    observations = search_replay(problem, RunContext(), task, replay, suggest_ms)
    return answer_of(task, problem, observations, suggest_ms)


def search_replay(
    problem: SearchProblem, context: RunContext, task: Task, replay: Replay, suggest_ms: list[float] | None = None
) -> list[Observation]:
    """Ask and tell a study until the search stops; adds the CPU time of each suggestion to *suggest_ms*."""
    sampler = LeastLossSampler(problem, context)
    study = optuna.create_study(sampler=sampler)
    while True:
        start = time.process_time()
        batches = ask_round(study).batches
        if suggest_ms is not None:
            suggest_ms.append(1000 * (time.process_time() - start))
        if not batches:
            return sampler.observations(study)
        for batch in batches:
            tell(study, measure_batch(task, replay, batch))


def answer_of(
    task: Task, problem: SearchProblem, observations: Sequence[Observation], suggest_ms: Sequence[float] = ()
) -> Answer:
    """Fit and decide, as at the end of a run."""
    start = time.process_time()
    fit = fit_run(problem, observations).fit
    decision = decide(problem, fit)
    all_ms = (*suggest_ms, 1000 * (time.process_time() - start))
    return Answer(
        pick=task.truth.memory_mb.index(fit.space.candidates[decision.pick].memory_mb),
        verdict=decision.verdict,
        confidence=decision.confidence,
        goal_probability=decision.probability.goal_met,
        within_5_percent=decision.probability.within_5_percent,
        expected_loss=float(fit.expected_loss[decision.pick]),
        suggest_ms=all_ms,
        round_count=len(all_ms) - 2,
    )


def measure_batch(task: Task, replay: Replay, batch: Batch) -> Observation:
    """Let the replay answer a batch: one invocation after the other, in turn on its environments."""
    index = task.truth.memory_mb.index(batch.candidate.memory_mb)
    invocations = []
    for number in range(batch.invocation_count):
        slot = number % batch.environment_count
        timing = replay.invoke(index, slot)
        invocations.append(
            Invocation(
                f"{batch.trial}-{number}",
                "ok",
                False,
                timing.duration_ms,
                environment=f"{index}-{slot}",
                cpu_ms=timing.cpu_ms,
            )
        )
    return Observation(batch.round, batch.trial, batch.candidate, tuple(invocations))
