"""What the posterior sees of the samples: groups of invocations, as their sufficient statistics.

A group holds the invocations that share candidate, environment, payload and
temperature. Its cost grows with the square of their number, in time with the
cube, so a design of more than MOST_GROUPS of them is merged: first the
environments of one size, then sizes that lie next to each other. What is known
of the scatter within groups, and between the environments of a size, is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuner.core.search.samples import Samples
from tuner.core.search.space import BoolArray, FloatArray, IntArray, Space

MOST_GROUPS = 128
_WIDTHS = (0.0, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.35, 0.6, 1.0, 2.0, 5.0)
"""How far, in log memory, the sizes of one place may lie apart; 0: each size is a place of its own."""


@dataclass(frozen=True)
class Sites:
    """Where groups lie: at the candidates, and, where sizes are merged, between them."""

    log_memory: FloatArray
    """The candidates', then the merged places'."""
    other_architecture: FloatArray
    place: IntArray | None
    """The merged place of each candidate that was measured; None if nothing is merged."""


@dataclass(frozen=True)
class Places:
    """Where invocations ran and what they got, as parallel arrays."""

    site: IntArray
    environment_share: FloatArray
    """Places × environments: which share of its invocations ran on each."""
    run: IntArray
    payload: IntArray


@dataclass(frozen=True)
class Groups(Places):
    """Invocations that share a site, environments, payload and temperature, as their sufficient statistics."""

    mean: FloatArray
    count: FloatArray
    cold: BoolArray
    error: FloatArray
    """How far off the means may be, in log, because other work of the machine disturbed the invocations."""
    of_row: IntArray
    """The group of each row of the samples; -1 where it was left out."""
    within: float
    """Sum of squares of warm invocations around the means of their environments."""
    within_count: int
    between: FloatArray
    """One row a size whose environments were merged: sum of squares of their means, how many are free, mean 1/count."""

    @property
    def error_covariance(self) -> FloatArray:
        """Of the means, for what other work did to them: half in common, half each for itself."""
        return np.asarray((np.outer(self.error, self.error) + np.diag(self.error**2)) / 2)


def sites_of(space: Space, samples: Samples) -> Sites:
    """The candidates; and as few places more as the samples must be merged into."""
    own = Sites(space.log_memory, space.other_architecture, None)
    columns = (samples.candidate, samples.environment, samples.cold, samples.payload)
    if len(set(zip(*columns, strict=True))) <= MOST_GROUPS:
        return own
    runs = samples.environment_run[samples.environment]
    place = np.zeros(len(space.log_memory), dtype=np.int64)
    for width in _WIDTHS:
        place = _places(space, samples, width)
        merged = {*zip(place[samples.candidate], runs, samples.cold, samples.payload, strict=True)}
        if len(merged) <= MOST_GROUPS:
            break
    of_row = place[samples.candidate]
    weight = np.bincount(of_row)
    log_memory = np.bincount(of_row, space.log_memory[samples.candidate]) / weight
    other = np.bincount(of_row, space.other_architecture[samples.candidate]) / weight
    return Sites(
        np.concatenate([own.log_memory, log_memory]),
        np.concatenate([own.other_architecture, other]),
        len(own.log_memory) + place,
    )


def _places(space: Space, samples: Samples, width: float) -> IntArray:
    """Number the places that the measured candidates fall into; of one architecture, and at most *width* wide."""
    measured = np.unique(samples.candidate)
    log_memory = space.log_memory[measured]
    step = measured.astype(np.float64) if width == 0 else np.floor((log_memory - log_memory.min()) / width)
    _, number = np.unique(np.stack([space.other_architecture[measured], step]), axis=1, return_inverse=True)
    place = np.zeros(len(space.log_memory), dtype=np.int64)
    place[measured] = number.ravel()
    return place


_Key = tuple[int, int, bool, int]
"""Candidate, environment, temperature and payload."""


def group(samples: Samples, kept: BoolArray, sites: Sites) -> Groups:
    """Reduce the kept invocations; cold ones stay apart, their noise is another."""
    rows_of: dict[_Key, list[int]] = {}
    columns = (samples.candidate, samples.environment, samples.cold, samples.payload)
    for row, key in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        if kept[row]:
            rows_of.setdefault(key, []).append(row)
    keys = list(rows_of)
    durations = [samples.log_ms[rows].tolist() for rows in rows_of.values()]
    means = np.array([sum(each) / len(each) for each in durations])
    counts = np.array([float(len(each)) for each in durations])
    merged: dict[tuple[int, ...], list[int]] = {}
    for number, (candidate, environment, cold, payload) in enumerate(keys):
        place: tuple[int, ...] = (number,)
        if sites.place is not None:
            place = (sites.place[candidate], samples.environment_run[environment], cold, payload)
        merged.setdefault(place, []).append(number)
    firsts = [keys[members[0]] for members in merged.values()]
    mean, count = np.zeros(len(merged)), np.zeros(len(merged))
    share = np.zeros((len(merged), len(samples.environment_run)))
    error = np.zeros(len(merged))
    of_row = np.full(len(samples.log_ms), -1)
    for index, members in enumerate(merged.values()):
        count[index] = counts[members].sum()
        for number in members:
            weight = counts[number] / count[index]
            mean[index] += weight * means[number]
            share[index, keys[number][1]] += weight
            error[index] += weight * float(samples.error[rows_of[keys[number]]].mean())
            of_row[rows_of[keys[number]]] = index
    warm = [(each, mean) for each, mean, key in zip(durations, means, keys, strict=True) if not key[2]]
    site = [key[0] if sites.place is None else sites.place[key[0]] for key in firsts]
    return Groups(
        site=np.array(site, dtype=np.int64),
        environment_share=share,
        run=np.array([samples.environment_run[key[1]] for key in firsts], dtype=np.int64),
        payload=np.array([key[3] for key in firsts], dtype=np.int64),
        mean=mean,
        count=count,
        cold=np.array([key[2] for key in firsts], dtype=np.bool_),
        error=error,
        of_row=of_row,
        within=float(sum(sum((value - mean) ** 2 for value in each) for each, mean in warm)),
        within_count=sum(len(each) - 1 for each, _ in warm),
        between=np.zeros((0, 3)) if sites.place is None else _between(keys, means, counts),
    )


def _between(keys: Sequence[_Key], means: FloatArray, counts: FloatArray) -> FloatArray:
    """The scatter of warm environments' means at each size and payload that ran on several."""
    same: dict[tuple[int, int], list[int]] = {}
    for number, (candidate, _, cold, payload) in enumerate(keys):
        if not cold:
            same.setdefault((candidate, payload), []).append(number)
    rows = [
        (float(((means[each] - means[each].mean()) ** 2).sum()), len(each) - 1, float((1 / counts[each]).mean()))
        for each in same.values()
        if len(each) > 1
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)
