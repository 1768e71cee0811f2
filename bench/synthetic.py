"""Families of functions that break the model, reported apart from the measured curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bench.curves import FloatArray
from bench.truth import CurveTruth, Noise

SIZES_MB = tuple(sorted({*range(128, 3072 + 1, 64), 1769}))


def _base(position: int) -> tuple[FloatArray, Noise, np.random.Generator]:
    """A member of the family that the model knows, its noise, and a generator for the break."""
    generator = np.random.default_rng((position, 4))
    memory = np.array(SIZES_MB, dtype=np.float64)
    floor = generator.choice([0.0, 0.02, 0.1, 0.3])
    saturation_mb = generator.choice([900.0, 1769.0, 3008.0])
    core_ms = generator.choice([60.0, 400.0, 3000.0]) * (floor + (1 - floor) * 128 / np.minimum(memory, saturation_mb))
    noise = Noise(
        np.full(len(memory), (0.03, 0.08, 0.15)[position % 3]), (0.0, 0.01)[position % 2], (0.0, 0.05)[position % 2]
    )
    return core_ms, noise, generator


def _steps(position: int) -> CurveTruth:
    """The speed changes only at three sizes."""
    core_ms, noise, generator = _base(position)
    edges = np.sort(generator.choice(np.arange(4, len(SIZES_MB) - 4), 3, replace=False))
    stepped = core_ms[np.concatenate([[0], edges])[np.searchsorted(edges, np.arange(len(SIZES_MB)), side="right")]]
    return CurveTruth(f"steps-{position}", SIZES_MB, stepped, noise)


def _two_knees(position: int) -> CurveTruth:
    """Two phases that saturate at different sizes."""
    core_ms, noise, generator = _base(position)
    memory = np.array(SIZES_MB, dtype=np.float64)
    first, second = generator.uniform(250, 700), generator.uniform(1500, 3000)
    share = generator.uniform(0.3, 0.8)
    shape = share * (128 / np.minimum(memory, first)) ** 1.3 + (1 - share) * 128 / np.minimum(memory, second)
    return CurveTruth(f"two-knees-{position}", SIZES_MB, core_ms[0] * shape, noise)


def _quota_noise(position: int) -> CurveTruth:
    """Noise that grows at small sizes, as the CPU quota's steps make it."""
    core_ms, noise, _ = _base(position)
    memory = np.array(SIZES_MB, dtype=np.float64)
    spread = noise.spread * np.maximum(1.0, (1024 / memory) ** 0.7)
    return CurveTruth(f"quota-noise-{position}", SIZES_MB, core_ms, replace(noise, spread=np.minimum(spread, 0.6)))


def _pressure_cliff(position: int) -> CurveTruth:
    """Memory pressure: several times slower below a size."""
    core_ms, noise, generator = _base(position)
    memory = np.array(SIZES_MB, dtype=np.float64)
    cliff_mb, factor = generator.uniform(220, 520), generator.uniform(1.5, 4)
    return CurveTruth(f"pressure-cliff-{position}", SIZES_MB, core_ms * np.where(memory < cliff_mb, factor, 1.0), noise)


def _drift(position: int) -> CurveTruth:
    """The speed wanders while it is measured, a random walk of 1 to 3 % an invocation."""
    core_ms, noise, _ = _base(position)
    return CurveTruth(f"drift-{position}", SIZES_MB, core_ms, replace(noise, drift=(0.01, 0.02, 0.03)[position % 3]))


def _bimodal(position: int) -> CurveTruth:
    """A cache that is missed in 10 to 30 % of the invocations, which then take three times as long."""
    core_ms, noise, _ = _base(position)
    share = (0.1, 0.2, 0.3)[position % 3]
    return CurveTruth(f"bimodal-{position}", SIZES_MB, core_ms, replace(noise, tail_share=0.0, second_mode=share))


def _rising_end(position: int) -> CurveTruth:
    """Durations that rise again at large sizes, as a mix of hosts makes them."""
    core_ms, noise, generator = _base(position)
    memory = np.array(SIZES_MB, dtype=np.float64)
    rise = generator.uniform(0.1, 0.4) * np.clip(np.log(memory / 1400) / np.log(3072 / 1400), 0, 1)
    return CurveTruth(f"rising-end-{position}", SIZES_MB, core_ms * (1 + rise), noise)


FAMILIES: dict[str, Callable[[int], CurveTruth]] = {
    "steps": _steps,
    "two-knees": _two_knees,
    "quota-noise": _quota_noise,
    "pressure-cliff": _pressure_cliff,
    "drift": _drift,
    "bimodal": _bimodal,
    "rising-end": _rising_end,
}
