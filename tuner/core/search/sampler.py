"""The search as an Optuna sampler: a trial is one batch of invocations at one configuration."""

from __future__ import annotations

from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from tuner.core.errors import InvalidRequest
from tuner.core.measurement.anchor import scaled
from tuner.core.model import Observation, RunContext, SearchProblem
from tuner.core.search import trials
from tuner.core.search.fixed_design import plan_design
from tuner.core.search.planning import PlannedBatch, RoundPlan, plan_round
from tuner.core.search.samples import round_number
from tuner.core.search.trials import SEARCH_SPACE, StudyRun, annotate, candidate_of, observation_of, params_of


class LeastLossSampler(BaseSampler):
    """Asks for the batch whose outcome is expected to lower the loss of the recommendation most for its price.

    What to ask for follows from the study's finished trials. It is
    planned in rounds, whose batches can be measured at the same time: trials
    that are running are batches of the round that were already asked for. The
    next round is planned when all of the last one were asked for, and none of
    them is running any more.

    Optuna cannot say "no more": ask :meth:`stop_reason` first. Whoever asks
    all the same gets one more invocation at today's size. With a fixed design in the problem, the design is asked for.
    *run* is whose trials are looked at if several share the study; *duration_factor* multiplies measured durations
    before they are looked at.
    """

    def __init__(
        self,
        problem: SearchProblem,
        context: RunContext = RunContext(),  # noqa: B008 - frozen
        *,
        elapsed_minutes: float = 0.0,
        run: StudyRun = StudyRun(),  # noqa: B008 - frozen
        duration_factor: float | None = None,
    ) -> None:
        self.problem = problem
        self.context = context
        self.run = run
        self.duration_factor = duration_factor
        self._elapsed_minutes = elapsed_minutes
        self._measured: dict[int, Observation | None] = {}
        """What finished trials hold, by number; None if it cannot be read."""
        self._seen: tuple[int, ...] = ()
        self._observations: list[Observation] = []
        self._round = RoundPlan()
        self._round_number = self._round_begins = 0
        self._planned_from: tuple[int, ...] | None = None

    def observations(self, study: Study) -> list[Observation]:
        """What the run's trials hold, in their order."""
        numbers = tuple(trial.number for trial in self.own_trials(study) if trials.OBSERVATION in trial.user_attrs)
        if numbers != self._seen:
            read = (self._measured[number] for number in numbers)
            self._observations = scaled([each for each in read if each is not None], self.duration_factor)
            self._seen = numbers
        return self._observations

    def plan(self, study: Study) -> RoundPlan:
        """The batches of the round that were not asked for yet, or the reason to stop; neither until it is measured.

        Round 1 is one invocation at today's size, the payload check: look at
        ``payload_failure`` before asking for round 2.
        """
        own = self.own_trials(study)
        left = self._left(own)
        if left:
            return RoundPlan(left)
        observations = self.observations(study)
        last = max(round_number(observations), self._round_number)
        if any(trial.state == TrialState.RUNNING and trial.user_attrs[trials.ROUND] <= last for trial in own):
            return RoundPlan()
        if self._planned_from != self._seen:
            plan = plan_round if self.problem.design is None else plan_design
            self._round = plan(self.problem, observations, elapsed_minutes=self._elapsed_minutes, context=self.context)
            self._round_number = round_number(observations) + 1
            self._round_begins = max((trial.number for trial in own), default=-1) + 1
            self._planned_from = self._seen
        return RoundPlan(self._left(own), self._round.stop_reason)

    def _left(self, own: list[FrozenTrial]) -> tuple[PlannedBatch, ...]:
        """The planned batches without those that were asked for, by this sampler or, and still running, by another."""
        asked = {
            candidate_of(trial.params)
            for trial in own
            if trial.number >= self._round_begins or trial.state == TrialState.RUNNING
            if trials.COUNT in trial.params
        }
        return tuple(batch for batch in self._round.batches if batch.candidate not in asked)

    def stop_reason(self, study: Study) -> str | None:
        """Why nothing is worth measuring any more, as a sentence; None while something is."""
        return self.plan(study).stop_reason

    def own_trials(self, study: Study) -> list[FrozenTrial]:
        """The run's own trials, without those whose record is damaged: the run has another in its journal."""
        every = study.get_trials(deepcopy=False)
        return [trial for trial in every if trial.user_attrs.get(trials.RUN) == self.run.run_id and self._reads(trial)]

    def _reads(self, trial: FrozenTrial) -> bool:
        if trials.OBSERVATION in trial.user_attrs and trial.number not in self._measured:
            try:
                self._measured[trial.number] = observation_of(trial)
            except (InvalidRequest, ValueError):
                self._measured[trial.number] = None
        readable = self._measured.get(trial.number, True) is not None
        return readable and isinstance(trial.user_attrs.get(trials.ROUND), int)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Memory size, architecture, and the numbers of invocations and environments are chosen together."""
        return SEARCH_SPACE

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """The next batch of the round; the trial gets its round and reason as attributes."""
        left = self.plan(study).batches
        batch = left[0] if left else PlannedBatch(self.problem.current, 1, 1, "asked for after the search had ended")
        annotate(study, trial, self.attributes(self._round_number, batch.reason))
        return params_of(batch.candidate, batch.invocation_count, batch.environment_count)

    def attributes(self, number: int, reason: str) -> dict[str, Any]:
        """What a trial of this run carries from the moment it is asked for."""
        busy = {trials.BUSY: True} if self.run.busy else {}
        return {
            trials.RUN: self.run.run_id,
            trials.STARTED: self.run.started_at,
            trials.ROUND: number,
            trials.REASON: reason,
            **busy,
        }

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Nothing is sampled on its own; a parameter of somebody else's gets Optuna's random value."""
        return RandomSampler(seed=self.problem.seed).sample_independent(study, trial, param_name, param_distribution)
