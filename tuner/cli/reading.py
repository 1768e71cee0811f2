"""``report`` and ``list``: what earlier runs found out, from the store or from the deployed bucket."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.cli.console import error_console, plain_text, result_console
from tuner.cli.failures import EXIT_OK, exit_code_of_error, exit_code_of_verdict, print_json
from tuner.cli.runs import REPORT_FILES
from tuner.cli.store import LATEST, ArtifactReader, FolderArtifacts, bucket_folder, store_home
from tuner.core.errors import RunNotFound
from tuner.core.result import SCHEMA_VERSION
from tuner.core.run_id import is_run_id

_LIST_WIDTH = 110
_MOST_COMPLETIONS = 30
_INDEX = "index/"
"""Each reported run has a small object here, so that listing reads no large one."""


def run_ids(artifacts: ArtifactReader) -> list[str]:
    """Ids of the runs that have a report, oldest first (ids begin with the time)."""
    found = (key.removeprefix(_INDEX).removesuffix(".json") for key in artifacts.keys(_INDEX))
    return sorted(run_id for run_id in found if is_run_id(run_id))


def find_run(artifacts: ArtifactReader, wanted: str, where: str) -> str:
    """The run's full id: *wanted* itself, ``latest``, or the beginning of one id alone.

    Raises:
        RunNotFound: There is none, or more than one that begins so.
    """
    if is_run_id(wanted) and artifacts.read(f"runs/{wanted}/report.json") is not None:
        return wanted
    known = run_ids(artifacts)
    if wanted == LATEST and known:
        return known[-1]
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
    """Runs of this machine that begin so, newest first, each with its verdict, for a shell's completion."""
    artifacts = FolderArtifacts(bucket_folder(store_home()))
    found = [(LATEST, "the newest run")] if LATEST.startswith(incomplete) else []
    for run_id in reversed(run_ids(artifacts)):
        if run_id.startswith(incomplete) and len(found) < _MOST_COMPLETIONS:
            row = _index_row(artifacts, run_id)
            found.append((run_id, plain_text(str(row.get("verdict") or row.get("error") or ""))))
    return found


def _index_row(artifacts: ArtifactReader, run_id: str) -> dict[str, Any]:
    """The run's row in the index; only its id where the row is damaged."""
    try:
        row = artifacts.read_json(f"{_INDEX}{run_id}.json")
    except ValueError:
        row = None
    return {"error": "damaged", **(row if isinstance(row, dict) else {}), "runId": run_id}


def read_document(artifacts: ArtifactReader, run_id: str) -> Mapping[str, Any]:
    """The run's ``report.json``.

    Raises:
        RunNotFound: It is not there, is damaged, or was written by a later or an earlier version.
    """
    try:
        document = artifacts.read_json(f"runs/{run_id}/report.json")
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
    document = read_document(artifacts, run_id)
    files = {kind: artifacts.uri(f"runs/{run_id}/{name}") for kind, name in REPORT_FILES.items()}
    if out is not None:
        files = {}
        for kind, name in REPORT_FILES.items():
            body = artifacts.read(f"runs/{run_id}/{name}")
            if body is not None:
                (out / name).write_bytes(body)
                files[kind] = str(out / name)
    if json_output:
        print_json(document)
    else:
        from tuner.report.terminal import render_terminal

        render_terminal({**document, "report": files}, result_console())
    error = document.get("error")
    if isinstance(error, Mapping):
        return exit_code_of_error(str(error.get("name")))
    return exit_code_of_verdict(str(document.get("verdict")))


def list_runs(artifacts: ArtifactReader, where: str, *, limit: int, json_output: bool) -> int:
    """List the latest runs, newest first."""
    rows = [_index_row(artifacts, run_id) for run_id in reversed(run_ids(artifacts)[-limit:])]
    if json_output:
        print_json({"runs": rows})
        return EXIT_OK
    if not rows:
        error_console().print(
            f"There is no run in {where} yet. `lambda-tuner demo` makes one.", markup=False, soft_wrap=True
        )
        return EXIT_OK
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("memory", no_wrap=True)
    table.add_column("saving", justify="right", no_wrap=True)
    for row in rows:
        saving = row.get("savingRatio")
        table.add_row(
            Text(str(row["runId"])),
            Text(plain_text(str(row.get("verdict") or row.get("error") or ""))),
            _memory_change(row.get("currentMemoryMb"), row.get("memoryMb")),
            f"{saving:.0%}" if saving is not None else "",
        )
    result_console(least_width=_LIST_WIDTH).print(table)
    return EXIT_OK


def _memory_change(current_mb: int | None, recommended_mb: int | None) -> str:
    if not recommended_mb:
        return ""
    return f"{current_mb:,} → {recommended_mb:,} MB" if current_mb else f"{recommended_mb:,} MB"
