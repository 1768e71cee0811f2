"""The slider for the goal in a real browser: what it says is what the search would have chosen."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import OpenPage
from tests.rough_search import search_roughly
from tests.unit.core.search.simulated import remembering_draws
from tests.unit.report import documents
from tests.unit.report.test_real_documents import noisy_curve
from tests.unit.steps.conftest import NOW, FakeRun
from tests.unit.steps.fakes import FakeLambda
from tuner.core.answer.codec import decode
from tuner.core.answer.report import Answer
from tuner.core.model import LatencyGoal, Observation, RunContext, SearchProblem
from tuner.core.run.record import observations_of
from tuner.core.search import fit as believing
from tuner.core.search.alternatives import MOST_STEPS
from tuner.core.search.decision import decide
from tuner.core.search.fit import fit_posterior
from tuner.report import formats
from tuner.report.what_if import what_if
from tuner.steps.recommend import recommend_for
from tuner.steps.report import report
from tuner.steps.restore import restore
from tuner.steps.run import load_journals, load_record

pytestmark = pytest.mark.browser

Open = Callable[..., OpenPage]
MOVE = """place => {
    const slider = document.getElementById('limit');
    slider.value = place;
    slider.dispatchEvent(new Event('input'));
    return [document.getElementById('what-if-answer').textContent, document.getElementById('limit-text').textContent];
}"""


@pytest.fixture(autouse=True)
def _rough_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says what the search answers, however well it was found, and at no fewer limits."""
    search_roughly(monkeypatch.setattr)
    monkeypatch.setattr("tuner.core.search.alternatives.MOST_STEPS", MOST_STEPS)


@cache
def finished(limit_ms: float | None) -> tuple[Answer, FakeRun]:
    """A run with that goal from plan to report on in-memory stand-ins, and its report.json."""
    request = {"goal": {"percentile": 95, "limitMs": limit_ms}} if limit_ms else {}
    run = FakeRun(aws=FakeLambda(noisy_curve()))
    run.aws.add("theirs")
    run.plan(**request)
    run.search()
    recommend_for(run.artifacts)
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    report(run.artifacts, finished_at=NOW.isoformat())
    answer = decode(json.loads(run.s3.objects["runs/run-1/report.json"]))
    assert isinstance(answer, Answer)
    return answer, run


def expected_sentence(
    problem: SearchProblem,
    observations: Sequence[Observation],
    answer: Answer,
    percentile: float,
    limit_ms: float,
) -> str:
    """What the search chooses where this limit is the goal, in the page's words."""
    asked = replace(problem, goal=LatencyGoal(percentile, limit_ms))
    fit = fit_posterior(asked, observations, RunContext(), draw_count=believing.FINAL_DRAW_COUNT)
    decision = decide(asked, fit)
    candidate = asked.candidates[decision.pick]
    row = next(row for row in answer.configurations if row.candidate == candidate)
    duration, cost = row.duration_ms[f"p{percentile:g}"], documents.usd(row)
    size = formats.megabytes(candidate.memory_mb)
    limit = formats.limit(limit_ms)
    own = answer.goal is not None and answer.goal.limit_ms == limit_ms
    opening = f"With this run’s goal of {limit}" if own else f"If the limit were {limit}"
    modelled = "modelled " if row.samples < 45 else ""
    figures = (
        f"a {modelled}p{percentile:g} of {formats.milliseconds(duration.estimate)} "
        f"({formats.milliseconds_range(duration)})"
    )
    if candidate == problem.current:
        compared = ", as today"
    else:
        assert answer.current is not None
        change = formats.change(1 - cost / documents.usd(answer.current))
        compared = f", {change} {'as' if change.startswith('about') else 'than'} now"
    thin = ""
    if row.samples < 4 and not own:
        ran = f"ran only {formats.count(row.samples, 'time')} warm" if row.samples else "was not run"
        thin = f" Little data: {size} {ran}; a run with such a goal would measure more there."
    price = f"; a million invocations cost {formats.money(cost)}{compared}.{thin}"
    probability = formats.probability(decision.probability.goal_met or 0.0)
    return {
        "GOAL_MET": f"{opening}: use {size}, with {figures}, which meets it with a probability of {probability}{price}",
        "UNCERTAIN": f"{opening}: not sure. The best guess is {size} with {figures}, which meets it with a "
        f"probability of {probability}{price}",
        "GOAL_NOT_MET": f"{opening}: no memory size meets it (probability {formats.probability(decision.confidence)}). "
        f"The best is {size} with {figures}{price}",
    }[decision.verdict]


@pytest.mark.parametrize("limit_ms", [400, None])
def test_the_sliders_sentence_is_the_choice_at_every_limit(
    limit_ms: float | None, open_report: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every limit the page says, word for word, what the search answers where that limit is the goal."""
    document, run = finished(limit_ms)
    problem, observations = load_record(run.artifacts).problem, observations_of(load_journals(run.artifacts))
    monkeypatch.setattr(believing, "draw_worlds", remembering_draws())
    assert document.goal_alternatives is not None
    steps = document.goal_alternatives.steps
    assert len(steps) > 100
    opened = open_report(document)
    for place, step in enumerate(steps):
        sentence, limit = opened.page.evaluate(MOVE, place)
        assert limit == formats.limit(step.limit_ms)
        assert sentence == expected_sentence(problem, observations, document, 95, step.limit_ms), step
    assert opened.complaints == []


def test_at_the_goal_the_slider_says_what_the_verdict_says(open_report: Open) -> None:
    """The page opens at the run's own limit, with the recommended size."""
    document, _ = finished(400)
    page = open_report(document).page
    assert page.locator("#limit-text").inner_text() == "400 ms"
    assert formats.megabytes(document.recommended.candidate.memory_mb) in page.locator("#what-if-answer").inner_text()
    assert page.locator("#limit-back").is_hidden()


def test_the_slider_moves_by_keyboard_and_back(open_report: Open) -> None:
    """Arrows, Home and End move it; the button returns to the goal and gives the focus back."""
    document = documents.goal_met()
    page = open_report(document).page
    slider = page.locator("#limit")
    start = slider.input_value()
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert int(slider.input_value()) == int(start) + 1
    page.keyboard.press("End")
    assert document.goal_alternatives is not None
    last = document.goal_alternatives.steps[-1]
    assert slider.get_attribute("aria-valuetext") == formats.limit(last.limit_ms)
    assert page.locator("#limit-text").inner_text() == formats.limit(last.limit_ms)
    page.keyboard.press("Home")
    assert "no memory size meets it" in page.locator("#what-if-answer").inner_text()
    page.locator("#limit-back").click()
    assert slider.input_value() == start
    assert page.evaluate("document.activeElement.id") == "limit"


def shown(picture: Locator, selector: str) -> bool:
    """Whether an element is drawn; an upright line has no width, and is not "visible" to Playwright."""
    display: str = picture.locator(selector).first.evaluate("each => getComputedStyle(each).display")
    return display != "none"


@pytest.mark.parametrize("width", [1200, 390])
def test_the_line_in_the_picture_moves_with_the_slider(width: int, open_report: Open) -> None:
    """The limit's line goes where the axis has it, the ring to the size that is chosen; the goal's own line hides."""
    page = open_report(documents.goal_met(), viewport={"width": width, "height": 900}).page
    picture = page.locator("#tradeoff .phone svg" if width < 500 else "#tradeoff .wide svg")
    assert shown(picture, ".limit_marks")
    assert not shown(picture, ".explored")
    at_goal = picture.locator(".limit_marks line").bounding_box()
    page.evaluate(MOVE, int(page.locator("#limit").input_value()) + 1)
    beside = picture.locator(".explored-line").bounding_box()
    assert at_goal
    assert beside
    assert 0 < beside["x"] - at_goal["x"] < 12
    assert not shown(picture, ".limit_marks")
    assert shown(picture, ".explored")
    assert picture.locator(".explored-limit").text_content() == f"limit {page.locator('#limit-text').inner_text()}"
    page.evaluate(MOVE, 0)
    first = picture.locator(".explored-line").bounding_box()
    assert first
    assert first["x"] < at_goal["x"]


def test_the_ring_lies_on_the_chosen_size(open_report: Open) -> None:
    """Back at the goal's own choice, one step away, the ring is around the recommended point."""
    page = open_report(documents.goal_met()).page
    page.evaluate(MOVE, int(page.locator("#limit").input_value()) + 1)
    ring = page.locator("#tradeoff .wide .explored-ring").bounding_box()
    point = page.evaluate(
        """() => { const all = [...document.querySelectorAll('#tradeoff .wide svg .mark-symbol path')];
        const box = all.find(each => getComputedStyle(each).fill === 'rgb(11, 107, 98)').getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2]; }"""
    )
    assert ring
    assert ring["x"] + ring["width"] / 2 == pytest.approx(point[0], abs=1.5)
    assert ring["y"] + ring["height"] / 2 == pytest.approx(point[1], abs=1.5)


def test_with_scripts_blocked_the_table_stands_in_for_the_slider(open_report: Open) -> None:
    """The answer for every limit is visible, the slider is not."""
    document = documents.goal_met()
    page = open_report(document, java_script_enabled=False).page
    assert not page.locator("#limit").is_visible()
    rows = page.locator("#what-if-table tbody tr")
    told = what_if(document)
    assert told is not None
    assert rows.count() == len(told.rows)
    assert rows.last.is_visible()


def test_with_scripts_the_table_is_folded_and_marks_where_the_slider_is(open_report: Open) -> None:
    """The row of the chosen answer is marked."""
    page = open_report(documents.goal_met()).page
    assert not page.locator("#what-if-table").is_visible()
    page.locator("#what-if-limits summary").click()
    assert page.locator("#what-if-table").is_visible()
    page.evaluate(MOVE, 0)
    assert page.locator("#what-if-table tr.here").count() == 1
    assert page.locator("#what-if-table tbody tr").first.get_attribute("class") == "here"
    page.locator("#limit").press("End")
    assert page.locator("#what-if-table tbody tr").last.get_attribute("class") == "here"


def test_a_failed_run_has_no_slider(open_report: Open) -> None:
    """Where nothing could be recommended there is nothing to ask."""
    opened = open_report(documents.failed_run())
    assert opened.page.locator("#limit").count() == 0
    assert opened.complaints == []


def test_tables_sort_by_a_press_and_say_so(open_report: Open) -> None:
    """By mouse and by keyboard, ascending then descending; rows without a number stay at the end."""
    document = documents.no_goal()
    page = open_report(document).page
    table = page.locator("table.sortable").first
    heading = table.locator("th", has_text="cost per million")

    def costs() -> list[float]:
        texts = table.locator("tbody tr td:nth-child(4)").evaluate_all(
            "cells => cells.map(each => each.querySelector('data')?.value ?? '')"
        )
        assert "" not in texts[: len([text for text in texts if text])]
        return [float(text) for text in texts if text]

    assert table.locator("th[aria-sort]").inner_text().startswith("memory")
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert table.locator("th[aria-sort]").count() == 1
    assert costs() == sorted(costs())
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert costs() == sorted(costs(), reverse=True)


def test_dots_tell_the_request_id(open_report: Open) -> None:
    """Pointing at an invocation in the spread of durations shows its request id."""
    document = documents.goal_met()
    page = open_report(document).page
    titles = page.evaluate("[...document.querySelectorAll('.spread .wide title')].map(each => each.textContent)")
    assert document.current is not None
    sizes = (document.current.candidate, document.recommended.candidate)
    ids = [row.invocation.request_id or "" for row in document.observations if row.candidate in sizes]
    assert sorted(title.split(", ")[-1] for title in titles) == sorted(ids)
