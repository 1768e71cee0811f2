"""The summary on a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from tests.unit.report import documents
from tuner.core.answer.recommendation import Interval
from tuner.core.answer.report import RunReport
from tuner.report.terminal import MOST_ROWS, render_terminal, strip


def printed(report: RunReport, *, width: int = 80, **options: Any) -> str:
    """What a console of this width shows."""
    console = Console(file=io.StringIO(), width=width, **options)
    render_terminal(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "make", [*documents.EXAMPLES.values(), documents.one_size, documents.two_architectures, documents.hundred_sizes]
)
def test_it_fits_eighty_columns(make: Any) -> None:
    """Only addresses and commands, which are there to be copied, may be longer."""
    document = make()
    addresses = tuple(document.report.values())
    for line in printed(document).splitlines():
        assert len(line) <= 80 or line.endswith(addresses) or line.lstrip().startswith(("aws lambda", "lambda-tuner"))


def test_it_begins_with_the_verdict_and_ends_with_the_files() -> None:
    """The order of a reader's questions."""
    lines = printed(documents.goal_met()).strip().splitlines()
    assert lines[0] == "Goal met  thumbnail-api"
    assert lines[1].startswith("Change the memory size from 3,008 MB to 1,024 MB")
    assert [line.split()[0] for line in lines[-5:]] == ["html", "markdown", "json", "svg", "console"]
    assert lines[-3].endswith("report.json")
    assert lines[-1].split() == ["console", documents.goal_met().report["console"]]
    assert printed(documents.local_run()).strip().splitlines()[-1].startswith("svg")


def test_without_a_terminal_there_are_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file or a pipe gets text; so does a terminal with NO_COLOR, which keeps bold."""
    assert "\x1b" not in printed(documents.goal_met(), force_terminal=False)
    monkeypatch.setenv("NO_COLOR", "1")
    text = printed(documents.goal_met(), force_terminal=True)
    assert "\x1b[32m" not in text
    assert "\x1b[1;32m" not in text


def test_a_log_line_cannot_steer_the_terminal() -> None:
    """Escape sequences and console markup of a function's error are shown, not obeyed."""
    message = "\x1b]0;owned\x07 [bold red]x[/] [link=https://example.org]y[/link]"
    text = printed(
        documents.changed(documents.failed_run(), {"error.message": message}),
        width=200,
        force_terminal=True,
        color_system=None,
    )
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert "[bold red]x[/]" in text


def test_many_sizes_are_thinned_and_the_important_ones_stay() -> None:
    """Today's and the recommended size are always among the rows."""
    text = printed(documents.hundred_sizes())
    assert "recommended" in text
    assert "now" in text
    assert f"{100 - MOST_ROWS} more measured sizes" in text


def test_what_was_left_behind_is_said() -> None:
    """A temporary function that could not be removed is not passed over."""
    left = {"restored.complete": False, "restored.remaining": ["lambda-tuner-clone-1-512-arm"]}
    assert "lambda-tuner-clone-1-512-arm" in printed(documents.changed(documents.goal_met(), left))


@pytest.mark.parametrize(
    ("duration", "limit_ms", "expected"),
    [
        (Interval(50, 30, 70), 90.0, "   ──●── ┊"),
        (Interval(95, 90, 99), 90.0, "         ●"),
        (Interval(500, 400, 600), 50.0, "     ┊   ▸"),
        (Interval(0, 0, 0), None, "●         "),
        (None, 50.0, "     ┊    "),
    ],
)
def test_a_strip_shows_where_a_duration_lies(duration: Interval | None, limit_ms: float | None, expected: str) -> None:
    """Estimate, interval and goal stand where their milliseconds are; what lies beyond the end is an arrow."""
    assert strip(duration, limit_ms, 100.0, 10) == expected


def test_a_strip_without_a_scale_has_its_width() -> None:
    """Where every duration is 0 nothing is divided by it."""
    assert len(strip(Interval(0, 0, 0), None, 0.0)) == len(strip(None, None, 0.0))


def test_a_size_that_cannot_be_used_is_not_compared_with() -> None:
    """What a model would say of a size that ran out of memory is neither a saving nor a price."""
    answer = documents.goal_met()
    assert "instead of" in printed(answer)
    unusable = documents.changed(answer, {"current.infeasibleReason": "ran out of memory"})
    text = " ".join(printed(unusable).split())
    assert "cannot be used: ran out of memory." in text
    assert "instead of" not in text
    assert "Duration p95, warm" not in text


def test_a_long_remark_takes_the_room_of_the_bars() -> None:
    """On 80 columns no word of a remark is cut in two; where there is room, the bars stay."""
    answer = documents.goal_met()
    place = next(place for place, row in enumerate(answer.configurations) if row.candidate.memory_mb == 512)
    remark = {f"configurations.{place}.infeasibleReason": "uses up to 500 MB, more than 90% of it"}
    document = documents.changed(answer, remark)
    narrow, wide = printed(document), printed(document, width=140)
    assert "recommended" in narrow
    assert "█" not in narrow
    assert "█" in wide
