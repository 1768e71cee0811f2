"""The command that a report of a local run repeats."""

from __future__ import annotations

import pytest

from tuner.cli.typed_command import typed_command


def test_it_is_the_command_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was typed is what is repeated."""
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/lambda-tuner", "demo", "image-resize", "--out", "a b"])
    assert typed_command() == "lambda-tuner demo image-resize --out 'a b'"
