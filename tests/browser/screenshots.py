"""Pictures of the report for the documentation: ``python -m tests.browser.screenshots``.

The documents are those that the tests use, of which docs/schema/examples/ are
shortened copies. ``python -m tests.browser.screenshots docs/images out/demo``
draws the report of a real run, named by its function, in place of them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.chromium import ARGUMENTS, find_chromium
from tests.unit.report.documents import EXAMPLES, hundred_sizes, one_size
from tuner.core.answer.codec import decode
from tuner.core.answer.report import RunReport
from tuner.report import document as doc
from tuner.report.html import render_html
from tuner.report.picture import render_svg

ROOT = Path(__file__).parents[2]
PICTURES = (
    # name, example, width, height, colour scheme, media
    ("report-light", "goal-met", 1200, 1300, "light", "screen"),
    ("report-dark", "goal-met", 1200, 1300, "dark", "screen"),
    ("report-phone", "goal-met", 390, 844, "light", "screen"),
    ("report-print", "goal-met", 794, 1123, "light", "print"),
    ("report-goal-not-met", "goal-not-met", 1200, 1300, "light", "screen"),
    ("report-failed", "failed", 1200, 0, "light", "screen"),
    ("report-one-size", "one-size", 1200, 1300, "light", "screen"),
    ("report-hundred-sizes", "hundred-sizes", 1200, 1300, "light", "screen"),
)
DOCUMENTS = {**EXAMPLES, "one-size": one_size, "hundred-sizes": hundred_sizes}
WHAT_IF = """() => {
    const slider = document.getElementById('limit');
    slider.value = Number(slider.value) + 45;
    slider.dispatchEvent(new Event('input'));
}"""


def main(target: Path, run: Path | None = None) -> None:
    """Write every picture as PNG; height 0 means the whole page.

    Args:
        target: The folder of the pictures.
        run: The folder of a real run's report; its picture alone is drawn then.
    """
    executable = find_chromium()
    if executable is None:
        sys.exit("There is no Chromium on PATH; LAMBDA_TUNER_CHROMIUM names one.")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        if run is not None:
            document = decode(json.loads((run / "report.json").read_text(encoding="utf-8")))
            draw(browser, Path(folder), document, target / f"report-of-{doc.function_name(document)}.png", 1200, 1500)
        else:
            for name, example, width, height, scheme, media in PICTURES:
                document = DOCUMENTS[example]()
                draw(browser, Path(folder), document, target / f"{name}.png", width, height, scheme, media)
            document = DOCUMENTS["goal-met"]()
            draw(browser, Path(folder), document, target / "report-what-if.png", 1200, 1500, before=WHAT_IF)
            (target / "report.svg").write_text(render_svg(document), encoding="utf-8")
        browser.close()


def draw(
    browser: Browser,
    folder: Path,
    report: RunReport,
    picture: Path,
    width: int,
    height: int,
    scheme: str = "light",
    media: str = "screen",
    before: str | None = None,
) -> None:
    """Open a report's page and write what is seen of it; *before* is done in the page first."""
    path = folder / "report.html"
    path.write_text(render_html(report), encoding="utf-8")
    context = browser.new_context(
        viewport={"width": width, "height": height or 900},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2 if width < 500 else 1,
    )
    page = context.new_page()
    page.emulate_media(media="print" if media == "print" else "screen")
    page.goto(path.as_uri())
    if media == "print":
        page.evaluate("document.body.style.padding = '1.5cm'")  # the paper's margin
    if before is not None:
        page.evaluate(before)
    page.screenshot(path=picture, full_page=height == 0)
    context.close()


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:3] or [ROOT / "docs/images"]))
