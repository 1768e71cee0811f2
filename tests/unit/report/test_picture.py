"""report.svg: one picture that explains itself."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.report import documents
from tuner.report import charts, drawing, picture
from tuner.report.picture import render_svg
from tuner.report.sentences import plain, verdict_message

SVG = "{http://www.w3.org/2000/svg}"
WITH_A_PICTURE = (
    documents.goal_met,
    documents.goal_not_met,
    documents.uncertain,
    documents.no_goal,
    documents.local_run,
    documents.one_size,
    documents.two_architectures,
    documents.hundred_sizes,
)


def drawn(document: Any) -> ET.Element:
    """The picture as XML."""
    return ET.fromstring(render_svg(document))


@pytest.mark.parametrize("make", WITH_A_PICTURE)
def test_the_picture_says_the_verdict_by_itself(make: Any) -> None:
    """Name, verdict, the whole sentence, where it was measured and of which run: nothing else is needed to read it."""
    document = make()
    root = drawn(document)
    texts = [each.text or "" for each in root.findall(f"{SVG}text")]
    message = verdict_message(document)
    assert message.label in texts
    assert document.function.name in texts
    assert plain(message.headline) in " ".join(texts)
    assert root.findtext(f"{SVG}desc") == plain(message.headline)
    footer = " ".join(texts[-2:]).replace("\N{NO-BREAK SPACE}", " ")
    assert footer.endswith(f"run {document.run_id}")
    assert ("this machine, not in AWS · " in footer) == (document.where == "local")
    # Nothing of the footer is cut: no line is wider than the picture.
    assert max(map(len, texts[-2:])) * 12 * 0.6 < 960 - 2 * 32


@pytest.mark.parametrize("make", WITH_A_PICTURE)
def test_the_picture_needs_nothing_around_it(make: Any) -> None:
    """No variable of the page, no address, no script; and no more than a chat takes."""
    svg = render_svg(make())
    assert "var(" not in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in svg
    assert len(svg.encode()) < 300_000


def test_its_colours_are_the_light_ones_of_the_page() -> None:
    """The picture and the page agree."""
    style = (Path(charts.__file__).parent / "templates/report.css").read_text()
    for name, colour in drawing.LIGHT.items():
        assert f"--{name}: {colour};" in style


@pytest.mark.parametrize("make", [documents.failed_run, documents.dry_run])
def test_where_nothing_was_measured_the_sentence_stands_alone(make: Any) -> None:
    """A failed run tells what is known, without axes that show nothing."""
    document = make()
    root = drawn(document)
    assert root.findtext(f"{SVG}desc") == plain(verdict_message(document).headline)
    assert root.findall(f"{SVG}svg") == []


def test_a_sentence_without_its_picture_is_better_than_none() -> None:
    """Where charts cannot be drawn the file is still written."""
    with mock.patch.object(picture, "draw_svg", autospec=True, side_effect=ImportError("no vl_convert")):
        assert drawn(documents.goal_met()).findall(f"{SVG}svg") == []


@settings(deadline=None, max_examples=60)
@given(hostile=st.text(max_size=80))
@example(hostile="0" * 29)
def test_texts_of_users_are_only_ever_text(hostile: str) -> None:
    """Whatever a function is called, the file stays well-formed and has the same elements; a name may take lines."""

    def shape(name: str) -> list[str]:
        document = documents.changed(documents.one_size(), {"function.name": name, "runId": name})
        blank = '<svg role="img" aria-label="a" viewBox="0 0 10 10"></svg>'
        with mock.patch.object(picture, "draw_svg", autospec=True, return_value=blank):
            svg = render_svg(document)
        assert re.search(r"<script|\son\w+=\"", svg.split("<text")[0]) is None
        return [tag for tag, _ in itertools.groupby(each.tag for each in ET.fromstring(svg).iter())]

    assert shape(hostile) == shape("plain")
