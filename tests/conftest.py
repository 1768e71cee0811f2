"""For every test: property tests have no deadline (machines that test are shared), and the same examples each time."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("shared machine", deadline=None, derandomize=True)
settings.load_profile("shared machine")
