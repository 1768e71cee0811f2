"""The worth of a next batch: how much its fantasised outcomes lower the loss of the pick, against its price."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tuner.core.search.belief import Belief
from tuner.core.search.noise import normal_quantile
from tuner.core.search.space import FloatArray, IntArray

FANTASY_COUNT = 32
ACTION_LIMIT = 40
SITE_LIMIT = 22
WARM_COUNTS = (1, 2, 4)
PRICE_PER_INVOCATION = 0.0007
"""The loss that one invocation at the best size's cost must save: half by count, half by dollars."""
FLATTERY = 0.5
"""Weight of the flattering estimate of a batch's worth; the rest is the slighting one's."""
_KERNEL_RATIO = 0.15
"""Widens the likelihood by this share of the draws' own scatter: there are only some hundred of them."""


@dataclass(frozen=True)
class Option:
    """One batch that could be asked for, with what it is worth and what it costs, both as loss."""

    candidate: int
    warm_count: int
    invocation_count: int
    gain: float
    price: float

    @property
    def ratio(self) -> float:
        """Worth over price; below 1 it is not worth asking."""
        return self.gain / self.price


def best_options(
    belief: Belief, cold_count: IntArray, affordable: IntArray, generator: np.random.Generator
) -> list[Option]:
    """Options by falling worth over price.

    Args:
        belief: What is known now.
        cold_count: For each candidate, how many invocations of a batch are lost to cold starts.
        affordable: For each candidate, how many invocations still fit the budget.
        generator: Source of the fantasised outcomes.
    """
    actions = np.argsort(belief.expected_loss, kind="stable")[:ACTION_LIMIT]
    actions = actions[belief.allowed[actions]]
    cost = belief.outlook.cost_per_million_usd.mean(axis=0)
    relative_cost = cost / cost[belief.pick]
    fantasies = _fantasies(len(belief.loss), generator)
    options = []
    for site in _sites(belief):
        for warm_count in WARM_COUNTS:
            invocation_count = warm_count + int(cold_count[site])
            if invocation_count > affordable[site]:
                continue
            gain = _gain(belief, int(site), warm_count, actions, fantasies)
            price = PRICE_PER_INVOCATION * invocation_count * (0.5 + 0.5 * float(relative_cost[site]))
            options.append(Option(int(site), warm_count, invocation_count, gain, price))
    return sorted(options, key=lambda option: (-option.ratio, option.candidate, option.warm_count))


@dataclass(frozen=True)
class _Fantasies:
    """The worlds that outcomes are drawn from, the same for every option so that they can be compared."""

    world: IntArray
    scatter: FloatArray
    """Standard normal, stratified: where the outcome lies within its noise."""
    chi_square_unit: FloatArray
    """Uniform: where the outcome's own spread lies within its distribution."""
    half: IntArray
    """Splits the draws in two by chance: 0 or 1 for each."""


def _fantasies(draw_count: int, generator: np.random.Generator) -> _Fantasies:
    strata = (generator.permutation(FANTASY_COUNT) + 0.5) / FANTASY_COUNT
    return _Fantasies(
        world=np.linspace(0, draw_count - 1, FANTASY_COUNT).astype(np.int64),
        scatter=normal_quantile(strata),
        chi_square_unit=generator.standard_normal(FANTASY_COUNT),
        half=generator.permutation(draw_count) % 2,
    )


def _sites(belief: Belief) -> IntArray:
    """Candidates worth a look: those that might be recommended, and a spread over all that are allowed."""
    allowed = np.flatnonzero(belief.allowed)
    if len(allowed) <= SITE_LIMIT:
        return allowed
    order = allowed[np.argsort(belief.expected_loss[allowed], kind="stable")]
    near = _spread_apart(belief, order, SITE_LIMIT // 2, 0.05)
    positions = np.linspace(0, 1, SITE_LIMIT - len(near))
    log_memory = belief.space.log_memory[allowed]
    wanted = log_memory.min() + positions * (log_memory.max() - log_memory.min())
    wide = allowed[np.abs(log_memory[None, :] - wanted[:, None]).argmin(axis=1)]
    return np.unique(np.concatenate([near, wide]))


def _spread_apart(belief: Belief, order: IntArray, limit: int, distance: float) -> IntArray:
    """The first of *order* that are at least *distance* apart in log memory, or differ in architecture."""
    space = belief.space
    taken: list[int] = []
    for index in order:
        if len(taken) == limit:
            break
        apart = [
            abs(space.log_memory[index] - space.log_memory[other]) >= distance
            or space.other_architecture[index] != space.other_architecture[other]
            for other in taken
        ]
        if all(apart):
            taken.append(int(index))
    return np.array(taken, dtype=np.int64)


def _gain(belief: Belief, site: int, warm_count: int, actions: IntArray, fantasies: _Fantasies) -> float:
    """Expected fall of the pick's loss after *warm_count* warm invocations at *site*.

    Outcomes are drawn from some of the draws; each re-weights all of them by
    its likelihood. To choose and to judge with the same draws flatters every
    batch, since there are only some hundred; to choose with one half and judge
    with the other slights it. The truth lies between, and the mean is taken.
    """
    draws = belief.outlook.draws
    centre = draws.log_median[:, site]
    variance = draws.noise**2 / warm_count
    known = belief.known_environment[site]
    if known >= 0:
        centre = centre + draws.environment[:, known]
    else:
        variance = variance + draws.environment_spread**2
    world = fantasies.world
    outcome = centre[world] + np.sqrt(variance[world]) * fantasies.scatter
    wide = variance + (_KERNEL_RATIO * centre.std()) ** 2
    log_weight = -0.5 * (outcome[:, None] - centre[None, :]) ** 2 / wide - 0.5 * np.log(wide)
    if warm_count > 1:
        freedom = warm_count - 1
        # Wilson and Hilferty's approximation of a chi-square from a normal.
        cube = 1 - 2 / (9 * freedom) + fantasies.chi_square_unit * math.sqrt(2 / (9 * freedom))
        seen = draws.noise[world] ** 2 * freedom * np.maximum(cube, 0.05) ** 3
        log_weight = log_weight - 0.5 * seen[:, None] / draws.noise**2 - freedom * np.log(draws.noise)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    halves = [belief.loss_under(*_normalised(weight * (fantasies.half == half)), actions) for half in (0, 1)]
    whole = belief.loss_under(*_normalised(weight), actions)
    flattering = whole.now.min() - whole.after.min(axis=1).mean()
    rows = np.arange(len(world))
    slighting = 0.0
    for chooser, judge in (halves, halves[::-1]):
        chosen = chooser.after.argmin(axis=1)
        slighting += 0.5 * float(judge.now[chooser.now.argmin()] - judge.after[rows, chosen].mean())
    return FLATTERY * float(flattering) + (1 - FLATTERY) * slighting


def _normalised(weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights after each outcome, and their mean: the same before it, so that only being told counts."""
    after = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    return after, after.mean(axis=0)
