"""The posterior over durations: shapes, misfit, noise and environments, as joint draws.

For a shape, a misfit spread and a noise the model is linear and Gaussian in
the logarithm of the duration::

    log duration = level + shape(m) + misfit(m) [+ cold offset] + environment + noise

* level: nearly flat prior, integrated out exactly; one for each payload, which
  share the shape up to a misfit of their own;
* shape: 256 curves of a broad prior (``shapes.py``), weighed by CPU times if there are any (``cpu_time.py``);
* misfit: a Gaussian process over log memory, its spread mixed over a grid;
* environment: a factor that invocations on one execution environment share;
* noise: one spread pooled over sizes, on a grid; slow outliers are explicit
  hypotheses, never trimmed.

So each combination has a closed marginal likelihood, and draws of whole
curves come from conditioning draws of the prior on the data (Matheron's rule).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import product

import numpy as np

from tuner.core.search import priors
from tuner.core.search.groups import Groups, Places, group, sites_of
from tuner.core.search.noise import normal_cdf
from tuner.core.search.quota_posterior import QuotaDraws
from tuner.core.search.samples import Samples
from tuner.core.search.sampling import log_sum, misfit_kernel, resample
from tuner.core.search.shapes import SHAPE_COUNT, log_shapes, shape_log_weights
from tuner.core.search.space import FEW_MEGABYTES, BoolArray, FloatArray, IntArray, Space, slices

OUTLIER_LIMIT = 20
SCREEN_STRIDE = 4
FINE_SHAPE_COUNT = 1024
"""Shapes where CPU times tell them apart: of the usual ones too few would be left."""


@dataclass(frozen=True)
class HyperparameterGrid:
    """Every combination of misfit spread, environment spread and noise spread, with its prior."""

    misfit: FloatArray
    environment: FloatArray
    noise: FloatArray
    log_prior: FloatArray


def _hyperparameter_grid(typical_log_ms: float, misfit_prior: Sequence[float]) -> HyperparameterGrid:
    """The grid; short durations are noisier (median spread 0.35 below 20 ms, 0.08 above)."""
    short = 1 / (1 + math.exp(-3.0 * (priors.SHORT_LOG_MS - typical_log_ms)))
    centre = (1 - short) * math.log(priors.NOISE_CENTRE) + short * math.log(priors.SHORT_NOISE_CENTRE)
    noise_prior = [math.exp(-0.5 * ((math.log(spread) - centre) / 1.0) ** 2) for spread in priors.NOISE_SPREADS]
    rows = [
        (misfit, environment, noise, math.log(p_misfit * p_environment * p_noise))
        for (misfit, p_misfit), (environment, p_environment), (noise, p_noise) in product(
            zip(priors.MISFIT_SPREADS, misfit_prior, strict=True),
            zip(priors.ENVIRONMENT_SPREADS, priors.ENVIRONMENT_PRIOR, strict=True),
            zip(priors.NOISE_SPREADS, noise_prior, strict=True),
        )
    ]
    columns = np.array(rows)
    return HyperparameterGrid(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3])


@dataclass(frozen=True)
class _Hypothesis:
    """One set of outliers and the marginal likelihoods under it."""

    outliers: tuple[int, ...]
    groups: Groups
    log_posterior: FloatArray
    """Combinations × shapes."""
    shapes: FloatArray
    excess: tuple[float, ...] = ()
    """How far each outlier lay above what the others said of it, in log."""
    second_mode: bool = False
    """Whether the outliers are a mode of their own, slower by one factor, and no thin tail."""


@dataclass(frozen=True)
class Draws:
    """Joint draws: every row is one world that the data leave possible."""

    log_median: FloatArray
    """Draws × payloads × candidates: the core's median over environments."""
    payload_share: FloatArray
    noise: FloatArray
    environment_spread: FloatArray
    tail_share: FloatArray
    tail_log_factors: FloatArray
    """Draws × factors: how much slower an invocation of the tail is, in log, equally likely."""
    environment: FloatArray
    """Draws × known environments: their factors' logarithms."""
    cold_offset: FloatArray
    run_shift: FloatArray
    """Draws × runs: how far each run's durations lie from this run's, in log."""
    quota: QuotaDraws | None = None
    """What the last draws say of each size, if they are of a function that runs in steps of the CPU's quota."""

    def __getitem__(self, some: slice) -> Draws:
        """Some of the draws, what they say of steps apart."""
        rows = {name: getattr(self, name)[some] for name in _BY_DRAW}
        return replace(self, quota=None, **rows)

    def noise_at(self, candidate: int) -> FloatArray:
        """Spread of an invocation's log duration at a candidate, one a draw."""
        if self.quota is None:
            return self.noise
        own = self.quota.spread[self.quota.world, candidate]
        return np.concatenate([self.noise[: len(self.noise) - len(own)], own])

    @property
    def typical_log_ms(self) -> FloatArray:
        """Draws × candidates: the payloads' medians, averaged by their share."""
        return np.asarray(np.einsum("spj,p->sj", self.log_median, self.payload_share))

    @property
    def tail_excess(self) -> FloatArray:
        """Draws: the tail's mean factor minus 1."""
        return np.asarray(np.exp(self.tail_log_factors).mean(axis=1) - 1)

    @property
    def spread(self) -> FloatArray:
        """Spread of a single invocation in production, over many environments."""
        return np.asarray(np.sqrt(self.noise**2 + self.environment_spread**2))


_BY_DRAW = tuple(each.name for each in fields(Draws) if each.name not in ("payload_share", "quota"))


class Posterior:
    """What is known about durations after some samples; immutable once made."""

    def __init__(self, space: Space, samples: Samples, payload_weights: Sequence[float] = (1.0,)) -> None:
        self._payload_count = len(payload_weights)
        self._payload_share = np.array(payload_weights) / sum(payload_weights)
        self._space = space
        self._samples = samples
        typical = float(np.median(samples.log_ms)) if len(samples.log_ms) else 4.0
        self._centre = typical
        by_cpu_time = shape_log_weights(space, samples, FINE_SHAPE_COUNT)
        self._shape_log_weights = np.zeros(SHAPE_COUNT) if by_cpu_time is None else by_cpu_time
        self._grid = _hyperparameter_grid(
            typical, priors.MISFIT_PRIOR if by_cpu_time is None else priors.MISFIT_PRIOR_WITH_CPU_TIME
        )
        self._sites = sites_of(space, samples)
        self._kernel, self._factor = misfit_kernel(tuple(self._sites.log_memory), priors.MISFIT_LENGTH)
        self._shapes = log_shapes(self._sites.log_memory, len(self._shape_log_weights))
        self._hypotheses = self._outlier_hypotheses()

    def _outlier_hypotheses(self) -> list[_Hypothesis]:
        """Sets of outliers, each as a thin tail and as a second mode; those that are plausible.

        A set grows by the invocations that are most in excess of what the
        others say. Whether it explains the rest is seen only once a slow mode
        is whole, so the path is walked to its end, with few of the shapes.
        """
        warm = ~self._samples.cold
        limit = min(OUTLIER_LIMIT, int(warm.sum() * priors.OUTLIER_SHARE))
        outliers: tuple[int, ...] = ()
        screened = [(self._screen(outliers), outliers)]
        while len(outliers) < limit:
            excess = self._excess(screened[-1][0][0], self._kept(outliers))
            count = min(1 if len(outliers) < 4 else 2, limit - len(outliers))
            worst = np.argsort(-excess)[:count]
            worst = worst[excess[worst] > math.log(1.25)]
            if not len(worst):
                break
            outliers = (*outliers, *(int(row) for row in worst))
            screened.append((self._screen(outliers), outliers))
        scores = [max(log_sum(hypothesis.log_posterior) for hypothesis in pair) for pair, _ in screened]
        best = max(scores)
        return [
            hypothesis
            for score, (_, outliers) in zip(scores, screened, strict=True)
            if score > best - 7
            for hypothesis in self._score(outliers)
        ]

    def _kept(self, outliers: tuple[int, ...]) -> BoolArray:
        kept = np.ones(len(self._samples.log_ms), dtype=np.bool_)
        kept[list(outliers)] = False
        return kept

    def _screen(self, outliers: tuple[int, ...]) -> tuple[_Hypothesis, _Hypothesis]:
        """The same as weighing, by some of the shapes."""
        return self._score(outliers, SCREEN_STRIDE * len(self._shapes) // SHAPE_COUNT)

    def _likeliest(self, log_posterior: FloatArray, shapes: FloatArray, groups: Groups) -> tuple[int, int, FloatArray]:
        """The most probable combination and shape, and what is left of the groups' means under them."""
        combination, shape = divmod(int(np.argmax(log_posterior)), len(shapes))
        residual = groups.mean - self._centre - shapes[shape, groups.site] - priors.COLD_OFFSET * groups.cold
        return combination, shape, residual

    def _excess(self, hypothesis: _Hypothesis, kept: BoolArray) -> FloatArray:
        """How far each kept warm invocation lies above what the others say of it."""
        samples = self._samples
        groups = hypothesis.groups
        combination, _, residual = self._likeliest(hypothesis.log_posterior, hypothesis.shapes, groups)
        inverse = self._inverses(groups, np.array([combination]))[0]
        leave_out = (inverse @ residual) / np.diag(inverse)
        excess = np.full(len(samples.log_ms), -np.inf)
        rows = np.flatnonzero(kept & ~samples.cold)
        of_row = groups.of_row[rows]
        count, inside = groups.count[of_row], samples.log_ms[rows] - groups.mean[of_row]
        # Against the others of the group, whose mean leaves this one out.
        excess[rows] = np.where(count > 1, inside * count / np.maximum(count - 1, 1), leave_out[of_row])
        return excess

    def _excess_of(
        self, outliers: tuple[int, ...], groups: Groups, log_posterior: FloatArray, shapes: FloatArray
    ) -> FloatArray:
        """How far each outlier lies above what the groups say of it."""
        rows = np.array(outliers, dtype=np.int64)
        if not len(rows):
            return np.zeros(0)
        samples, grid = self._samples, self._grid
        combination, shape, residual = self._likeliest(log_posterior, shapes, groups)
        inverse = self._inverses(groups, np.array([combination]))[0]
        environment = samples.environment[rows]
        share = np.zeros((len(rows), len(samples.environment_run)))
        share[np.arange(len(rows)), environment] = 1.0
        outlying = Places(samples.candidate[rows], share, samples.environment_run[environment], samples.payload[rows])
        fixed, kernel, same_environment = self._between(outlying, groups)
        shared = fixed + grid.misfit[combination] ** 2 * kernel + grid.environment[combination] ** 2 * same_environment
        expected = self._centre + shapes[shape, outlying.site] + shared @ (inverse @ residual)
        return np.asarray(samples.log_ms[rows] - expected)

    def _between(self, left: Places, right: Places) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Covariances of two sets of places: what no spread scales, the misfit's unit one, the environment's."""
        other = self._sites.other_architecture
        kernel = self._kernel[np.ix_(left.site, right.site)]
        both_other = np.outer(other[left.site], other[right.site])
        fixed = priors.LEVEL_VARIANCE + both_other * (
            priors.ARCHITECTURE_VARIANCE + priors.ARCHITECTURE_MISFIT_VARIANCE * kernel
        )
        fixed = fixed + self._samples.run_covariance[np.ix_(left.run, right.run)]
        if self._payload_count > 1:
            same_payload = left.payload[:, None] == right.payload[None, :]
            fixed = fixed + same_payload * (priors.PAYLOAD_LEVEL_VARIANCE + priors.PAYLOAD_MISFIT_VARIANCE * kernel)
        same_environment = left.environment_share @ right.environment_share.T
        return fixed, kernel, same_environment

    def _inverses(self, groups: Groups, combinations: IntArray) -> FloatArray:
        """Inverse covariance of the groups' means, for some combinations."""
        whiten = np.linalg.inv(np.linalg.cholesky(self._covariance(groups, combinations)))
        return np.asarray(np.swapaxes(whiten, 1, 2) @ whiten)

    def _covariance(self, groups: Groups, combinations: IntArray | slice) -> FloatArray:
        """Covariance of the groups' means, for some combinations."""
        grid = self._grid
        cold = groups.cold.astype(np.float64)
        fixed, kernel, shared = self._between(groups, groups)
        fixed = fixed + priors.COLD_OFFSET_VARIANCE * np.outer(cold, cold) + priors.COLD_NOISE_VARIANCE * np.diag(cold)
        fixed = fixed + groups.error_covariance
        return np.asarray(
            fixed[None]
            + (grid.misfit[combinations] ** 2)[:, None, None] * kernel[None]
            + (grid.environment[combinations] ** 2)[:, None, None] * shared[None]
            + (grid.noise[combinations] ** 2)[:, None, None] * np.diag(1 / groups.count)[None]
        )

    def _score(self, outliers: tuple[int, ...], stride: int = 1) -> tuple[_Hypothesis, _Hypothesis]:
        """A set of outliers as a thin tail, and as a second mode; by every *stride*-th shape."""
        shapes, shape_log_weights = self._shapes[::stride], self._shape_log_weights[::stride]
        kept = self._kept(outliers)
        groups = group(self._samples, kept, self._sites)
        grid = self._grid
        size = len(groups.mean)
        if size == 0:
            prior = grid.log_prior[:, None] + shape_log_weights[None, :]
            return (
                _Hypothesis(outliers, groups, prior + math.log(1 - priors.SECOND_MODE_PRIOR), shapes),
                _Hypothesis(outliers, groups, prior + math.log(priors.SECOND_MODE_PRIOR), shapes, second_mode=True),
            )
        residual = groups.mean - self._centre - shapes[:, groups.site] - priors.COLD_OFFSET * groups.cold
        log_posterior = np.empty((len(grid.noise), len(shapes)))
        for some in slices(len(grid.noise), size * max(size, len(shapes)), FEW_MEGABYTES):
            factor = np.linalg.cholesky(self._covariance(groups, some))
            square = np.linalg.inv(factor) @ residual.T
            quadratic = np.einsum("chs,chs->cs", square, square)
            log_determinant = 2 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
            log_posterior[some] = -0.5 * (quadratic + log_determinant[:, None] + size * math.log(2 * math.pi))
        variance = grid.noise**2
        inside = -0.5 * groups.within_count * np.log(2 * math.pi * variance) - groups.within / (2 * variance)
        inside = inside - 0.5 * float(np.log(groups.count[~groups.cold]).sum())
        for square_sum, free_count, mean_inverse_count in groups.between:
            scatter = grid.environment**2 + variance * mean_inverse_count
            inside = inside - 0.5 * (free_count * np.log(2 * math.pi * scatter) + square_sum / scatter)
        log_posterior = log_posterior + (grid.log_prior + inside)[:, None] + shape_log_weights[None, :]
        spread = np.sqrt(2 * grid.noise**2 + grid.environment**2)
        count, warm_count = len(outliers), self._samples.warm_count
        thin = math.log(1 - priors.SECOND_MODE_PRIOR) + _log_share_likelihood(priors.THIN_TAIL, count, warm_count)
        mode = math.log(priors.SECOND_MODE_PRIOR) + _log_share_likelihood(priors.SECOND_MODE, count, warm_count)
        excess = tuple(self._excess_of(outliers, groups, log_posterior, shapes))
        each = sum((_log_outlier_density(above, spread) for above in excess), np.zeros(len(spread)))
        together = _log_mode_density(excess, spread)
        return (
            _Hypothesis(outliers, groups, log_posterior + (thin + each)[:, None], shapes, excess),
            _Hypothesis(outliers, groups, log_posterior + (mode + together)[:, None], shapes, excess, True),
        )

    def _weights(self, groups: Groups, combination: IntArray, residual: FloatArray) -> FloatArray:
        """Draws × groups: each draw's residual by the inverse covariance of its combination."""
        result = np.empty_like(residual)
        # Draws of one combination stand together: few inverses are needed at once.
        for some in slices(len(residual), residual.shape[1] ** 2, FEW_MEGABYTES):
            distinct, position = np.unique(combination[some], return_inverse=True)
            inverse = self._inverses(groups, distinct)
            result[some] = np.einsum("sgh,sh->sg", inverse[position], residual[some])
        return result

    def draw(self, count: int, generator: np.random.Generator) -> Draws:
        """*count* joint draws of the curve, the noise and the environments."""
        logs = np.array([log_sum(hypothesis.log_posterior) for hypothesis in self._hypotheses])
        of_hypothesis = resample(logs, count, generator)
        parts = [
            self._draw_under(hypothesis, int((of_hypothesis == index).sum()), generator)
            for index, hypothesis in enumerate(self._hypotheses)
            if (of_hypothesis == index).any()
        ]
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _BY_DRAW}
        return Draws(payload_share=self._payload_share, quota=None, **joined)

    @property
    def log_evidence(self) -> float:
        """Logarithm of the probability (density) of the durations under this model, given the CPU times."""
        seen = np.concatenate([hypothesis.log_posterior.ravel() for hypothesis in self._hypotheses])
        return log_sum(seen) - log_sum(self._grid.log_prior) - log_sum(self._shape_log_weights)

    def _draw_under(self, hypothesis: _Hypothesis, count: int, generator: np.random.Generator) -> Draws:
        grid, sites, groups = self._grid, self._sites, hypothesis.groups
        picked = resample(hypothesis.log_posterior.ravel(), count, generator)
        combination, shape = np.divmod(picked, len(self._shapes))
        misfit, noise = grid.misfit[combination], grid.noise[combination]
        environment_spread = grid.environment[combination]

        size = len(self._space.candidates)
        payloads = self._payload_count
        level = math.sqrt(priors.LEVEL_VARIANCE) * generator.standard_normal((count, 1))
        architecture = math.sqrt(priors.ARCHITECTURE_VARIANCE) * generator.standard_normal(count)
        rank = self._factor.shape[1]
        smooth = generator.standard_normal((count, rank)) @ self._factor.T
        own = generator.standard_normal((count, rank)) @ self._factor.T
        cold_offset = math.sqrt(priors.COLD_OFFSET_VARIANCE) * generator.standard_normal(count)
        environment = environment_spread[:, None] * generator.standard_normal(
            (count, len(self._samples.environment_candidate))
        )
        covariance = self._samples.run_covariance
        run_shift = np.zeros((count, len(covariance)))
        if len(covariance) > 1:
            run_factor = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(covariance)))
            run_shift = generator.standard_normal(run_shift.shape) @ run_factor.T
        other = sites.other_architecture
        common = other * (architecture[:, None] + math.sqrt(priors.ARCHITECTURE_MISFIT_VARIANCE) * own)
        common = common + misfit[:, None] * smooth
        curve = np.repeat((level + common)[:, None, :], payloads, axis=1)
        if payloads > 1:
            curve += math.sqrt(priors.PAYLOAD_LEVEL_VARIANCE) * generator.standard_normal((count, payloads, 1))
            apart = generator.standard_normal((count, payloads, rank)) @ self._factor.T
            apart *= math.sqrt(priors.PAYLOAD_MISFIT_VARIANCE)
            curve += apart
            del apart
        if len(groups.mean):
            cold = groups.cold.astype(np.float64)
            scatter = np.sqrt(noise[:, None] ** 2 / groups.count + priors.COLD_NOISE_VARIANCE * cold)
            simulated = (
                curve[:, groups.payload, groups.site]
                + environment @ groups.environment_share.T
                + run_shift[:, groups.run]
                + cold_offset[:, None] * cold
                + scatter * generator.standard_normal((count, len(groups.mean)))
            )
            if groups.error.any():
                both = generator.standard_normal((count, 1)) + generator.standard_normal((count, len(groups.mean)))
                simulated = simulated + math.sqrt(0.5) * groups.error * both
            residual = (
                groups.mean - self._centre - self._shapes[shape][:, groups.site] - priors.COLD_OFFSET * cold - simulated
            )
            weight = self._weights(groups, combination, residual)
            kernel = self._kernel[:, groups.site]
            outer = np.outer(other, other[groups.site])
            shared = priors.LEVEL_VARIANCE + outer * (
                priors.ARCHITECTURE_VARIANCE + priors.ARCHITECTURE_MISFIT_VARIANCE * kernel
            )
            curve += (weight @ shared.T + (misfit**2)[:, None] * (weight @ kernel.T))[:, None, :]
            for payload in range(payloads if payloads > 1 else 0):
                of_it = weight * (groups.payload == payload)
                curve[:, payload] += priors.PAYLOAD_LEVEL_VARIANCE * of_it.sum(axis=1, keepdims=True)
                curve[:, payload] += priors.PAYLOAD_MISFIT_VARIANCE * (of_it @ kernel.T)
            cold_offset = cold_offset + priors.COLD_OFFSET_VARIANCE * (weight @ cold)
            run_shift = run_shift + weight @ covariance[groups.run]
            environment = environment + (environment_spread**2)[:, None] * (weight @ groups.environment_share)
        curve += self._centre + self._shapes[shape][:, None, :]
        a, b = priors.SECOND_MODE if hypothesis.second_mode else priors.THIN_TAIL
        outliers = len(hypothesis.outliers)
        tail_log_factors = np.tile(np.log(priors.TAIL_FACTORS), (count, 1))
        if hypothesis.second_mode:
            tail_log_factors = _draw_mode(hypothesis.excess, noise, environment_spread, generator)
        tail_share = generator.beta(a + outliers, b + self._samples.warm_count - outliers, size=count)
        # Between the grid's points: the true spread is continuous.
        between = np.exp((generator.random(count) - 0.5) * math.log(priors.NOISE_SPREADS[1] / priors.NOISE_SPREADS[0]))
        return Draws(
            log_median=curve[..., :size],
            payload_share=self._payload_share,
            noise=noise * between,
            environment_spread=environment_spread,
            tail_share=tail_share,
            tail_log_factors=tail_log_factors,
            environment=environment,
            cold_offset=priors.COLD_OFFSET + cold_offset,
            run_shift=run_shift,
        )


def _log_outlier_density(excess: float, spread: FloatArray) -> FloatArray:
    """Density of an outlier's excess: its own, uniform in log, and the core's noise on top."""
    low, high = priors.OUTLIER_RANGE
    inside = normal_cdf((excess - low) / spread) - normal_cdf((excess - high) / spread)
    return np.asarray(np.log(np.maximum(inside, 1e-12) / (high - low)))


def _log_share_likelihood(prior: tuple[float, float], count: int, of: int) -> float:
    """Probability of *count* outliers among *of*, in one order, the share integrated out: a Beta function's ratio."""
    a, b = prior
    return (
        math.lgamma(a + count) - math.lgamma(a) + math.lgamma(b + of - count) - math.lgamma(b)
        + math.lgamma(a + b) - math.lgamma(a + b + of)
    )  # fmt: skip


def _log_mode_density(excess: tuple[float, ...], spread: FloatArray) -> FloatArray:
    """Density of the excesses of a second mode: one factor for all, uniform in log, and the core's noise on top."""
    low, high = priors.MODE_RANGE
    result: FloatArray = np.zeros(len(spread))
    if not excess:
        return result
    count, mean = len(excess), sum(excess) / len(excess)
    scatter = sum((above - mean) ** 2 for above in excess)
    width = spread / math.sqrt(count)
    inside = normal_cdf((mean - low) / width) - normal_cdf((mean - high) / width)
    result = np.log(np.maximum(inside, 1e-12) / (high - low)) - 0.5 * math.log(count)
    result -= (count - 1) * np.log(spread * math.sqrt(2 * math.pi)) + scatter / (2 * spread**2)
    return result


def _draw_mode(
    excess: tuple[float, ...], noise: FloatArray, environment_spread: FloatArray, generator: np.random.Generator
) -> FloatArray:
    """Draws × factors: the second mode's factor in log, the same in every column."""
    low, high = priors.MODE_RANGE
    count = len(noise)
    if excess:
        width = np.sqrt((2 * noise**2 + environment_spread**2) / len(excess))
        drawn = sum(excess) / len(excess) + width * generator.standard_normal(count)
        drawn = np.clip(drawn, low, high + 1.0)
    else:
        drawn = low + (high - low) * generator.random(count)
    return np.repeat(drawn[:, None], len(priors.TAIL_FACTORS), axis=1)
