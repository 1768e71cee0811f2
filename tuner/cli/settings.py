"""``lambda-tuner.toml``: a function's goal, payload and limits, for ``try``, ``tune`` and ``check`` alike."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.cli.check import judge_with
from tuner.cli.console import error_console
from tuner.cli.failures import UsageProblem
from tuner.cli.flags import ConfigFlags
from tuner.cli.options import FLAGS, build_request, type_of
from tuner.cli.text_files import read_text
from tuner.core.errors import InvalidRequest, TunerError
from tuner.core.foreign_text import visible
from tuner.core.request.reading import shown_json

FILE_NAME = "lambda-tuner.toml"

_LIMIT_OF_CHECK = "max-cost-per-million"
KEYS: Mapping[str, tuple[str, type]] = {
    each.flag.name.removeprefix("--"): (path, type_of(path))
    for path, each in FLAGS.items()
    if each.flag is not None and each.flag.is_setting
} | {_LIMIT_OF_CHECK: (_LIMIT_OF_CHECK, float)}
"""What a table may hold, named as the flags are: the path of the field that it becomes, and its type."""
KINDS: Mapping[type, tuple[str, tuple[type, ...]]] = {
    str: ("a text", (str,)),
    Path: ("a text", (str,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
}
_HINT = f"The file has [defaults] and [functions.NAME]; each may have {', '.join(KEYS)}; [functions.NAME] also names."
_TABLES = ("defaults", "functions")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a table may call the function of a command."""

    names: tuple[str, ...]
    """Its name, ARN or logical id."""
    handler_file: Path | None = None
    handler: str = ""
    """The function in that file."""

    def names_from(self, folder: Path) -> set[str]:
        """All of its names, with the handler's path as it is written in a file of *folder*."""
        if self.handler_file is None:
            return set(self.names)
        path = Path(os.path.relpath(self.handler_file.resolve(), folder.resolve())).as_posix()
        return {*self.names, f"{path}:{self.handler}"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says for one function."""

    fields: Mapping[str, Any] = field(default_factory=dict)

    def under(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        """What was typed, with the file's settings for what was not."""
        mine = {path: value for path, value in self.fields.items() if path != _LIMIT_OF_CHECK}
        if "payloadS3" in typed:
            mine.pop("payload", None)
        return {**mine, **typed}

    @property
    def max_cost_per_million_usd(self) -> float | None:
        """The limit of ``check``."""
        return self.fields.get(_LIMIT_OF_CHECK)


def read_settings(subject: Subject, files: ConfigFlags, *, quiet: bool) -> Settings:
    """Find the file, read what it says for a function, and say which tables were used.

    If *files* names none, it is the first ``lambda-tuner.toml`` from the working folder upward.

    Raises:
        UsageProblem: The file cannot be read, the file is not TOML, or two tables are the function's; or lists every
            unknown key and every value that cannot be, with file and table.
    """
    if files.no_config:
        if files.config is not None:
            raise UsageProblem("--config and --no-config exclude each other.")
        return Settings()
    folders = [Path.cwd(), *Path.cwd().parents]
    path = files.config or next((folder / FILE_NAME for folder in folders if (folder / FILE_NAME).is_file()), None)
    if path is None:
        return Settings()
    tables = _read_tables(path)
    names = subject.names_from(path.parent)
    own = [
        title
        for title, table in tables.items()
        if title != "defaults" and names & {title.removeprefix("functions."), *table.get("names", ())}
    ]
    if len(own) > 1:
        raise UsageProblem(f"{path}: {_listed(own)} both match this function.", hint="Keep one of them.")
    used = [title for title in ("defaults", *own) if title in tables]
    fields: dict[str, Any] = {}
    problems: list[str] = []
    for title in used:
        for key, value in tables[title].items():
            if key != "names":
                field_name = KEYS[key][0]
                fields[field_name] = path.parent / Path(value).expanduser() if key == "payload" else value
                problems += [f"[{title}] {each}" for each in _problems_of(key, fields[field_name])]
    if problems:
        raise UsageProblem(f"{path}: {'; '.join(problems)}.", hint=_HINT)
    said = f"Settings: {_listed(used[::-1])}" if used else "No settings for this function"
    error_console(quiet=quiet).print(visible(f"{said} in {path}."))
    return Settings(fields)


def _read_tables(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of a file by their titles, with known keys and values of the right types."""
    try:
        document = tomllib.loads(read_text(path, "--config"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageProblem(f"{path} is not TOML: {error}.", hint="docs/command.md has an example.") from error
    problems = [
        f"{shown_json(name)[1:-1]} is neither [defaults] nor [functions.NAME]{_likely(name, _TABLES)}"
        for name in document
        if name not in _TABLES
    ]
    functions = document.get("functions", {})
    tables: dict[str, Any] = (
        {f"functions.{name}": table for name, table in functions.items()}
        if isinstance(functions, dict)
        else {"functions": functions}
    )
    if "defaults" in document:
        tables["defaults"] = document["defaults"]
    for title, table in tables.items():
        if not isinstance(table, dict):
            problems.append(f"{title} is {shown_json(table)}: it must be a table, [{title}]")
            continue
        for key, value in table.items():
            if problem := _wrong_type(key, value, title):
                problems.append(f"[{title}] {problem}")
    if problems:
        raise UsageProblem(f"{path}: {'; '.join(problems)}.", hint=_HINT)
    return tables


def _wrong_type(key: str, value: Any, title: str) -> str:
    """Why a key cannot have this value, whatever it is; empty if it can."""
    if key == "names" and title != "defaults":
        are_texts = isinstance(value, list) and all(isinstance(name, str) for name in value)
        return "" if are_texts else f"names is {shown_json(value)}: it must be a list of texts"
    if key not in KEYS:
        known = KEYS if title == "defaults" else (*KEYS, "names")
        return f"{shown_json(key)[1:-1]} is not a setting{' of [defaults]' * (key == 'names')}{_likely(key, [*known])}"
    wanted, kinds = KINDS[KEYS[key][1]]
    if isinstance(value, kinds) and not isinstance(value, bool):
        return ""
    return f"{key} is {shown_json(value)}: it must be {wanted}"


def _likely(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.replace("_", "-").lower(), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _problems_of(key: str, value: Any) -> Sequence[str]:
    """What the request's own validation says of a setting."""
    try:
        if key == _LIMIT_OF_CHECK:
            judge_with(value)
        else:
            build_request("function", {KEYS[key][0]: value}, local=False)
    except InvalidRequest as error:
        found = error.problems
    except TunerError as error:
        found = (error.message.rstrip("."),)
    else:
        return ()
    plain = [problem.removeprefix("--") for problem in found]
    return [problem if problem.startswith(f"{key} ") else f"{key}: {problem}" for problem in plain]


def _listed(titles: Sequence[str]) -> str:
    return " and ".join(f"[{title}]" for title in titles)
