"""The summary on a terminal: the verdict, a small table, where the files are.

The only module of the report that needs rich; the deployed report function does not import it.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuner.core.answer.recommendation import ConfigurationEstimate, Interval
from tuner.core.answer.report import Answer, RunReport
from tuner.core.foreign_text import visible
from tuner.report import change, formats, tables
from tuner.report import document as doc
from tuner.report.sentences import Sentence, goal_text, restored_sentence, verdict_message

STYLES = {"good": "green", "caution": "yellow", "bad": "red", "neutral": "cyan"}
MOST_ROWS = 12
BAR_WIDTH = 8
STRIP_WIDTH = 12
MOST_OF_LIMIT = 2.5
"""How much of the durations beyond the goal's limit is drawn: what matters happens around it."""


def render_terminal(report: RunReport, console: Console) -> None:
    """Print the summary of a run.

    Fits 80 columns; colours and their absence (``NO_COLOR``, no terminal) are the console's own decision. Names and
    error texts are printed as text: neither console markup nor escape sequences in them have any effect.
    """
    message = verdict_message(report)
    style = STYLES[message.tone]
    title = Text.assemble((visible(message.label), f"bold {style}"), "  ", (visible(doc.function_name(report)), "bold"))
    if report.where == "local":
        title.append("  on this machine", style="dim")
    console.print()
    console.print(title)
    console.print(_styled(message.headline))
    for sentence in message.support:
        console.print(_styled(sentence))
    if message.next_step:
        console.print(Text.assemble(("Next: ", "bold"), visible(message.next_step)))
    answer = doc.answer_of(report)
    measured = answer and _measured(answer)
    unlimited = console.options.update(width=1000)
    if answer and measured and console.measure(measured, options=unlimited).maximum > console.width:
        measured = _measured(answer, bars=False)
    for table in (answer and _comparison(answer), measured):
        if table is not None:
            console.print()
            console.print(table)
    for line in _notes(report):
        console.print(line)
    found = change.snippets(report)
    if found:
        console.print()
        console.print(Text(f"To set it ({found[0].tool}):", style="bold"))
        # Not wrapped: a command is there to be copied.
        for command in found[0].text.splitlines():
            console.print(Text(f"  {visible(command)}"), soft_wrap=True)
        console.print(Text("Or let this command write it into your template:", style="bold"))
        console.print(Text(f"  {visible(change.patch_command(report))}"), soft_wrap=True)
    _files(report, console)


def render_headline(report: RunReport, console: Console) -> None:
    """Print the verdict in one sentence, unwrapped, and nothing else."""
    message = verdict_message(report)
    console.print(Text(f"{visible(message.label)}: ") + _styled(message.headline), soft_wrap=True)


def _styled(sentence: Sentence) -> Text:
    text = Text()
    for piece in sentence:
        if isinstance(piece, str):
            text.append(visible(piece))
        else:
            text.append(visible(piece.text), style="bold" if piece.strong else "")
    return text


def _new_table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim", pad_edge=False)


def _comparison(answer: Answer) -> Table | None:
    rows = tables.comparison(answer)
    if not rows or doc.same(answer.recommended, answer.current):
        return None
    table = _new_table()
    table.add_column("")
    now = doc.current_word(answer)
    today = f"{now}: {doc.size_text(answer, answer.current.candidate)}" if answer.current else now
    table.add_column(today, justify="right")
    table.add_column(f"{doc.pick_word(answer)}: {doc.size_text(answer, answer.recommended.candidate)}", justify="right")
    table.add_column("")
    for row in rows:
        table.add_row(row.label, _cell(row.current, bounds=False), _cell(row.recommended, bounds=False), row.difference)
    return table


def _cell(cell: tables.Cell, *, bounds: bool = True) -> Text:
    text = Text(cell.text)
    if bounds and cell.bounds:
        text.append(f" ({cell.bounds})", style="dim")
    if cell.note:
        text.append(f" {cell.note}", style="dim")
    return text


def _shown_rows(answer: Answer) -> list[tuple[int, ConfigurationEstimate]]:
    """The measured sizes that fit: those with a role first, then evenly over the rest."""
    rows = tables.measured_rows(answer)
    if len(rows) <= MOST_ROWS:
        return rows
    chosen = {index for index, row in rows if tables.remark(answer, row) and not row.infeasible_reason}
    step = len(rows) / MOST_ROWS
    for place in range(MOST_ROWS):
        if len(chosen) < MOST_ROWS:
            chosen.add(rows[int(place * step)][0])
    return [(index, row) for index, row in rows if index in chosen]


def _measured(answer: Answer, *, bars: bool = True) -> Table | None:
    """The measured sizes; without *bars* there is more room for what is remarked about them."""
    rows = _shown_rows(answer)
    if len(rows) < 2:
        return None
    key = doc.latency_key(answer)
    currency = doc.currency_of(answer)
    highest_usd = max((row.cost_per_million_usd.estimate for _, row in rows if row.cost_per_million_usd), default=0.0)
    limit_ms = None if answer.goal is None else answer.goal.limit_ms
    largest_ms = max([limit_ms or 0.0, *(row.duration_ms[key].high for _, row in rows if key in row.duration_ms)])
    if limit_ms is not None:
        largest_ms = min(largest_ms, MOST_OF_LIMIT * limit_ms)
    table = _new_table()
    table.add_column("memory", justify="right", no_wrap=True)
    table.add_column(key, justify="right", no_wrap=True)
    table.add_column("" if limit_ms is None else "┊ goal", no_wrap=True)
    table.add_column("$/million" if currency == "USD" else "cost/million", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("n", justify="right")
    table.add_column("", overflow="fold")
    for index, row in rows:
        path = f"configurations.{index}"
        cost = row.cost_per_million_usd
        table.add_row(
            doc.size_text(answer, row.candidate),
            _cell(tables.duration_cell(row, key, path), bounds=False),
            strip(row.duration_ms.get(key), limit_ms, largest_ms),
            _cell(tables.cost_cell(row, path, currency), bounds=False),
            bar(0.0 if cost is None or not highest_usd else cost.estimate / highest_usd) if bars else "",
            _cell(tables.count_cell(row.samples, f"{path}.samples")),
            visible(tables.remark(answer, row)),
            style="bold" if doc.same(row, answer.recommended) else "",
        )
    return table


def bar(ratio: float, width: int = BAR_WIDTH) -> str:
    """A bar in eighths of a character.

    Example:
        >>> bar(0.5, 4)
        '██  '
    """
    eighths = round(max(0.0, min(1.0, ratio)) * width * 8)
    text = "█" * (eighths // 8)
    if eighths % 8:
        text += " ▏▎▍▌▋▊▉"[eighths % 8]
    return text.ljust(width)


def strip(duration_ms: Interval | None, limit_ms: float | None, largest_ms: float, width: int = STRIP_WIDTH) -> str:
    """A duration with its interval on a line from 0 to *largest_ms*, an arrow where it is beyond, and the goal's limit.

    Example:
        >>> strip(Interval(50, 30, 70), 90, 100, 10)
        '   ──●── ┊'
    """
    cells = [" "] * width

    def place(at_ms: float) -> int:
        return min(width - 1, max(0, int(at_ms / largest_ms * width))) if largest_ms > 0 else 0

    if duration_ms:
        first, last = place(duration_ms.low), place(duration_ms.high)
        cells[first : last + 1] = "─" * (last + 1 - first)
    if limit_ms is not None:
        cells[place(limit_ms)] = "┊"
    if duration_ms:
        cells[place(duration_ms.estimate)] = "●" if duration_ms.estimate <= largest_ms else "▸"
    return "".join(cells)


def _notes(report: RunReport) -> list[Text]:
    lines: list[Text] = []
    answer = doc.answer_of(report)
    hidden = len(tables.measured_rows(answer)) - len(_shown_rows(answer)) if answer else 0
    if hidden:
        lines.append(Text(f"{hidden} more measured sizes are in the report.", style="dim"))
    warnings = [*report.warnings]
    if report.restored and not report.restored.complete:
        warnings.append(restored_sentence(report))
    warnings.extend(
        f"Not measurable here: {formats.size_ranges(entry.memory_sizes_mb)}: {entry.reason}."
        for entry in report.unmeasurable
    )
    if warnings:
        lines.append(Text())
    lines.extend(Text.assemble(("! ", "yellow"), visible(warning)) for warning in warnings)
    return lines


def _files(report: RunReport, console: Console) -> None:
    console.print()
    if isinstance(report, Answer):
        cost = doc.at_most(report) + formats.money(report.spent_usd, doc.currency_of(report))
        used = f"{formats.count(report.invocations, 'invocation')}, {cost}, {goal_text(report)}"
        console.print(Text(used, style="dim"))
    for kind in ("html", "markdown", "json", "svg", "console"):
        if kind in report.report:
            console.print(Text(visible(f"{kind:<9} {report.report[kind]}")), soft_wrap=True)
