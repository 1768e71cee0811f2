"""report.html: one file, no script, no request; charts drawn here."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from markupsafe import Markup

from tuner.core.answer.recommendation import Drift
from tuner.core.answer.report import Answer, Failure, RunReport
from tuner.core.answer.verdicts import facts_of
from tuner.core.foreign_text import visible
from tuner.report import change, charts, distribution, drawing, evidence, formats, tables, what_if
from tuner.report import document as doc
from tuner.report.page import TEMPLATES, environment
from tuner.report.sentences import drift_sentence, goal_text, restored_sentence, traffic_sentence, verdict_message

MOST_OBSERVATION_ROWS = 2000
_IN_TABLE = "The same numbers are in the table of measured sizes below."
_SPREAD = (
    "The durations of each invocation, and the modelled percentiles above them. The percentiles are in the table "
    "below, the invocations in the list of every invocation."
)
_SpecOf = Callable[[Answer, drawing.Frame], drawing.Spec | None]
MARK_SCRIPT = 'document.documentElement.classList.add("js");'
"""Before anything is drawn: what only a script can use is shown only if one runs."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart in the widths that the page needs: one beside others or across, one for phones."""

    wide: str
    phone: str


def render_html(report: RunReport) -> str:
    """The report as one self-contained HTML page.

    Every figure that stands for a field of the document is a ``<data>`` element with the field's exact value and its
    path in ``data-path``. Names, error texts and all else that came from a user's function is escaped, without
    characters that cannot be seen, and a content security policy in the page forbids requests and every script but the
    page's own, by its hash. With scripts blocked nothing is missing: what the slider looks up stands in a table. The
    page has under 1.5 MB whatever the run did.
    """
    return visible(environment().get_template("report.html.jinja").render(**_context(report)))


@cache
def page_script() -> str:
    """The page's own script: the slider and the sorting of tables."""
    return (TEMPLATES / "report.js").read_text(encoding="utf-8")


def _script_hashes() -> str:
    """The only scripts that the page's policy lets run, by their hashes."""
    hashes = (hashlib.sha256(script.encode()).digest() for script in (MARK_SCRIPT, page_script()))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)


def _context(report: RunReport) -> dict[str, Any]:
    answer = doc.answer_of(report)
    key = doc.latency_key(report)
    rows = list(enumerate(answer.configurations)) if answer else []
    tried = tables.measured_rows(report) if rows else []
    alternatives = what_if.what_if(answer) if answer else None
    tried_indexes = {index for index, _ in tried}
    return {
        "report": report,
        "answer": answer,
        "is_failed": isinstance(report, Failure),
        "stopped_because": None if isinstance(report, Failure) else report.stopped_because,
        "drift": answer.drift if answer and isinstance(answer.drift, Drift) else None,
        "message": verdict_message(report),
        "name": doc.function_name(report),
        "title": _title(report),
        "facts": _facts(report),
        "currency": doc.currency_of(report),
        "at_most": doc.at_most(report),
        "key": key,
        "goal": goal_text(report),
        "comparison": tables.comparison(report),
        "pick_word": doc.pick_word(answer) if answer else "",
        "current_word": doc.current_word(answer) if answer else "",
        "same": answer is not None and doc.same(answer.current, answer.recommended),
        "size_text": partial(doc.size_text, report),
        "remark": partial(tables.remark, answer) if answer else None,
        "facts_of": facts_of,
        "tables": tables,
        "script_hashes": Markup(_script_hashes()),  # noqa: S704 - two digests of our own
        "mark_script": MARK_SCRIPT,
        "page_script": page_script(),
        "alternatives": alternatives,
        "what_if_json": json.dumps(alternatives.data).replace("<", "\\u003c") if alternatives else "",
        "limit_range": what_if.limit_range,
        "console_url": _console_url(report),
        "tried": tried,
        "all_modelled": all(doc.is_modelled(row, key) for _, row in tried if key in row.duration_ms),
        "modelled": [(index, row) for index, row in rows if index not in tried_indexes],
        "architectures": doc.architectures_of(report),
        **_pictures(answer, key),
        "left_out": charts.left_out_of_tradeoff(answer) if answer else [],
        "distributions": distribution.distributions(answer) if answer else [],
        "many_dots": len(report.observations) > charts.MOST_DOTS,
        "snippets": change.snippets(report),
        "patch_command": change.patch_command(report),
        "architecture_changes": change.architecture_changes(report),
        "observations": report.observations[:MOST_OBSERVATION_ROWS],
        "observation_count": len(report.observations),
        "failure": evidence.failure_place(report),
        "cold_starts": evidence.cold_starts(answer) if answer else [],
        "memory_headroom": evidence.memory_headroom(answer) if answer else [],
        "payload_shares": evidence.payload_shares(report),
        "architecture_rows": evidence.architectures(answer) if answer else [],
        "drift_sentence": drift_sentence(report),
        "traffic_sentence": traffic_sentence(report),
        "unmeasured": evidence.unmeasured(report),
        "infeasible": any(row.infeasible_reason for _, row in rows),
        "restored_sentence": restored_sentence(report),
        "repeat_command": _repeat_command(report),
        "request_text": json.dumps(doc.request_without_payload(report), indent=2, ensure_ascii=False),
        "has_cold": any(row.invocation.cold for row in report.observations),
    }


def _pictures(answer: Answer | None, key: str) -> dict[str, Picture | None]:
    names = ("tradeoff", "curve", "crossing", "distribution")
    if answer is None:
        return dict.fromkeys(names)
    costs = f"Cost of a million invocations against {key} of the warm duration, for each memory size. {_IN_TABLE}"
    both = f"Mean duration and cost of a million invocations over memory size. {_IN_TABLE}"
    wanted: tuple[tuple[_SpecOf, drawing.Frame, str, Mapping[str, Sequence[str]]], ...] = (
        (charts.tradeoff_spec, drawing.WIDE, costs, {}),
        (charts.curve_spec, drawing.HALF, f"Duration over memory size. {_IN_TABLE}", _curve_titles(answer)),
        (charts.crossing_spec, drawing.HALF, both, {}),
        (distribution.distribution_spec, drawing.WIDE, _SPREAD, distribution.dot_titles(answer)),
    )
    identifiers = ("cost", "curve", "crossing", "distribution")
    return {
        name: _picture(identifier, spec, answer, wide, about, titles)
        for name, identifier, (spec, wide, about, titles) in zip(names, identifiers, wanted, strict=True)
    }


def _picture(
    name: str, spec: _SpecOf, answer: Answer, wide: drawing.Frame, about: str, titles: Mapping[str, Sequence[str]]
) -> Picture | None:
    """Draw a chart in both widths; None if there is nothing to draw or it cannot be drawn.

    A report without a picture is better than none: its tables hold the same numbers.
    The *titles* are what the dots of a layer say where they are pointed at; a phone has no pointer.
    """
    drawn = spec(answer, wide)
    on_phone = spec(answer, drawing.PHONE)
    if drawn is None or on_phone is None:
        return None
    try:
        wide_svg = drawing.draw_svg(drawn, identifier=name, name=about)
        for layer, texts in titles.items():
            wide_svg = drawing.with_titles(wide_svg, layer, texts)
        return Picture(wide_svg, drawing.draw_svg(on_phone, identifier=f"{name}-phone", name=about))
    except (ImportError, ValueError) as error:  # what vl-convert raises
        logging.getLogger(__name__).warning("The chart %r could not be drawn: %s", name, error)
        return None


def _console_url(report: RunReport) -> str:
    """The report's address in the S3 console; empty if there is none."""
    address = report.report.get("console", "")
    return address if address.startswith("https://") else ""


def _curve_titles(answer: Answer) -> dict[str, list[str]]:
    dots = charts.drawn_dots(answer)
    return {
        name: charts.dot_titles([dot for dot in dots if dot["cold"] == cold])
        for name, cold in (("cold_dots", True), ("warm_dots", False))
    }


def _title(report: RunReport) -> str:
    if not isinstance(report, Answer):
        return f"{doc.function_name(report)}: {verdict_message(report).label}"
    stays = report.current if report.current and doc.keeps_another(report) else report.recommended
    return f"{doc.function_name(report)}: {formats.megabytes(stays.candidate.memory_mb)}"


def _facts(report: RunReport) -> list[str]:
    """What the function is, in a few words under its name."""
    function = report.function
    arn = (report.function_arn or (function.arn if function else "")).split(":")
    region = arn[3] if len(arn) > 3 else ""
    finished = report.finished_at or report.started_at
    facts = [
        function and function.runtime,
        function and function.architecture,
        "this machine (embedded AWS)" if report.where == "local" else region,
        formats.moment(finished) if finished else None,
    ]
    return [fact for fact in facts if fact]


def _repeat_command(report: RunReport) -> str:
    if report.repeat_command:
        return report.repeat_command
    if report.where == "local" or not report.function_arn:
        return ""
    flag = f" --goal p{report.goal.percentile:g}={report.goal.limit_ms:g}ms" if report.goal else ""
    return f"lambda-tuner tune {report.function_arn}{flag} --payload payload.json"
