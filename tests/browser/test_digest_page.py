"""The nightly digest in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import OpenPage
from tests.unit.report.test_digest import night, tuned
from tuner.report.digest import render_digest_html

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror='window.hacked = 1'>"


def test_the_digest_is_silent_escaped_and_fits(open_report: Callable[..., OpenPage]) -> None:
    """No request, no script, no sideways scrolling, whatever the functions are called."""
    page_text = render_digest_html(
        night(
            tuned("a" * 64),
            {"name": HOSTILE, "functionName": HOSTILE, "error": HOSTILE, "cause": HOSTILE},
            skipped=({"functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:quiet", "reason": HOSTILE},),
        )
    )
    opened = open_report(page_text)
    assert opened.requests == []
    assert opened.complaints == []
    assert opened.page.evaluate("window.hacked") is None
    for width in (320, 390, 1280):
        opened.page.set_viewport_size({"width": width, "height": 800})
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    violations = Axe().run(opened.page).response["violations"]
    assert [each["id"] for each in violations if each["impact"] in ("serious", "critical")] == []
