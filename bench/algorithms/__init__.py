"""The search and its peers, each a function from a task and its replay to an answer."""

from __future__ import annotations

from collections.abc import Callable

from bench.algorithms.answer import Answer
from bench.algorithms.exponential import search_exponential
from bench.algorithms.fixed_design import search_design10, search_design50
from bench.algorithms.grid import search_grid10, search_grid50
from bench.algorithms.ours import search_ours
from bench.algorithms.unguided import search_random, search_tpe
from bench.replay import Replay
from bench.truth import Task

ALGORITHMS: dict[str, Callable[[Task, Replay, int], Answer]] = {
    "ours": search_ours,
    "grid50": search_grid50,
    "grid10": search_grid10,
    "design50": search_design50,
    "design10": search_design10,
    "random": search_random,
    "tpe": search_tpe,
    "exponential": search_exponential,
}

__all__ = ["ALGORITHMS", "Answer"]
