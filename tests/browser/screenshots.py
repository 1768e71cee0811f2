"""Pictures of the report for the documentation: ``python -m tests.browser.screenshots``.

The documents are those that the tests use, of which docs/schema/examples/ are
shortened copies.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, find_chromium
from tests.unit.report.documents import EXAMPLES
from tuner.report.html import render_html

ROOT = Path(__file__).parents[2]
PICTURES = (
    # name, example, width, height, colour scheme, media
    ("report-light", "goal-met", 1200, 1180, "light", "screen"),
    ("report-dark", "goal-met", 1200, 1180, "dark", "screen"),
    ("report-whole", "goal-met", 1200, 0, "light", "screen"),
    ("report-phone", "goal-met", 390, 844, "light", "screen"),
    ("report-print", "goal-met", 794, 1123, "light", "print"),
    ("report-goal-not-met", "goal-not-met", 1200, 1180, "light", "screen"),
    ("report-failed", "failed", 1200, 0, "light", "screen"),
)


def main(target: Path) -> None:
    """Write every picture as PNG; height 0 means the whole page."""
    executable = find_chromium()
    if executable is None:
        sys.exit("There is no Chromium on PATH; LAMBDA_TUNER_CHROMIUM names one.")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        for name, example, width, height, scheme, media in PICTURES:
            path = Path(folder) / f"{name}.html"
            path.write_text(render_html(EXAMPLES[example]()), encoding="utf-8")
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
            page.screenshot(path=target / f"{name}.png", full_page=height == 0)
            context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images")
