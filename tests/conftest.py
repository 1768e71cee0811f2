"""For every test: property tests have no deadline, since a machine that tests is shared, and the same examples each time."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("shared machine", deadline=None, derandomize=True)
settings.load_profile("shared machine")
