"""Curve and noise files, and interpolation between the measured sizes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
STEP_MB = 64


@dataclass(frozen=True)
class Curve:
    """Mean durations of one function at the sizes where it was measured, ascending."""

    name: str
    memory_mb: tuple[int, ...]
    mean_ms: tuple[float, ...]


@dataclass(frozen=True)
class MeasuredNoise:
    """Spread of the logarithm and share of slow invocations, from raw samples of one curve."""

    spread: float
    tail_share: float


def read_curves(path: Path) -> list[Curve]:
    """Curves of a JSON-lines file, ``{"id", "points": [{"memory_mb", "mean_ms"}, …]}`` each.

    Raises:
        ValueError: A line is no such object, or has fewer than two sizes; names the line.
    """
    curves = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            points = sorted((int(p["memory_mb"]), float(p["mean_ms"])) for p in record["points"])
            name = str(record["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}:{number} is not a curve: {error!r}") from error
        if len(points) < 2 or any(not mean_ms > 0 or not math.isfinite(mean_ms) for _, mean_ms in points):
            raise ValueError(f"{path}:{number}: a curve has at least two sizes and positive durations")
        curves.append(Curve(name, tuple(m for m, _ in points), tuple(ms for _, ms in points)))
    return curves


def read_noise(path: Path) -> dict[str, MeasuredNoise]:
    """The noise of each curve that has raw samples: medians over its sizes."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        record = json.loads(line)
        if not record.get("p50_ms") or not record.get("p95_ms"):
            continue
        spread = max(math.log(record["p95_ms"] / record["p50_ms"]) / 1.645, 0.003)
        core_share = 0.5 * math.erfc(math.log(2) / spread / math.sqrt(2))
        tail_share = min(max(float(record.get("frac_gt_2x_median") or 0.0) - core_share, 0.0), 0.1)
        rows.setdefault(str(record["id"]), []).append((spread, tail_share))
    return {
        name: MeasuredNoise(float(np.median([s for s, _ in seen])), float(np.median([t for _, t in seen])))
        for name, seen in rows.items()
    }


def sizes_of(curve: Curve) -> tuple[int, ...]:
    """The curve's own sizes and every multiple of 64 MB between them."""
    low, high = curve.memory_mb[0], curve.memory_mb[-1]
    first = -(-low // STEP_MB) * STEP_MB
    return tuple(sorted({*curve.memory_mb, *range(first, high + 1, STEP_MB)}))


def monotone_cubic(x: Sequence[float] | FloatArray, y: Sequence[float] | FloatArray, at: FloatArray) -> FloatArray:
    """PCHIP: cubic through the points that never overshoots (Fritsch and Butland, 1984)."""
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    step = np.diff(xs)
    slope = np.diff(ys) / step
    if len(xs) == 2:
        linear: FloatArray = ys[0] + slope[0] * (at - xs[0])
        return linear
    derivative = np.zeros(len(xs))
    for i in range(1, len(xs) - 1):
        if slope[i - 1] * slope[i] > 0:
            before, after = 2 * step[i] + step[i - 1], step[i] + 2 * step[i - 1]
            derivative[i] = (before + after) / (before / slope[i - 1] + after / slope[i])
    derivative[0] = _end_derivative(step[0], step[1], slope[0], slope[1])
    derivative[-1] = _end_derivative(step[-1], step[-2], slope[-1], slope[-2])
    left = np.clip(np.searchsorted(xs, at, side="right") - 1, 0, len(step) - 1)
    t = (at - xs[left]) / step[left]
    result: FloatArray = (
        ys[left] * (1 + 2 * t) * (1 - t) ** 2
        + derivative[left] * step[left] * t * (1 - t) ** 2
        + ys[left + 1] * t**2 * (3 - 2 * t)
        + derivative[left + 1] * step[left] * t**2 * (t - 1)
    )
    return result


def _end_derivative(near: float, far: float, near_slope: float, far_slope: float) -> float:
    derivative = ((2 * near + far) * near_slope - near * far_slope) / (near + far)
    if derivative * near_slope <= 0:
        return 0.0
    if near_slope * far_slope <= 0 and abs(derivative) > 3 * abs(near_slope):
        return 3 * near_slope
    return derivative
