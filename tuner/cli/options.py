"""The flags of the request, made from its fields; and what they say, turned into an execution's input."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Optional, get_origin

from tuner.cli.failures import UsageProblem
from tuner.cli.flags import Group, flag, parameter
from tuner.cli.text_files import read_text
from tuner.core.errors import InvalidRequest
from tuner.core.request.fields import RequestField, fields_of
from tuner.core.request.goal import parse_goal
from tuner.core.request.tuning_request import TuningRequest

_RANGE = re.compile(r"(?P<least>\d+)\s*-\s*(?P<largest>\d+)(?:\s*:\s*(?P<step>\d+))?")
_LIST = re.compile(r"\d+(?:\s*,\s*\d+)*")
_OBSERVED = re.compile(r"(?P<memory>\d+)\s*=\s*(?P<duration>\d+(?:\.\d+)?)\s*(?P<unit>ms|s)?", re.IGNORECASE)
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def parse_sizes(text: str) -> dict[str, int] | list[int] | str:
    """Read memory sizes: ``128-3008:64`` (a range and its step), ``128,512,1024``, or ``ALL``.

    Raises:
        ValueError: The text is none of these.
    """
    plain = text.strip()
    if plain.upper() == "ALL":
        return "ALL"
    if found := _RANGE.fullmatch(plain):
        sizes = {"min": int(found["least"]), "max": int(found["largest"])}
        return sizes | ({"step": int(found["step"])} if found["step"] else {})
    if _LIST.fullmatch(plain):
        return [int(size) for size in plain.split(",")]
    raise ValueError(f"--sizes {text!r} is neither a range (128-3008:64), nor a list (128,512,1024), nor ALL")


def parse_observed(text: str) -> dict[str, float]:
    """Read a duration known from AWS, such as ``512=420ms``, into the input's ``observed``.

    Raises:
        ValueError: The text is not of that form, or not positive.
    """
    found = _OBSERVED.fullmatch(text.strip())
    if not found or not float(found["duration"]):
        raise ValueError(f"--observed {text!r} is not a duration at a memory size: write it as 512=420ms")
    unit_ms = 1000 if (found["unit"] or "ms").lower() == "s" else 1
    return {"memoryMb": int(found["memory"]), "durationMs": float(found["duration"]) * unit_ms}


def parse_environment(pairs: Sequence[str], env_file: Path | None) -> dict[str, str]:
    """Read environment variables from ``NAME=value`` flags and a file of such lines; flags win.

    The file is read as python-dotenv reads it, with comments, quotes and
    values of several lines. A ``${NAME}`` in it stays as it is.

    Raises:
        UsageProblem: A line is not of that form, or the file cannot be read.
    """
    variables: dict[str, str] = {}
    if env_file is not None:
        from dotenv.parser import parse_stream

        for binding in parse_stream(io.StringIO(read_text(env_file, "--env-file"))):
            if binding.error or binding.key is not None:
                before = len(binding.original.string) - len(binding.original.string.lstrip())
                line = binding.original.line + binding.original.string[:before].count("\n")
                variables.update([_environment_pair(binding.key, binding.value, f"{env_file}, line {line}")])
    for pair in pairs:
        name, equals, value = pair.partition("=")
        variables.update([_environment_pair(name.strip(), value if equals else None, "--env")])
    return variables


def read_payload(path: Path) -> Any:
    """Read the event that the function is invoked with.

    Raises:
        ValueError: The file is not JSON; says where.
        UsageProblem: The file cannot be read.
    """
    try:
        return json.loads(read_text(path, "--payload"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"--payload {path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise ValueError(f"--payload {path} is nested too deeply to be read") from error
    except ValueError as error:
        raise ValueError(f"--payload {path} holds a number with too many digits") from error


def _fields_with_flags(kind: Any, within: str = "") -> dict[str, RequestField]:
    found = {}
    for name, each in fields_of(kind).items():
        if each.flag is not None:
            found[within + name] = each
        elif is_dataclass(each.kind):
            found |= _fields_with_flags(each.kind, f"{name}.")
    return found


FLAGS = _fields_with_flags(TuningRequest)
"""Each field of the request that has a flag, by its path in the execution's input."""

_READ: Mapping[str, Callable[[Any], Any]] = {
    "goal": partial(parse_goal, field="--goal"),
    "payload": read_payload,
    "memory": parse_sizes,
    "observed": parse_observed,
}
"""How a field is read from what is typed, if that is not its value already."""


def _read(path: str, typed: Any) -> Any:
    if path in _READ:
        return _READ[path](typed)
    if get_origin(FLAGS[path].kind) is not tuple:
        return typed
    parts = (part.strip() for part in typed.split(","))
    return [int(part) if part.isdecimal() else part for part in parts if part]


def type_of(path: str) -> type:
    """The type of what is typed for a field."""
    kind = FLAGS[path].kind
    return Path if path == "payload" else str if path in _READ or get_origin(kind) else kind


def request_flags(command: str) -> Group:
    """The flags of the request's fields, as a mapping by their paths of what was typed."""
    parameters, paths = [], {}
    for path, each in FLAGS.items():
        known = each.flag
        if known is None or command not in known.commands:
            continue
        attribute = f"request_{path.replace('.', '_')}"
        is_switch = each.kind is bool and "/" not in known.name
        kind: Any = bool if is_switch else Optional[type_of(path)]  # noqa: UP045 - it is made here
        option = flag(f"{known.name} {known.form}", known.help or each.meaning, known.panel)
        parameters.append(parameter(attribute, Annotated[kind, option], False if is_switch else None))
        paths[attribute] = path, is_switch, not each.default

    def build(typed: Mapping[str, Any]) -> dict[str, Any]:
        return {
            path: switched if is_switch else typed[attribute]
            for attribute, (path, is_switch, switched) in paths.items()
            if typed[attribute] is not None and not (is_switch and typed[attribute] is False)
        }

    return Group(tuple(parameters), build)


def build_request(function: str, typed: Mapping[str, Any], *, local: bool) -> dict[str, Any]:
    """Turn the flags into the execution's input, checked as the first step of the run will check it.

    What was typed comes by the path of its field: ``{"goal": "p95=300ms", "budget.maxCostUsd": 0.5}``.

    Raises:
        InvalidRequest: Lists every problem at once.
    """
    from tuner.core.request.parsing import parse_request

    problems: list[str] = []
    request: dict[str, Any] = {"lambdaARN": function}
    if "payload" in typed:
        request["payload"] = None  # for what is said of it beside others, if it cannot be read
    for path in (path for path in FLAGS if path in typed):
        group, _, name = path.rpartition(".")
        with _noting(problems):
            (request.setdefault(group, {}) if group else request)[name] = _read(path, typed[path])
    with _noting(problems):
        parse_request(request, local=local, called=_called)
    if problems:
        raise InvalidRequest(problems, hint="The same command with --help shows each flag with its form.")
    return request


@contextmanager
def _noting(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except InvalidRequest as error:
        problems.extend(error.problems)
    except UsageProblem as error:
        problems.append(f"{error.message} {error.hint}".strip().rstrip("."))
    except ValueError as error:
        problems.append(str(error))


_PARTS = {
    "lambdaARN": "the function",
    "goal.percentile": "the percentile of --goal",
    "goal.limitMs": "the limit of --goal in ms",
    "memory.min": "the smallest of --sizes",
    "memory.max": "the largest of --sizes",
    "memory.step": "the step of --sizes",
    "observed.memoryMb": "the memory size of --observed",
}


def _called(path: str) -> str:
    """A field of the input as the person who typed the flag knows it."""
    each = FLAGS.get(re.sub(r"\[\d+\]$", "", path))
    flag = each.flag if each is not None else None
    return flag.name.partition("/")[0] if flag is not None else _PARTS.get(path, path)


def _environment_pair(name: str | None, value: str | None, where: str) -> tuple[str, str]:
    if name is None or value is None or not _ENVIRONMENT_NAME.fullmatch(name):
        # What stands there may be a secret: it is not repeated.
        raise UsageProblem(
            f"{where} does not have the form NAME=value.",
            hint="A name has letters, digits and underscores, and begins with a letter.",
        )
    return name, value
