"""For every test: how they are shared out, which are slow, and settings that a shared machine needs."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

pytest.register_assert_rewrite("tests.contracts")

# As in the deployed functions (template.yaml). Two processes with a thread for each core spend more than half of a
# search on waiting for each other. It must stand before anything imports numpy; started commands inherit it.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
settings.register_profile("shared machine", deadline=None, derandomize=True)
settings.load_profile("shared machine")

STARTED_ONCE = (
    "tests/faults/test_matrix.py::test_a_twentieth",
    "tests/integration/application/",
    "tests/integration/cli/",
    "tests/faults/test_matrix.py",
    "tests/browser/",
    "tests/infrastructure/",
    "tests/integration/embedded/",
    "tests/faults/test_privileges.py",
    "tests/unit/core/search/test_alternatives.py",
)
"""Tests below each of these share something that takes seconds to start: an account, a browser, a whole search.

What takes longest is first, and begins first.
"""

SLOW = (
    "tests/browser/",
    "tests/faults/",
    "tests/infrastructure/test_packages.py",
    "tests/infrastructure/test_wheel.py",
    "tests/infrastructure/test_worst_cases.py",
    "tests/integration/application/",
    "tests/integration/cli/",
    "tests/integration/embedded/test_server.py",
    "tests/integration/host/",
    "tests/mutants/",
    "tests/unit/cli/test_template_edit.py",
    "tests/unit/report/test_real_documents.py",
    "tests/unit/core/search/test_alternatives.py",
    "tests/unit/core/search/test_bench.py",
    "tests/unit/core/search/test_bounded.py",
    "tests/unit/core/search/test_odd_short_functions.py",
    "tests/unit/core/search/test_whole_search.py",
    "tests/unit/steps/test_closing.py",
    "tests/unit/steps/test_nights.py",
)
"""What ``-m "not slow"`` leaves out; ``make test`` runs everything."""


class _WhatIsSharedTogether(LoadScopeScheduling):
    """Gives those tests to one process that share something dear, or else a file; the slow ones one by one."""

    def _split_scope(self, nodeid: str) -> str:
        shared = next((place for place in STARTED_ONCE if nodeid.startswith(place)), None)
        return shared or (nodeid if nodeid.startswith(SLOW) else nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Share out by what is shared, and in the tests' own order, where ``--dist loadscope`` is asked for."""
    if config.getvalue("dist") != "loadscope":
        return None
    config.option.loadscopereorder = False
    return _WhatIsSharedTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and begin with it: at the end no process waits for another's long test."""
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker("slow")
    items.sort(key=_place_in_line)


def _place_in_line(item: pytest.Item) -> int:
    shared = (place for place, prefix in enumerate(STARTED_ONCE) if item.nodeid.startswith(prefix))
    return next(shared, len(STARTED_ONCE) + (not item.nodeid.startswith(SLOW)))
