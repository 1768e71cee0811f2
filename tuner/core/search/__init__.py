"""The search: which batch to measure next, when to stop, and what to recommend.

It is an Optuna sampler. A trial is one batch of invocations at one
configuration; ask for it and tell its outcome as in any study:

>>> from tuner.core.model import ArchitecturePrices, Candidate, Invocation, LatencyGoal
>>> prices = {"x86_64": ArchitecturePrices(0.0000166667, 0.0000002, 0.0000000309)}
>>> sizes = tuple(Candidate(memory_mb, "x86_64") for memory_mb in (128, 256, 512, 1024, 2048))
>>> problem = SearchProblem(sizes, sizes[3], LatencyGoal(95, 300.0), prices, timeout_ms=30_000)
>>> def measure(batch):
...     duration_ms = 20 + 102_400 / batch.candidate.memory_mb
...     seen = (Invocation("id", "ok", cold=n == 0, duration_ms=duration_ms) for n in range(batch.invocation_count))
...     return Observation(batch.round, batch.trial, batch.candidate, tuple(seen))

>>> sampler = LeastLossSampler(problem)
>>> study = optuna.create_study(sampler=sampler)
>>> while (stop_reason := sampler.stop_reason(study)) is None:
...     trial = study.ask(SEARCH_SPACE)
...     tell(study, measure(batch_of(trial)))
>>> run_fit = fit_run(problem, sampler.observations(study))
>>> recommend(run_fit, stop_reason=stop_reason).recommended.candidate.memory_mb
512

Batches that are measured at the same time are asked for by :func:`ask_round`.
A run may stop between any two steps and go on elsewhere: :func:`open_study`
keeps the study in a file, and :func:`tell_measured` copies the run's own
record into it.
"""

from __future__ import annotations

import numpy as np
import optuna
from optuna import Study

from tuner.core.model import Observation, SearchProblem
from tuner.core.search.alternatives import goal_alternatives
from tuner.core.search.explanation import explain
from tuner.core.search.recommendation import recommend
from tuner.core.search.run_fit import RunFit, fit_run
from tuner.core.search.sampler import LeastLossSampler
from tuner.core.search.samples import payload_failure
from tuner.core.search.study import StudySetAside, ask_round, earlier_runs, open_study, tell, tell_measured
from tuner.core.search.trials import SEARCH_SPACE, StudyRun, batch_of
from tuner.core.search.warm_start import verify

VERSIONS = {"optuna": optuna.__version__, "numpy": np.__version__}
"""For the report: with what the answer was computed."""

__all__ = [
    "SEARCH_SPACE",
    "VERSIONS",
    "LeastLossSampler",
    "Observation",
    "RunFit",
    "SearchProblem",
    "Study",
    "StudyRun",
    "StudySetAside",
    "ask_round",
    "batch_of",
    "earlier_runs",
    "explain",
    "fit_run",
    "goal_alternatives",
    "open_study",
    "payload_failure",
    "recommend",
    "tell",
    "tell_measured",
    "verify",
]
