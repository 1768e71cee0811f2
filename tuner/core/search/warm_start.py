"""Warm start: whether today's function is still the one that earlier runs saw.

Three hypotheses are held against this run's own invocations:

* unchanged: its durations differ from the earlier runs' as any two runs do;
* another level: all durations are longer or shorter by some factor;
* another shape: the earlier runs say nothing.

As long as "unchanged" is the most plausible, the earlier invocations are
samples like this run's own. Before the search relies on it, it asks for a few
invocations at the last answer and at one other size, until a function that had
become half as slow again would have shown it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tuner.core.answer.recommendation import WarmStart
from tuner.core.model import (
    Candidate,
    EarlierRun,
    Observation,
    RunContext,
    SearchProblem,
    invocations_of,
)
from tuner.core.search import priors
from tuner.core.search.feasibility import ruled_out
from tuner.core.search.posterior import Posterior
from tuner.core.search.samples import Samples, read_samples, run_covariance, with_earlier_outcomes
from tuner.core.search.space import BoolArray, Space, space_of

NOTICED = math.log(1.5)
"""A change of level that must not go unnoticed, either way."""
UNNOTICED_PROBABILITY = 0.02
SETTLED_PROBABILITY = 0.9
KEPT_PROBABILITY = 0.5
LEAST_CHECKS = 3
"""Warm invocations, at two sizes if the space has two, before it can be settled."""
CHECK_LIMIT = 16
"""Warm invocations after which the earlier runs are dropped if it is still undecided."""
_SHIFT_DRAWS = 400
_LEAST_DISTANCE = 0.4


@dataclass(frozen=True)
class Verified:
    """What this run's own invocations say of the earlier ones."""

    warm_start: WarmStart
    context: RunContext
    """As given, without the earlier runs if they are not used."""
    settled: bool
    """Whether no further invocation is needed to tell."""


def verify(problem: SearchProblem, observations: Sequence[Observation], context: RunContext) -> Verified:
    """Decide whether the earlier runs may be used; pure, so that every step of a run decides the same."""
    dropped = replace(context, earlier=())
    if not context.earlier:
        return Verified(WarmStart(used=False, reason="There is no earlier run to start from."), dropped, settled=True)
    space = space_of(problem)
    latest = context.earlier[0]

    def start(reason: str, probability: float | None, samples: int) -> WarmStart:
        return WarmStart(
            from_run_id=latest.run_id,
            age_days=latest.age_days,
            used=samples > 0,
            reason=reason,
            unchanged_probability=probability,
            samples=samples,
        )

    def refuted(reason: str, probability: float | None) -> Verified:
        return Verified(start(reason, probability, 0), dropped, settled=True)

    earlier = read_samples(space, (), context.earlier, run_covariance(context.earlier))
    if earlier.warm_count == 0:
        return refuted(f"Run {latest.run_id} measured no warm invocation at a size of this run.", None)
    contradiction = _contradiction(observations, context.earlier)
    if contradiction is not None:
        return refuted(f"{contradiction}: the function has changed since run {latest.run_id}.", 0.0)
    reasons = ruled_out(problem, with_earlier_outcomes(observations, context.earlier), context)
    if len(reasons) == len(problem.candidates):
        return refuted(f"Together with run {latest.run_id} no size of this run could be recommended.", None)
    own = read_samples(space, observations)
    if own.warm_count == 0:
        reason = f"Nothing speaks against run {latest.run_id} so far."
        return Verified(start(reason, 1 - _changed_prior(latest), earlier.warm_count), context, settled=False)
    unchanged, moved = _probabilities(problem, space, observations, context.earlier, earlier, own)
    warm = counted(own.warm_count, "warm invocation")
    if unchanged < KEPT_PROBABILITY:
        return refuted(
            f"This run's {warm} speak against run {latest.run_id} "
            f"(unchanged with a probability of {unchanged:.0%}), so it was not used.",
            unchanged,
        )
    settled = unchanged >= SETTLED_PROBABILITY and moved <= UNNOTICED_PROBABILITY
    if not settled and own.warm_count >= min(CHECK_LIMIT, earlier.warm_count):
        # By now this run knows nearly as much as they do: little is lost without them.
        return refuted(
            f"Whether run {latest.run_id} still holds could not be told from {warm} "
            f"(unchanged with a probability of {unchanged:.0%}), so it was not used.",
            unchanged,
        )
    reason = f"This run's {warm} agree with run {latest.run_id} (unchanged with a probability of {unchanged:.0%})."
    return Verified(start(reason, unchanged, earlier.warm_count), context, settled)


def counted(count: int, noun: str) -> str:
    """The number with its noun: ``1 size``, ``2 sizes``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _changed_prior(latest: EarlierRun) -> float:
    return min(priors.CHANGED_PRIOR + priors.CHANGED_PRIOR_PER_DAY * latest.age_days, priors.MOST_CHANGED_PRIOR)


def _probabilities(
    problem: SearchProblem,
    space: Space,
    observations: Sequence[Observation],
    runs: Sequence[EarlierRun],
    earlier: Samples,
    own: Samples,
) -> tuple[float, float]:
    """That nothing changed; and, were the level free, that it moved by NOTICED or more."""
    weights = problem.payload_weights
    before = Posterior(space, earlier, weights).log_evidence
    unchanged = Posterior(space, read_samples(space, observations, runs, run_covariance(runs)), weights)
    free = Posterior(
        space, read_samples(space, observations, runs, run_covariance(runs, priors.CHANGED_LEVEL_SPREAD)), weights
    )
    alone = Posterior(space, own, weights)
    prior = _changed_prior(runs[0])
    logs = np.array(
        [
            math.log(1 - prior) + unchanged.log_evidence - before,
            math.log(prior * (1 - priors.CHANGED_SHAPE_SHARE)) + free.log_evidence - before,
            math.log(prior * priors.CHANGED_SHAPE_SHARE) + alone.log_evidence,
        ]
    )
    shares = np.exp(logs - logs.max())
    generator = np.random.default_rng([problem.seed, len(own.log_ms), zlib.crc32(b"shift")])
    shift = free.draw(_SHIFT_DRAWS, generator).run_shift[:, 1]
    # From the draws' moments: the share of 400 draws beyond a far bound is too coarse.
    reach = (NOTICED - abs(float(shift.mean()))) / max(float(shift.std()), 1e-9)
    moved = 0.5 * math.erfc(reach / math.sqrt(2))
    return float(shares[0] / shares.sum()), moved


def _contradiction(observations: Sequence[Observation], earlier: Sequence[EarlierRun]) -> str | None:
    """A fact of this run that an earlier run saw otherwise, as half a sentence."""
    worked, failed = _outcomes([observation for run in earlier for observation in run.observations])
    works, fails = _outcomes(observations)
    for candidate in sorted(fails & (worked - failed)):
        return f"{candidate} no longer works"
    for candidate in sorted((works - fails) & (failed - worked)):
        return f"{candidate} works now"
    return None


def _outcomes(observations: Sequence[Observation]) -> tuple[set[Candidate], set[Candidate]]:
    """Candidates that an invocation ended well at, and those that ran out of memory or time."""
    worked, failed = set(), set()
    for observation in observations:
        outcomes = {invocation.outcome for invocation in observation.invocations}
        if "ok" in outcomes:
            worked.add(observation.candidate)
        if outcomes & {"out_of_memory", "timeout"}:
            failed.add(observation.candidate)
    return worked, failed


def sizes_to_check(
    problem: SearchProblem,
    observations: Sequence[Observation],
    samples: Samples,
    pick: int,
    allowed: BoolArray,
    verified: Verified,
) -> list[tuple[int, int]]:
    """Where invocations are missing that tell whether the earlier runs still hold, and how many warm ones.

    At the likely answer, where it matters, and at one other size, where a
    curve of another shape shows. More at both while it is undecided.
    """
    own = samples.own_warm_counts
    tried = len(invocations_of(observations))
    begun = own.sum() >= LEAST_CHECKS and (own > 0).sum() > 1
    if tried >= 2 * CHECK_LIMIT or (begun and verified.settled):
        return []
    other = _other_size(problem, samples, pick, allowed)
    wanted = {pick: 1 if begun else 2} | ({} if other is None else {other: 1})
    missing = [(index, count - int(own[index])) for index, count in wanted.items() if own[index] < count]
    if not missing and not verified.settled:
        missing = [(index, 1) for index in wanted]
    return missing


def _other_size(problem: SearchProblem, samples: Samples, pick: int, allowed: BoolArray) -> int | None:
    """The size besides the pick that says most about the curve's shape, among those that were measured earlier.

    One that ran today costs no further cold start. Of the rest the one that is
    nearest to a factor e away: further off, it is mostly slower.
    """
    size = len(problem.candidates)
    log_memory = np.log([float(candidate.memory_mb) for candidate in problem.candidates])
    distance = np.abs(log_memory - log_memory[pick])
    same = np.array([c.architecture == problem.candidates[pick].architecture for c in problem.candidates])
    known = allowed & same & (samples.warm_counts > 0) & (distance > _LEAST_DISTANCE)
    if not known.any():
        return None
    seen = np.isin(np.arange(size), samples.candidate[samples.environment_run[samples.environment] == 0])
    effort = np.abs(distance - 1.0) + 1.0 * ~seen
    return int(np.argmin(np.where(known, effort, np.inf)))
