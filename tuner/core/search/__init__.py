"""The search: which batch to measure next, when to stop, and what to recommend.

The loop that uses it may stop between any two steps and go on elsewhere: all
state is in the observations and in the Optuna study.

::

    study = open_study(path, function_name)
    while (suggestion := suggest(problem, study, observations, elapsed_minutes=…, facts=facts)).batches:
        observations += [measure(batch) for batch in suggestion.batches]
    conclusion = conclude(problem, observations, facts)
    recommendation = recommend(conclusion, stop_reason=suggestion.stop_reason)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna
from optuna import Study

from tuner.core.model import Facts, Observation, SearchProblem, Suggestion
from tuner.core.search.alternatives import goal_alternatives
from tuner.core.search.bounded import bounded
from tuner.core.search.conclusion import Conclusion, conclude
from tuner.core.search.evidence import payload_failure, round_number
from tuner.core.search.explanation import explain
from tuner.core.search.fixed_design import plan_design
from tuner.core.search.planning import plan_round
from tuner.core.search.recommendation import recommend
from tuner.core.search.sampler import LeastLossSampler
from tuner.core.search.space import space_of
from tuner.core.search.study import (
    StudyRun,
    StudySetAside,
    ask_batches,
    earlier_runs,
    forget_earlier_runs,
    open_study,
    tell_observations,
)
from tuner.core.search.warm_start import verify

VERSIONS = {"optuna": optuna.__version__, "numpy": np.__version__}
"""For the report: with what the answer was computed."""

ONLY_RUN = StudyRun()
"""Of a study that belongs to one run."""

__all__ = [
    "ONLY_RUN",
    "VERSIONS",
    "Conclusion",
    "LeastLossSampler",
    "Study",
    "StudyRun",
    "StudySetAside",
    "conclude",
    "earlier_runs",
    "explain",
    "goal_alternatives",
    "open_study",
    "payload_failure",
    "recommend",
    "suggest",
    "verify",
]


def suggest(
    problem: SearchProblem,
    study: Study,
    observations: Sequence[Observation],
    *,
    elapsed_minutes: float,
    facts: Facts,
    run: StudyRun = ONLY_RUN,
) -> Suggestion:
    """Tell the study what was measured, and ask it for the next round.

    Round 1 is one invocation at the current size (the payload check): look at
    :func:`payload_failure` before asking for round 2. A problem with a fixed
    design gets its rounds.

    Args:
        problem: The run; the same at every call.
        study: From :func:`open_study`.
        observations: Everything that was measured in this run so far.
        elapsed_minutes: Since the run began; counts against its budget.
        facts: What the run knows besides its measurements.
        run: Whose trials they are, where several runs share the study.

    Returns:
        Batches that fit the budget even if every invocation runs into the
        time-out, or none and the reason why the search stops.

    Raises:
        InvalidRequest: An observation holds a duration that no clock can have measured.
    """
    tell_observations(study, problem, space_of(problem), observations, run)
    if problem.design is None:
        plan = plan_round(problem, observations, elapsed_minutes=elapsed_minutes, facts=facts)
    else:
        plan = plan_design(problem, problem.design, observations, elapsed_minutes=elapsed_minutes, facts=facts)
    if plan.batches:
        return Suggestion(ask_batches(study, problem, facts, plan, round_number(observations) + 1, run))
    looked_at = bounded(problem, observations, facts)
    start = verify(looked_at.problem, looked_at.observations, looked_at.facts).warm_start
    if not start.used and start.unchanged_probability is not None:
        forget_earlier_runs(study, run)
    return Suggestion(stop_reason=plan.stop_reason)
