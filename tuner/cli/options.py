"""What the flags of the command say, turned into an execution's input."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tuner.cli.failures import UsageProblem
from tuner.cli.text_files import read_text
from tuner.core.errors import InvalidRequest
from tuner.core.request.goal import parse_goal

Parsed = TypeVar("Parsed")

_RANGE = re.compile(r"(?P<least>\d+)\s*-\s*(?P<largest>\d+)(?:\s*:\s*(?P<step>\d+))?")
_LIST = re.compile(r"\d+(?:\s*,\s*\d+)*")
_OBSERVED = re.compile(r"(?P<memory>\d+)\s*=\s*(?P<duration>\d+(?:\.\d+)?)\s*(?P<unit>ms|s)?", re.IGNORECASE)
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def parse_goal_flag(text: str) -> dict[str, float]:
    """Read a goal such as ``p95=300ms`` or ``p99.9=1.5s`` into the input's ``goal``.

    Raises:
        InvalidRequest: The text is no goal; the message shows one.
    """
    goal = parse_goal(text, field="--goal")
    return {"percentile": goal.percentile, "limitMs": goal.limit_ms}


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
    if not found or _milliseconds(found["duration"], found["unit"]) <= 0:
        raise ValueError(f"--observed {text!r} is not a duration at a memory size: write it as 512=420ms")
    return {"memoryMb": int(found["memory"]), "durationMs": _milliseconds(found["duration"], found["unit"])}


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


@dataclass(frozen=True, slots=True)
class RequestFlags:
    """The flags that become fields of an execution's input, as they were typed."""

    goal: str | None = None
    payload: Path | None = None
    payload_s3: str | None = None
    sizes: str | None = None
    architectures: str | None = None
    max_invocations: int | None = None
    max_cost_usd: float | None = None
    max_minutes: float | None = None
    confidence: float | None = None
    tolerance: float | None = None
    cold_start_share: float | None = None
    monthly_invocations: float | None = None
    savings_plan_discount: float | None = None
    account_gb_seconds: float | None = None
    parallel: bool | None = None
    sleep_between_ms: int | None = None
    reserved_concurrency: int | None = None
    pre_processor: str | None = None
    post_processor: str | None = None
    cold_starts: int | None = None
    snap_start: bool = False
    no_warm_start: bool = False
    dry_run: bool = False
    show_logs: bool = False
    observed: str | None = None
    cpu_time: bool = False
    prices_region: str | None = None


def build_request(function: str, flags: RequestFlags, *, local: bool) -> dict[str, Any]:
    """Turn the flags into the execution's input, checked as the first step of the run will check it.

    What was not asked for is left out.

    Args:
        function: Its name or ARN.
        flags: As they were typed.
        local: Whether the run is on the embedded AWS.

    Raises:
        InvalidRequest: Lists every problem at once.
    """
    from tuner.core.request.parsing import parse_request

    problems: list[str] = []

    def parsed(parse: Callable[[Any], Parsed], typed: Any) -> Parsed | None:
        if typed is None:
            return None
        try:
            return parse(typed)
        except InvalidRequest as error:
            problems.extend(error.problems)
        except UsageProblem as error:
            problems.append(f"{error.message} {error.hint}".strip().rstrip("."))
        except ValueError as error:
            problems.append(str(error))
        return None

    payload = parsed(read_payload, flags.payload)
    fields: dict[str, Any] = {
        "goal": parsed(parse_goal_flag, flags.goal),
        "payloadS3": flags.payload_s3,
        "memory": parsed(parse_sizes, flags.sizes),
        "architectures": _architectures(flags.architectures),
        "budget": _present(
            {
                "maxInvocations": flags.max_invocations,
                "maxCostUsd": flags.max_cost_usd,
                "maxMinutes": flags.max_minutes,
            }
        )
        or None,
        "confidence": flags.confidence,
        "tolerance": flags.tolerance,
        "coldStartShare": flags.cold_start_share,
        "monthlyInvocations": flags.monthly_invocations,
        "savingsPlanDiscount": flags.savings_plan_discount,
        "accountGbSecondsPerMonth": flags.account_gb_seconds,
        "parallelInvocation": flags.parallel,
        "sleepBetweenInvocationsMs": flags.sleep_between_ms,
        "reservedConcurrency": flags.reserved_concurrency,
        "preProcessorARN": flags.pre_processor,
        "postProcessorARN": flags.post_processor,
        "coldStarts": flags.cold_starts,
        "snapStart": True if flags.snap_start else None,
        "warmStart": False if flags.no_warm_start else None,
        "dryRun": flags.dry_run or None,
        "includeLogTail": flags.show_logs or None,
        "observed": parsed(parse_observed, flags.observed),
        "cpuTime": flags.cpu_time or None,
        "pricesRegion": flags.prices_region,
    }
    request = {"lambdaARN": function, **_present(fields)}
    if flags.payload is not None:
        request["payload"] = payload  # may be null: a payload like any other
    parsed(lambda request: parse_request(request, local=local), request)
    if problems:
        raise InvalidRequest(
            [_FIELD.sub(lambda found: _FLAGS[found[0].partition("[")[0]], problem) for problem in problems],
            hint="The same command with --help shows each flag with its form.",
        )
    return request


_FLAGS = {
    "goal.percentile": "the percentile of --goal",
    "goal.limitMs": "the limit of --goal in ms",
    "memory.min": "the smallest of --sizes",
    "memory.max": "the largest of --sizes",
    "memory.step": "the step of --sizes",
    "memory": "--sizes",
    "budget.maxInvocations": "--max-invocations",
    "budget.maxCostUsd": "--max-cost",
    "budget.maxMinutes": "--max-minutes",
    "coldStartShare": "--cold-start-share",
    "monthlyInvocations": "--monthly-invocations",
    "savingsPlanDiscount": "--savings-plan-discount",
    "accountGbSecondsPerMonth": "--account-gb-seconds",
    "parallelInvocation": "--parallel",
    "sleepBetweenInvocationsMs": "--sleep-between-ms",
    "reservedConcurrency": "--reserved-concurrency",
    "preProcessorARN": "--pre-processor",
    "postProcessorARN": "--post-processor",
    "coldStarts": "--cold-starts",
    "snapStart": "--snap-start",
    "dryRun": "--dry-run",
    "payloadS3": "--payload-s3",
    "cpuTime": "--cpu-time",
    "pricesRegion": "--prices",
    **{name: f"--{name}" for name in ("architectures", "confidence", "tolerance", "observed")},
}
"""A field of the input as the person who typed the flag knows it."""

_FIELD = re.compile(
    # A name that is also a word of the language is a field only where the sentence begins with it.
    r"^(?:memory|architectures|confidence|tolerance|observed)(?:\[\d+\])?(?![\w.])"
    + "".join(rf"|(?<![\w.-]){re.escape(name)}(?![\w.])" for name in _FLAGS if not name.islower() or "." in name)
)


def _architectures(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _environment_pair(name: str | None, value: str | None, where: str) -> tuple[str, str]:
    if name is None or value is None or not _ENVIRONMENT_NAME.fullmatch(name):
        # What stands there may be a secret: it is not repeated.
        raise UsageProblem(
            f"{where} is not of the form NAME=value.",
            hint="A name has letters, digits and underscores, and begins with a letter.",
        )
    return name, value


def _milliseconds(number: str, unit: str | None) -> float:
    return _number(number) * (1000 if (unit or "ms").lower() == "s" else 1)


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number
