"""What earlier runs found out, from the store or from the deployed bucket."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tuner.cli.store import LATEST, ArtifactReader, FolderArtifacts, bucket_folder, store_home
from tuner.cli.unreported import what_is_known
from tuner.core.answer.codec import decode, decode_row
from tuner.core.answer.report import SCHEMA_VERSION, RunReport
from tuner.core.answer.run_row import RunRow
from tuner.core.errors import RunNotFound
from tuner.core.foreign_text import visible
from tuner.core.run.bucket_layout import INDEX, REPORT_FILES, index_key, run_key
from tuner.core.run.run_id import is_run_id

_MOST_COMPLETIONS = 30
"""Each reported run has a small object here, so that listing reads no large one."""
_WINDOW = 200
"""Rows that are read besides those that are shown: a report may be written anew after the run has ended."""
_READERS = 16


def run_ids(artifacts: ArtifactReader) -> list[str]:
    """Ids of the runs that have a report, by name: not all begin with the time, as anyone may name an execution."""
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
        hint=(f"Did you mean {' or '.join(nearest)}? " if nearest else "") + "`lambda-tuner list` shows all runs.",
    )


def complete_run_ids(incomplete: str) -> list[tuple[str, str]]:
    """Runs of this machine that begin so, latest first, each with its function and result, for a shell's completion."""
    artifacts = FolderArtifacts(bucket_folder(store_home()))
    found = [(LATEST, "the run that ended last")] if LATEST.startswith(incomplete) else []
    matching = [row for row in latest_runs(artifacts, _WINDOW) if row.run_id.startswith(incomplete)]
    shown = matching[:_MOST_COMPLETIONS]
    return found + [(row.run_id, visible(f"{row.function} {row.result}".strip())) for row in shown]


def _run_row(artifacts: ArtifactReader, run_id: str) -> RunRow:
    """The run's row in the index; only its id if a field is not what it may be."""
    try:
        return decode_row(artifacts.read_json(index_key(run_id)), run_id)
    except ValueError:
        return RunRow(run_id, error="damaged")


def read_report(artifacts: ArtifactReader, run_id: str) -> RunReport:
    """The run's ``report.json``.

    Raises:
        RunNotFound: It is not there, is damaged, or was written by a later or an earlier version.
    """
    return decoded_report(read_document(artifacts, run_id), run_id)


def decoded_report(document: Mapping[str, Any], run_id: str) -> RunReport:
    """A report, or an execution's output.

    Raises:
        RunNotFound: One of its values is not what it may be.
    """
    try:
        return decode(document)
    except ValueError as error:
        raise RunNotFound(
            f"The report of the run {run_id} is damaged: one of its values is invalid ({error}).",
            hint="`lambda-tuner open` may still show its page.",
        ) from error


def read_document(artifacts: ArtifactReader, run_id: str) -> Mapping[str, Any]:
    """The run's ``report.json`` as it stands there; RunNotFound as of :func:`read_report`."""
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
