"""From joint draws to what matters: cost and the goal's percentile at every candidate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuner.core.model import LatencyGoal
from tuner.core.search.noise import log_mean, log_quantile
from tuner.core.search.posterior import Draws
from tuner.core.search.space import FloatArray, Space


@dataclass(frozen=True)
class Outlook:
    """Draws × candidates of what a choice depends on."""

    draws: Draws
    cost_per_million_usd: FloatArray
    percentile_ms: FloatArray | None
    """The goal's percentile; None where there is no goal."""


def outlook_of(space: Space, draws: Draws, goal: LatencyGoal | None) -> Outlook:
    """Price every draw, and read the goal's percentile from its noise."""
    mean_ms = np.exp(draws.log_median + log_mean(draws.spread, draws.tail_share)[:, None])
    percentile_ms = percentile_of(draws, goal.percentile) if goal is not None else None
    return Outlook(draws, space.cost_per_million_usd(mean_ms), percentile_ms)


def percentile_of(draws: Draws, percentile: float) -> FloatArray:
    """Draws × candidates of a percentile of the duration in production, in milliseconds."""
    factor = log_quantile(percentile, draws.spread, draws.tail_share)
    result: FloatArray = np.exp(draws.log_median + factor[:, None])
    return result


def mean_of(draws: Draws) -> FloatArray:
    """Draws × candidates of the mean duration, in milliseconds."""
    result: FloatArray = np.exp(draws.log_median + log_mean(draws.spread, draws.tail_share)[:, None])
    return result
