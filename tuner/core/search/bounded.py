"""A problem of bounded size instead of the request's: what the search looks at, however large the request.

Time and memory grow with draws × payloads × candidates. A range in steps of
1 MB has 10,113 sizes of one architecture, and neighbours among them cannot be
told apart by any number of invocations. So of more than MOST_CANDIDATES the
search looks at those that were measured, those that people type, an even
spread, and the closest to where it measured most, which is where the answer
is. Payloads beyond MOST_PAYLOADS are taken together by how long they take.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from statistics import fmean
from typing import NamedTuple

from tuner.core.aws_limits import ONE_VCPU_MB
from tuner.core.model import Candidate, Observation, RunContext, SearchProblem
from tuner.core.request.tuning_request import ROUND_SIZES_MB

MOST_CANDIDATES = 400
MOST_PAYLOADS = 8
MOST_CELLS = 1300
"""Candidates × payloads: 16 MB a table of all draws."""
_SPREAD_SHARE = 0.4
"""Of the candidates looked at, how many are spread evenly over the range."""
_CENTRES = 4
"""How many of the most measured sizes the others are taken around."""


class Bounded(NamedTuple):
    """A request's problem as the search looks at it; as it is where it is small enough."""

    problem: SearchProblem
    observations: Sequence[Observation]
    context: RunContext


def bounded(problem: SearchProblem, observations: Sequence[Observation], context: RunContext) -> Bounded:
    """Reduce the candidates and the payloads to as many as the search can look at; pure.

    Measured sizes are kept. Of a design with more of them than that, those
    left out count for the closest that is kept.
    """
    if problem.any_size:
        # Sizes that joined late in the run.
        problem = with_candidates(problem, [observation.candidate for observation in observations])
    if len(problem.payload_weights) > MOST_PAYLOADS:
        group_of, weights = _payload_groups(problem, [*observations, *_earlier(context)])
        problem = replace(problem, payload_weights=weights)
        observations, context = _changed(observations, context, lambda each: _with_payloads(each, group_of))
    limit = min(MOST_CANDIDATES, MOST_CELLS // len(problem.payload_weights))
    if len(problem.candidates) <= limit:
        return Bounded(problem, observations, context)
    kept = frozenset(islice(dict.fromkeys(_by_importance(problem, [*observations, *_earlier(context)], limit)), limit))
    candidates = tuple(each for each in problem.candidates if each in kept)
    if problem.design is not None:
        design = tuple(each for each in problem.design.candidates if each in kept)
        problem = replace(problem, design=replace(problem.design, candidates=design))
    asked = frozenset(problem.candidates)
    problem = replace(problem, candidates=candidates)
    observations, context = _changed(observations, context, lambda each: _at_kept(each, asked, kept))
    return Bounded(problem, observations, context)


def with_candidates(problem: SearchProblem, joining: Sequence[Candidate]) -> SearchProblem:
    """The problem with these candidates too; itself if it has them all."""
    candidates = tuple(sorted({*problem.candidates, *joining}))
    return problem if len(candidates) == len(problem.candidates) else replace(problem, candidates=candidates)


def _earlier(context: RunContext) -> Iterator[Observation]:
    return chain.from_iterable(run.observations for run in context.earlier)


def _changed(
    observations: Sequence[Observation], context: RunContext, change: Callable[[Observation], Observation]
) -> tuple[list[Observation], RunContext]:
    earlier = tuple(replace(run, observations=tuple(map(change, run.observations))) for run in context.earlier)
    return list(map(change, observations)), replace(context, earlier=earlier)


def _by_importance(problem: SearchProblem, observations: Sequence[Observation], limit: int) -> Iterator[Candidate]:
    """The candidates to look at, the most important first, some of them several times."""
    yield problem.current
    yield from problem.must_measure
    made = Counter(observation.candidate for observation in observations for _ in observation.invocations)
    measured = [each for each in problem.candidates if made[each]]
    most = sorted(measured, key=lambda each: -made[each])
    yield from most if len(most) <= limit // 2 else _evenly(measured, limit)
    yield from (each for each in problem.candidates if each.memory_mb in (*ROUND_SIZES_MB, ONE_VCPU_MB))
    yield from _evenly(problem.candidates, round(limit * _SPREAD_SHARE))
    around = most[:_CENTRES] or [problem.current]
    yield from sorted(problem.candidates, key=lambda each: min(_distance(each, centre) for centre in around))


def _evenly(candidates: Sequence[Candidate], count: int) -> Iterator[Candidate]:
    """About *count* of the candidates, evenly over log memory, as many of each architecture."""
    architectures = sorted({each.architecture for each in candidates})
    for architecture in architectures:
        of_it = sorted(each for each in candidates if each.architecture == architecture)
        sizes_mb = [each.memory_mb for each in of_it]
        steps = max(1, count // len(architectures) - 1)
        for step in range(steps + 1):
            wanted_mb = sizes_mb[0] * (sizes_mb[-1] / sizes_mb[0]) ** (step / steps)
            yield of_it[min(bisect_left(sizes_mb, round(wanted_mb)), len(of_it) - 1)]


def _distance(one: Candidate, other: Candidate) -> float:
    """How far apart two candidates are in log memory; infinitely, of two architectures."""
    return abs(math.log(one.memory_mb / other.memory_mb)) if one.architecture == other.architecture else math.inf


def _at_kept(observation: Observation, asked: frozenset[Candidate], kept: frozenset[Candidate]) -> Observation:
    """The observation at the closest candidate that is kept; unchanged if there is none, or it was not asked for."""
    if observation.candidate in kept or observation.candidate not in asked:
        return observation
    closest = min(kept, key=lambda each: (_distance(each, observation.candidate), each))
    return replace(observation, candidate=closest)


def _payload_groups(
    problem: SearchProblem, observations: Sequence[Observation]
) -> tuple[Sequence[int], tuple[float, ...]]:
    """The group of each payload, of those that take about as long, and the groups' weights."""
    seen: dict[Candidate, list[tuple[int, float]]] = {}
    for observation in observations:
        for each in observation.invocations:
            if each.outcome == "ok" and not each.cold and each.duration_ms:
                seen.setdefault(observation.candidate, []).append((each.payload_index, math.log(each.duration_ms)))
    above: dict[int, list[float]] = {}
    for rows in seen.values():
        mean = sum(value for _, value in rows) / len(rows)
        for payload, value in rows:
            above.setdefault(payload, []).append(value - mean)
    weights = problem.payload_weights
    # One that was not measured yet is taken for an ordinary one.
    order = sorted(range(len(weights)), key=lambda payload: fmean(above.get(payload, (0.0,))))
    group_of, so_far, total = [0] * len(weights), 0.0, sum(weights)
    for payload in order:
        group_of[payload] = min(int(MOST_PAYLOADS * (so_far + weights[payload] / 2) / total), MOST_PAYLOADS - 1)
        so_far += weights[payload]
    used = sorted(set(group_of))
    numbers = [used.index(number) for number in group_of]
    grouped = [0.0] * len(used)
    for payload, number in enumerate(numbers):
        grouped[number] += weights[payload]
    return numbers, tuple(grouped)


def _with_payloads(observation: Observation, group_of: Sequence[int]) -> Observation:
    invocations = (replace(each, payload_index=group_of[each.payload_index]) for each in observation.invocations)
    return replace(observation, invocations=tuple(invocations))
