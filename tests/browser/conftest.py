"""A real Chromium, and pages of the report opened in it from disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bench.chromium import ARGUMENTS, NAMES, find_chromium
from tuner.core.answer.codec import decode, encode
from tuner.core.answer.report import RunReport
from tuner.report.html import render_html


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a worker; without a Chromium they are skipped, or fail where one is required."""
    executable = find_chromium()
    if executable is None:
        reason = f"no Chromium found (looked for {', '.join(NAMES)}; LAMBDA_TUNER_CHROMIUM names another)"
        if os.environ.get("LAMBDA_TUNER_REQUIRE_BROWSER") == "1":
            pytest.fail(f"LAMBDA_TUNER_REQUIRE_BROWSER=1, but {reason}")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield launched
        launched.close()


@dataclass
class OpenPage:
    """A page with what happened while it was open."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@lru_cache(maxsize=64)
def _rendered(document: str) -> str:
    """The page of a report given as JSON; most tests open the same ones."""
    return render_html(decode(json.loads(document)))


@pytest.fixture
def open_report(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., OpenPage]]:
    """Open a report's page from disk; keyword arguments are the browser context's options."""
    contexts = []

    def open_(report: RunReport | str, **options: Any) -> OpenPage:
        path = tmp_path / f"report-{len(contexts)}.html"
        page = report if isinstance(report, str) else _rendered(json.dumps(encode(report)))
        path.write_text(page, encoding="utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        opened = OpenPage(context.new_page())
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.on("console", lambda message: opened.complaints.append(f"{message.type}: {message.text}"))
        opened.page.on("pageerror", lambda error: opened.complaints.append(f"error: {error}"))
        opened.page.on("dialog", lambda dialog: (opened.complaints.append("dialog"), dialog.dismiss()))
        opened.page.goto(path.as_uri())
        opened.requests.remove(path.as_uri())
        return opened

    yield open_
    for context in contexts:
        context.close()
