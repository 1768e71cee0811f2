"""A function to search on, without an AWS: durations from a formula, noise from a seed, failures on request."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.core.answer.recommendation import Recommendation
from tuner.core.model import (
    Architecture,
    ArchitecturePrices,
    Batch,
    Candidate,
    Invocation,
    LatencyGoal,
    Observation,
    Outcome,
    RunContext,
    SearchProblem,
    Suggestion,
    TuningBudget,
)
from tuner.core.search import (
    LeastLossSampler,
    Study,
    StudyRun,
    ask_round,
    fit_run,
    open_study,
    recommend,
    tell_measured,
)
from tuner.core.search.fit import draw_worlds
from tuner.core.search.posterior import Draws

PRICES: dict[Architecture, ArchitecturePrices] = {
    "x86_64": ArchitecturePrices(0.0000166667, 0.0000002, 0.0000000309),
    "arm64": ArchitecturePrices(0.0000133334, 0.0000002, 0.0000000309),
}
ALL_SIZES = tuple(sorted({*range(128, 10_241, 64), 1769}))


def problem_of(
    sizes: Sequence[int] = ALL_SIZES,
    *,
    current_mb: int | None = None,
    goal: LatencyGoal | None = None,
    timeout_ms: float = 30_000.0,
    budget: TuningBudget | None = None,
    seed: int = 0,
    architectures: Sequence[Architecture] = ("x86_64",),
    max_parallel: int = 1,
) -> SearchProblem:
    """A problem with the space of *sizes*."""
    candidates = tuple(sorted(Candidate(m, a) for m in sizes for a in architectures))
    current = Candidate(current_mb or min(sizes, key=lambda m: abs(m - 1024)), architectures[0])
    return SearchProblem(
        candidates=candidates,
        current=current,
        goal=goal,
        prices=PRICES,
        timeout_ms=timeout_ms,
        budget=budget or TuningBudget(max_invocations=50, max_cost_usd=10.0, max_minutes=1000.0),
        seed=seed,
        max_parallel=max_parallel,
    )


@dataclass
class SimulatedFunction:
    """Answers batches. ``outcome_at`` decides what becomes of an invocation at a size."""

    duration_ms: Callable[[int], float] = lambda memory_mb: 20 + 800 * 256 / min(memory_mb, 1769)
    spread: float = 0.05
    seed: int = 0
    outcome_at: Callable[[Candidate], Outcome] = lambda _: "ok"
    peak_mb: Callable[[int], int | None] = lambda _: 80
    _seen: set[tuple[Candidate, int]] = field(default_factory=set)
    _count: int = 0

    def measure(self, batch: Batch) -> Observation:
        """One invocation after the other; the first in each environment is cold."""
        invocations = []
        for number in range(batch.invocation_count):
            self._count += 1
            slot = number % batch.environment_count
            cold = (batch.candidate, slot) not in self._seen
            self._seen.add((batch.candidate, slot))
            invocations.append(self._invoke(batch.candidate, slot, cold=cold))
        return Observation(batch.round, batch.trial, batch.candidate, tuple(invocations))

    def _invoke(self, candidate: Candidate, slot: int, *, cold: bool) -> Invocation:
        request_id = f"r{self._count}"
        outcome = self.outcome_at(candidate)
        if outcome == "unmeasured":
            return Invocation(request_id, outcome, cold, source="none")
        noise = math.exp(self.spread * random.Random(f"{self.seed}/{self._count}").gauss(0, 1)) if self.spread else 1.0
        duration_ms = self.duration_ms(candidate.memory_mb) * noise * (1.5 if cold else 1.0)
        return Invocation(
            request_id,
            outcome,
            cold,
            duration_ms=duration_ms,
            billed_ms=math.ceil(duration_ms + (200 if cold else 0)),
            init_ms=200.0 if cold else None,
            max_memory_used_mb=self.peak_mb(candidate.memory_mb),
            environment=f"{candidate}/{slot}",
            error_type="ValueError" if outcome == "function_error" else None,
        )


@dataclass
class Run:
    """A whole search and its answer."""

    suggestions: list[Suggestion]
    observations: list[Observation]
    recommendation: Recommendation

    @property
    def invocation_count(self) -> int:
        """All invocations of the run."""
        return sum(len(observation.invocations) for observation in self.observations)


def search(problem: SearchProblem, function: SimulatedFunction, folder: Path, context: RunContext | None = None) -> Run:
    """The loop of a run: a study opened anew for every step, as the handlers do."""
    suggestions, observations = measure_until_stop(problem, function, folder, context)
    reason = suggestions[-1].stop_reason
    assert reason is not None
    recommendation = recommend(fit_run(problem, observations, context or RunContext()), stop_reason=reason)
    return Run(suggestions, observations, recommendation)


def suggest(
    problem: SearchProblem,
    study: Study,
    observations: Sequence[Observation],
    *,
    elapsed_minutes: float = 0.0,
    context: RunContext | None = None,
    run_id: str = "run",
) -> Suggestion:
    """One step of a run, which knows its record and opens the study anew."""
    study.sampler = LeastLossSampler(
        problem,
        context or RunContext(),
        elapsed_minutes=elapsed_minutes,
        run=StudyRun(run_id, "2026-11-28T00:00:00+00:00"),
    )
    tell_measured(study, observations)
    return ask_round(study)


def measure_until_stop(
    problem: SearchProblem, function: SimulatedFunction, folder: Path, context: RunContext | None = None
) -> tuple[list[Suggestion], list[Observation]]:
    """Everything before the recommendation."""
    observations: list[Observation] = []
    suggestions: list[Suggestion] = []
    while True:
        study = open_study(folder / "study.log", "function")
        suggestions.append(suggest(problem, study, observations, context=context))
        if not suggestions[-1].batches:
            return suggestions, observations
        observations.extend(function.measure(batch) for batch in suggestions[-1].batches)
        assert len(suggestions) < 200, "the search does not end"


def remembering_draws() -> Callable[..., Draws]:
    """A stand-in for ``draw_worlds`` that draws once from the same samples, however many goals are asked about.

    What goes into a posterior decides which one it is, to the byte: were the goal part of it, each would be its own.
    """
    known: dict[bytes, Draws] = {}

    def draw(*fitted_to: Any) -> Draws:
        *what, generators = fitted_to
        key = pickle.dumps((what, [generator.bit_generator.state for generator in generators]))
        if key not in known:
            known[key] = draw_worlds(*fitted_to)
        return known[key]

    return draw
