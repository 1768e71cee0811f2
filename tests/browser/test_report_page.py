"""report.html in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import OpenPage
from tests.unit.report import documents
from tuner.core.answer.codec import decode
from tuner.report import formats
from tuner.report.sentences import plain, verdict_message

pytestmark = pytest.mark.browser

Open = Callable[..., OpenPage]
EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[2] / "docs/schema/examples").glob("*.json")
    if not path.stem.endswith("-output")
)
WIDTHS = (320, 390, 768, 1280, 1920)


def load(path: Path) -> dict[str, Any]:
    """An example document."""
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def at(document: Any, path: str) -> Any:
    """The field at a dotted path; a percentile's key may itself hold a dot."""
    steps = path.split(".")
    while steps:
        if isinstance(document, list):
            document = document[int(steps.pop(0))]
            continue
        length = next(n for n in range(1, len(steps) + 1) if ".".join(steps[:n]) in document)
        document = document[".".join(steps[:length])]
        del steps[:length]
    return document


def shown(path: str, value: Any, currency: str) -> set[str]:
    """How a field's value may be written on the page."""
    if path.endswith(("memoryMb", "maxMemoryUsedMb")):
        return {formats.megabytes(value)}
    if path == "goal.limitMs":
        return {formats.limit(value)}
    if "durationMs" in path or "coldStartMs" in path:
        return {formats.milliseconds(value)}
    if "Usd" in path:
        return {formats.money(value, currency)}
    if path == "savingRatio":
        return {formats.change(value)}
    if path.endswith("extraCostRatio.estimate"):
        return {f"{value * 100:+.0f}%"}
    if path == "confidence" or path.endswith("goalProbability") or path.startswith("probability."):
        return {formats.probability(value)}
    if path == "estimate.invocations":
        return {formats.count(value, "invocation")}
    if path == "estimate.minutes":
        return {formats.count(value, "minute")}
    if path == "error.message":
        return {value}
    return {f"{value:,}"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_page_is_silent(path: Path, open_report: Open) -> None:
    """No request to anywhere, no message of the console, no error."""
    opened = open_report(decode(load(path)))
    opened.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert opened.requests == []
    assert opened.complaints == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_figure_on_the_page_is_the_documents(path: Path, open_report: Open) -> None:
    """Number for number: each figure's exact value and its text come from report.json."""
    document = load(path)
    figures = open_report(decode(document)).page.evaluate(
        "[...document.querySelectorAll('data[data-path]')]"
        ".map(each => [each.dataset.path, each.value, each.textContent])"
    )
    assert figures
    for place, value, text in figures:
        expected = at(document, place)
        assert str(expected) == value, place
        written = shown(place, expected, document.get("currency", "USD"))
        architecture = place.endswith("memoryMb") and any(
            text == f"{name} {arch}" for name in written for arch in ("arm64", "x86_64")
        )
        assert text in written or architecture, place


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_nothing_of_the_answer_is_missing(path: Path, open_report: Open) -> None:
    """Each size's mean, latency and cost, each invocation's request id, each assumption and warning is on the page."""
    document = load(path)
    page = open_report(decode(document)).page
    places = set(page.evaluate("[...document.querySelectorAll('data[data-path]')].map(each => each.dataset.path)"))
    key = f"p{document['goal']['percentile']:g}" if document.get("goal") else "p95"
    for index, row in enumerate(document.get("configurations", [])):
        for field in ("mean", key):
            if row["durationMs"]:
                assert f"configurations.{index}.durationMs.{field}.estimate" in places
        if row["costPerMillionUsd"]:
            assert f"configurations.{index}.costPerMillionUsd.estimate" in places
    text = page.evaluate("document.body.textContent")
    for row in document.get("observations", []):
        assert row["requestId"] in text
    for field in ("assumptions", "warnings", "leftUndone"):
        for sentence in document.get(field, []):
            assert sentence in text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_page_works_without_scripts(path: Path, open_report: Open) -> None:
    """With JavaScript off the verdict is read and the folds open."""
    document = load(path)
    page = open_report(decode(document), java_script_enabled=False).page
    sentence = " ".join(page.locator("h1").inner_text().replace("\u2060", "").split())
    assert sentence == " ".join(plain(verdict_message(decode(document)).headline).split())
    fold = page.locator("details:has(summary:text('Do it again'))")
    body = fold.locator(".body")
    assert not body.is_visible()
    fold.locator("summary").click()
    assert body.is_visible()


def test_folds_open_from_the_keyboard(open_report: Open) -> None:
    """Every fold is reached by Tab and opened by Enter."""
    page = open_report(documents.goal_met()).page
    summaries = page.locator("summary").count()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.tagName + ':' + document.activeElement.textContent.trim()")
        if focused.startswith("SUMMARY:") and focused not in reached:
            reached.add(focused)
            page.keyboard.press("Enter")
    assert len(reached) == summaries
    assert page.locator("details[open]").count() == summaries


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "make",
    [
        documents.goal_met,
        documents.no_goal,
        documents.two_architectures,
        documents.failed_run,
        documents.one_size,
        documents.hundred_sizes,
    ],
)
def test_nothing_sticks_out_at_any_width(make: Any, scheme: str, open_report: Open) -> None:
    """From a small phone to a large screen the page never scrolls sideways, with all folds open."""
    page = open_report(make(), color_scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_take_the_pages_colours(scheme: str, open_report: Open) -> None:
    """The recommended size has the accent colour in the light and in the dark."""
    page = open_report(documents.goal_met(), color_scheme=scheme).page
    accent = {"light": "rgb(11, 107, 98)", "dark": "rgb(92, 201, 185)"}[scheme]
    fills = page.evaluate("[...document.querySelectorAll('.wide svg path')].map(each => getComputedStyle(each).fill)")
    assert accent in fills
    assert (
        page.evaluate("getComputedStyle(document.body).backgroundColor")
        == {
            "light": "rgb(253, 253, 251)",
            "dark": "rgb(19, 22, 25)",
        }[scheme]
    )


def test_a_phone_gets_its_own_pictures(open_report: Open) -> None:
    """Text in the charts keeps its size on a phone."""
    page = open_report(documents.goal_met(), viewport={"width": 390, "height": 844}).page
    assert page.locator("figure .phone svg").first.is_visible()
    assert not page.locator("figure .wide svg").first.is_visible()
    heights = page.evaluate(
        "[...document.querySelectorAll('.phone svg text')].map(each => each.getBoundingClientRect().height)"
        ".filter(height => height)"
    )
    assert min(heights) >= 11


TEXTS_AND_LINES = """() => [...document.querySelectorAll('figure svg')].filter(e => e.checkVisibility()).map(svg => {
    const box = each => { const r = each.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
    const texts = new Map();
    for (const each of svg.querySelectorAll('text')) {
        const text = each.textContent;
        if (text && getComputedStyle(each).fontSize) texts.set(text + box(each).map(Math.round), [text, ...box(each)]);
    }
    const dashed = [...svg.querySelectorAll('line')].filter(each => each.getAttribute('stroke-dasharray'));
    return [[...texts.values()], dashed.map(box)];
})"""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", sorted({*documents.EXAMPLES} - {"failed", "dry-run"}))
def test_no_name_in_a_picture_lies_on_another_or_on_the_goals_line(name: str, width: int, open_report: Open) -> None:
    """Neither on a phone nor on a screen, however wide this system's font is."""
    page = open_report(documents.EXAMPLES[name](), viewport={"width": width, "height": 900}).page
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    pictures = page.evaluate(TEXTS_AND_LINES)
    assert pictures
    for texts, lines in pictures:
        for index, (text, left, top, right, bottom) in enumerate(texts):
            for other, *box in texts[index + 1 :]:
                apart = right <= box[0] or box[2] <= left or bottom - 3 <= box[1] or box[3] <= top + 3
                assert apart, (text, other)
            for x, y, end_x, end_y in lines:
                assert end_x <= left or right <= x or end_y <= top + 3 or bottom - 3 <= y, (text, "goal")


def test_a_command_is_copied(open_report: Open) -> None:
    """By its button, which says so; it is in the clipboard as it stands."""
    page = open_report(documents.goal_met(), permissions=["clipboard-read", "clipboard-write"]).page
    code = page.locator(".code").first
    code.get_by_role("button", name="Copy").click()
    code.get_by_role("button", name="Copied").wait_for()
    command = "aws lambda update-function-configuration --function-name thumbnail-api --region eu-central-1"
    assert page.evaluate("navigator.clipboard.readText()") == f"{command} --memory-size 1024"
    assert code.locator("pre").inner_text() == f"{command} --memory-size 1024"


def test_a_command_is_selected_where_no_page_may_copy(open_report: Open) -> None:
    """So that the keyboard copies it."""
    page = open_report(documents.goal_met()).page
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.locator(".code button").first.click()
    assert page.evaluate("getSelection().toString()").startswith("aws lambda update-function-configuration")


def test_without_scripts_there_is_no_button(open_report: Open) -> None:
    """A button that does nothing is not shown."""
    page = open_report(documents.goal_met(), java_script_enabled=False).page
    assert page.locator(".code pre").first.is_visible()
    assert page.locator(".code button").count() == 0


def test_each_picture_has_a_role_and_a_name(open_report: Open) -> None:
    """Who does not see a picture is told what it shows, once."""
    page = open_report(documents.goal_met()).page
    names = [picture.get_attribute("aria-label") for picture in page.get_by_role("img").all()]
    assert len(names) == len(set(names)) == 3
    assert all(name and "measured sizes below" in name for name in names)


def test_a_tables_head_is_repeated_on_every_sheet(open_report: Open, tmp_path: Path) -> None:
    """Rows on a second sheet have the names of their columns above them."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext of poppler-utils is not installed")
    document = documents.two_architectures()
    path = tmp_path / "report.pdf"
    path.write_bytes(open_report(document).page.pdf(format="A5"))
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    sheets = [
        sheet for sheet in text.split("\f") if re.search(r"(?m)^ *[\d,]+ MB .*over 99%|^ *[\d,]+ MB .*under 1%", sheet)
    ]
    assert len(sheets) > 1
    assert all("samples" in sheet for sheet in sheets)


def test_on_paper_the_folds_are_open(open_report: Open) -> None:
    """What was assumed, spent and restored is printed; the list of every invocation is not."""
    page = open_report(documents.goal_met()).page
    page.emulate_media(media="print")
    # The page is laid out anew for paper, a moment after it was asked to.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")
    visible = page.evaluate(
        """[...document.querySelectorAll('details')].map(each => [
            each.querySelector('summary').textContent,
            each.querySelector('.body').checkVisibility({contentVisibilityAuto: true, visibilityProperty: true})
              && each.querySelector('.body').getBoundingClientRect().height > 0])"""
    )
    state = {title.split("  ")[0].strip(): is_visible for title, is_visible in visible}
    assert [value for title, value in state.items() if title.startswith("What was assumed")] == [True]
    assert [value for title, value in state.items() if title.startswith("The function is as it was")] == [True]
    assert [value for title, value in state.items() if title.startswith("Every invocation")] == [False]
    assert len(page.pdf()) > 10_000


HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</title><script>window.hacked = 2</script>",
    "</style><img src=x onerror='window.hacked = 3'>",
    '"><svg onload="window.hacked = 4">',
    "<iframe srcdoc='<script>parent.hacked = 5</script>'></iframe>",
    "<a href='javascript:window.hacked = 6' autofocus onfocus='window.hacked = 7'>x</a>",
    "<meta http-equiv=refresh content='0;url=https://example.org/'>",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_of_a_users_text_runs(hostile: str, open_report: Open) -> None:
    """Names, errors, hints and log texts are shown as they are written and have no effect."""
    places = ["function.name", "error.name", "error.message", "error.hint", "observations.0.errorType"]
    places += ["observations.0.errorMessage", "runId"]
    listed = {key: [hostile] for key in ("warnings", "assumptions", "leftUndone")}
    document = documents.changed(documents.failed_run(), {**dict.fromkeys(places, hostile), **listed})
    opened = open_report(document)
    page = opened.page
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, iframe, a[href^='javascript'], svg[onload]").count() == 0
    assert page.locator("script:not([type='application/json'])").count() == 2
    assert opened.requests == []
    assert opened.complaints == []
    assert " ".join(hostile.split()) in " ".join(page.locator("h1").inner_text().split())
    assert page.title().startswith(" ".join(hostile.split()))


def test_a_script_that_got_in_would_not_run(open_report: Open) -> None:
    """The page's own policy forbids scripts and requests, should escaping ever fail."""
    from tuner.report.html import render_html

    page = render_html(documents.goal_met()).replace(
        "</main>", "<script>window.hacked = 1</script><img src='https://example.org/x.png'></main>"
    )
    opened = open_report(page)
    assert opened.page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)
    assert opened.page.evaluate("document.querySelector('img').naturalWidth") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "make", [documents.goal_met, documents.uncertain, documents.goal_not_met, documents.failed_run, documents.dry_run]
)
def test_axe_finds_no_serious_problem(make: Any, scheme: str, open_report: Open) -> None:
    """Contrast, names, roles, headings and tables are right for those who do not see the page."""
    page = open_report(make(), color_scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    violations = Axe().run(page).response["violations"]
    assert [
        (each["id"], each["impact"], each["nodes"][0]["html"][:200])
        for each in violations
        if each["impact"] in ("serious", "critical", "moderate")
    ] == []


def test_nothing_moves_while_the_page_opens(open_report: Open) -> None:
    """There is no layout shift."""
    page = open_report(documents.goal_met()).page
    shift = page.evaluate(
        """new Promise(resolve => {
            let sum = 0;
            new PerformanceObserver(list => list.getEntries().forEach(each => { sum += each.value; }))
              .observe({type: 'layout-shift', buffered: true});
            requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
        })"""
    )
    assert shift == 0
