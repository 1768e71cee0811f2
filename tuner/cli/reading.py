"""``report`` and ``list``: what earlier runs found out, from the store or from the deployed bucket."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuner.cli.console import error_console, result_console
from tuner.cli.failures import EXIT_OK, exit_code_of_run, print_json
from tuner.cli.store import LATEST, ArtifactReader, FolderArtifacts, bucket_folder, store_home
from tuner.cli.unreported import what_is_known
from tuner.core.answer.codec import decode, decode_row, encode_row
from tuner.core.answer.report import SCHEMA_VERSION, RunReport
from tuner.core.answer.run_row import UNKNOWN_TIME, RunRow
from tuner.core.errors import RunNotFound
from tuner.core.foreign_text import visible
from tuner.core.run.bucket_layout import INDEX, REPORT_FILES, index_key, run_key
from tuner.core.run.run_id import is_run_id

_MOST_COMPLETIONS = 30
"""Each reported run has a small object here, so that listing reads no large one."""
_WINDOW = 200
"""Rows that are read besides those that are shown: a report may be written anew after the run has ended."""
_READERS = 16
_LONGEST_CELLS = (16, 64, 16, 18, 6)
"""Characters of time, function, result, memory sizes and saving; the function's name gives way on a narrow terminal."""
_SHORTEST_FUNCTION = 10


def run_ids(artifacts: ArtifactReader) -> list[str]:
    """Ids of the runs that have a report, by name: ids of executions that somebody else named tell no time."""
    return [run_id for key in artifacts.keys(INDEX) if (run_id := _run_id_of(key)) is not None]


def latest_runs(artifacts: ArtifactReader, count: int) -> list[RunRow]:
    """The *count* runs that ended last, latest first; a damaged row ends no list."""
    keys = artifacts.latest_keys(INDEX, count + _WINDOW)
    ids = [run_id for key in keys if (run_id := _run_id_of(key)) is not None]
    with ThreadPoolExecutor(_READERS) as pool:
        rows = list(pool.map(lambda run_id: _run_row(artifacts, run_id), ids))
    return sorted(rows, key=lambda row: (row.ended, row.run_id), reverse=True)[:count]


def _run_id_of(key: str) -> str | None:
    """The run's id; ``None`` for what is no row, such as a file that was never finished."""
    run_id = key.removeprefix(INDEX).removesuffix(".json")
    return run_id if key.endswith(".json") and is_run_id(run_id) else None


def find_run(artifacts: ArtifactReader, wanted: str, where: str) -> str:
    """The run's full id: *wanted* itself, ``latest``, or the beginning of one id alone.

    Raises:
        RunNotFound: There is none, or more than one that begins so.
    """
    if is_run_id(wanted) and artifacts.read(run_key(wanted, REPORT_FILES["json"])) is not None:
        return wanted
    if wanted == LATEST and (rows := latest_runs(artifacts, 1)):
        return rows[0].run_id
    if is_run_id(wanted) and (known_of_it := what_is_known(artifacts, wanted)):
        raise RunNotFound(known_of_it[0], hint=known_of_it[1])
    known = run_ids(artifacts)
    matching = [run_id for run_id in known if run_id.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise RunNotFound(
            f"{len(matching)} runs in {where} begin with {wanted!r}.", hint=f"They are: {', '.join(matching)}."
        )
    nearest = (
        difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
        or [run_id for run_id in reversed(known) if wanted and wanted in run_id][:3]
    )
    raise RunNotFound(
        f"There is no report of a run {wanted!r} in {where}.",
        hint=(f"Did you mean {' or '.join(nearest)}? " if nearest else "")
        + "`lambda-tuner list` shows the runs that are there.",
    )


def complete_run_ids(incomplete: str) -> list[tuple[str, str]]:
    """Runs of this machine that begin so, latest first, each with its function and result, for a shell's completion."""
    artifacts = FolderArtifacts(bucket_folder(store_home()))
    found = [(LATEST, "the run that ended last")] if LATEST.startswith(incomplete) else []
    matching = [row for row in latest_runs(artifacts, _WINDOW) if row.run_id.startswith(incomplete)]
    shown = matching[:_MOST_COMPLETIONS]
    return found + [(row.run_id, visible(f"{row.function} {row.result}".strip())) for row in shown]


def _run_row(artifacts: ArtifactReader, run_id: str) -> RunRow:
    """The run's row in the index; only its id where a field is not what it may be."""
    try:
        return decode_row(artifacts.read_json(index_key(run_id)), run_id)
    except ValueError:
        return RunRow(run_id, error="damaged")


def read_report(artifacts: ArtifactReader, run_id: str) -> RunReport:
    """The run's ``report.json``.

    Raises:
        RunNotFound: It is not there, is damaged, or was written by a later or an earlier version.
    """
    return decoded_report(_read_json(artifacts, run_id), run_id)


def decoded_report(document: Mapping[str, Any], run_id: str) -> RunReport:
    """A report, or an execution's output.

    Raises:
        RunNotFound: One of its values is not what it may be.
    """
    try:
        return decode(document)
    except ValueError as error:
        raise RunNotFound(
            f"The report of the run {run_id} is damaged: one of its values is not what it should be ({error}).",
            hint="`lambda-tuner open` may still show its page.",
        ) from error


def _read_json(artifacts: ArtifactReader, run_id: str) -> Mapping[str, Any]:
    try:
        document = artifacts.read_json(run_key(run_id, REPORT_FILES["json"]))
    except ValueError as error:
        raise RunNotFound(f"The report of the run {run_id} is damaged: it is not JSON.") from error
    if not isinstance(document, dict):
        raise RunNotFound(f"The report of the run {run_id} is damaged: it is not a JSON object.")
    version = document.get("schemaVersion", 0)
    if version != SCHEMA_VERSION:
        older = isinstance(version, int) and version < SCHEMA_VERSION
        page = "the run's report.html can be read without it: lambda-tuner open."
        raise RunNotFound(
            f"The report of the run {run_id} has schema {version}, and this version reads schema {SCHEMA_VERSION}.",
            hint=f"Tune the function again; {page}" if older else f"Install a newer lambda-tuner; {page}",
        )
    return document


def show_report(artifacts: ArtifactReader, wanted: str, where: str, *, out: Path | None, json_output: bool) -> int:
    """Show one run's report again; the exit code is the one that the run had."""
    run_id = find_run(artifacts, wanted, where)
    document = _read_json(artifacts, run_id)
    files = {kind: artifacts.uri(run_key(run_id, name)) for kind, name in REPORT_FILES.items()}
    if out is not None:
        files = {}
        for kind, name in REPORT_FILES.items():
            body = artifacts.read(run_key(run_id, name))
            if body is not None:
                (out / name).write_bytes(body)
                files[kind] = str(out / name)
    if json_output:
        print_json(document)
    report = decoded_report(document, run_id)
    if not json_output:
        from tuner.report.terminal import render_terminal

        if "console" in report.report:
            files["console"] = report.report["console"]
        render_terminal(replace(report, report=files), result_console())
    return exit_code_of_run(report)


def list_runs(artifacts: ArtifactReader, where: str, *, limit: int, json_output: bool) -> int:
    """List the runs that ended last, latest first."""
    rows = latest_runs(artifacts, limit)
    if json_output:
        print_json({"runs": [encode_row(row) for row in rows]})
        return EXIT_OK
    if not rows:
        error_console().print(f"There is no run in {where} yet. `lambda-tuner demo` makes one.")
        return EXIT_OK
    console = result_console()
    for line in list_lines(rows, console.width):
        console.print(line, soft_wrap=True)
    return EXIT_OK


def list_lines(rows: list[RunRow], width: int) -> list[str]:
    """A line for each run, its whole id at the end, or on a line of its own where the terminal is too narrow."""
    table = [("ended (UTC)", "function", "result", "memory", "saving", "run"), *map(_cells, rows)]
    widths = [min(most, max(len(row[place]) for row in table)) for place, most in enumerate(_LONGEST_CELLS)]
    gaps = 2 * len(widths)
    beside = sum(widths) + gaps + max(len(row[-1]) for row in table) <= width
    if not beside:
        widths[1] = max(_SHORTEST_FUNCTION, min(widths[1], width - sum(widths) + widths[1] - gaps + 2))
    lines = []
    for row in table:
        cells = [_cut(cell, size).ljust(size) for cell, size in zip(row[:-1], widths, strict=True)]
        lines.append("  ".join([*cells, *([row[-1]] if beside else [])]).rstrip())
        if not beside and row is not table[0]:
            lines.append(f"  {row[-1]}")
    return lines


def _cells(row: RunRow) -> tuple[str, ...]:
    kept = row.decision == "keep"
    cells = (
        row.ended.strftime("%Y-%m-%d %H:%M") if row.ended != UNKNOWN_TIME else "",
        row.function,
        row.result,
        _memory_change(row.current_memory_mb, row.memory_mb, kept=kept),
        f"{row.saving_ratio:.0%}" if row.saving_ratio is not None and not kept else "",
        row.run_id,
    )
    return tuple(" ".join(visible(cell).split()) for cell in cells)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _memory_change(current_mb: int | None, recommended_mb: int | None, *, kept: bool) -> str:
    if kept and current_mb:
        return f"keep {current_mb:,} MB"
    if not recommended_mb:
        return ""
    return f"{current_mb:,} → {recommended_mb:,} MB" if current_mb else f"{recommended_mb:,} MB"
