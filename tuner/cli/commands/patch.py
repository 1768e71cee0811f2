"""``lambda-tuner patch``: write a run's recommendation into the template that deploys the function."""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
from pathlib import Path
from typing import Annotated

from tuner.cli.console import error_console, result_console
from tuner.cli.failures import EXIT_FAILED, EXIT_OK, PatchRefused, print_json, show_failure
from tuner.cli.flags import JsonFlag, ReadAccountFlags, RunIdArgument, command, flag
from tuner.cli.reading import find_run, latest_runs, read_report
from tuner.cli.store import LATEST, ArtifactReader
from tuner.cli.template_edit import MOST_CHARACTERS, Patched, Wanted, function_finder, patch_template
from tuner.cli.text_files import UTF16_MARKS
from tuner.core.answer.report import Answer, DryRun, Failure, RunReport
from tuner.core.answer.run_row import RunRow
from tuner.core.answer.verdicts import facts_of
from tuner.core.errors import RunNotFound
from tuner.core.foreign_text import visible
from tuner.core.run.bucket_layout import COMMAND, run_key
from tuner.report import document as doc
from tuner.report.change import template_values
from tuner.report.sentences import keep_sentence

MOST_LOOKED_AT = 200
"""Runs among which the latest of the template's functions is looked for."""


@command(
    "patch",
    epilog="Example: lambda-tuner patch latest --file template.yaml\n\n"
    "Example: lambda-tuner patch 20261103 --file template.json --function Thumbnails --dry-run\n\n"
    "Exit codes: 0 changed, or already up to date · 2 not changed: unclear what to change, or no such run or file · "
    "3, 4, 5 not changed: the run's verdict.",
)
def patch(
    run_id: RunIdArgument,
    where: ReadAccountFlags,
    file: Annotated[Path, flag("--file FILE", "The SAM or CloudFormation template, YAML or JSON.")],
    function: Annotated[
        str | None,
        flag("--function ID", "The function's logical id, name or handler. Default: the run's function."),
    ] = None,
    force: Annotated[
        bool,
        flag(
            "--force", "Write even if the goal is not met, other functions share the value, or a reference is replaced."
        ),
    ] = False,
    dry_run: Annotated[bool, flag("--dry-run", "Show the change, write nothing.")] = False,
    json_output: JsonFlag = False,
) -> int:
    """Write a run's recommendation into a SAM or CloudFormation template; everything else stays, byte for byte."""
    from tuner.cli.tune_function import artifacts_of

    artifacts, place = artifacts_of(where)
    body = None
    if run_id == LATEST:
        body = _read(file)
        run_id = _latest_of(artifacts, place, file, _decoded(body, file), function)
    else:
        run_id = find_run(artifacts, run_id, place)
    report = read_report(artifacts, run_id)
    refusal = _refusal(report, run_id)
    if not isinstance(report, Answer) or (refusal is not None and not force):
        code = show_failure(run_id, "PatchRefused", *(refusal or ("", "")), json_output=json_output)
        return EXIT_FAILED if isinstance(report, Failure) else facts_of(report.verdict).exit_code or code
    kept = None if force else keep_sentence(report)
    wanted = _wanted(report, function, _tried(artifacts, run_id).get("logicalId"))
    body = _read(file) if body is None else body
    text = _decoded(body, file)
    if kept is not None:
        patched = Patched(text, next(iter(function_finder(text)(wanted)), ""), {}, (kept,))
    else:
        patched = patch_template(text, wanted, force=force)
    notes = [*patched.notes, *_notes(report, patched, forced=refusal is not None)]
    if patched.changes and not dry_run:
        _write(file, body, patched.text.encode())
    if kept is not None:
        ending = f"{file} was not changed; --force writes the best size anyway."
    elif not patched.changes:
        ending = f"{file} is already up to date: nothing to change."
    elif dry_run:
        ending = f"{file} was not changed: --dry-run."
    else:
        ending = f"Changed {file}. Deploy it as you always do."
    _show(file, text, patched, notes, ending=ending, written=not dry_run, json_output=json_output)
    return EXIT_OK


def _latest_of(artifacts: ArtifactReader, where: str, file: Path, text: str, function: str | None) -> str:
    """The run that ended last of those of a function that the template has; of *function* alone if it is named.

    Raises:
        RunNotFound: There is none; names the run that ended last.
        PatchRefused: It is no template, or *function* is not in it or not clearly one.
    """
    find = function_finder(text)
    named = find(Wanted(named=function)) if function else None
    rows = latest_runs(artifacts, MOST_LOOKED_AT)
    for row in rows:
        found = find(Wanted(name=row.function, logical_id=_tried_in(artifacts, row, file)))
        if found and (named is None or found == named):
            return row.run_id
    last = f" The run that ended last is {rows[0].run_id} of {rows[0].function or 'no function'}." if rows else ""
    raise RunNotFound(
        f"There is no run of {function or 'a function in this template'} in {where}.{last}",
        hint=f"Name the run and its function: lambda-tuner patch RUN_ID --file {file} --function {function or 'ID'}.",
    )


def _tried_in(artifacts: ArtifactReader, row: RunRow, file: Path) -> str | None:
    """The logical id that ``try`` was given, if its template is this one, or one below it such as a build's."""
    if row.where != "local":
        return None
    tried = _tried(artifacts, row.run_id)
    inside = Path(tried.get("template", "")).is_relative_to(file.resolve().parent)
    return tried.get("logicalId") if inside else None


def _tried(artifacts: ArtifactReader, run_id: str) -> dict[str, str]:
    """Template and logical id that a run of ``try`` was given; empty for every other run."""
    try:
        tried = artifacts.read_json(run_key(run_id, COMMAND))
    except ValueError:
        return {}
    found = tried.get("tried") if isinstance(tried, dict) else None
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _refusal(report: RunReport, run_id: str) -> tuple[str, str] | None:
    """Message and hint if the run gives no reason to change anything; ``None``: it does."""
    if isinstance(report, Failure):
        return f"The run {run_id} failed ({report.error.name}): it recommends nothing.", "Nothing was changed."
    facts = facts_of(report.verdict)
    if isinstance(report, DryRun):
        return f"The run {run_id} recommends nothing: {facts.why_not}.", "Nothing was changed."
    if not facts.why_not:
        return None
    return (
        f"The run {run_id} is not a reason to change the size: {facts.why_not}.",
        f"Nothing was changed. --force writes its best guess, {report.recommended.candidate.memory_mb:,} MB, "
        "all the same.",
    )


def _wanted(answer: Answer, function: str | None, logical_id: str | None) -> Wanted:
    return Wanted(
        template_values(answer),
        named=function,
        name=doc.function_name(answer),
        handler=answer.function.handler if answer.function else None,
        logical_id=logical_id,
    )


def _notes(answer: Answer, patched: Patched, *, forced: bool) -> list[str]:
    found = []
    memory = patched.changes.get("MemorySize")
    stated = memory and memory.before
    current_mb = answer.current and answer.current.candidate.memory_mb
    if stated and stated.isdecimal() and current_mb is not None and int(stated) != current_mb:
        found.append(
            f"The template says {int(stated):,} MB, the run found {current_mb:,} MB: check that this is "
            "the template from which the function was deployed."
        )
    if architecture := patched.changes.get("Architectures"):
        found.append(
            f"The architecture changes to {architecture.after}: all compiled parts of the function "
            "(dependencies, layers, the image) must be built for it and deployed with it."
        )
    if answer.where == "local":
        found.append("The run was on this machine, not in AWS: tune the deployed function to be sure.")
    if forced and patched.changes:
        found.append("Changed because of --force: the run's verdict does not support it.")
    return found


def _read(file: Path) -> bytes:
    try:
        if not file.is_file():
            reason = "it is not a file" if file.exists() else "there is no such file"
            raise PatchRefused(f"--file {file} cannot be read: {reason}.")
        if file.stat().st_size > 4 * MOST_CHARACTERS:
            raise PatchRefused(f"--file {file} is larger than any template.")
        return file.read_bytes()
    except OSError as error:
        raise PatchRefused(f"--file {file} cannot be read: {error.strerror}.") from error


def _decoded(body: bytes, file: Path) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = "it looks like UTF-16" if body.startswith(UTF16_MARKS) else f"byte {error.start:,}"
        raise PatchRefused(f"--file {file} is not UTF-8 text: {reason}.", hint="Save it as UTF-8.") from error


def _write(file: Path, before: bytes, after: bytes) -> None:
    """Put the new content in the file's place at once; links and permissions stay.

    Raises:
        PatchRefused: It cannot be written, or somebody changed it meanwhile.
    """
    target = file.resolve()
    temporary: Path | None = None
    try:
        if not os.access(target, os.W_OK):
            raise PatchRefused(f"--file {file} may not be written to.", hint="Nothing was changed.")
        with tempfile.NamedTemporaryFile(
            dir=target.parent, prefix=f".{target.name}.", suffix=".new", delete=False
        ) as new:
            temporary = Path(new.name)
            new.write(after)
            new.flush()
            os.fsync(new.fileno())
        state = target.stat()
        temporary.chmod(state.st_mode & 0o7777)
        with contextlib.suppress(PermissionError):  # another owner's file in a shared folder
            os.chown(temporary, state.st_uid, state.st_gid)
        if target.read_bytes() != before:
            raise PatchRefused(f"--file {file} was changed while this command ran.", hint="Start again.")
        temporary.replace(target)
        temporary = None
    except OSError as error:
        raise PatchRefused(
            f"--file {file} cannot be written: {error.strerror}.", hint="Nothing was changed."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _show(
    file: Path, before: str, patched: Patched, notes: list[str], *, ending: str, written: bool, json_output: bool
) -> None:
    diff = _diff(file, before, patched.text)
    if json_output:
        print_json(
            {
                "file": str(file),
                "function": patched.logical_id,
                "written": bool(patched.changes) and written,
                "changes": [
                    {"place": change.place, "before": change.before, "after": change.after}
                    for change in patched.changes.values()
                ],
                "notes": notes,
                "diff": "".join(diff),
            }
        )
        return
    console = result_console()
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in diff:
        style = "bold" if line.startswith(("+++", "---")) else styles.get(line[0], "")
        console.print(visible(line).rstrip("\n\N{REPLACEMENT CHARACTER}"), style=style or None, soft_wrap=True)
    errors = error_console()
    for note in (*notes, ending):
        errors.print(visible(note))


def _diff(file: Path, before: str, after: str) -> list[str]:
    """A unified diff; each line ends in one newline, whatever ends the file's own lines."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), str(file), str(file), n=3
    )
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]
