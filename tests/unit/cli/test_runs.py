"""Run ids, and the words of a run's progress."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from tuner.cli.display import Display, progress_line
from tuner.cli.runs import new_run_id

NOW = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("function", "readable"),
    [
        ("thumbnails", "thumbnails"),
        ("thumbnails:live", "thumbnails"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:orders-v2:7", "orders-v2"),
        ("123456789012:function:orders", "orders"),
        ("", "function"),
        ("x" * 140, "x" * 59),
    ],
)
def test_a_run_id_tells_time_and_function(function: str, readable: str) -> None:
    """The id sorts by time, holds the function's name and is an execution's name."""
    run_id = new_run_id(function, NOW)
    assert re.fullmatch(rf"20261124-030405-{readable}-[0-9a-f]{{4}}", run_id)
    assert len(run_id) <= 80


def test_progress_is_worded() -> None:
    """Round, size and the best size so far are in one line; what is unknown is left out."""
    assert progress_line({}) == "starting"
    assert progress_line({"state": "Plan", "round": 0}) == "Plan"
    assert progress_line({"round": 2, "memoryMb": 1024, "best": None}) == "round 2 · 1,024 MB"
    best = {"memoryMb": 512, "slowestMs": 301.4, "costPerMillionUsd": 2.5}
    progress = {"round": 2, "invocations": 7, "maxInvocations": 50, "spentUsd": 0.00012, "best": best}
    assert progress_line(progress) == (
        "round 2 · 7 of at most 50 invocations · $0.000120 · best so far 512 MB, slowest 301 ms, $2.50 a million"
    )


def test_a_narrow_terminal_cuts_the_end_of_the_line_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """On 80 columns, round, size, invocations and dollars are there; the best size may be cut."""
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    with Display(Console(file=stream, width=80, force_terminal=True, color_system=None)) as display:
        best = {"memoryMb": 10_240, "slowestMs": 12_345.0, "costPerMillionUsd": 123.45}
        display.update(
            {"round": 12, "memoryMb": 10_240, "invocations": 33, "maxInvocations": 50, "spentUsd": 0.5, "best": best}
        )
    assert "round 12 · 10,240 MB · 33 of at most 50 invocations · $0.5" in stream.getvalue()


def test_without_a_terminal_progress_is_lines_that_do_not_repeat() -> None:
    """Where nothing can move, each round is one plain line."""
    stream = io.StringIO()
    with Display(Console(file=stream, width=200)) as display:
        for invocations in (1, 1, 2):
            display.update({"round": 1, "memoryMb": 128, "invocations": invocations, "maxInvocations": 50})
        display.update({"round": 2, "memoryMb": 256, "invocations": 3, "maxInvocations": 50})
    assert stream.getvalue().splitlines() == [
        "  round 1 · 128 MB · 1 of at most 50 invocations",
        "  round 2 · 256 MB · 3 of at most 50 invocations",
    ]


def test_a_state_is_explained_once() -> None:
    """A loop enters the same states again and again; each is explained the first time."""
    stream = io.StringIO()
    display = Display(Console(file=stream, width=200))
    for state in ("Suggest", "Measure", "Suggest", "SomethingElse"):
        display.entered(state)
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["Suggest", "Measure"]
