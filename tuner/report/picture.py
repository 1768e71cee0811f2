"""report.svg: one picture that explains itself, for a wiki or a chat."""

from __future__ import annotations

import html
import logging
import re
import textwrap

from tuner.core.answer.report import Answer, RunReport
from tuner.core.foreign_text import visible
from tuner.report import document as doc
from tuner.report import formats
from tuner.report.charts import tradeoff_spec
from tuner.report.drawing import FONT, LIGHT, WIDE, draw_svg
from tuner.report.sentences import goal_text, plain, verdict_message

_WIDTH, _MARGIN = 960, 32
_SENTENCE_CHARACTERS, _SENTENCE_LINE = 92, 25
_SOURCE_CHARACTERS = 120
_TONES = {"good": LIGHT["accent"], "caution": LIGHT["limit"], "bad": "#b3261e", "neutral": LIGHT["muted"]}
_NAME = "Cost of a million invocations against the duration, a point for each memory size"
_EXPLANATION = "Each point is a memory size: further left is faster, lower is cheaper. Filled ones were measured."


def render_svg(report: RunReport) -> str:
    """The verdict's sentence over the picture of cost against latency, as an SVG file of its own.

    It is light, has its own background and needs no style sheet: a wiki shows it as it is. The function's name and
    error texts are escaped. If nothing was measured that a picture could show, it is the sentence alone.
    """
    chart = _drawn(report)
    message = verdict_message(report)
    lines = textwrap.wrap(plain(message.headline), _SENTENCE_CHARACTERS)
    explained = 72 + _SENTENCE_LINE * len(lines)
    top = explained + 22
    chart, chart_height = _placed(chart, top) if chart else ("", 0.0)
    source = textwrap.wrap(_source(report), _SOURCE_CHARACTERS, break_on_hyphens=False)
    bottom = (top + chart_height if chart else explained) + 26
    height = bottom + 18 * len(source)
    source_lines = "".join(
        f'<text x="{_MARGIN}" y="{bottom + 18 * number:.0f}" font-size="12" fill="{LIGHT["muted"]}">'
        f"{_text(line)}</text>"
        for number, line in enumerate(source)
    )
    name, sentence = _text(doc.function_name(report)), _text(plain(message.headline))
    sentence_lines = "".join(
        f'<text x="{_MARGIN}" y="{76 + _SENTENCE_LINE * number}" font-size="17" fill="{LIGHT["ink"]}">'
        f"{_text(line)}</text>"
        for number, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-labelledby="title description" '
        f"font-family='{FONT}'>"
        f'<title id="title">{name}: {_text(message.label)}</title><desc id="description">{sentence}</desc>'
        f'<rect width="100%" height="100%" fill="{LIGHT["paper"]}"/>'
        f'<circle cx="{_MARGIN + 6}" cy="35" r="6" fill="{_TONES[message.tone]}"/>'
        f'<text x="{_MARGIN + 20}" y="40" font-size="15" font-weight="600" fill="{_TONES[message.tone]}">'
        f"{_text(message.label)}</text>"
        f'<text x="{_WIDTH - _MARGIN}" y="40" font-size="15" text-anchor="end" fill="{LIGHT["muted"]}">{name}</text>'
        f"{sentence_lines}"
        f'<text x="{_MARGIN}" y="{explained}" font-size="13" fill="{LIGHT["muted"]}">'
        f"{_EXPLANATION if chart else ''}</text>"
        f"{chart}"
        f"{source_lines}"
        "</svg>\n"
    )


def _drawn(report: RunReport) -> str:
    """The picture of cost against latency; empty if there is nothing to draw or it cannot be drawn."""
    spec = tradeoff_spec(report, WIDE) if isinstance(report, Answer) else None
    if spec is None:
        return ""
    try:
        return _with_colours(draw_svg(spec, identifier="cost", name=_NAME))
    except (ImportError, ValueError) as error:  # what vl-convert raises
        logging.getLogger(__name__).warning("The picture could not be drawn: %s", error)
        return ""


def _placed(chart: str, top: float) -> tuple[str, float]:
    """The chart as a nested element under the sentence, and its height there."""
    found = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', chart)
    assert found is not None, "vl-convert gives every picture a viewBox"
    width = _WIDTH - 2 * _MARGIN
    height = width * float(found[2]) / float(found[1])
    start = f'<svg x="{_MARGIN}" y="{top:.0f}" width="{width}" height="{height:.0f}" '
    return chart.replace("<svg ", start, 1), height


def _with_colours(svg: str) -> str:
    """Colours in place of the page's variables, which not every program that shows an SVG knows."""
    return re.sub(r"var\(--([a-z]+)\)", lambda name: LIGHT[name[1]], svg)


def _text(text: str) -> str:
    """Text as XML takes it: escaped, without the characters that no XML may hold."""
    return html.escape(visible(text))


def _source(report: RunReport) -> str:
    where = "measured on this machine, not in AWS" if report.where == "local" else "measured in AWS"
    parts = [goal_text(report), f"{formats.count(report.invocations, 'invocation')} {where}"]
    if report.finished_at:
        parts.append(formats.moment(report.finished_at))
    whole = ["Lambda Tuner", *parts, f"run {report.run_id}"]
    return " · ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in whole)
