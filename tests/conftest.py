"""For every test: how they are shared out, which are slow, and settings that a shared machine needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    "tests/browser/",
    "tests/faults/test_matrix.py",
    "tests/faults/test_privileges.py",
    "tests/infrastructure/",
    "tests/integration/application/",
    "tests/integration/cli/",
    "tests/integration/embedded/",
    "tests/unit/core/search/test_alternatives.py",
)
"""Tests below each of these share something that takes seconds to start: an account, a browser, a whole search."""

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
    "tests/unit/core/search/test_whole_search.py",
    "tests/unit/steps/test_closing.py",
    "tests/unit/steps/test_nights.py",
)
"""What ``-m "not slow"`` leaves out; ``make test`` runs everything."""


class _WhatIsStartedOnceTogether(LoadScopeScheduling):
    """Gives each test to whichever process is free, and those that share something dear to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in STARTED_ONCE if nodeid.startswith(place)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Share out by what is started once, where ``--dist loadscope`` is asked for."""
    return _WhatIsStartedOnceTogether(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark what is slow."""
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker("slow")
