"""The acquisition function: by how much a batch's outcomes would lower the expected loss of the pick, over its price.

It is the expected value of sample information (Raiffa and Schlaifer, 1961),
which Bayesian optimisation calls the knowledge gradient (Frazier, Powell and
Dayanik, 2009): outcomes are simulated from the posterior, each re-weights the
draws, and the pick is chosen anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.core.search.fit import UNDECIDED_LOSS, Fit
from tuner.core.search.noise import normal_quantile
from tuner.core.search.space import FloatArray, IntArray

OUTCOME_COUNT = 48
ACTION_LIMIT = 28
ACTION_DISTANCE = 0.02
"""Candidates nearer than this, in log memory, are one action."""
FINALIST_LIMIT = 7
BATCHES_PER_ROUND = 3
FURTHER_RATIO = 3.0
"""What a further batch of a round must add, in prices: it is asked for without knowing the first one's outcome."""
SITE_LIMIT = 22
WARM_COUNTS = (1, 2, 4)
PRICE_PER_INVOCATION = 0.0012
"""The loss that one invocation at the best size's cost must save: half by count, half by dollars.

It stands for a function of REFERENCE_MONTHLY invocations, and for one whose
traffic is not known.
"""
REFERENCE_MONTHLY = 30_000.0
_KERNEL_RATIO = 0.15
"""Widens the likelihood by this share of the draws' own scatter: there are only some hundred of them."""


def price_per_invocation(monthly_invocations: float | None) -> float:
    """The loss that one invocation must save, by what a month of the wrong size costs.

    A share of the bill is worth more where the bill is larger. The root keeps
    a busy function from asking for hundreds and a quiet one from guessing.

    >>> price_per_invocation(None) == price_per_invocation(REFERENCE_MONTHLY) > price_per_invocation(1e6)
    True
    """
    if not monthly_invocations:
        return PRICE_PER_INVOCATION
    scale = math.sqrt(REFERENCE_MONTHLY / monthly_invocations)
    return PRICE_PER_INVOCATION * min(max(scale, 0.01), 10.0)


@dataclass(frozen=True)
class Option:
    """One batch that could be asked for, with what it is worth and what it costs, both as loss."""

    candidate: int
    warm_count: int
    environment_count: int
    invocation_count: int
    gain: float
    price: float

    @property
    def ratio(self) -> float:
        """Worth over price; below 1 it is not worth asking."""
        return self.gain / self.price


def choose_batches(
    fit: Fit,
    max_parallel: int,
    first_cold: bool,
    affordable: Callable[[int, Sequence[Option]], int],
    generator: np.random.Generator,
    monthly_invocations: float | None = None,
) -> list[Option] | None:
    """The batches of the next round: the one of most worth for its price, and others that add to it.

    All sites are looked at with one warm invocation first, the best of them
    again with more simulated and more invocations. A further batch counts only
    for what it adds to those before it, and must be worth FURTHER_RATIO of its
    price: it is asked for without knowing their outcome. *affordable* tells how many invocations at a candidate fit the
    budget after some batches; where *first_cold*, the first invocation on a new environment is no warm sample.

    Returns:
        Empty if none is worth its price, None if none is affordable.
    """
    acquisition = _Acquisition(fit, max_parallel, first_cold, price_per_invocation(monthly_invocations), generator)
    sites = [int(site) for site in _sites(fit) if 1 + acquisition.cold_count(int(site), 1) <= affordable(int(site), [])]
    if not sites:
        return None
    finalists = [option.candidate for option in acquisition.screen(sites)[:FINALIST_LIMIT]]
    chosen: list[Option] = []
    while len(chosen) < BATCHES_PER_ROUND:
        apart = [site for site in finalists if site not in {option.candidate for option in chosen}]
        best = acquisition.best(apart, lambda site: affordable(site, chosen))
        if best is None or best.ratio < (FURTHER_RATIO if chosen else 1.0):
            break
        chosen.append(best)
        acquisition.add(best)
    return chosen


class _Acquisition:
    """What options are worth, after the batches that were already added to the round."""

    def __init__(
        self, fit: Fit, max_parallel: int, first_cold: bool, per_invocation: float, generator: np.random.Generator
    ) -> None:
        self._fit = fit
        self._max_parallel = max_parallel
        self._first_cold = first_cold
        self._per_invocation = per_invocation
        self._table = _loss_table(fit, generator)
        cost = fit.prediction.cost_per_million_usd.mean(axis=0)
        self._relative_cost = cost / cost[fit.pick]
        self._few = simulate_outcomes(len(fit.loss), OUTCOME_COUNT // 2, generator)
        self._many = [simulate_outcomes(len(fit.loss), OUTCOME_COUNT, generator) for _ in range(BATCHES_PER_ROUND)]
        self._taken: FloatArray | float = 0.0
        """Logarithm of the likelihoods of the outcomes of what was taken: outcomes × draws."""
        self._taken_count = 0
        self._taken_gain = 0.0

    def screen(self, sites: Sequence[int]) -> list[Option]:
        """A first estimate for each site, best first."""
        options = [
            self._option(site, 1, 1, outcome_log_likelihoods(self._fit, site, 1, 1, self._few)) for site in sites
        ]
        return sorted(options, key=lambda option: (-option.ratio, option.candidate))

    def best(self, sites: Sequence[int], affordable: Callable[[int], int]) -> Option | None:
        """The option of most worth for its price, next to those already taken."""
        options = [
            self._option(site, warm_count, spread, self._log_weights(site, warm_count, spread))
            for site in sites
            for warm_count in WARM_COUNTS
            for spread in sorted(
                {1, min(warm_count, self._max_parallel)} if self._first_cold else {min(warm_count, self._max_parallel)}
            )
            if warm_count + self.cold_count(site, spread) <= affordable(site)
        ]
        return min(options, key=lambda option: (-option.ratio, option.candidate, option.warm_count), default=None)

    def add(self, option: Option) -> None:
        """Let the options that follow count only for what they add."""
        self._taken = self._log_weights(option.candidate, option.warm_count, option.environment_count)
        self._taken_count += 1
        self._taken_gain += option.gain

    def cold_count(self, site: int, environment_count: int) -> int:
        """How many invocations of a batch are lost to cold starts."""
        return max(0, environment_count - len(self._fit.known_environments[site])) if self._first_cold else 0

    def _log_weights(self, site: int, warm_count: int, environment_count: int) -> FloatArray:
        # The outcomes of one round belong to the same worlds, each with its own scatter.
        outcomes = self._many[self._taken_count]
        return self._taken + outcome_log_likelihoods(self._fit, site, warm_count, environment_count, outcomes)

    def _option(self, site: int, warm_count: int, environment_count: int, log_weights: FloatArray) -> Option:
        invocation_count = warm_count + self.cold_count(site, environment_count)
        price = self._per_invocation * invocation_count * (0.5 + 0.5 * float(self._relative_cost[site]))
        gain = _value_of_information(self._table, log_weights) - self._taken_gain
        return Option(site, warm_count, environment_count, invocation_count, gain, price)


@dataclass(frozen=True)
class _LossTable:
    """What depends on the next batch, in two halves of the draws.

    Columns: the loss of each action, whether it meets the goal, and one for
    "no candidate does"; the last two only where there is a goal.
    """

    halves: tuple[IntArray, IntArray]
    columns: tuple[FloatArray, FloatArray]
    action_count: int
    confidence: float

    def expected_loss(self, means: FloatArray) -> FloatArray:
        """Loss of each action where the columns have these means; an undecided verdict is part of it."""
        loss = means[..., : self.action_count]
        if means.shape[-1] == self.action_count:
            return loss
        met, unreachable = means[..., self.action_count : -1], means[..., -1:]
        undecided = (met < self.confidence) & (unreachable < self.confidence)
        return np.asarray(loss + UNDECIDED_LOSS * undecided)


def _loss_table(fit: Fit, generator: np.random.Generator) -> _LossTable:
    order = np.argsort(fit.expected_loss, kind="stable")
    actions = _spread_apart(fit, order[fit.allowed[order]], ACTION_LIMIT, ACTION_DISTANCE)
    columns = [fit.loss[:, actions]]
    if fit.met is not None and fit.unreachable is not None:
        columns += [fit.met[:, actions], fit.unreachable[:, None]]
    table = np.concatenate(columns, axis=1)
    by_chance = generator.permutation(len(table))
    halves = (by_chance[: len(table) // 2], by_chance[len(table) // 2 :])
    return _LossTable(halves, (table[halves[0]], table[halves[1]]), len(actions), fit.confidence)


@dataclass(frozen=True)
class SimulatedOutcomes:
    """The worlds that outcomes are drawn from, the same for every option so that they can be compared."""

    world: IntArray
    scatter: FloatArray
    """Standard normal, stratified: where the outcome lies within its noise."""
    own_spread: FloatArray
    """Standard normal: where the outcome's own spread lies within its distribution."""


def simulate_outcomes(draw_count: int, count: int, generator: np.random.Generator) -> SimulatedOutcomes:
    """Draw *count* outcomes' worlds, evenly over the draws, and their scatter."""
    strata = (generator.permutation(count) + 0.5) / count
    return SimulatedOutcomes(
        world=np.linspace(0, draw_count - 1, count).astype(np.int64),
        scatter=normal_quantile(strata),
        own_spread=generator.standard_normal(count),
    )


def _sites(fit: Fit) -> IntArray:
    """Candidates worth a look: those that might be recommended, and a spread over all that are allowed."""
    allowed = np.flatnonzero(fit.allowed)
    if len(allowed) <= SITE_LIMIT:
        return allowed
    order = allowed[np.argsort(fit.expected_loss[allowed], kind="stable")]
    near = _spread_apart(fit, order, SITE_LIMIT // 2, 0.05)
    positions = np.linspace(0, 1, SITE_LIMIT - len(near))
    log_memory = fit.space.log_memory[allowed]
    wanted = log_memory.min() + positions * (log_memory.max() - log_memory.min())
    wide = allowed[np.abs(log_memory[None, :] - wanted[:, None]).argmin(axis=1)]
    return np.unique(np.concatenate([near, wide]))


def _spread_apart(fit: Fit, order: IntArray, limit: int, distance: float) -> IntArray:
    """The first of *order* that are at least *distance* apart in log memory, or differ in architecture."""
    space = fit.space
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


def _value_of_information(table: _LossTable, log_weights: FloatArray) -> float:
    """Expected fall of the pick's loss by being told an outcome.

    Each outcome re-weights all draws by its likelihood. To choose and to judge
    with the same draws flatters every batch, since there are only some
    hundred; to choose with one half and judge with the other slights it. *log_weights* are outcomes × draws, up to a
    constant per row.
    """
    weight = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    parts = [weight[:, half] for half in table.halves]
    sums = [part @ columns for part, columns in zip(parts, table.columns, strict=True)]
    masses = [np.maximum(part.sum(axis=1, keepdims=True), 1e-30) for part in parts]
    halves = [total / mass for total, mass in zip(sums, masses, strict=True)]
    rows = np.arange(len(weight))
    gain = 0.0
    for chooser, judge in (halves, halves[::-1]):
        # Before the outcome the means are those after it, averaged: so only being told counts.
        chosen_after = table.expected_loss(chooser).argmin(axis=1)
        chosen_now = table.expected_loss(chooser.mean(axis=0)).argmin()
        judged_now = table.expected_loss(judge.mean(axis=0))[chosen_now]
        gain += 0.5 * float(judged_now - table.expected_loss(judge)[rows, chosen_after].mean())
    return gain


def outcome_log_likelihoods(
    fit: Fit, site: int, warm_count: int, environment_count: int, simulated: SimulatedOutcomes
) -> FloatArray:
    """Outcomes × draws: the log likelihood of each simulated outcome in each draw, up to a constant per row."""
    draws = fit.prediction.draws
    centre = np.einsum("sp,p->s", draws.log_median[:, :, site], draws.payload_share)
    own_variance = draws.noise_at(site) ** 2
    variance = own_variance / warm_count
    known = fit.known_environments[site][:environment_count]
    new_count = environment_count - len(known)
    if len(known):
        centre = centre + draws.environment[:, known].sum(axis=1) / environment_count
    if new_count:
        variance = variance + draws.environment_spread**2 * new_count / environment_count**2
    world = simulated.world
    outcome = centre[world] + np.sqrt(variance[world]) * simulated.scatter
    wide = variance + (_KERNEL_RATIO * centre.std()) ** 2
    log_weight: FloatArray = (outcome[:, None] - centre[None, :]) ** 2 * (-0.5 / wide) - 0.5 * np.log(wide)
    if warm_count > 1:
        freedom = warm_count - 1
        # Wilson and Hilferty's approximation of a chi-square from a normal.
        cube = 1 - 2 / (9 * freedom) + simulated.own_spread * math.sqrt(2 / (9 * freedom))
        single = own_variance
        if environment_count > 1:
            single = single + draws.environment_spread**2
        seen = single[world] * freedom * np.maximum(cube, 0.05) ** 3
        log_weight = log_weight - seen[:, None] * (0.5 / single) - freedom * 0.5 * np.log(single)
    return log_weight
