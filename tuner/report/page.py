"""What every page is made with: templates, and the formats that they use."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from tuner.report import formats

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> jinja2.Environment:
    """Templates with escaping for everything; a name that no value has is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        milliseconds=formats.milliseconds,
        money=formats.money,
        unit_price=formats.unit_price,
        moment=formats.moment,
        megabytes=formats.megabytes,
        ranges=formats.size_ranges,
    )
    return made
