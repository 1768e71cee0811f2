"""``report`` and ``list``: what earlier runs found out, from the store or from the deployed bucket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.cli.console import error_console, result_console
from tuner.cli.failures import EXIT_OK, exit_code_of_error, exit_code_of_verdict, print_json
from tuner.cli.runs import REPORT_FILES
from tuner.cli.store import LATEST, ArtifactReader
from tuner.core.errors import RunNotFound


def run_ids(artifacts: ArtifactReader) -> list[str]:
    """Ids of the runs that have a report, oldest first (ids begin with the time)."""
    return sorted({key.split("/")[1] for key in artifacts.keys("runs/") if key.endswith("/report.json")})


def find_run(artifacts: ArtifactReader, wanted: str, where: str) -> str:
    """The run's full id: *wanted* itself, ``latest``, or the beginning of one id alone.

    Raises:
        RunNotFound: There is none, or more than one that begins so.
    """
    if "/" not in wanted and artifacts.read(f"runs/{wanted}/report.json") is not None:
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
    raise RunNotFound(
        f"There is no report of a run {wanted!r} in {where}.", hint="`lambda-tuner list` shows the runs that are there."
    )


def show_report(artifacts: ArtifactReader, wanted: str, where: str, *, out: Path | None, json_output: bool) -> int:
    """Show one run's report again; the exit code is the one that the run had."""
    run_id = find_run(artifacts, wanted, where)
    document: Mapping[str, Any] = artifacts.read_json(f"runs/{run_id}/report.json") or {}
    if json_output:
        print_json(document)
    else:
        from tuner.report.terminal import render_terminal

        render_terminal(document, result_console())
    if out is not None:
        saved = []
        for name in REPORT_FILES:
            body = artifacts.read(f"runs/{run_id}/{name}")
            if body is not None:
                (out / name).write_bytes(body)
                saved.append(str(out / name))
        error_console().print("Report: " + ", ".join(saved), markup=False, soft_wrap=True)
    error = document.get("error")
    if isinstance(error, Mapping):
        return exit_code_of_error(str(error.get("name")))
    return exit_code_of_verdict(str(document.get("verdict")))


def list_runs(artifacts: ArtifactReader, where: str, *, limit: int, json_output: bool) -> int:
    """List the latest runs, newest first."""
    rows = [_row(run_id, artifacts) for run_id in reversed(run_ids(artifacts)[-limit:])]
    if json_output:
        print_json({"runs": rows})
        return EXIT_OK
    if not rows:
        error_console().print(
            f"There is no run in {where} yet. `lambda-tuner demo` makes one.", markup=False, soft_wrap=True
        )
        return EXIT_OK
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    for heading in ("function", "verdict", "goal", "recommended", "saving"):
        table.add_column(heading)
    for row in rows:
        goal, memory_mb, saving = row["goal"], row["memoryMb"], row["savingRatio"]
        table.add_row(
            row["runId"],
            row["function"] or "",
            row["verdict"] or row["error"] or "",
            f"p{goal['percentile']:g} ≤ {goal['limitMs']:g} ms" if goal else "cheapest",
            f"{memory_mb:,} MB" if memory_mb else "",
            f"{saving:.0%}" if saving is not None else "",
        )
    result_console().print(table)
    return EXIT_OK


def _row(run_id: str, artifacts: ArtifactReader) -> dict[str, Any]:
    document = artifacts.read_json(f"runs/{run_id}/report.json") or {}
    function = document.get("function") or {}
    return {
        "runId": run_id,
        "function": function.get("name") or str(document.get("functionArn") or "").split(":")[-1] or None,
        "verdict": document.get("verdict"),
        "error": (document.get("error") or {}).get("name"),
        "goal": document.get("goal"),
        "memoryMb": (document.get("recommended") or {}).get("memoryMb"),
        "savingRatio": document.get("savingRatio"),
        "startedAt": document.get("startedAt"),
    }
