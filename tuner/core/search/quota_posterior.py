"""The second family of hypotheses: functions whose bursts of CPU are so short that Lambda's quota shows.

A hypothesis is in absolute milliseconds: CPU time, waiting, number of bursts,
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

import numpy as np

from tuner.core.search import priors
from tuner.core.search.cpu_quota import LOG_CPU_MS, LOG_CPU_STEP, STARTS_MS, burst_table, vcpus
from tuner.core.search.samples import Samples
from tuner.core.search.sampling import log_sum, misfit_kernel, resample
from tuner.core.search.space import FEW_MEGABYTES, FloatArray, IntArray, Space, slices

PARTICLES_KEPT = 320
DISTINCT_DRAWS = 128
MOVES = 2
ROUGH_POWER = 0.7
"""The rough likelihood is flattened by this power before particles are dropped by it."""
_JITTER_NODES = (-1.0, 1.0)
"""CPU times of an invocation, in spreads; equally likely."""
_MISFIT_NODES, _MISFIT_WEIGHTS = (-1.7320508, 0.0, 1.7320508), (1 / 6, 2 / 3, 1 / 6)


@dataclass(frozen=True)
class _Particles:
    """Hypotheses as parallel arrays."""

    log_cpu_ms: FloatArray
    wait_ms: FloatArray
    bursts: IntArray
    main_share: FloatArray
    """Of the CPU time, in the longest burst."""
    threads: FloatArray
    """How many run at once, on average over a burst."""
    starts: FloatArray
    """Particles × STARTS_MS: how often an invocation starts at each."""
    jitter: FloatArray
    """Spread of one invocation's CPU time, in log."""
    misfit: FloatArray
    other_speed: FloatArray
    """CPU time on the other architecture over that on the current one, in log."""
    log_weight: FloatArray
    """Prior over the density of the proposal."""

    def __getitem__(self, rows: IntArray) -> _Particles:
        return _Particles(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


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
    ordered_log_ms: FloatArray
    """Worlds × candidates × parts: the parts of a size's distribution, ascending …"""
    below: FloatArray
    """… and the share of the invocations up to the middle of each."""

    def log_quantile(self, share: FloatArray) -> FloatArray:
        """Draws × candidates: the logarithm of a quantile, *share* one a draw; shares of a world must not be far apart.

        It is read at the middle of each world's shares.
        """
        of_world = np.array([float(np.median(share[self.world == world])) for world in range(len(self.below))])
        right = np.minimum((self.below < of_world[:, None, None]).sum(axis=2), self.below.shape[2] - 1)[..., None]
        left = np.maximum(right - 1, 0)
        low, high = (np.take_along_axis(self.below, at, 2)[..., 0] for at in (left, right))
        low_ms, high_ms = (np.take_along_axis(self.ordered_log_ms, at, 2)[..., 0] for at in (left, right))
        way = np.clip((of_world[:, None] - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
        return np.asarray((low_ms + way * (high_ms - low_ms))[self.world])


class QuotaPosterior:
    """What is known of a short function after some samples; immutable once made."""

    def __init__(self, space: Space, samples: Samples, generator: np.random.Generator) -> None:
        self._space = space
        self._samples = samples
        self._memory_mb = tuple(np.exp(space.log_memory).round(6).tolist())
        self._vcpus = vcpus(np.exp(space.log_memory))
        self._warm = ~samples.cold
        self._sites = np.unique(samples.candidate)
        self._cpu_ms, self._cpu_spread = _cpu_time_of(samples)
        proposed = self._propose(generator)
        rough = proposed.log_weight + self._rough_log_likelihood(proposed)
        rows, copies = np.unique(resample(ROUGH_POWER * rough, PARTICLES_KEPT, generator), return_counts=True)
        kept = proposed[rows]
        likelihood = self._log_likelihood(kept)
        # Each particle that was kept stands for all that its copies were drawn for.
        flattened = log_sum(ROUGH_POWER * rough)
        log_weights = np.log(copies / PARTICLES_KEPT) + flattened - ROUGH_POWER * rough[rows]
        log_weights = log_weights + kept.log_weight + likelihood
        self.log_evidence = log_sum(log_weights)
        chosen = resample(log_weights, DISTINCT_DRAWS, generator)
        self._particles = self._moved(kept[chosen], likelihood[chosen], generator)

    def _moved(self, particles: _Particles, likelihood: FloatArray, generator: np.random.Generator) -> _Particles:
        """Some steps of Metropolis for each particle, so that copies of one become neighbours."""
        count = len(likelihood)
        for _ in range(MOVES):
            redrawn = generator.random((3, count)) < 0.25
            scale = np.where(generator.random(count) < 0.5, 0.008, 0.03)
            cpu = scale * generator.standard_normal(count)
            # Half of the steps keep CPU time and waiting together as long as they were.
            wait_ms = particles.wait_ms * np.exp(0.05 * generator.standard_normal(count))
            kept_sum = particles.wait_ms - np.exp(particles.log_cpu_ms) * np.expm1(cpu) / particles.threads
            together = (generator.random(count) < 0.5) & (kept_sum > 0)
            wait_ms = np.where(particles.wait_ms > 0, np.where(together, kept_sum, wait_ms), 0.0)
            trial = replace(
                particles,
                log_cpu_ms=particles.log_cpu_ms + cpu,
                wait_ms=wait_ms,
                starts=np.where(redrawn[0][:, None], _draw_starts(count, generator), particles.starts),
                jitter=np.where(redrawn[1], generator.choice(priors.QUOTA_JITTERS, count), particles.jitter),
                main_share=np.where(
                    particles.bursts > 1,
                    np.clip(particles.main_share + 0.1 * generator.standard_normal(count), *priors.QUOTA_MAIN_SHARE),
                    1.0,
                ),
                misfit=np.where(redrawn[2], generator.choice(priors.QUOTA_MISFITS, count), particles.misfit),
            )
            of_trial = self._log_likelihood(trial)
            log_ratio = of_trial - likelihood
            # The prior is even in the waiting's logarithm: a step that keeps the sum is even in milliseconds.
            stretched = np.log(np.where(together & (wait_ms > 0), particles.wait_ms / np.maximum(wait_ms, 1e-9), 1.0))
            low, high = priors.QUOTA_CPU_MS
            log_ratio = np.where(
                (trial.log_cpu_ms > math.log(low)) & (trial.log_cpu_ms < math.log(high)), log_ratio + stretched, -np.inf
            )
            accepted = np.log(generator.random(count)) < log_ratio
            particles = _Particles(
                **{
                    name: np.where(
                        accepted[:, None] if name == "starts" else accepted,
                        getattr(trial, name),
                        getattr(particles, name),
                    )
                    for name in particles.__dataclass_fields__
                }
            )
            likelihood = np.where(accepted, of_trial, likelihood)
        return particles

    def _propose(self, generator: np.random.Generator) -> _Particles:
        """CPU times evenly in log; waits so that the size with the most warm samples takes what it took."""
        grid = LOG_CPU_MS[math.log(priors.QUOTA_CPU_MS[0]) <= LOG_CPU_MS]
        grid = grid[grid <= math.log(priors.QUOTA_CPU_MS[1])]
        without = 8
        with_wait = len(priors.QUOTA_BURSTS) * 6
        each = without + with_wait
        log_cpu = np.repeat(grid, each)
        count = len(log_cpu)
        number = np.tile(np.arange(each), len(grid))
        waits = number >= without
        bursts = np.where(waits, np.array(priors.QUOTA_BURSTS)[(number - without) % len(priors.QUOTA_BURSTS)], 1)
        burst_prior = np.array(priors.QUOTA_BURSTS_PRIOR)
        low, high = priors.QUOTA_MAIN_SHARE
        particles = _Particles(
            log_cpu_ms=log_cpu + LOG_CPU_STEP * (generator.random(count) - 0.5),
            wait_ms=np.zeros(count),
            bursts=bursts,
            main_share=np.where(bursts > 1, generator.uniform(low, high, count), 1.0),
            threads=generator.choice(priors.QUOTA_THREADS, count, p=priors.QUOTA_THREADS_PRIOR),
            starts=_draw_starts(count, generator),
            jitter=generator.choice(priors.QUOTA_JITTERS, count),
            misfit=generator.choice(priors.QUOTA_MISFITS, count),
            other_speed=math.sqrt(priors.ARCHITECTURE_VARIANCE) * generator.standard_normal(count),
            log_weight=np.zeros(count),
        )
        reference = self._reference()
        own = np.flatnonzero(self._warm & (self._samples.candidate == reference))
        duration = float(self._samples.log_ms[own].mean())
        spread = 0.06 + 0.3 / math.sqrt(len(own)) * float(np.clip(self._samples.log_ms[own].std(), 0.05, 0.3))
        wanted = duration + spread * generator.standard_normal(count)
        without_wait, _ = self._log_moments(particles, np.array([reference]))
        wait_ms = np.exp(wanted) - np.exp(without_wait[:, 0])
        low, high = priors.QUOTA_WAIT_MS
        possible = ~waits | ((wait_ms >= low) & (wait_ms <= high))
        wait_ms = np.where(waits & possible, wait_ms, 0.0)
        log_proposal = -0.5 * ((wanted - duration) / spread) ** 2 - math.log(spread * math.sqrt(2 * math.pi)) - wanted
        log_prior = -np.log(np.maximum(wait_ms, low)) - math.log(math.log(high / low))
        of_branch = np.where(waits, 1 - priors.QUOTA_NO_WAIT, priors.QUOTA_NO_WAIT)
        # The proposal has as many of each number of bursts; the prior has not.
        of_bursts = np.where(waits, burst_prior[(number - without) % len(burst_prior)] * len(burst_prior), 1.0)
        share = np.where(waits, with_wait, without) * len(grid)
        log_weight = np.log(of_branch * of_bursts / share) + np.where(waits, log_prior - log_proposal, 0.0)
        rows = np.flatnonzero(possible)
        return _Particles(
            **{
                **{name: getattr(particles, name)[rows] for name in particles.__dataclass_fields__},
                "wait_ms": wait_ms[rows],
                "log_weight": log_weight[rows],
            }
        )

    def _reference(self) -> int:
        """The candidate that was measured most; the larger of two."""
        counts = self._samples.warm_counts
        best = np.flatnonzero(counts == counts.max())
        return int(best[np.argmax(self._space.log_memory[best])])

    def _bursts_ms(self, particles: _Particles, sites: IntArray, log_cpu_ms: FloatArray) -> FloatArray:
        """Duration of one burst of this CPU time, one a particle: particles × sites × starts."""
        other = self._space.other_architecture[sites]
        result = np.empty((len(log_cpu_ms), len(sites), len(STARTS_MS)))
        for threads in priors.QUOTA_THREADS:
            rows = np.flatnonzero(particles.threads == threads)
            if not len(rows):
                continue
            table = burst_table(self._memory_mb, threads).duration_ms
            log_cpu = log_cpu_ms[rows, None] + particles.other_speed[rows, None] * other[None, :]
            index = np.clip(np.rint((log_cpu - LOG_CPU_MS[0]) / LOG_CPU_STEP).astype(np.int64), 0, len(LOG_CPU_MS) - 1)
            # Between the table's CPU times durations follow the CPU time.
            beyond = (np.exp(log_cpu) - np.exp(LOG_CPU_MS[index])) / np.minimum(threads, self._vcpus[sites])[None, :]
            result[rows] = np.maximum(table[sites[None, :], :, index] + beyond[..., None], 0.01)
        return result

    def _further(
        self, particles: _Particles, sites: IntArray, log_speed: FloatArray | float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Mean and variance, in milliseconds, of all that is not the longest burst: particles × sites."""
        mean = np.repeat(particles.wait_ms[:, None], len(sites), axis=1)
        variance = (priors.QUOTA_WAIT_NOISE * mean) ** 2 / 2
        rows = np.flatnonzero(particles.bursts > 1)
        if len(rows):
            some = particles[rows]
            count = some.bursts - 1
            each = self._bursts_ms(some, sites, (some.log_cpu_ms + log_speed) + np.log((1 - some.main_share) / count))
            weights = np.array(priors.QUOTA_LATER_STARTS)
            each_mean = each @ weights
            mean[rows] += count[:, None] * each_mean
            variance[rows] += count[:, None] * ((each - each_mean[..., None]) ** 2 @ weights)
        return mean, variance

    def _log_moments(self, particles: _Particles, sites: IntArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of a warm invocation's log duration: particles × sites."""
        main = self._bursts_ms(particles, sites, particles.log_cpu_ms + np.log(particles.main_share))
        weights = particles.starts[:, None, :]
        main_mean = (weights * main).sum(axis=2)
        variance = (weights * (main - main_mean[..., None]) ** 2).sum(axis=2)
        further, further_variance = self._further(particles, sites)
        mean_ms = main_mean + further
        own = (particles.jitter[:, None] * main_mean) ** 2 + priors.QUOTA_CLOCK_MS**2
        own = own + (priors.QUOTA_OWN_NOISE * mean_ms) ** 2
        ratio = (variance + further_variance + own) / mean_ms**2
        return np.log(mean_ms) - 0.5 * np.log1p(ratio), np.log1p(ratio)

    def _misfit_variance(self, particles: _Particles, variance: FloatArray) -> FloatArray:
        """Of a size's mean: more where its modes are apart, since how often each is met is not known."""
        return particles.misfit[:, None] ** 2 + (priors.QUOTA_EDGE_MISFIT**2) * variance

    def _rough_log_likelihood(self, particles: _Particles) -> FloatArray:
        samples, warm = self._samples, self._warm
        sites = self._sites
        mean, variance = self._log_moments(particles, sites)
        wider = self._misfit_variance(particles, variance) + priors.QUOTA_ENVIRONMENT**2
        position = np.searchsorted(sites, samples.candidate[warm])
        counts = np.bincount(position, minlength=len(sites))
        # So that the mean of a size's samples scatters as much as the misfit allows.
        total = (variance + wider * counts)[:, position]
        residual = samples.log_ms[warm][None, :] - mean[:, position]
        core = np.exp(-0.5 * residual**2 / total) / np.sqrt(2 * math.pi * total)
        result = np.log((1 - priors.QUOTA_TAIL) * core + _tail_density(residual)).sum(axis=1)
        return np.asarray(result + self._cold_log_likelihood(mean) + self._cpu_log_likelihood(particles.log_cpu_ms))

    def _cpu_log_likelihood(self, log_cpu_ms: FloatArray) -> FloatArray | float:
        """Of the CPU times that were observed, over what they are likely anyway: the evidence is of durations alone."""
        if self._cpu_ms is None:
            return 0.0
        low, high = np.log(priors.QUOTA_CPU_MS)
        even = np.linspace(low, high, 1000)
        each, all_ = (-0.5 * ((math.log(self._cpu_ms) - cpu) / self._cpu_spread) ** 2 for cpu in (log_cpu_ms, even))
        return np.asarray(each - log_sum(all_) + math.log(len(even)))

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

    def _parts(
        self, particles: _Particles, sites: IntArray, hosts: tuple[float, ...]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """A warm invocation's distribution as parts: log duration and weight, and their own spread.

        Particles × hosts × sites × parts, particles × parts, particles × hosts × sites. The parts are the starts of
        the longest burst, each with less and with more CPU time and waiting than usual.
        """
        starts = len(STARTS_MS)
        log_ms = np.empty((len(particles.wait_ms), len(hosts), len(sites), len(_JITTER_NODES) * starts))
        log_main = particles.log_cpu_ms + np.log(particles.main_share)
        for host, log_speed in enumerate(hosts):
            further, variance = self._further(particles, sites, log_speed)
            for number, node in enumerate(_JITTER_NODES):
                main = self._bursts_ms(particles, sites, log_main + log_speed + node * particles.jitter)
                rest = np.maximum(further + node * np.sqrt(variance), 0.0)
                log_ms[:, host, :, number * starts : (number + 1) * starts] = np.log(main + rest[..., None])
        weights = np.tile(particles.starts, (1, len(_JITTER_NODES))) / len(_JITTER_NODES)
        own = np.sqrt(priors.QUOTA_OWN_NOISE**2 + (priors.QUOTA_CLOCK_MS / np.exp(log_ms.mean(axis=3))) ** 2)
        return log_ms, weights, own

    def _log_likelihood(self, particles: _Particles) -> FloatArray:
        """Of all samples, as mixtures over starts, hosts and the misfit of each size."""
        samples = self._samples
        hosts, host_shares = priors.QUOTA_HOSTS, np.log(priors.QUOTA_HOST_SHARES)
        mean, variance = self._log_moments(particles, self._sites)
        spread = np.sqrt(self._misfit_variance(particles, variance))
        log_ms, weights, own = self._parts(particles, self._sites, hosts)
        result = self._cold_log_likelihood(mean) + self._cpu_log_likelihood(particles.log_cpu_ms)
        nodes = np.array(_MISFIT_NODES)
        for position, site in enumerate(self._sites):
            rows = np.flatnonzero(self._warm & (samples.candidate == site))
            if not len(rows):
                continue
            off = spread[:, position, None] * nodes[None, :]
            of_site = np.zeros((len(spread), len(nodes)))
            width = own[:, :, position]
            for environment in np.unique(samples.environment[rows]):
                each = samples.log_ms[rows[samples.environment[rows] == environment]]
                of_host = np.repeat(host_shares[None, :, None], len(spread), axis=0)
                for some in slices(len(each), log_ms[:, :, 0].size * len(nodes), FEW_MEGABYTES):
                    of_host = of_host + self._of_samples(
                        each[some], off, log_ms[:, :, position], weights, width, mean[:, position]
                    )
                of_site += np.logaddexp.reduce(of_host, axis=1)
            result = result + np.logaddexp.reduce(of_site + np.log(_MISFIT_WEIGHTS)[None, :], axis=1)
        return np.asarray(result)

    @staticmethod
    def _of_samples(
        each: FloatArray, off: FloatArray, log_ms: FloatArray, weights: FloatArray, width: FloatArray, mean: FloatArray
    ) -> FloatArray:
        """Log likelihood of samples of one environment: particles × hosts × misfits."""
        # particles × hosts × misfits × samples × parts
        residual = each[None, None, None, :, None] - off[:, None, :, None, None] - log_ms[:, :, None, None, :]
        residual /= width[:, :, None, None, None]
        density = (np.exp(-0.5 * residual**2) * weights[:, None, None, None, :]).sum(axis=4)
        density /= width[:, :, None, None] * math.sqrt(2 * math.pi)
        tail = _tail_density(each[None, :] - mean[:, None])
        density = (1 - priors.QUOTA_TAIL) * density + tail[:, None, None, :]
        return np.asarray(np.log(density).sum(axis=3))

    def draw(self, count: int, generator: np.random.Generator) -> QuotaDraws:
        """*count* joint draws, of DISTINCT_DRAWS worlds, each with misfits of its own."""
        particles = self._particles[_spread_over(min(count, DISTINCT_DRAWS), DISTINCT_DRAWS)]
        everywhere = np.arange(len(self._memory_mb))
        mean, variance = self._log_moments(particles, everywhere)
        misfit = self._draw_misfit(particles, mean, variance, generator)
        log_ms, weights, _ = self._parts(particles, everywhere, priors.QUOTA_HOSTS)
        number, _, size, _ = log_ms.shape
        flat = log_ms.transpose(0, 2, 1, 3).reshape(number, size, -1) + misfit[..., None]
        share = (np.array(priors.QUOTA_HOST_SHARES)[:, None] * weights[:, None, :]).reshape(number, 1, -1)
        order = np.argsort(flat, axis=2)
        ordered_share = np.take_along_axis(np.broadcast_to(share, flat.shape), order, 2)
        centre = np.einsum("wsp,wp->ws", flat, share[:, 0])
        square = np.einsum("wsp,wp->ws", flat**2, share[:, 0])
        return QuotaDraws(
            world=_spread_over(count, number),
            cpu_ms=np.exp(particles.log_cpu_ms),
            log_centre=centre,
            spread=np.sqrt(np.maximum(square - centre**2, 0.0) + priors.QUOTA_OWN_NOISE**2),
            mean_ms=np.einsum("wsp,wp->ws", np.exp(flat), share[:, 0]),
            ordered_log_ms=np.take_along_axis(flat, order, 2),
            below=np.cumsum(ordered_share, axis=2) - 0.5 * ordered_share,
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


def _cpu_time_of(samples: Samples) -> tuple[float | None, float]:
    """The CPU time of a warm invocation, where it was observed, and how far off it may be, in log."""
    known = ~samples.cold & (samples.cpu_ratio > 0)
    if not known.any():
        return None, 0.0
    cpu_ms = samples.cpu_ratio[known] * np.exp(samples.log_ms[known])
    return float(np.median(cpu_ms)), math.hypot(priors.CPU_COMMON_ERROR, priors.CPU_SCATTER / math.sqrt(known.sum()))


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
