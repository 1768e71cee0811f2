"""The pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.report import documents
from tuner.core.answer.recommendation import Interval
from tuner.core.answer.report import Answer
from tuner.core.model import Candidate, LatencyGoal
from tuner.report import charts, drawing


def values(spec: Any) -> list[dict[str, Any]]:
    """Every datum of a specification."""
    found = list(spec.get("data", {}).get("values", []))
    for layer in spec.get("layer", []):
        found.extend(values(layer))
    return found


def tradeoff(answer: Answer) -> Any:
    """The first picture's specification."""
    spec = charts.tradeoff_spec(answer, drawing.WIDE)
    assert spec is not None
    return spec


def test_every_measured_size_is_a_point_with_the_documents_numbers() -> None:
    """The picture shows what the document says."""
    answer = documents.goal_met()
    points = {datum["mb"]: datum for datum in values(tradeoff(answer)) if datum.get("measured")}
    measured = {row.candidate.memory_mb: row for row in answer.configurations if row.samples}
    assert points.keys() == measured.keys()
    for memory_mb, row in measured.items():
        point, cost = points[memory_mb], row.cost_per_million_usd
        assert cost is not None
        assert point["ms"] == row.duration_ms["p95"].estimate
        assert (point["costLow"], point["costHigh"]) == (cost.low, cost.high)


def test_now_recommended_and_goal_are_named() -> None:
    """Two labels and the goal's line."""
    texts = {datum["text"] for datum in values(tradeoff(documents.goal_met())) if "text" in datum}
    assert {"1,024 MB recommended", "3,008 MB now", "goal 225 ms"} <= texts


def test_the_pick_of_an_unmet_goal_is_not_called_recommended() -> None:
    """A picture promises no more than the verdict."""
    texts = {datum["text"] for datum in values(tradeoff(documents.goal_not_met())) if "text" in datum}
    assert "1,856 MB best" in texts
    assert not [text for text in texts if "recommended" in text]


def test_sizes_far_dearer_than_all_measured_are_left_out_and_named() -> None:
    """They would flatten the rest; the page says which they are."""
    document = documents.goal_met()
    left_out = charts.left_out_of_tradeoff(document)
    assert 10240 in left_out
    drawn = {
        datum["mb"]
        for datum in values(tradeoff(document))
        if "text" not in datum and "mb" in datum and datum.get("role") is not None
    }
    costs = {
        row.candidate.memory_mb: row.cost_per_million_usd.estimate
        for row in document.configurations
        if row.cost_per_million_usd
    }
    highest_measured = max(costs[row.candidate.memory_mb] for row in document.configurations if row.samples)
    assert document.recommended.candidate.memory_mb in drawn
    assert all(costs[size] <= 1.6 * highest_measured for size in drawn)


def test_two_architectures_are_told_apart() -> None:
    """Shapes and labels say which is which, and neither is thinned away."""
    document = documents.two_architectures()
    data = values(tradeoff(document))
    texts = {datum["text"] for datum in data if "text" in datum}
    assert {"1,024 MB arm64 recommended", "3,008 MB x86_64 now"} <= texts
    hollow = [datum["variant"] for datum in data if datum.get("measured") is False and not datum["role"]]
    assert min(hollow.count("arm64"), hollow.count("x86_64")) > 20


def test_each_invocation_is_a_dot_cold_apart_from_warm() -> None:
    """Every successful invocation is in the curve's picture once."""
    document = documents.goal_met()
    spec = charts.curve_spec(document, drawing.HALF)
    dots = [datum for datum in values(spec) if "cold" in datum]
    assert len(dots) == len(document.observations)
    assert sum(dot["cold"] for dot in dots) == sum(row.invocation.cold for row in document.observations)


def test_thousands_of_invocations_become_quantiles() -> None:
    """A size's spread is drawn as one line where dots would be too many."""
    spec = charts.curve_spec(documents.hundred_sizes(), drawing.HALF)
    assert not [datum for datum in values(spec) if "cold" in datum]
    assert spec is not None
    assert any(set(datum) == {"mb", "low", "high"} for datum in values(spec))


def test_infeasible_sizes_are_marked() -> None:
    """A size that ran out of memory has a cross in the curve's picture."""
    spec = charts.curve_spec(documents.no_goal(), drawing.HALF)
    assert [datum["mb"] for datum in values(spec) if datum.get("text") == "×"] == [128, 128][:1]


@pytest.mark.parametrize("draw", [charts.curve_spec, charts.crossing_spec])
def test_one_size_has_no_curve(draw: Any) -> None:
    """There is no line through one point."""
    assert draw(documents.one_size(), drawing.HALF) is None


def test_where_no_size_has_cost_and_duration_there_is_no_picture() -> None:
    """Nothing, and no empty one."""
    answer = documents.goal_met()
    rows = tuple(replace(row, cost_per_million_usd=None) for row in answer.configurations)
    assert charts.tradeoff_spec(replace(answer, configurations=rows), drawing.WIDE) is None


@pytest.mark.parametrize("make", [documents.goal_met, documents.no_goal, documents.one_size])
@pytest.mark.parametrize("frame", [drawing.WIDE, drawing.PHONE])
def test_a_drawn_picture_keeps_the_pages_colours_and_needs_nothing(make: Any, frame: drawing.Frame) -> None:
    """Colours stay variables, the size is the page's, ids have their prefix."""
    svg = drawing.draw_svg(charts.tradeoff_spec(make(), frame) or {}, identifier="t", name='Cost against "p95"')
    assert svg.startswith('<svg role="img" aria-label="Cost against &quot;p95&quot;"')
    assert "var(--accent)" in svg
    assert ' width="' not in svg.split(">", 1)[0]
    assert "viewBox" in svg.split(">", 1)[0]
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_dots_say_their_request_id_where_they_are_pointed_at() -> None:
    """Each invocation's dot has a title of its own, in the order in which the dots are drawn."""
    spec = charts.curve_spec(documents.goal_met(), drawing.HALF)
    assert spec is not None
    titles = [f"<{number}>" for number in range(7)]
    svg = drawing.with_titles(drawing.draw_svg(spec, identifier="t", name="What it shows"), "cold_dots", titles)
    root = ET.fromstring(svg)
    assert [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")] == titles


def test_titles_that_do_not_fit_the_dots_are_left_out() -> None:
    """A dot never gets another invocation's request id."""
    spec = charts.curve_spec(documents.goal_met(), drawing.HALF)
    assert spec is not None
    svg = drawing.draw_svg(spec, identifier="t", name="What it shows")
    assert drawing.with_titles(svg, "cold_dots", ["one too few"]) == svg
    assert drawing.with_titles(svg, "no_such_layer", []) == svg


NUMBERS = st.one_of(st.just(0.0), st.floats(0.001, 1e6), st.just(250.0))


@st.composite
def strange_answers(draw: st.DrawFn) -> Answer:
    """Few or many sizes with numbers that real functions hardly have: zero, equal, huge."""
    answer = documents.one_size()
    rows = []
    for size in draw(st.lists(st.integers(128, 10_240), min_size=1, max_size=12, unique=True)):
        ms, cost = draw(NUMBERS), draw(NUMBERS)
        rows.append(
            replace(
                answer.configurations[0],
                candidate=Candidate(size, "x86_64"),
                duration_ms=dict.fromkeys(("mean", "p50", "p95", "p99"), Interval(ms, ms * 0.9, ms * 1.2)),
                cost_per_million_usd=Interval(cost, cost * 0.9, cost * 1.1),
                basis=draw(st.sampled_from(["samples", "model"])),
            )
        )
    limit_ms = draw(st.none() | NUMBERS)
    return replace(
        answer,
        configurations=tuple(rows),
        recommended=draw(st.sampled_from(rows)),
        current=draw(st.sampled_from(rows)),
        goal=LatencyGoal(95, limit_ms) if limit_ms else None,
    )


@settings(deadline=None, max_examples=25)
@given(answer=strange_answers())
def test_strange_numbers_are_drawn_too(answer: Answer) -> None:
    """Zero, equal and huge numbers make a picture, never an error."""
    for build in (charts.tradeoff_spec, charts.curve_spec, charts.crossing_spec):
        spec = build(answer, drawing.PHONE)
        if spec is not None:
            svg = drawing.draw_svg(spec, identifier="t", name="What it shows")
            assert "NaN" not in svg


def test_ticks_are_round_and_inside() -> None:
    """Logarithmic axes carry numbers that people use."""
    _, axis = drawing.scale_over([120.0, 1500.0], 9)
    assert axis["values"] == [150, 200, 300, 400, 500, 700, 1000, 1500]
    _, axis = drawing.scale_over([0.9, 9000.0], 5)
    assert axis["values"] == [1, 10, 100, 1000, 10_000]
