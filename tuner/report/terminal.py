"""The summary on a terminal: the verdict, a small table, where the files are.

The only module of the report that needs rich; the deployed report function
does not import it.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuner.core.foreign_text import visible
from tuner.report import change, formats, tables
from tuner.report import document as doc
from tuner.report.sentences import Sentence, goal_text, restored_sentence, size_text, verdict_message

STYLES = {"good": "green", "caution": "yellow", "bad": "red", "neutral": "cyan"}
MOST_ROWS = 12
BAR_WIDTH = 8
STRIP_WIDTH = 12
MOST_OF_LIMIT = 2.5
"""How much of the durations beyond the goal's limit is drawn: what matters happens around it."""


def render_terminal(document: doc.Document, console: Console) -> None:
    """Print the summary of a run.

    Fits 80 columns; colours and their absence (``NO_COLOR``, no terminal) are
    the console's own decision. Names and error texts are printed as text:
    neither console markup nor escape sequences in them have any effect.

    Args:
        document: The content of report.json; a failed run's holds what is known.
        console: Where to print.
    """
    message = verdict_message(document)
    style = STYLES[message.tone]
    title = Text.assemble(
        (visible(message.label), f"bold {style}"), "  ", (visible(doc.function_name(document)), "bold")
    )
    if document.get("where") == "local":
        title.append("  on this machine", style="dim")
    console.print()
    console.print(title)
    console.print(_styled(message.headline))
    for sentence in message.support:
        console.print(_styled(sentence))
    if message.next_step:
        console.print(Text.assemble(("Next: ", "bold"), visible(message.next_step)))
    measured = _measured(document)
    if (
        measured is not None
        and console.measure(measured, options=console.options.update(width=1000)).maximum > console.width
    ):
        measured = _measured(document, bars=False)
    for table in (_comparison(document), measured):
        if table is not None:
            console.print()
            console.print(table)
    for line in _notes(document):
        console.print(line)
    found = change.snippets(document)
    if found:
        console.print()
        console.print(Text(f"To set it ({found[0].tool}):", style="bold"))
        # Not wrapped: a command is there to be copied.
        for command in found[0].text.splitlines():
            console.print(Text(f"  {visible(command)}"), soft_wrap=True)
        console.print(Text("Or in your SAM or CloudFormation template:", style="bold"))
        console.print(Text(f"  {visible(change.patch_command(document))}"), soft_wrap=True)
    _files(document, console)


def render_headline(document: doc.Document, console: Console) -> None:
    """Print the verdict in one sentence, unwrapped, and nothing else."""
    message = verdict_message(document)
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


def _comparison(document: doc.Document) -> Table | None:
    rows = tables.comparison(document)
    recommended, current = document.get("recommended"), document.get("current")
    if not rows or not recommended or doc.same_configuration(recommended, current):
        return None
    table = _new_table()
    table.add_column("")
    now = doc.current_word(document)
    table.add_column(f"{now}: {size_text(document, current)}" if current else now, justify="right")
    table.add_column(f"{doc.pick_word(document)}: {size_text(document, recommended)}", justify="right")
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


def _shown_rows(document: doc.Document) -> list[tuple[int, doc.Configuration]]:
    """The measured sizes that fit: those with a role first, then evenly over the rest."""
    rows = tables.measured_rows(document)
    if len(rows) <= MOST_ROWS:
        return rows
    chosen = {index for index, row in rows if tables.remark(document, row) and not doc.is_infeasible(row)}
    step = len(rows) / MOST_ROWS
    for place in range(MOST_ROWS):
        if len(chosen) < MOST_ROWS:
            chosen.add(rows[int(place * step)][0])
    return [(index, row) for index, row in rows if index in chosen]


def _measured(document: doc.Document, *, bars: bool = True) -> Table | None:
    """The measured sizes; without *bars* there is more room for what is remarked about them."""
    rows = _shown_rows(document)
    if len(rows) < 2:
        return None
    key = doc.latency_key(document)
    currency = document.get("currency") or "USD"
    dearest = max((doc.estimate_of(row.get("costPerMillionUsd")) or 0.0 for _, row in rows), default=0.0)
    limit_ms = (doc.goal_of(document) or {}).get("limitMs")
    largest_ms = max([limit_ms or 0.0, *((doc.duration_of(row, key) or {}).get("high", 0.0) for _, row in rows)])
    if limit_ms is not None:
        largest_ms = min(largest_ms, MOST_OF_LIMIT * limit_ms)
    table = _new_table()
    table.add_column("memory", justify="right", no_wrap=True)
    table.add_column(key, justify="right", no_wrap=True)
    table.add_column(_strip_title(limit_ms), no_wrap=True)
    table.add_column("$/million" if currency == "USD" else "cost/million", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("n", justify="right")
    table.add_column("", overflow="fold")
    for index, row in rows:
        path = f"configurations.{index}"
        cost = doc.estimate_of(row.get("costPerMillionUsd"))
        recommended = doc.same_configuration(row, document.get("recommended"))
        table.add_row(
            size_text(document, row),
            _cell(tables.duration_cell(row, key, path), bounds=False),
            strip(doc.duration_of(row, key), limit_ms, largest_ms),
            _cell(tables.cost_cell(row, path, currency), bounds=False),
            bar(0.0 if cost is None or not dearest else cost / dearest) if bars else "",
            _cell(tables.count_cell(row, "samples", path)),
            visible(tables.remark(document, row)),
            style="bold" if recommended else "",
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


def strip(
    duration: Mapping[str, float] | None, limit_ms: float | None, largest_ms: float, width: int = STRIP_WIDTH
) -> str:
    """A duration with its interval on a line that begins at 0, and the goal's limit on it.

    Args:
        duration: ``estimate``, ``low`` and ``high`` in milliseconds; ``None``: only the limit.
        limit_ms: The goal's limit; ``None``: there is no goal.
        largest_ms: What the line's end stands for; what lies beyond it is an arrow there.
        width: Characters.

    Example:
        >>> strip({"estimate": 50, "low": 30, "high": 70}, 90, 100, 10)
        '   ──●── ┊'
    """
    cells = [" "] * width

    def place(duration_ms: float) -> int:
        return min(width - 1, max(0, int(duration_ms / largest_ms * width))) if largest_ms > 0 else 0

    if duration:
        first, last = place(duration["low"]), place(duration["high"])
        cells[first : last + 1] = "─" * (last + 1 - first)
    if limit_ms is not None:
        cells[place(limit_ms)] = "┊"
    if duration:
        cells[place(duration["estimate"])] = "●" if duration["estimate"] <= largest_ms else "▸"
    return "".join(cells)


def _strip_title(limit_ms: float | None) -> str:
    return "" if limit_ms is None else "┊ goal"


def _notes(document: doc.Document) -> list[Text]:
    lines: list[Text] = []
    rows = tables.measured_rows(document)
    if len(rows) > MOST_ROWS:
        lines.append(
            Text(f"{len(rows) - len(_shown_rows(document))} more measured sizes are in the report.", style="dim")
        )
    warnings = [*(document.get("warnings") or [])]
    restored = document.get("restored")
    if restored and not restored.get("complete"):
        warnings.append(restored_sentence(document))
    warnings.extend(
        f"Not measurable here: {formats.size_ranges(entry['memorySizesMb'])}: {entry['reason']}."
        for entry in document.get("unmeasurable") or []
    )
    if warnings:
        lines.append(Text())
    lines.extend(Text.assemble(("! ", "yellow"), visible(str(warning))) for warning in warnings)
    return lines


def _files(document: doc.Document, console: Console) -> None:
    invocations, spent = document.get("invocations"), document.get("spentUsd")
    console.print()
    if invocations is not None and spent is not None and document.get("recommended"):
        cost = doc.at_most(document) + formats.money(spent, document.get("currency") or "USD")
        console.print(Text(f"{formats.count(invocations, 'invocation')}, {cost}, {goal_text(document)}", style="dim"))
    files = document.get("report") or {}
    for name in ("html", "markdown", "json", "svg", "console"):
        if files.get(name):
            console.print(Text(visible(f"{name:<9} {files[name]}")), soft_wrap=True)
