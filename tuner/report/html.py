"""report.html: one file, no script, no request; charts drawn here."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from tuner.core.foreign_text import visible
from tuner.report import change, charts, distribution, drawing, evidence, formats, tables, what_if
from tuner.report import document as doc
from tuner.report.sentences import (
    drift_sentence,
    goal_text,
    restored_sentence,
    size_text,
    traffic_sentence,
    verdict_message,
)

MOST_OBSERVATION_ROWS = 2000
_IN_TABLE = "The same numbers are in the table of measured sizes below."
MARK_SCRIPT = 'document.documentElement.classList.add("js");'
"""Before anything is drawn: what only a script can use is shown where one runs."""
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart in the widths that the page needs: one beside others or across, one for phones."""

    wide: str
    phone: str


def render_html(document: doc.Document) -> str:
    """The report as one self-contained HTML page.

    Every figure that stands for a field of the document is a ``<data>``
    element with the field's exact value and its path in ``data-path``. Names,
    error texts and all else that came from a user's function is escaped,
    without characters that cannot be seen, and a content security policy in the page forbids requests and every script
    but the page's own, by its hash. With scripts blocked nothing is missing:
    what the slider looks up stands in a table.

    Args:
        document: The content of report.json; a failed run's holds what is known.

    Returns:
        The page, under 1.5 MB whatever the run did.
    """
    return visible(environment().get_template("report.html.jinja").render(**_context(document)))


@cache
def page_script() -> str:
    """The page's own script: the slider and the sorting of tables."""
    return (TEMPLATES / "report.js").read_text(encoding="utf-8")


def _script_hashes() -> str:
    """The only scripts that the page's policy lets run, by their hashes."""
    hashes = (hashlib.sha256(script.encode()).digest() for script in (MARK_SCRIPT, page_script()))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)


@cache
def environment() -> jinja2.Environment:
    """Templates with escaping for everything; a field that a failed run's document lacks is empty, not an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
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


def _context(document: doc.Document) -> dict[str, Any]:
    recommended, current = document.get("recommended"), document.get("current")
    key = doc.latency_key(document)
    observations = list(document.get("observations") or [])
    all_rows = list(enumerate(doc.configurations_of(document))) if document.get("configurations") else []
    tried = tables.measured_rows(document) if document.get("configurations") else []
    alternatives = what_if.what_if(document)
    tried_indexes = {index for index, _ in tried}
    return {
        "document": document,
        "message": verdict_message(document),
        "name": doc.function_name(document),
        "title": _title(document),
        "facts": _facts(document),
        "currency": document.get("currency") or "USD",
        "at_most": doc.at_most(document),
        "key": key,
        "keys": doc.percentile_keys(document),
        "goal": goal_text(document),
        "comparison": tables.comparison(document),
        "current": current,
        "recommended": recommended,
        "pick_word": doc.pick_word(document),
        "current_word": doc.current_word(document),
        "same": doc.same_configuration(current, recommended),
        "size_text": lambda configuration: size_text(document, configuration),
        "remark": lambda configuration: tables.remark(document, configuration),
        "tables": tables,
        "script_hashes": Markup(_script_hashes()),  # noqa: S704 - two digests of our own
        "mark_script": MARK_SCRIPT,
        "page_script": page_script(),
        "alternatives": alternatives,
        "what_if_json": json.dumps(alternatives.data).replace("<", "\\u003c") if alternatives else "",
        "limit_range": what_if.limit_range,
        "console_url": _console_url(document),
        "tried": tried,
        "all_modelled": all(doc.is_modelled(row, key) for _, row in tried if doc.duration_of(row, key)),
        "modelled": [(index, row) for index, row in all_rows if index not in tried_indexes],
        "tradeoff": _picture(
            "cost",
            charts.tradeoff_spec,
            document,
            drawing.WIDE,
            f"Cost of a million invocations against {key} of the warm duration, for each memory size. {_IN_TABLE}",
        ),
        "architectures": doc.architectures_of(document),
        "left_out": charts.left_out_of_tradeoff(document),
        "curve": _picture(
            "curve",
            charts.curve_spec,
            document,
            drawing.HALF,
            f"Duration over memory size. {_IN_TABLE}",
            titles=_curve_titles(document),
        ),
        "crossing": _picture(
            "crossing",
            charts.crossing_spec,
            document,
            drawing.HALF,
            f"Mean duration and cost of a million invocations over memory size. {_IN_TABLE}",
        ),
        "distribution": _picture(
            "distribution",
            distribution.distribution_spec,
            document,
            drawing.WIDE,
            "The durations of each invocation, and the modelled percentiles above them. The percentiles are in the "
            "table below, the invocations in the list of every invocation.",
            titles=distribution.dot_titles(document),
        ),
        "distributions": distribution.distributions(document),
        "many_dots": len(observations) > charts.MOST_DOTS,
        "snippets": change.snippets(document),
        "patch_command": change.patch_command(document),
        "architecture_changes": change.architecture_changes(document),
        "observations": observations[:MOST_OBSERVATION_ROWS],
        "observation_count": len(observations),
        "failure": evidence.failure_place(document),
        "cold_starts": evidence.cold_starts(document),
        "memory_headroom": evidence.memory_headroom(document),
        "payload_shares": evidence.payload_shares(document),
        "architecture_rows": evidence.architectures(document),
        "drift_sentence": drift_sentence(document),
        "traffic_sentence": traffic_sentence(document),
        "unmeasured": evidence.unmeasured(document),
        "infeasible": [row for _, row in all_rows if doc.is_infeasible(row)],
        "restored_sentence": restored_sentence(document),
        "repeat_command": _repeat_command(document),
        "request_text": json.dumps(doc.request_without_payload(document), indent=2, ensure_ascii=False),
        "has_cold": any(row.get("cold") for row in observations),
    }


def _picture(
    name: str,
    spec: Callable[[doc.Document, drawing.Frame], drawing.Spec | None],
    document: doc.Document,
    wide: drawing.Frame,
    about: str,
    *,
    titles: Mapping[str, Sequence[str]] | None = None,
) -> Picture | None:
    """Draw a chart in both widths; None where there is nothing to draw or it cannot be drawn.

    A report without a picture is better than none: its tables hold the same numbers.

    Args:
        name: Keeps the ids of this picture apart from those of others.
        spec: Builds the specification.
        document: What it shows.
        wide: The larger of its two sizes.
        about: What it shows, for those who do not see it.
        titles: For each named layer of dots what a dot says where it is pointed at; a phone has no pointer.
    """
    drawn = spec(document, wide)
    on_phone = spec(document, drawing.PHONE)
    if drawn is None or on_phone is None:
        return None
    try:
        wide_svg = drawing.draw_svg(drawn, identifier=name, name=about)
        for layer, texts in (titles or {}).items():
            wide_svg = drawing.with_titles(wide_svg, layer, texts)
        return Picture(wide_svg, drawing.draw_svg(on_phone, identifier=f"{name}-phone", name=about))
    except (ImportError, ValueError) as error:  # what vl-convert raises
        logging.getLogger(__name__).warning("The chart %r could not be drawn: %s", name, error)
        return None


def _console_url(document: doc.Document) -> str:
    """The report's address in the S3 console; empty where the document names none."""
    address = str((document.get("report") or {}).get("console") or "")
    return address if address.startswith("https://") else ""


def _curve_titles(document: doc.Document) -> dict[str, list[str]]:
    dots = charts.drawn_dots(document)
    return {
        name: charts.dot_titles([dot for dot in dots if dot["cold"] == cold])
        for name, cold in (("cold_dots", True), ("warm_dots", False))
    }


def _title(document: doc.Document) -> str:
    recommended = document.get("recommended")
    if not recommended or doc.is_failed(document):
        return f"{doc.function_name(document)}: {verdict_message(document).label}"
    stays = document["current"] if doc.keeps_another(document) else recommended
    return f"{doc.function_name(document)}: {formats.megabytes(stays['memoryMb'])}"


def _facts(document: doc.Document) -> list[str]:
    """What the function is, in a few words under its name."""
    function = document.get("function") or {}
    arn = str(document.get("functionArn") or function.get("arn") or "").split(":")
    region = arn[3] if len(arn) > 3 else ""
    finished = str(document.get("finishedAt") or document.get("startedAt") or "")
    where = "this machine (embedded AWS)" if document.get("where") == "local" else region
    candidates = [
        function.get("runtime"),
        function.get("architecture"),
        where,
        formats.moment(finished) if finished else None,
    ]
    return [str(candidate) for candidate in candidates if candidate]


def _repeat_command(document: doc.Document) -> str:
    if document.get("repeatCommand"):
        return str(document["repeatCommand"])
    if document.get("where") == "local" or not document.get("functionArn"):
        return ""
    goal = doc.goal_of(document)
    flag = f" --goal p{goal['percentile']:g}={goal['limitMs']:g}ms" if goal else ""
    return f"lambda-tuner tune {document['functionArn']}{flag} --payload payload.json"
