"""report.html: one file, no script, no request; charts drawn here."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from tuner.report import change, charts, formats, tables
from tuner.report import document as doc
from tuner.report.sentences import goal_text, restored_sentence, size_text, verdict_message

MOST_OBSERVATION_ROWS = 2000
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
    error texts and all else that came from a user's function is escaped, and
    a content security policy in the page forbids scripts and requests.

    Args:
        document: The content of report.json; a failed run's holds what is known.

    Returns:
        The page, under 1.5 MB whatever the run did.
    """
    return environment().get_template("report.html.jinja").render(**_context(document))


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
    observations = list(document.get("observations") or [])
    all_rows = list(enumerate(doc.configurations_of(document))) if document.get("configurations") else []
    tried = tables.measured_rows(document) if document.get("configurations") else []
    tried_indexes = {index for index, _ in tried}
    return {
        "document": document,
        "message": verdict_message(document),
        "name": doc.function_name(document),
        "title": _title(document),
        "facts": _facts(document),
        "currency": document.get("currency") or "USD",
        "key": doc.latency_key(document),
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
        "tried": tried,
        "modelled": [(index, row) for index, row in all_rows if index not in tried_indexes],
        "tradeoff": _picture("cost", charts.tradeoff_spec, document, charts.WIDE),
        "architectures": doc.architectures_of(document),
        "left_out": charts.left_out_of_tradeoff(document),
        "curve": _picture("curve", charts.curve_spec, document, charts.HALF),
        "crossing": _picture("crossing", charts.crossing_spec, document, charts.HALF),
        "many_dots": len(observations) > charts.MOST_DOTS,
        "snippets": change.snippets(document),
        "architecture_changes": change.architecture_changes(document),
        "observations": observations[:MOST_OBSERVATION_ROWS],
        "observation_count": len(observations),
        "infeasible": [row for _, row in all_rows if doc.is_infeasible(row)],
        "restored_sentence": restored_sentence(document),
        "repeat_command": _repeat_command(document),
        "request_text": json.dumps(doc.request_without_payload(document), indent=2, ensure_ascii=False),
        "has_cold": any(row.get("cold") for row in observations),
    }


def _picture(
    name: str,
    spec: Callable[[doc.Document, charts.Frame], charts.Spec | None],
    document: doc.Document,
    wide: charts.Frame,
) -> Picture | None:
    """Draw a chart in both widths; None where there is nothing to draw or it cannot be drawn.

    A report without a picture is better than none: its tables hold the same numbers.
    """
    drawn = spec(document, wide)
    on_phone = spec(document, charts.PHONE)
    if drawn is None or on_phone is None:
        return None
    try:
        return Picture(charts.draw_svg(drawn, identifier=name), charts.draw_svg(on_phone, identifier=f"{name}-phone"))
    except (ImportError, ValueError) as error:  # what vl-convert raises
        logging.getLogger(__name__).warning("The chart %r could not be drawn: %s", name, error)
        return None


def _title(document: doc.Document) -> str:
    recommended = document.get("recommended")
    if not recommended or doc.is_failed(document):
        return f"{doc.function_name(document)}: {verdict_message(document).label}"
    return f"{doc.function_name(document)}: {formats.megabytes(recommended['memoryMb'])}"


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
