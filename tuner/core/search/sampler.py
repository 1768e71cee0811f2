"""The search as an Optuna sampler: a trial is one batch of invocations at one configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from tuner.core.model import Facts, SearchProblem
from tuner.core.search.planning import RoundPlan, plan_round
from tuner.core.search.records import observation_of

MEMORY = "memory_mb"
ARCHITECTURE = "architecture"
COUNT = "invocation_count"

SEARCH_SPACE: dict[str, BaseDistribution] = {
    MEMORY: IntDistribution(128, 10_240),
    ARCHITECTURE: CategoricalDistribution(["x86_64", "arm64"]),
    COUNT: IntDistribution(1, 1000),
}
"""The same for every run, so that studies stay comparable over nights whatever space each was given."""


class LeastLossSampler(BaseSampler):
    """Asks for the batch whose outcome is expected to lower the loss of the recommendation most for its price.

    It sees only the frozen trials of the study: finished ones carry their
    observation, running ones are the batches of the same round that were
    already asked for.

    Args:
        problem: The run.
        facts: What the run knows besides its measurements.
        plan: A round that was already planned on the same observations; planned here where absent.
        is_of_run: Which trials belong to this run; all by default.
    """

    def __init__(
        self,
        problem: SearchProblem,
        facts: Facts,
        *,
        plan: RoundPlan | None = None,
        is_of_run: Callable[[FrozenTrial], bool] = lambda _: True,
    ) -> None:
        self._problem = problem
        self._facts = facts
        self._plan = plan
        self._is_of_run = is_of_run

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Memory size, architecture and the number of invocations are chosen together."""
        return SEARCH_SPACE

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """The next batch of the round that follows from the study's finished trials.

        Where the search would stop, the pick's confirmation is no longer
        needed and the current size is returned: Optuna has no way to say "no
        more", so callers ask :func:`plan_round` first.
        """
        trials = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        plan = self._plan or self._plan_from(trials)
        asked = sum(
            other.state == TrialState.RUNNING and MEMORY in other.params and self._is_of_run(other) for other in trials
        )
        if asked < len(plan.batches):
            batch = plan.batches[asked]
            return {
                MEMORY: batch.candidate.memory_mb,
                ARCHITECTURE: batch.candidate.architecture,
                COUNT: batch.invocation_count,
            }
        current = self._problem.current
        return {MEMORY: current.memory_mb, ARCHITECTURE: current.architecture, COUNT: 1}

    def _plan_from(self, trials: list[FrozenTrial]) -> RoundPlan:
        finished = [trial for trial in trials if trial.state.is_finished() and self._is_of_run(trial)]
        observations = [observation_of(trial) for trial in finished]
        seen = [observation for observation in observations if observation is not None]
        return plan_round(self._problem, seen, elapsed_minutes=0.0, facts=self._facts)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Nothing is sampled on its own; a parameter of somebody else's gets Optuna's random value."""
        return optuna.samplers.RandomSampler(seed=self._problem.seed).sample_independent(
            study, trial, param_name, param_distribution
        )
