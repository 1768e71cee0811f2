"""A search that takes a tenth of the time, where a test is about what the steps do with its answers.

``tests/unit/core/search`` decides how good the answers are, and ``tests/unit/report/test_real_documents.py`` plays
whole runs with all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

ROUGH: Mapping[str, object] = {
    "tuner.core.search.fit.DRAW_COUNT": 200,
    "tuner.core.search.between.FINAL_DRAW_COUNT": 200,
    "tuner.core.search.planning.FINAL_DRAW_COUNT": 200,
    "tuner.core.search.explanation.FINAL_DRAW_COUNT": 200,
    "tuner.core.search.fit.FINAL_DRAW_COUNT": 200,
    "tuner.core.search.fit.may_run_in_steps": lambda samples: False,
    "tuner.core.search.acquisition.OUTCOME_COUNT": 12,
    "tuner.core.search.alternatives.MOST_STEPS": 10,
}
"""Fewer draws, simulated outcomes and other limits, and one family of hypotheses instead of two."""


def search_roughly(patch: Callable[[str, object], None]) -> None:
    """Put it in place: *patch* is pytest's ``monkeypatch.setattr``, or does the same."""
    for name, value in ROUGH.items():
        patch(name, value)
