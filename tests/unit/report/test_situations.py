"""What is said in every verdict and situation, and which probability each sentence names."""

from __future__ import annotations

import html
import io
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.unit.report import documents
from tests.unit.report.situations import SITUATIONS, made
from tuner.application import application_root
from tuner.core.answer.report import RunReport
from tuner.report import formats
from tuner.report.html import render_html
from tuner.report.markdown import render_markdown
from tuner.report.picture import render_svg
from tuner.report.sentences import Figure, plain, verdict_message
from tuner.report.terminal import render_headline, render_terminal

APPROVED = application_root() / "tests" / "data" / "verdict_sentences.txt"
"""Every sentence as a reader sees it; ``python -m tests.unit.report.test_situations`` writes it anew, to be read."""
PROBABILITIES = ("0", "0.04", "0.31", "0.5", "0.66", "0.88", "0.97", "1")


def as_text(name: str) -> str:
    """A situation's label, headline, support and next step, one a line."""
    message = verdict_message(SITUATIONS[name])
    lines = [plain(message.headline), *(f"- {plain(line)}" for line in message.support)]
    return "\n".join([f"## {name}", message.label, *lines, *([f"> {message.next_step}"] if message.next_step else [])])


def approved() -> dict[str, str]:
    """The approved text of each situation."""
    parts = re.split(r"\n\n(?=## )", APPROVED.read_text(encoding="utf-8").strip())
    return {part.splitlines()[0].removeprefix("## "): part for part in parts}


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_situation_has_its_sentence(name: str) -> None:
    """Each verdict says the same words in the same situation, and they were read by somebody."""
    assert as_text(name) == approved()[name]


def named_probabilities(document: RunReport) -> list[tuple[str, Figure]]:
    """Each probability in the words of a verdict, with the words before it."""
    message = verdict_message(document)
    return [
        (before, figure)
        for sentence in (message.headline, *message.support)
        for before, figure in pairwise(sentence)
        if isinstance(before, str) and isinstance(figure, Figure) and "robability" in before
    ]


@given(
    verdict=st.sampled_from(["GOAL_MET", "GOAL_NOT_MET", "UNCERTAIN"]),
    met=st.sampled_from(PROBABILITIES),
    none_meets=st.sampled_from(PROBABILITIES),
    today=st.sampled_from(PROBABILITIES),
    safer=st.sampled_from([None, *PROBABILITIES]),
)
def test_no_probability_is_printed_as_another(
    verdict: str, met: str, none_meets: str, today: str, safer: str | None
) -> None:
    """What is called the probability to meet the goal is that of the size named; the other is that no size does."""
    values = {"probability.goalMet": float(met), "probability.noSizeMeets": float(none_meets)}
    values |= {"current.goalProbability": float(today)}
    if safer is not None:
        values |= {"safer.goalProbability": float(safer)}
    start = documents.uncertain() if safer is not None else replace(documents.uncertain(), safer=None)
    confidence = {"GOAL_MET": met, "GOAL_NOT_MET": none_meets}.get(verdict, max(met, none_meets, key=float))
    document = made(start, {**values, "verdict": verdict, "confidence": float(confidence), "savingRatio": 0.02})
    told = named_probabilities(document)
    assert told
    for before, figure in told:
        assert figure.path in values, before
        assert figure.text == formats.probability(values[figure.path])
        about_none = "no size meets" in before or before.endswith(" (probability ")
        assert (figure.path == "probability.noSizeMeets") is about_none, before
    text = plain(verdict_message(document).headline)
    for number in re.findall(r"that it meets the goal is ((?:over |under )?\d+%)", text):
        assert number == formats.probability(float(met))


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_form_says_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page, Markdown, picture, terminal and --quiet have the headline word for word."""
    monkeypatch.setattr("tuner.report.html._picture", lambda *_, **__: None)
    monkeypatch.setattr("tuner.report.picture._drawn", lambda _: "")
    document = SITUATIONS[name]
    headline = plain(verdict_message(document).headline)
    terminal, quiet = (Console(width=5000, file=io.StringIO(), record=True) for _ in range(2))
    render_terminal(document, terminal)
    render_headline(document, quiet)
    assert headline in terminal.export_text()
    assert quiet.export_text().strip().endswith(f": {headline}")
    page = re.search(r"<h1>(.*?)</h1>", render_html(document), re.DOTALL)
    assert page is not None
    shown = html.unescape(re.sub(r"<[^>]+>", "", page[1]))
    assert " ".join(shown.replace("\N{WORD JOINER}", "").split()) == headline
    assert headline in html.unescape(render_markdown(document)).replace("**", "").replace("\\", "")
    drawn = re.findall(r'font-size="17"[^>]*>([^<]*)<', render_svg(document))
    assert html.unescape(" ".join(drawn)) == headline


def write() -> None:
    """Write the approved sentences anew."""
    APPROVED.write_text("\n\n".join(map(as_text, SITUATIONS)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
