"""report.md: what fits a pull request comment and a job summary."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from urllib.parse import quote

from tuner.core.answer.recommendation import ConfigurationEstimate
from tuner.core.answer.report import Answer, Failure, KnownRun, RunReport
from tuner.core.answer.verdicts import Tone
from tuner.core.foreign_text import visible
from tuner.report import change, evidence, formats, tables
from tuner.report import document as doc
from tuner.report.sentences import Figure, Sentence, goal_text, restored_sentence, verdict_message

MOST_CHARACTERS = 60_000
"""GitHub takes comments of up to 65,536 characters."""
MOST_ROWS = 40
MOST_BARS = 24
BAR_WIDTH = 24
MOST_ITEMS = 30
MOST_ITEM_CHARACTERS = 600
MOST_REQUEST_CHARACTERS = 4000
SIGNS: dict[Tone, str] = {"good": "✅", "caution": "⚠️", "bad": "❌", "neutral": "ℹ️"}


def render_markdown(report: RunReport, *, checked: Sequence[str] = ()) -> str:
    """The report as GitHub-flavoured Markdown, under 60 KB whatever the run did.

    Names and error texts come from users' functions: whatever Markdown or HTML could read in them is escaped.
    """
    message = verdict_message(report)
    here = " (on this machine)" if report.where == "local" else ""
    parts = [
        f"### Lambda Tuner: `{_code(doc.function_name(report))}`{here}",
        f"{SIGNS[message.tone]} **{escape(message.label)}.** {_marked(message.headline)}",
        *(_marked(sentence) for sentence in message.support),
    ]
    if message.next_step:
        parts.append(f"**Next:** {escape(_short(message.next_step))}")
    parts.extend(_failure(report))
    if checked:
        parts.append("**Check:**\n\n" + "\n".join(f"- {escape(_short(sentence))}" for sentence in checked))
    if isinstance(report, Answer):
        for part in (_line, _change, _comparison, _chart, _measured):
            parts.extend(part(report))
    parts.extend(_evidence(report))
    text = visible("\n\n".join(parts) + "\n")
    return text if len(text.encode()) <= MOST_CHARACTERS else _cut(text)


def escape(text: str) -> str:
    r"""Text that Markdown and HTML read as text, on one line.

    Example:
        >>> escape("<b>*a*|b</b>")
        '&lt;b&gt;\\*a\\*\\|b&lt;/b&gt;'
    """
    text = " ".join(text.split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_\[\]|~#!])", r"\\\1", text)
    # A mention would notify people, a bare address would become a link.
    return text.replace("@", "&#64;").replace("://", ":&#47;&#47;").replace("www.", "www&#46;")


def _short(text: str) -> str:
    return text if len(text) <= MOST_ITEM_CHARACTERS else text[: MOST_ITEM_CHARACTERS - 1] + "…"


def _code(text: str) -> str:
    """Text that may stand between backticks, also inside a table."""
    return " ".join(text.split()).translate(str.maketrans("`|<>", "'¦‹›"))


def _address(text: str) -> str:
    """An address that cannot end the link that it stands in."""
    return quote(text, safe="%/:?=&+-._~")


def _marked(sentence: Sentence) -> str:
    return "".join(map(_marked_piece, sentence))


def _marked_piece(piece: str | Figure) -> str:
    """Escaping trims white space at the ends; between two pieces it means something."""
    text = escape(_short(piece if isinstance(piece, str) else piece.text))
    if not isinstance(piece, str):
        return f"**{text}**" if piece.strong else text
    if not piece.strip():
        return piece
    return (" " if piece[0].isspace() else "") + text + (" " if piece[-1].isspace() else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    marks = {"l": ":--", "r": "--:"}
    lines = [
        "| " + " | ".join(head) + " |",
        "| " + " | ".join(marks[letter] for letter in align) + " |",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    return "\n".join(lines)


def _failure(report: KnownRun) -> list[str]:
    """Files and line numbers of the last failure's traceback, without a line of its log."""
    failure = evidence.failure_place(report)
    if failure is None or not failure.frames:
        return []
    frames = "\n".join(_code(frame) for frame in failure.frames)
    return [_folded("Where it failed: its traceback, the call that failed last", f"```text\n{frames}\n```")]


def _line(report: Answer) -> list[str]:
    """The function in one line: size, latency and cost now and then, a million invocations and a month."""
    current, currency, key = report.current, doc.currency_of(report), doc.latency_key(report)
    recommended = current if current and doc.keeps_another(report) else report.recommended
    same = doc.same(current, recommended)

    def change_of(cell: Callable[[ConfigurationEstimate | None], tables.Cell]) -> str:
        then, now = cell(recommended), cell(current)
        texts = [then] if same or not current else [now, then]
        return " → ".join(escape(f"{each.text} {each.note}".strip()) for each in texts)

    shown = (recommended,) if same or not current else (current, recommended)
    sizes = [doc.size_text(report, each.candidate) for each in shown]
    head = ["function", "memory", key, "per million", "difference"]
    row = [
        f"`{_code(doc.function_name(report))}`",
        " → ".join(sizes),
        change_of(lambda row: tables.duration_cell(row, key, "")),
        change_of(lambda row: tables.cost_cell(row, "", currency)),
        "none" if same else tables.cost_difference(report) or formats.MISSING,
    ]
    month = tables.monthly_row(report, currency)
    if month:
        head.append("per month")
        cells = [month[0].current] if same else [month[0].current, month[0].recommended]
        row.append(" → ".join(escape(each.text) for each in cells))
    return [_table(head, [row], "l" + "r" * (len(head) - 1))]


def _chart(report: Answer) -> list[str]:
    """Cost of each measured size as a bar of characters, its latency beside it."""
    measured = [row for _, row in tables.measured_rows(report)]
    rows = [(row, row.cost_per_million_usd.estimate) for row in measured if row.cost_per_million_usd][:MOST_BARS]
    if len(rows) < 2:
        return []
    key, currency, goal = doc.latency_key(report), doc.currency_of(report), report.goal
    dearest = max(cost for _, cost in rows)
    lines = []
    for row, cost in rows:
        duration = row.duration_ms.get(key)
        bar = "█" * max(1, round(BAR_WIDTH * cost / dearest)) if dearest else ""
        slow = " slower than the goal" if goal and duration and duration.estimate > goal.limit_ms else ""
        words = " ".join(word for word in (_code(tables.remark(report, row)), slow.strip()) if word)
        took = formats.milliseconds(duration.estimate) if duration else formats.MISSING
        lines.append(
            f"{doc.size_text(report, row.candidate):>16}  {took:>9}  "
            f"{formats.money(cost, currency):>8}  {bar:<{BAR_WIDTH}}  {words}".rstrip()
        )
    about = f"{key} and cost of a million invocations at each measured size"
    if any(doc.is_modelled(row, key) for row, _ in rows):
        about += f" ({key} modelled where the samples are few)"
    body = "\n".join(lines)
    return [_folded(escape(about), f"```text\n{body}\n```")]


def _comparison(report: Answer) -> list[str]:
    rows = tables.comparison(report)
    recommended, current = report.recommended, report.current
    if not rows:
        return []
    now = "no size known" if not current else doc.size_text(report, current.candidate)
    then = f"{doc.pick_word(report)}: {doc.size_text(report, recommended.candidate)}"
    if doc.same(current, recommended):
        body = [[row.label, escape(str(row.recommended))] for row in rows]
        return [_folded("In numbers", _table(["", then], body, "lr"))]
    body = [[row.label, escape(str(row.current)), escape(str(row.recommended)), row.difference] for row in rows]
    head = ["", f"{doc.current_word(report)}: {now}", then, "difference"]
    return [_folded("Side by side", _table(head, body, "lrrl"))]


def _folded(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _change(report: Answer) -> list[str]:
    found = change.snippets(report)
    if not found:
        return []
    lines = []
    if change.architecture_changes(report):
        lines += ["The architecture changes: the code and its layers must be built for it.", ""]
    for snippet in found:
        lines += [f"{snippet.tool}:", "", "```", snippet.text, "```", ""]
    lines += ["Into a SAM or CloudFormation template:", "", "```", change.patch_command(report), "```"]
    return [_folded("The change", "\n".join(lines))]


def _measured(report: Answer) -> list[str]:
    rows = tables.measured_rows(report)
    if not rows:
        return []
    key = doc.latency_key(report)
    currency = doc.currency_of(report)
    shown = rows[:MOST_ROWS]
    head = ["memory", "mean", key, "cost per million", "samples", "failed", "max used", ""]
    body = []
    for index, row in shown:
        path = f"configurations.{index}"
        used = row.max_memory_used_mb
        body.append(
            [
                doc.size_text(report, row.candidate),
                escape(str(tables.duration_cell(row, "mean", path))),
                escape(str(tables.duration_cell(row, key, path))),
                escape(str(tables.cost_cell(row, path, currency))),
                str(tables.count_cell(row.samples, f"{path}.samples")),
                str(tables.count_cell(row.failures, f"{path}.failures")),
                formats.MISSING if used is None else formats.megabytes(used),
                escape(_short(tables.remark(report, row))),
            ]
        )
    more = "" if len(rows) == len(shown) else f"\n\n{len(rows) - len(shown)} more sizes are in report.json."
    text = _table(head, body, "rrrrrrrl") + more
    summary = f"{formats.count(len(rows), 'measured size')} ({goal_text(report)}, intervals hold with 90%)"
    return [_folded(escape(summary), text)]


def _evidence(report: RunReport) -> list[str]:
    """How we know: what was assumed, left undone, spent, restored."""
    lines: list[str] = []
    said = {"Warnings": report.warnings, "Assumed": report.assumptions, "Not done": report.left_undone}
    for title, items in said.items():
        if items:
            lines += [f"**{title}**", "", *(f"- {escape(_short(item))}" for item in items[:MOST_ITEMS]), ""]
    for entry in report.unmeasurable[:MOST_ITEMS]:
        lines += [f"- Not measurable here: {formats.size_ranges(entry.memory_sizes_mb)}: {escape(entry.reason)}"]
    if report.unmeasurable:
        lines.append("")
    if report.function_arn is not None:
        currency = doc.currency_of(report)
        cost = doc.at_most(report) + formats.money(report.spent_usd, currency)
        reason = "" if isinstance(report, Failure) else escape(_short(report.stopped_because or ""))
        asked_usd = None if report.traffic is None else report.traffic.cost_usd
        metrics = f", and reading CloudWatch's metrics {formats.money(asked_usd)}" if asked_usd else ""
        made = formats.count(report.invocations, "invocation")
        lines += [f"The run made {made}, which cost {cost}{metrics}. {reason}", ""]
        fees = report.snap_start
        if fees is not None:
            usd = formats.money(fees.fees_usd, currency)
            clones = f"{fees.copies} {'clone' if fees.copies == 1 else 'clones'}"
            restores = formats.count(fees.restores, "restore")
            lines += [f"The clones had SnapStart: {usd} of it are the caches of {clones} and {restores}.", ""]
    if report.restored is not None:
        lines += [escape(restored_sentence(report)), ""]
    request = doc.request_without_payload(report)
    if request:
        text = json.dumps(request, ensure_ascii=False)
        if len(text) <= MOST_REQUEST_CHARACTERS:
            body = text.replace("```", "'''")
            lines += ["The request without its payload, to do it again:", "", "```json", body, "```", ""]
    run = f"Run `{_code(report.run_id)}`"
    console = report.report.get("console", "")
    if console.startswith("https://"):
        lines += [f"[This report in the S3 console](<{_address(console)}>), for those who may read the bucket.", ""]
    lines.append(", ".join([run, *(f"{escape(name)} {escape(value)}" for name, value in report.versions.items())]))
    return [_folded("How we know", "\n".join(lines))]


def _cut(text: str) -> str:
    """The beginning that fits, ending where no table or fold is left open."""
    note = "\n\n…\n\nThe rest is in report.html and report.json.\n"
    cut = text.encode()[: MOST_CHARACTERS - len(note.encode()) - 20].decode(errors="ignore")
    cut = cut[: cut.rfind("\n")]
    if cut.count("```") % 2:
        cut += "\n```"
    return cut + "\n\n</details>" * (cut.count("<details>") - cut.count("</details>")) + note
