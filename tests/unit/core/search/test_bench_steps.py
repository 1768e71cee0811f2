"""The measured steps: the page's table is what was measured, and the plot stands alone."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from bench.steps import measured, plot, with_cost
from tuner.application import application_root

PAGE = application_root() / "docs/steps.md"


def sizes_of(section: str) -> list[list[str]]:
    """The cells of the rows that begin with a memory size, without units."""
    return [
        [re.sub(r"\.0$", "", cell.strip(" *").removesuffix(" ms").replace(",", "")) for cell in line.split("|")[1:-1]]
        for line in section.splitlines()
        if re.match(r"\| \**[0-9,]+ MB", line)
    ]


def test_the_page_states_what_was_measured() -> None:
    """Durations as in the data, extra cost as computed from them; the same means beside the embedded AWS's."""
    on_aws, _, at_home = PAGE.read_text(encoding="utf-8").partition("## On the embedded AWS")
    rows = with_cost(measured())

    assert sizes_of(on_aws) == [
        [f"{row['memory_mb']:g} MB"]
        + [f"{row[name]:g}" for name in ("mean_ms", "p50_ms", "p95_ms", "p99_ms")]
        + [f"{100 * row['extra']:.0f} %" if row["extra"] else "the cheapest"]
        for row in rows
    ]
    assert [(size, real) for size, _, _, real, _ in sizes_of(at_home)] == [
        (f"{row['memory_mb']:g} MB", f"{row['mean_ms']:g}") for row in rows
    ]


def test_the_plot_stands_alone() -> None:
    """Well-formed, in colours of its own in light and dark, and with a mark for each size in both panels."""
    rows = with_cost(measured())
    svg = plot(rows)
    ET.fromstring(svg)
    defined = set(re.findall(r"(--[a-z-]+):", svg))
    assert set(re.findall(r"var\((--[a-z-]+)\)", svg)) <= defined
    assert "prefers-color-scheme: dark" in svg
    symbols = re.findall(r'<g class="mark-symbol role-mark [^>]*>(.*?)</g>', svg, re.DOTALL)
    assert [group.count("<path") for group in symbols].count(len(rows)) == 2
