"""The examples in the report's docstrings."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["document", "formats", "markdown", "sentences", "terminal"])
def test_examples_give_what_they_say(name: str) -> None:
    """Each example runs and prints what stands under it."""
    result = doctest.testmod(importlib.import_module(f"tuner.report.{name}"))
    assert result.failed == 0
