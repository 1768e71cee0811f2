"""The execution's input, validated once and whole: every problem in one answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tuner.core.errors import InvalidRequest
from tuner.core.function.function_reference import read_function_reference
from tuner.core.money.pricing import known_regions
from tuner.core.request.fields import fields_of
from tuner.core.request.memory_sizes import check_memory
from tuner.core.request.payloads import check_payloads
from tuner.core.request.power_tuning import POWER_TUNING_FIELDS, bounded_by_design, read_own, translate
from tuner.core.request.reading import Called, Problems, read_fields, shown_json
from tuner.core.request.tuning_request import TuningRequest

REQUEST_FIELDS = (*fields_of(TuningRequest), *POWER_TUNING_FIELDS)
"""Every name that an execution's input may have."""

_NO_PROCESSOR = (("preProcessorARN", ""), ("postProcessorARN", ""))
_FIELD = re.compile(r"\w+")
_STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
"""Step Functions' own field: an execution that starts another one puts its id there, for the console's links."""


def parse_request(raw: Any, *, local: bool = False, called: Called = str) -> TuningRequest:
    """Validate an execution's input.

    *local*: the run is on the embedded AWS, which takes a few fields more. *called* is what messages call a field, if
    the user did not write its name.

    Raises:
        InvalidRequest: With every problem: unknown fields, wrong types, values
            out of bounds, fields that exclude each other.

    Example:
        >>> parse_request({"lambdaARN": "resize", "goal": {"percentile": 95, "limitMs": 300}}).goal
        LatencyGoal(percentile=95.0, limit_ms=300.0)
    """
    if not isinstance(raw, dict):
        raise InvalidRequest([f'the input is {shown_json(raw)}: it must be a JSON object such as {{"lambdaARN": "…"}}'])
    # Null is left out, as JSON writers mean it, but for the payload: it is an event. So is an empty processor: AWS
    # Lambda Power Tuning's own templates write "" for none.
    given = {
        str(name): value
        for name, value in raw.items()
        if name == "payload" or (name != _STARTED_BY and value is not None and (name, value) not in _NO_PROCESSOR)
    }
    given, own, renamed = translate(given)
    problems = Problems(lambda path: called(_FIELD.sub(lambda field: renamed.get(field[0], field[0]), path, count=1)))
    _refuse_local_only(given, local, problems)
    _check_texts(given, problems)
    values: dict[str, Any] = {"payloads": _payloads(given, problems)}
    if "memory" in given:
        values["memory"], found = check_memory(given.pop("memory"), called=problems.called)
        problems.extend("memory", found)
    values |= read_fields(TuningRequest, given, problems, names=REQUEST_FIELDS)
    values["power_tuning"] = None if own is None else read_own(own, values, problems)
    if problems:
        raise InvalidRequest(problems.in_order_of(REQUEST_FIELDS))
    return bounded_by_design(TuningRequest(**values))


def _refuse_local_only(given: dict[str, Any], local: bool, problems: Problems) -> None:
    for name, each in fields_of(TuningRequest).items():
        if each.asked.local_only and not local and given.get(name, each.default) != each.default:
            problems.add(name, f"is only for runs on the embedded AWS{each.asked.local_only}, leave it out")
            del given[name]


def _payloads(given: dict[str, Any], problems: Problems) -> Any:
    has_payload, payload = "payload" in given, given.pop("payload", {})
    if "payloadS3" not in given:
        payloads, found = check_payloads(payload, field=problems.called("payload"))
        problems.extend("payload", found)
        return payloads
    if has_payload:
        problems.add("payloadS3", f"and {problems.called('payload')} are both given: give one of them")
    return ()


def _check_texts(given: Mapping[str, Any], problems: Problems) -> None:
    """Check what a text must be besides one."""
    for name in ("lambdaARN", "preProcessorARN", "postProcessorARN"):
        if isinstance(text := given.get(name), str):
            reference, problem = read_function_reference(text, field=problems.called(name))
            problems.extend(name, [] if reference else [problem])
    if isinstance(location := given.get("payloadS3"), str):
        bucket, _, key = location.removeprefix("s3://").partition("/")
        if not location.startswith("s3://") or not bucket or not key:
            problems.add("payloadS3", f"is {shown_json(location)}: it must have the form s3://bucket/key")
    region = given.get("pricesRegion")
    if isinstance(region, str) and region not in (known := known_regions("x86_64")):
        problems.add(
            "pricesRegion", f"is {shown_json(region)}: it must be a Region whose prices are known: {', '.join(known)}"
        )
