"""The second family of hypotheses: functions whose bursts of CPU are so short that Lambda's quota shows.

A hypothesis is in absolute milliseconds: CPU time and waiting in some pieces,
threads, and how the handler's starts are spread over the quota's period
(``cpu_quota.py``). It gives every size a distribution of its own: narrow on a
step, two modes a period apart beside an edge. What the mechanism leaves open is
a misfit in log, larger where the modes are apart.

Hypotheses are particles. Some thousand are proposed from the data, each with
its prior over the density it was proposed by; their likelihood is first
approximated by moments, then computed as a mixture for those that are left. The
mean of their weights is the evidence that decides between this family and the
smooth one (``posterior.py``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tuner.core.search import priors
from tuner.core.search.cpu_quota import Handlers, durations_ms
from tuner.core.search.samples import Samples
from tuner.core.search.sampling import log_sum, misfit_kernel, resample
from tuner.core.search.space import FEW_MEGABYTES, BoolArray, FloatArray, IntArray, Space, slices

CPU_TIMES_PROPOSED = 100
PROPOSED_PER_WAITS = 3
"""Proposals for each CPU time and number of waits."""
PARTICLES = 96
DISTINCT_DRAWS = 96
MOVES = 2
LEAST_EFFECTIVE = 30
"""How many particles count after each step of the likelihood's power, at least."""
_PIECES = 1 + max(priors.QUOTA_WAITS)
_STARTS_MS = np.array(priors.QUOTA_STARTS_MS)
_ENVIRONMENT_LOG_CPU = np.array([-priors.QUOTA_ENVIRONMENT, priors.QUOTA_ENVIRONMENT, *priors.QUOTA_OTHER_HOSTS])
"""Kinds of environments: two on the usual host, one on each of the others; their CPU time over the usual, in log …"""
_USUAL = 2
_ENVIRONMENT_SHARES = np.array([(1 - sum(priors.QUOTA_OTHER_SHARES)) / _USUAL] * _USUAL + [*priors.QUOTA_OTHER_SHARES])
"""… and how many are of each."""
_JITTER_NODES = np.array([-0.6, 0.6, 0.0, 0.0])
"""How much more CPU time and waiting an invocation has in each, in spreads; the rest is the width of a normal."""
_POWER_STEPS = (1.0, 0.8, 0.65, 0.5, 0.35, 0.25, 0.15, 0.08, 0.04, 0.02)
_NOTHING = 1e-9
_ENOUGH_CPU_TIMES = 3
"""To tell how much they scatter."""
_WAIT_SPREADS = (0.06, 0.25)
"""Of the duration at full speed around its sample: how waits are proposed."""
_MISFIT_NODES, _MISFIT_WEIGHTS = (-1.7320508, 0.0, 1.7320508), (1 / 6, 2 / 3, 1 / 6)


@dataclass(frozen=True)
class _Particles:
    """Hypotheses as parallel arrays."""

    log_cpu_ms: FloatArray
    cpu_share: FloatArray
    """Particles × pieces: parts of the CPU time, up to a factor."""
    wait_ms: FloatArray
    wait_share: FloatArray
    """Particles × pieces: parts of the waiting, up to a factor; each wait comes before its piece's CPU time."""
    parallel_share: FloatArray
    """Of the CPU time, what two threads do side by side."""
    starts: FloatArray
    """Particles × starts: how often an invocation starts at each."""
    jitter: FloatArray
    """Spread of one invocation's CPU time, in log."""
    wait_jitter: FloatArray
    """Spread of one invocation's waits, in log."""
    misfit: FloatArray
    other_speed: FloatArray
    """CPU time on the other architecture over that on the current one, in log."""
    log_weight: FloatArray
    """Prior over the density of the proposal."""

    def __getitem__(self, rows: IntArray) -> _Particles:
        return _Particles(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    def __len__(self) -> int:
        return len(self.wait_ms)

    def where(self, chosen: BoolArray, other: _Particles) -> _Particles:
        """These where *chosen*, else the others."""

        def pick(name: str) -> FloatArray:
            own = getattr(self, name)
            return np.asarray(np.where(chosen.reshape(-1, *(1,) * (own.ndim - 1)), own, getattr(other, name)))

        return _Particles(**{name: pick(name) for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class _Parts:
    """A warm invocation's distribution in each kind of environment: a part for each start."""

    log_ms: FloatArray
    """Particles × environments × sites × parts."""
    weights: FloatArray
    """Particles × parts."""
    width: FloatArray
    """Particles × environments × sites × parts: spread within a part."""

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the logarithm on the usual host: particles × sites."""
        share = self.weights[:, None, None, :] / _USUAL
        usual = self.log_ms[:, :_USUAL]
        mean = (share * usual).sum(axis=(1, 3))
        apart = (usual - mean[:, None, :, None]) ** 2 + self.width[:, :_USUAL] ** 2
        return mean, (share * apart).sum(axis=(1, 3))


@dataclass(frozen=True)
class QuotaDraws:
    """Joint draws of this family: every row is one world, and several may be of the same.

    Arrays are worlds × candidates. None has the tail in it.
    """

    world: IntArray
    """Which world each draw is of."""
    cpu_ms: FloatArray
    """CPU time of an invocation in each world, at full speed."""
    log_centre: FloatArray
    """Mean of the logarithm of a warm invocation's duration, over its starts."""
    spread: FloatArray
    """Standard deviation of that logarithm."""
    mean_ms: FloatArray
    atoms_log_ms: FloatArray
    """Worlds × candidates × atoms of a size's distribution …"""
    atom_share: FloatArray
    """… and how many of the invocations each stands for: worlds × atoms."""

    @cached_property
    def _ordered(self) -> tuple[FloatArray, FloatArray]:
        """The atoms, ascending, and the share of the invocations up to the middle of each."""
        order = np.argsort(self.atoms_log_ms, axis=2)
        share = np.take_along_axis(np.broadcast_to(self.atom_share[:, None], order.shape), order, 2)
        return np.take_along_axis(self.atoms_log_ms, order, 2), np.cumsum(share, axis=2) - 0.5 * share

    def log_quantile(self, share: FloatArray) -> FloatArray:
        """Draws × candidates: the logarithm of a quantile, *share* one a draw; shares of a world must not be far apart.

        It is read at the middle of each world's shares.
        """
        ordered_log_ms, below = self._ordered
        of_world = np.array([float(np.median(share[self.world == world])) for world in range(len(below))])
        right = np.minimum((below < of_world[:, None, None]).sum(axis=2), below.shape[2] - 1)[..., None]
        left = np.maximum(right - 1, 0)
        low, high = (np.take_along_axis(below, at, 2)[..., 0] for at in (left, right))
        low_ms, high_ms = (np.take_along_axis(ordered_log_ms, at, 2)[..., 0] for at in (left, right))
        way = np.clip((of_world[:, None] - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
        return np.asarray((low_ms + way * (high_ms - low_ms))[self.world])


class QuotaPosterior:
    """What is known of a short function after some samples; immutable once made."""

    def __init__(self, space: Space, samples: Samples, generator: np.random.Generator) -> None:
        self._space = space
        self._samples = samples
        self._memory_mb = np.exp(space.log_memory)
        self._warm = ~samples.cold
        self._sites = np.unique(samples.candidate)
        self._cpu_time = _CpuTime.of(samples)
        particles, log_weights, self.log_evidence = self._first(generator)
        power, likelihood = 0.0, self._log_likelihood(particles)
        # From the rough likelihood to the whole one, by powers of it that leave enough particles with a weight.
        while power < 1:
            step = _next_power(log_weights, likelihood, 1 - power, LEAST_EFFECTIVE)
            log_weights = log_weights + step * likelihood
            power += step
            self.log_evidence += log_sum(log_weights) - math.log(PARTICLES)
            chosen = resample(log_weights, PARTICLES, generator)
            particles, likelihood, log_weights = particles[chosen], likelihood[chosen], np.zeros(PARTICLES)
            particles, likelihood = self._moved(particles, likelihood, power, generator)
        self._particles = particles

    def _first(self, generator: np.random.Generator) -> tuple[_Particles, FloatArray, float]:
        """Particles by the rough likelihood, their weights without any, and the logarithm of what both leave out."""
        proposed = self._propose(generator)
        rough = self._rough_log_likelihood(proposed)
        power = _next_power(proposed.log_weight, rough, 1.0, PARTICLES)
        weights = proposed.log_weight + power * rough
        rows = resample(weights, PARTICLES, generator)
        return proposed[rows], -power * rough[rows], log_sum(weights)

    def _moved(
        self, particles: _Particles, likelihood: FloatArray, power: float, generator: np.random.Generator
    ) -> tuple[_Particles, FloatArray]:
        """Some steps of Metropolis for each particle, so that copies of one become neighbours; and their likelihood."""
        for _ in range(MOVES if power >= 1 else 1):
            trial, log_ratio = _step(particles, generator)
            of_trial = np.full(PARTICLES, -np.inf)
            allowed = np.flatnonzero(np.isfinite(log_ratio))
            of_trial[allowed] = self._log_likelihood(trial[allowed])
            accepted = np.log(generator.random(PARTICLES)) < power * (of_trial - likelihood) + log_ratio
            particles = trial.where(accepted, particles)
            likelihood = np.where(accepted, of_trial, likelihood)
        return particles, likelihood

    def _propose(self, generator: np.random.Generator) -> _Particles:
        """CPU times evenly in log; waits so that the largest size that ran takes what it took."""
        low, high = self._cpu_range()
        kinds = np.array([0, *priors.QUOTA_WAITS])
        log_cpu = np.repeat(np.linspace(low, high, CPU_TIMES_PROPOSED), PROPOSED_PER_WAITS * len(kinds))
        count = len(log_cpu)
        waits = np.tile(np.repeat(kinds, PROPOSED_PER_WAITS), CPU_TIMES_PROPOSED)
        cpu_share, wait_share = _draw_shares(waits, generator)
        particles = _Particles(
            log_cpu_ms=log_cpu + (high - low) / CPU_TIMES_PROPOSED * (generator.random(count) - 0.5),
            cpu_share=cpu_share,
            wait_ms=np.zeros(count),
            wait_share=wait_share,
            parallel_share=_draw_parallel(count, generator),
            starts=_draw_starts(count, generator),
            jitter=generator.choice(priors.QUOTA_JITTERS, count),
            wait_jitter=generator.choice(priors.QUOTA_WAIT_JITTERS, count),
            misfit=generator.choice(priors.QUOTA_MISFITS, count),
            other_speed=math.sqrt(priors.ARCHITECTURE_VARIANCE) * generator.standard_normal(count),
            log_weight=np.zeros(count),
        )
        wait_ms, log_density = self._propose_waits(particles, generator)
        least, most = priors.QUOTA_WAIT_MS
        possible = (waits == 0) | ((wait_ms > least) & (wait_ms < most))
        wait_ms = np.where((waits > 0) & possible, wait_ms, 0.0)
        log_prior = -np.log(np.maximum(wait_ms, least)) - math.log(math.log(most / least))
        of_kind = np.where(waits > 0, (1 - priors.QUOTA_NO_WAIT) / len(priors.QUOTA_WAITS), priors.QUOTA_NO_WAIT)
        log_weight = np.log(of_kind * len(kinds)) + np.where(waits > 0, log_prior - log_density, 0.0)
        whole_low, whole_high = np.log(priors.QUOTA_CPU_MS)
        log_weight = log_weight + math.log((high - low) / (whole_high - whole_low)) - math.log(count)
        return replace(particles, wait_ms=wait_ms, log_weight=log_weight)[np.flatnonzero(possible)]

    def _cpu_range(self) -> tuple[float, float]:
        """Of the CPU time's logarithm, where the data leave anything: two threads at most ran all of the time."""
        low, high = np.log(priors.QUOTA_CPU_MS)
        fastest = float(self._samples.log_ms[self._warm].min())
        high = min(max(fastest + math.log(2.5), low + 0.5), high)
        if self._cpu_time.spreads:
            centre, reach = self._cpu_time.log_ms, 4 * max(self._cpu_time.spreads)
            low, high = max(low, min(centre - reach, high - 0.1)), min(high, max(centre + reach, low + 0.1))
        return low, high

    def _propose_waits(self, particles: _Particles, generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """What is left of the largest size's duration, or less than nothing, with the log density of the proposal."""
        count = len(particles)
        sites = self._samples.candidate[self._warm]
        reference = int(sites[np.argmax(self._space.log_memory[sites])])
        own = self._samples.log_ms[self._warm & (self._samples.candidate == reference)]
        # The lower middle: a slow outlier is as likely as not the only other one.
        centre = float(np.sort(own)[(len(own) - 1) // 2])
        spreads = np.array(_WAIT_SPREADS)
        wanted = centre + generator.choice(spreads, count) * generator.standard_normal(count)
        each = -0.5 * ((wanted[:, None] - centre) / spreads) ** 2 - np.log(spreads * math.sqrt(2 * math.pi))
        log_density = np.logaddexp.reduce(each, axis=1) - math.log(len(spreads)) - wanted
        computing_ms = self._durations_ms(particles, np.array([reference]), starts_ms=_STARTS_MS[:1])
        return np.exp(wanted) - computing_ms[:, 0, 0], log_density

    def _durations_ms(
        self,
        particles: _Particles,
        sites: IntArray,
        log_speed: FloatArray | float = 0.0,
        waits: FloatArray | float = 1.0,
        starts_ms: FloatArray = _STARTS_MS,
    ) -> FloatArray:
        """Particles × sites × starts, with this much more CPU time, in log, and so many times the waiting."""
        result = np.empty((len(particles), len(sites), len(starts_ms)))
        for other in (0.0, 1.0):
            of_it = np.flatnonzero(self._space.other_architecture[sites] == other)
            if not len(of_it):
                continue
            cpu_ms = np.exp(particles.log_cpu_ms + log_speed + other * particles.other_speed)
            handlers = Handlers(
                _shares(particles.wait_share) * (particles.wait_ms * waits)[:, None],
                _shares(particles.cpu_share) * cpu_ms[:, None],
                particles.parallel_share,
            )
            result[:, of_it] = durations_ms(handlers, self._memory_mb[sites[of_it]], starts_ms)
        return result

    def _misfit_variance(self, particles: _Particles, variance: FloatArray) -> FloatArray:
        """Of a size's mean: more where its modes are apart, since how often each is met is not known."""
        return particles.misfit[:, None] ** 2 + (priors.QUOTA_EDGE_MISFIT**2) * variance

    def _rough_log_likelihood(self, particles: _Particles) -> FloatArray:
        """Of all samples, on the usual host, at the first two starts, and as if each had a misfit of its own."""
        samples, warm, sites = self._samples, self._warm, self._sites
        each_ms = self._durations_ms(particles, sites, starts_ms=_STARTS_MS[:2])
        log_ms = np.log(each_ms)
        starts = np.stack([particles.starts[:, 0], 1 - particles.starts[:, 0]], axis=1)
        position = np.searchsorted(sites, samples.candidate[warm])
        counts = np.bincount(position, minlength=len(sites))
        # So that the mean of a size's samples scatters as much as the misfit allows.
        shared = particles.misfit[:, None] ** 2 + priors.QUOTA_ENVIRONMENT**2
        width = np.sqrt(_own_variance(particles, each_ms) + (shared * counts)[..., None])
        residual = samples.log_ms[warm][None, :, None] - log_ms[:, position]
        density = np.exp(-0.5 * (residual / width[:, position]) ** 2) / (width[:, position] * math.sqrt(2 * math.pi))
        core = np.einsum("psk,pk->ps", density, starts)
        mean = np.einsum("psk,pk->ps", log_ms, starts)
        tail = _tail_density(samples.log_ms[warm][None, :] - mean[:, position])
        result = np.log((1 - priors.QUOTA_TAIL) * core + tail).sum(axis=1)
        return np.asarray(
            result + self._cold_log_likelihood(mean) + self._cpu_time.log_likelihood(particles.log_cpu_ms)
        )

    def _cold_log_likelihood(self, mean: FloatArray) -> FloatArray:
        """Of cold samples: one offset for all of them, and noise of their own."""
        rows = np.flatnonzero(self._samples.cold)
        if not len(rows):
            return np.zeros(len(mean))
        position = np.searchsorted(self._sites, self._samples.candidate[rows])
        residual = self._samples.log_ms[rows][None, :] - mean[:, position] - priors.COLD_OFFSET
        size = len(rows)
        covariance = priors.COLD_OFFSET_VARIANCE + (priors.COLD_NOISE_VARIANCE + 0.01) * np.eye(size)
        factor = np.linalg.cholesky(covariance)
        square = np.linalg.solve(factor, residual.T)
        return np.asarray(
            -0.5 * (square**2).sum(axis=0) - np.log(np.diag(factor)).sum() - 0.5 * size * math.log(2 * math.pi)
        )

    def _parts(self, particles: _Particles, sites: IntArray) -> _Parts:
        count, kinds = len(particles), len(_ENVIRONMENT_SHARES)
        each = particles[np.tile(np.arange(count), kinds)]
        node = np.repeat(_JITTER_NODES, count)
        log_speed = np.repeat(_ENVIRONMENT_LOG_CPU, count) + node * each.jitter
        each_ms = self._durations_ms(each, sites, log_speed, np.exp(node * each.wait_jitter))
        width = np.sqrt(_own_variance(each, each_ms, np.sqrt(1 - node**2)))
        log_ms, width = (
            table.reshape(kinds, count, len(sites), -1).transpose(1, 0, 2, 3) for table in (np.log(each_ms), width)
        )
        return _Parts(log_ms, particles.starts, width)

    def _log_likelihood(self, particles: _Particles) -> FloatArray:
        """Of all samples, as mixtures over starts, environments and the misfit of each size."""
        samples = self._samples
        parts = self._parts(particles, self._sites)
        mean, variance = parts.moments()
        spread = np.sqrt(self._misfit_variance(particles, variance))
        result = self._cold_log_likelihood(mean) + self._cpu_time.log_likelihood(particles.log_cpu_ms)
        nodes = np.array(_MISFIT_NODES)
        for position, site in enumerate(self._sites):
            rows = np.flatnonzero(self._warm & (samples.candidate == site))
            if not len(rows):
                continue
            off = spread[:, position, None] * nodes[None, :]
            of_site = np.zeros((len(spread), len(nodes)))
            log_ms, width = parts.log_ms[:, :, position], parts.width[:, :, position]
            for environment in np.unique(samples.environment[rows]):
                each = samples.log_ms[rows[samples.environment[rows] == environment]]
                of_kind = np.repeat(np.log(_ENVIRONMENT_SHARES[None, :, None]), len(spread), axis=0)
                for some in slices(len(each), log_ms.size * len(nodes), FEW_MEGABYTES):
                    of_kind = of_kind + _of_samples(each[some], off, log_ms, parts.weights, width, mean[:, position])
                of_site += np.logaddexp.reduce(of_kind, axis=1)
            result = result + np.logaddexp.reduce(of_site + np.log(_MISFIT_WEIGHTS)[None, :], axis=1)
        return np.asarray(result)

    def draw(self, count: int, generator: np.random.Generator) -> QuotaDraws:
        """*count* joint draws, of DISTINCT_DRAWS worlds, each with misfits of its own."""
        particles = self._particles[_spread_over(min(count, DISTINCT_DRAWS), PARTICLES)]
        number, size = len(particles), len(self._memory_mb)
        moments = np.empty((2, number, size))
        atoms = np.empty((number, size, len(_ENVIRONMENT_SHARES) * 2 * len(_STARTS_MS)))
        for some in slices(size, number * atoms.shape[2], FEW_MEGABYTES):
            parts = self._parts(particles, np.arange(size)[some])
            moments[:, :, some] = parts.moments()
            # The width of a part as two atoms.
            both = np.concatenate([parts.log_ms - parts.width, parts.log_ms + parts.width], axis=3)
            atoms[:, some] = both.transpose(0, 2, 1, 3).reshape(number, both.shape[2], -1)
        mean, variance = moments
        atoms += self._draw_misfit(particles, mean, variance, generator)[..., None]
        weights = np.tile(parts.weights, (1, 2)) / 2
        share = (_ENVIRONMENT_SHARES[:, None] * weights[:, None, :]).reshape(number, -1)
        centre = np.einsum("wsp,wp->ws", atoms, share)
        square = np.einsum("wsp,wp->ws", atoms**2, share)
        return QuotaDraws(
            world=_spread_over(count, number),
            cpu_ms=np.exp(particles.log_cpu_ms),
            log_centre=centre,
            spread=np.sqrt(np.maximum(square - centre**2, priors.QUOTA_OWN_NOISE**2)),
            mean_ms=np.einsum("wsp,wp->ws", np.exp(atoms), share),
            atoms_log_ms=atoms,
            atom_share=share,
        )

    def _draw_misfit(
        self, particles: _Particles, mean: FloatArray, variance: FloatArray, generator: np.random.Generator
    ) -> FloatArray:
        """Worlds × candidates: how far each size's mean lies from the mechanism's, given the samples."""
        kernel, factor = misfit_kernel(tuple(self._space.log_memory), priors.QUOTA_MISFIT_LENGTH)
        scale = np.sqrt(self._misfit_variance(particles, variance))
        free = scale * (generator.standard_normal((len(scale), factor.shape[1])) @ factor.T)
        sites = np.unique(self._samples.candidate[self._warm])
        seen, noise = np.empty((len(scale), len(sites))), np.empty((len(scale), len(sites)))
        for position, site in enumerate(sites):
            rows = np.flatnonzero(self._warm & (self._samples.candidate == site))
            at_site = self._samples.log_ms[rows]
            inside = at_site[at_site < np.median(at_site) + 0.6]
            seen[:, position] = inside.mean() - mean[:, site]
            environments = len(np.unique(self._samples.environment[rows]))
            noise[:, position] = variance[:, site] / len(inside) + priors.QUOTA_ENVIRONMENT**2 / environments
        covariance = scale[:, sites, None] * kernel[np.ix_(sites, sites)][None] * scale[:, None, sites]
        covariance = covariance + noise[:, :, None] * np.eye(len(sites))[None]
        residual = seen - free[:, sites] - np.sqrt(noise) * generator.standard_normal(noise.shape)
        # Matheron's rule: a draw of the prior, moved by what the samples say against it.
        weight = np.linalg.solve(covariance, residual[..., None])[..., 0] * scale[:, sites]
        return np.asarray(free + scale * (weight @ kernel[sites]))


@dataclass(frozen=True)
class _CpuTime:
    """The CPU time of a warm invocation as it was observed, if it was."""

    log_ms: float = 0.0
    spreads: tuple[float, ...] = ()
    """How far off it may be, in log: equally likely; none if there is no CPU time."""

    @classmethod
    def of(cls, samples: Samples) -> _CpuTime:
        known = ~samples.cold & (samples.cpu_ratio > 0)
        if not known.any():
            return cls()
        log_cpu_ms = np.log(samples.cpu_ratio[known]) + samples.log_ms[known]
        few = len(log_cpu_ms) < _ENOUGH_CPU_TIMES
        scatter = priors.CPU_SCATTER if few else max(float(log_cpu_ms.std()), priors.QUOTA_OWN_NOISE)
        own = scatter / math.sqrt(len(log_cpu_ms))
        return cls(float(np.median(log_cpu_ms)), tuple(math.hypot(error, own) for error in priors.QUOTA_CPU_ERRORS))

    def log_likelihood(self, log_cpu_ms: FloatArray) -> FloatArray | float:
        """Of the CPU times that were observed, over what they are likely anyway: the evidence is of durations alone."""
        if not self.spreads:
            return 0.0
        spread = np.array(self.spreads)
        each = -0.5 * ((log_cpu_ms[:, None] - self.log_ms) / spread) ** 2 - np.log(spread * math.sqrt(2 * math.pi))
        low, high = np.log(priors.QUOTA_CPU_MS)
        return np.asarray(np.logaddexp.reduce(each, axis=1) - math.log(len(spread)) + math.log(high - low))


def _next_power(log_weights: FloatArray, likelihood: FloatArray, most: float, least_effective: float) -> float:
    """How far the likelihood's power can grow, *most* at most, while so many particles count."""
    steps = most * np.array(_POWER_STEPS)
    trials = log_weights + steps[:, None] * likelihood
    weights = np.exp(trials - trials.max(axis=1, keepdims=True))
    effective = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    enough = np.flatnonzero(effective >= least_effective)
    return float(steps[enough[0] if len(enough) else np.argmax(effective)])


def _step(particles: _Particles, generator: np.random.Generator) -> tuple[_Particles, FloatArray]:
    """A neighbour of each particle, and the log ratio of prior and proposal; minus infinity where it has no prior."""
    count = len(particles)
    redrawn = generator.random((5, count)) < 0.2
    waits = particles.wait_ms > 0
    log_wait = np.log(np.where(waits, particles.wait_ms, 1.0))
    # A third of the steps go along the line between two others, a third keep what the function takes at full speed.
    kind = generator.integers(0, 3, count)
    one, other = generator.integers(0, count, (2, count))
    along = 0.6 * generator.standard_normal(count)
    cpu = np.where(kind == 0, along * (particles.log_cpu_ms[one] - particles.log_cpu_ms[other]), 0.0)
    cpu = cpu + np.where(kind == 0, 0.002, np.where(kind == 1, 0.02, 0.006)) * generator.standard_normal(count)
    wait = np.where((kind == 0) & waits[one] & waits[other], along * (log_wait[one] - log_wait[other]), 0.0)
    wait = wait + np.where(kind == 0, 0.004, 0.02) * generator.standard_normal(count)
    # The prior is even in the waiting's logarithm: a step that keeps the sum is even in milliseconds.
    kept_sum = particles.wait_ms - np.exp(particles.log_cpu_ms) * np.expm1(cpu) * (1 - particles.parallel_share / 2)
    keeps = waits & (kind == 1)
    wait_ms = np.where(waits, np.where(keeps, kept_sum, np.exp(log_wait + wait)), 0.0)
    stretch = 0.2 * generator.standard_normal((2, *particles.cpu_share.shape))
    fresh_cpu, fresh_wait = _draw_shares((particles.wait_share > 0).sum(axis=1), generator)
    fresh = redrawn[0][:, None]
    cpu_share = np.where(fresh, fresh_cpu, particles.cpu_share * np.exp(stretch[0]))
    wait_share = np.where(fresh, fresh_wait, particles.wait_share * np.exp(stretch[1]))
    trial = replace(
        particles,
        log_cpu_ms=particles.log_cpu_ms + cpu,
        wait_ms=wait_ms,
        cpu_share=cpu_share,
        wait_share=wait_share,
        parallel_share=np.where(redrawn[1], _draw_parallel(count, generator), particles.parallel_share),
        starts=np.where(redrawn[2][:, None], _draw_starts(count, generator), particles.starts),
        jitter=np.where(redrawn[3], generator.choice(priors.QUOTA_JITTERS, count), particles.jitter),
        wait_jitter=np.where(redrawn[3], generator.choice(priors.QUOTA_WAIT_JITTERS, count), particles.wait_jitter),
        misfit=np.where(redrawn[4], generator.choice(priors.QUOTA_MISFITS, count), particles.misfit),
    )
    (least_cpu, most_cpu), (least, most) = np.log(priors.QUOTA_CPU_MS), priors.QUOTA_WAIT_MS
    possible = (trial.log_cpu_ms > least_cpu) & (trial.log_cpu_ms < most_cpu)
    possible &= ~waits | ((wait_ms > least) & (wait_ms < most))
    moved = keeps & possible
    log_ratio = np.log(np.where(moved, particles.wait_ms, 1.0) / np.where(moved, wait_ms, 1.0))
    for before, after in ((particles.cpu_share, cpu_share), (particles.wait_share, wait_share)):
        of_one = priors.QUOTA_PIECES * np.log(np.maximum(after, _NOTHING) / np.maximum(before, _NOTHING))
        gained = of_one - (after - before)
        log_ratio = log_ratio + np.where(redrawn[0], 0.0, gained.sum(axis=1))
    return trial, np.where(possible, log_ratio, -np.inf)


def _of_samples(
    each: FloatArray, off: FloatArray, log_ms: FloatArray, weights: FloatArray, width: FloatArray, mean: FloatArray
) -> FloatArray:
    """Log likelihood of samples of one environment: particles × kinds × misfits.

    *off* is particles × misfits; *log_ms* and *width* are particles × kinds × parts, *weights* particles × parts.
    """
    # particles × kinds × misfits × samples × parts
    residual = each[None, None, None, :, None] - off[:, None, :, None, None] - log_ms[:, :, None, None, :]
    residual /= width[:, :, None, None, :]
    scaled = weights[:, None, :] / (width * math.sqrt(2 * math.pi))
    density = np.einsum("pkmnj,pkj->pkmn", np.exp(-0.5 * residual**2), scaled)
    tail = _tail_density(each[None, :] - mean[:, None])
    density = (1 - priors.QUOTA_TAIL) * density + tail[:, None, None, :]
    return np.asarray(np.log(density).sum(axis=3))


def _own_variance(particles: _Particles, duration_ms: FloatArray, jitter_share: FloatArray | float = 1.0) -> FloatArray:
    """Variance of the logarithm of a duration, but for its start and environment; the first axis runs over particles.

    Of the spread of CPU time and waiting, *jitter_share*.
    """
    expand = (slice(None), *(None,) * (duration_ms.ndim - 1))
    cpu_ms = np.exp(particles.log_cpu_ms) * particles.jitter
    wait_ms = particles.wait_ms * particles.wait_jitter
    absolute = jitter_share**2 * (cpu_ms**2 + wait_ms**2) + priors.QUOTA_CLOCK_MS**2
    return np.asarray(priors.QUOTA_OWN_NOISE**2 + absolute[expand] / duration_ms**2)


def _draw_shares(waits: IntArray, generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Parts of CPU time and waiting in the pieces of handlers with so many waits, up to a factor: handlers × pieces."""
    piece = np.arange(_PIECES)
    cpu = generator.standard_gamma(priors.QUOTA_PIECES, (len(waits), _PIECES)) + 1e-6
    wait = generator.standard_gamma(priors.QUOTA_PIECES, (len(waits), _PIECES)) + 1e-6
    # Every other handler that waits begins or ends with it.
    at_end = generator.random(len(waits)) < 0.5
    idle = (generator.random(len(waits)) < 0.5) & (waits > 0)
    without = idle[:, None] & (piece == np.where(at_end, waits, 0)[:, None])
    cpu = np.where((piece <= waits[:, None]) & ~without, cpu, 0.0)
    wait = np.where((piece >= 1) & (piece <= waits[:, None]), wait, 0.0)
    return cpu, wait


def _shares(parts: FloatArray) -> FloatArray:
    """Each row over its sum."""
    return np.asarray(parts / np.maximum(parts.sum(axis=1, keepdims=True), _NOTHING))


def _draw_parallel(count: int, generator: np.random.Generator) -> FloatArray:
    """Shares of the CPU time on two threads from their prior."""
    some = generator.random(count) < priors.QUOTA_THREADED
    return np.where(some, generator.uniform(*priors.QUOTA_PARALLEL, count), 0.0)


def _draw_starts(count: int, generator: np.random.Generator) -> FloatArray:
    """Shares of the starts from their prior."""
    which = generator.choice(len(priors.QUOTA_STARTS), count, p=priors.QUOTA_STARTS_PRIOR)
    shares = generator.standard_gamma(np.array(priors.QUOTA_STARTS)[which]) + 1e-9
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _tail_density(above: FloatArray) -> FloatArray:
    """Density of a slow outlier's excess over its size's mean, times the share of such invocations."""
    low, high = priors.OUTLIER_RANGE
    return np.where((above > low) & (above < high + 0.7), priors.QUOTA_TAIL / (high - low), 1e-9)


def _spread_over(count: int, number: int) -> IntArray:
    """*count* of *number* rows, evenly."""
    return np.arange(count) * number // count
