"""Sizes between the grid's: a short function gets the cheap side of its step, and everybody else what was asked for."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.core.search.simulated import SimulatedFunction, problem_of, search
from tuner.core.model import SearchProblem
from tuner.core.search.between import BETWEEN_MB
from tuner.core.search.cpu_quota import burst_ms

GRID_MB = (128, 320, 512, 704, 896, 1088, 1280, 1769, 2048)


def computing() -> SimulatedFunction:
    """17.3 ms of CPU time; its step lies between 704 and 752 MB, and the grid's next size is 896."""
    starts = itertools.cycle([0.0, 3.25, 0.0, 3.25, 7.0])
    return SimulatedFunction(lambda memory_mb: burst_ms(memory_mb, 17.3, next(starts)), spread=0.008)


def picked(problem: SearchProblem, function: SimulatedFunction, folder: Path) -> int:
    """The memory size that a whole search recommends."""
    return search(problem, function, folder).recommendation.recommended.candidate.memory_mb


@pytest.fixture(scope="module")
def free_mb(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The answer where any size may be used."""
    return picked(replace(problem_of(GRID_MB), any_size=True), computing(), tmp_path_factory.mktemp("free"))


def test_a_short_function_gets_a_size_between_the_grid_s(free_mb: int) -> None:
    """Nearer to the step than the grid's size, and above the step."""
    assert 736 <= free_mb < 864
    assert free_mb % BETWEEN_MB == 0


def test_a_grid_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    """Sizes or a step in the request leave out what lies between."""
    assert picked(problem_of(GRID_MB), computing(), tmp_path) in GRID_MB


def test_a_long_function_keeps_to_the_grid(tmp_path: Path) -> None:
    """Its steps are too small to be worth a size of their own."""
    assert picked(replace(problem_of(GRID_MB), any_size=True), SimulatedFunction(), tmp_path) in GRID_MB


def test_a_size_that_joined_is_confirmed_like_any_other(tmp_path: Path) -> None:
    """What is recommended has run warm."""
    answer = search(replace(problem_of(GRID_MB), any_size=True), computing(), tmp_path).recommendation
    assert answer.recommended.candidate.memory_mb not in GRID_MB
    assert answer.recommended.samples > 0
    assert answer.recommended in answer.configurations
