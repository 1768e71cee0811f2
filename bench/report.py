"""``python -m bench report``: how large the page is, how soon it can be used, how long drawing it takes."""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

from bench.chromium import ARGUMENTS, find_chromium
from tuner.core.answer.codec import decode
from tuner.core.answer.report import RunReport

SLOW_FACTOR = 4
"""How much slower a slow laptop is taken to be; Chromium's own throttle does it."""
ROUNDS = 5
EXAMPLE = Path(__file__).parent / "data" / "report.json"
READY = """() => {
    const timing = performance.getEntriesByType('navigation')[0];
    const slider = document.getElementById('limit');
    if (slider) {
        slider.value = 0;
        slider.dispatchEvent(new Event('input'));
    }
    const painted = performance.getEntriesByName('first-contentful-paint')[0];
    return {usable: timing.domContentLoadedEventEnd, painted: painted ? painted.startTime : null};
}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def documents() -> dict[str, RunReport]:
    """What is rendered: an ordinary run, and one of as many sizes and invocations as anybody asks for."""
    ordinary = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    return {
        "an ordinary run: 7 sizes, 37 invocations": decode(ordinary),
        "100 sizes × 50 invocations": decode(_widened(ordinary, 100, 50)),
    }


def _widened(document: dict[str, Any], sizes: int, samples: int) -> dict[str, Any]:
    """The run with more of its sizes measured, each as often: the invocations that it has are repeated."""
    rows = sorted(document["configurations"], key=lambda row: (-row["samples"], row["memoryMb"]))[:sizes]
    rows = [{**row, "samples": samples, "basis": "samples"} for row in sorted(rows, key=lambda row: row["memoryMb"])]
    seen = cycle(document["observations"])
    observations = [
        {**next(seen), "trial": trial, "memoryMb": row["memoryMb"], "requestId": f"{trial}-{number}"}
        for trial, row in enumerate(rows)
        for number in range(samples)
    ]
    return {**document, "configurations": rows, "observations": observations, "invocations": len(observations)}


def measure(document: RunReport, browser: Any | None, folder: Path) -> dict[str, float | None]:
    """Render a document, and open it as on a slow laptop.

    Returns:
        ``size_kb``, ``render_s``; ``usable_ms`` (parsed, its script has run) and ``painted_ms`` (first
        content on the screen) after the page was asked for, medians; None without a browser.
    """
    from tuner.report.html import render_html

    render_html(document)  # the chart library starts once, in half a second
    started_s = time.perf_counter()
    page_text = render_html(document)
    render_s = time.perf_counter() - started_s
    path = folder / "report.html"
    path.write_text(page_text, encoding="utf-8")
    timings = [] if browser is None else [_opened(browser, path) for _ in range(ROUNDS)]
    return {
        "size_kb": len(page_text.encode()) / 1000,
        "render_s": render_s,
        "usable_ms": statistics.median(each["usable"] for each in timings) if timings else None,
        "painted_ms": statistics.median(each["painted"] for each in timings) if timings else None,
    }


def _opened(browser: Any, path: Path) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOW_FACTOR})
        page.goto(path.as_uri())
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
        timing: dict[str, float] = page.evaluate(READY)
        return timing
    finally:
        context.close()


def run(parsed: argparse.Namespace) -> int:
    """Measure and print."""
    executable = find_chromium()
    if executable is None:
        sys.stderr.write("There is no Chromium: how soon the page can be used is not measured.\n")
    folder = Path(tempfile.mkdtemp(prefix="bench-report-"))
    try:
        if executable is None:
            figures = {name: measure(document, None, folder) for name, document in documents().items()}
        else:
            from playwright.sync_api import sync_playwright

            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
                figures = {name: measure(document, browser, folder) for name, document in documents().items()}
                browser.close()
    finally:
        shutil.rmtree(folder)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if parsed.json:
        sys.stdout.write(json.dumps({"documents": figures, "memory_mb": memory_mb}) + "\n")
        return 0
    head = f"usable on a CPU {SLOW_FACTOR} × slower"
    sys.stdout.write(
        f"| report.html | size, KB | drawn in, s | first content, ms | {head}, ms |\n|---|---:|---:|---:|---:|\n"
    )
    for name, row in figures.items():
        cells = [f"{row['size_kb']:,.0f}", f"{row['render_s']:.2f}"]
        cells += ["–" if row[key] is None else f"{row[key]:,.0f}" for key in ("painted_ms", "usable_ms")]
        sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")
    sys.stdout.write(f"\nMost memory of the drawing process: {memory_mb:,.0f} MB.\n")
    return 0
