"""report.html: complete, escaped, small, and with no script but its own."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.report import documents
from tuner.core.answer.codec import decode, encode
from tuner.core.answer.report import RunReport
from tuner.report import charts, drawing
from tuner.report.html import MARK_SCRIPT, page_script, render_html


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text += data


def without_pictures(document: Any) -> str:
    """The page with its charts left out: they hold no text of users."""
    with mock.patch.object(drawing, "draw_svg", autospec=True, return_value="<svg></svg>"):
        return render_html(document)


@pytest.mark.parametrize("name", documents.EXAMPLES)
def test_a_page_loads_nothing_and_runs_only_its_own_script(name: str) -> None:
    """No script but the page's own, no event handler, no address that a browser would fetch."""
    page = render_html(documents.EXAMPLES[name]())
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert [text for kind, text in scripts if "application/json" not in kind] == [MARK_SCRIPT, page_script()]
    policy = re.search(r"script-src ([^;]*);", page)
    assert policy is not None
    assert policy[1].split() == [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in (MARK_SCRIPT, page_script())
    ]
    for tag, attributes in Page(page).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "form")
        assert not [attribute for attribute in attributes if attribute.startswith("on")]
        assert not {"src", "srcset", "action", "background"} & set(attributes)
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []


@pytest.mark.parametrize("name", documents.EXAMPLES)
def test_a_page_begins_with_the_verdict(name: str) -> None:
    """The one top heading is the sentence."""
    page = render_html(documents.EXAMPLES[name]())
    assert page.startswith("<!doctype html>")
    assert page.count("<h1>") == 1
    assert page.index("<h1>") < page.index("</h1>") < (page.find("<svg") if "<svg" in page else len(page))


def test_a_hundred_sizes_and_five_thousand_invocations_stay_small() -> None:
    """The largest run fits an e-mail attachment."""
    assert len(render_html(documents.hundred_sizes()).encode()) < 1_500_000


def test_many_dots_stay_small() -> None:
    """Just below the bound at which dots become quantiles, every dot is drawn."""
    document = documents.finished_run(measured=[(size, 95) for size in range(128, 128 + 20 * 64, 64)])
    assert len(document.observations) <= charts.MOST_DOTS
    assert len(render_html(document).encode()) < 1_500_000


@settings(deadline=None, max_examples=60)
@given(hostile=st.text(min_size=1, max_size=200))
def test_texts_of_users_are_only_ever_text(hostile: str) -> None:
    """Whatever a name, an error or a warning says, the page has the same elements and attributes."""
    mark = "plain"
    assert _shape(_with_text(hostile)) == _shape(_with_text(mark))


@pytest.mark.parametrize(
    "hostile",
    [
        "</style><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        "{{ 7 * 7 }}{% raw %}",
        "<!--",
        "]]>",
        "javascript:alert(1)",
        "\x00\x1b[31m",
    ],
)
def test_known_attacks_are_only_ever_text(hostile: str) -> None:
    """The classics too."""
    assert _shape(_with_text(hostile)) == _shape(_with_text("plain"))


def test_a_template_in_a_text_is_not_evaluated() -> None:
    """What stands in braces is shown as it is."""
    page = render_html(_with_text("{{ 7919 * 7907 }}"))
    assert "{{ 7919 * 7907 }}" in page
    assert str(7919 * 7907) not in page


def _with_text(text: str) -> RunReport:
    places = ["function.name", "error.name", "error.message", "error.hint", "observations.0.errorType"]
    places += ["observations.0.errorMessage", "runId", "restored.checks.0.before", "request.payloadS3"]
    listed = {"warnings": [text], "assumptions": [text]}
    changed: RunReport = documents.changed(documents.failed_run(), {**dict.fromkeys(places, text), **listed})
    return changed


def _shape(document: RunReport) -> list[tuple[str, list[str]]]:
    page = Page(without_pictures(document))
    return [(tag, sorted(attributes)) for tag, attributes in page.tags if tag != "data"]


def test_the_payload_is_not_shown() -> None:
    """A report is passed on; what the payload holds is not for its readers."""
    document = documents.changed(documents.goal_met(), {"request.payload": {"password": "correct horse"}})
    assert "correct horse" not in render_html(document)


@pytest.mark.parametrize("name", ["goal-met", "goal-not-met", "uncertain", "no-goal", "local"])
def test_no_percentile_stands_without_the_word_where_samples_cannot_carry_it(name: str) -> None:
    """Every cell with a percentile of too few samples says "modelled", itself or in its column's head."""
    document = documents.EXAMPLES[name]()
    page = without_pictures(document)
    found = list(
        re.finditer(
            r'<td[^>]*><data value="[^"]*" '
            r'data-path="((?:configurations\.\d+|current|recommended)\.durationMs\.(?!mean)[^"]*)">'
            r"[^<]*</data>((?:\s*<span[^>]*>[^<]*</span>)*)",
            page,
        )
    )
    assert found
    for cell in found:
        path, notes = cell.groups()
        configuration: Any = encode(document)
        for step in path.split(".durationMs")[0].split("."):
            configuration = configuration[int(step)] if step.isdigit() else configuration[step]
        needed = {"p50": 4, "p95": 45, "p99": 230}[path.split(".")[-2]]
        head = page[page.rindex("<table", 0, cell.start()) :].partition("</thead>")[0]
        if configuration["samples"] < needed:
            assert "modelled" in notes or "p95, modelled</th>" in head, path


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_document_may_lack_what_its_run_did_not_reach(data: st.DataObject) -> None:
    """A run that broke off leaves what it has, and an earlier version's lacks fields: the page shows what is there."""
    whole = encode(data.draw(st.sampled_from([documents.failed_run(), documents.goal_met(), documents.dry_run()])))
    left_out = data.draw(st.sets(st.sampled_from(sorted(whole))))
    document = {key: value for key, value in whole.items() if key not in left_out or key in _NEEDED}
    page = without_pictures(decode(document))
    assert "<h1>" in page


_NEEDED = {
    *("schemaVersion", "runId", "verdict", "error", "estimate", "recommended", "current", "safer", "savingRatio"),
    *("probability", "confidence", "stoppedBecause", "goal"),
}
"""What is in every report of its kind."""


def test_the_console_is_linked_and_nothing_else() -> None:
    """A run in an account has a link that a browser opens; what is no such address is no link."""
    document = documents.goal_met()
    address = document.report["console"]
    assert f'<a href="{address.replace("&", "&amp;")}" rel="noreferrer">' in without_pictures(document)
    for other in ("javascript:alert(1)", "http://example.org", ""):
        document = documents.changed(document, {"report.console": other})
        assert "<a href" not in without_pictures(document).replace('<a class="skip" href', "")
    assert "<a href" not in without_pictures(documents.local_run())


def test_the_command_to_do_it_again_is_there() -> None:
    """The run can be repeated from the page alone."""
    page = without_pictures(documents.goal_met())
    assert "lambda-tuner tune arn:aws:lambda:eu-central-1:123456789012:function:thumbnail-api --goal p95=225ms" in page
    document = replace(documents.local_run(), repeat_command="lambda-tuner try app.py:handler --goal p95=400ms")
    assert "lambda-tuner try app.py:handler --goal p95=400ms" in without_pictures(document)


def test_the_pages_module_starts_quickly() -> None:
    """Importing the renderers loads neither the chart library nor what only a terminal needs."""
    program = (
        "import sys, tuner.report.html, tuner.report.markdown, tuner.report.digest;"
        "loaded = {name.split('.')[0] for name in sys.modules};"
        "print(sorted(loaded & {'vl_convert', 'rich', 'numpy', 'optuna', 'boto3'}))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_page_without_pictures_is_better_than_none() -> None:
    """Where charts cannot be drawn, the verdict and the tables are still there."""
    with mock.patch.object(drawing, "draw_svg", autospec=True, side_effect=ImportError("no vl_convert")):
        page = render_html(documents.goal_met())
    assert "<svg" not in page
    assert "Every measured size" in page
