"""For every test: one thread for linear algebra, property tests without a deadline, and the same examples each time."""

from __future__ import annotations

import os

from hypothesis import settings

# As in the deployed functions (template.yaml). Two processes with a thread for each core spend more than half of a
# search on waiting for each other. It must stand before anything imports numpy; started commands inherit it.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# Machines that test are shared.
settings.register_profile("shared machine", deadline=None, derandomize=True)
settings.load_profile("shared machine")
