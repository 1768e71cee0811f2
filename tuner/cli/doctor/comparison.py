"""What AWS did with the probe beside what the embedded AWS did: pure; the latter is recorded in ``reference.json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from tuner.application import application_root
from tuner.cli.doctor.checks import Check
from tuner.cli.doctor.probe import REQUESTS, RunSeen
from tuner.core.money.pricing import price_rows

REFERENCE = Path(__file__).with_name("reference.json")
_REPORT_IT = "Please report it with the output of `lambda-tuner doctor --json`."
OWN_GB_SECONDS = 200.0
"""Assumed of the probe's two executions at most; on the embedded AWS they take 12 (docs/doctor.md)."""


@cache
def reference() -> dict[str, Any]:
    """Read what was recorded of each of the probe's runs, by the run's name."""
    return dict(json.loads(REFERENCE.read_text(encoding="utf-8")))


def probe_price(region: str) -> str:
    """What the probe costs at most, in words.

    Transitions as recorded and one retry for each, the time of our own functions as assumed, and a tenth more for the
    probe's own invocations, its logs and its objects.
    """
    transition = price_rows("AmazonStates", "state-transition", region)
    compute = price_rows("AWSLambda", "duration", region, "x86_64")
    if not transition or not compute:
        return "an unknown amount"
    count = sum(run["transitions"] for run in reference().values())
    price = 1.1 * (2 * count * transition[0].price + OWN_GB_SECONDS * compute[0].price)
    return f"at most {price:.4f} {compute[0].currency}"


def compare(runs: Mapping[str, RunSeen], expected: Mapping[str, Any]) -> list[Check]:
    """Hold what was seen against what was recorded; runs that did not come to an end are not compared."""
    if set(runs) != set(REQUESTS):
        return [
            Check("Comparison", "not checked", "Some of the probe's executions did not end.", "Run the doctor again.")
        ]
    return [
        _same("States", runs, expected, lambda run: run["states"]),
        _same("Errors", runs, expected, lambda run: [run["status"], run["error"], *run["error_types"]]),
        _log_records(runs, expected),
        _times(runs["succeeds"], expected["succeeds"]),
    ]


def _same(
    name: str, runs: Mapping[str, RunSeen], expected: Mapping[str, Any], part: Callable[[Mapping[str, Any]], list[Any]]
) -> Check:
    seen = {run: part(plain(found)) for run, found in runs.items()}
    differences = [
        f"the probe that {run} gave {_words(found)} instead of {_words(part(expected[run]))}"
        for run, found in seen.items()
        if found != part(expected[run])
    ]
    if differences:
        return Check(name, "failed", f"{'; '.join(differences)}.", _REPORT_IT)
    return Check(name, "ok", f"As on the embedded AWS: {'; '.join(_words(found) for found in seen.values())}.")


_ON_A_BUSY_MACHINE = {"Core Wait", "Core Wait Error"}
"""Fields that the embedded AWS alone has, while other work has the cores."""


def _log_records(runs: Mapping[str, RunSeen], expected: Mapping[str, Any]) -> Check:
    name = "Log records"
    found = {one for run in runs.values() for one in run.record_fields}
    wanted = {one for run in runs for one in expected[run]["record_fields"]}
    if not found:
        return Check(name, "failed", "No REPORT record of the probe's clones was in their log within 30 s.", _REPORT_IT)
    if lacking := sorted(wanted - found):
        return Check(name, "failed", f"REPORT records lack {', '.join(lacking)}.", _REPORT_IT)
    more = sorted(found - wanted - _ON_A_BUSY_MACHINE)
    also = f"; AWS also has {', '.join(more)}" if more else ""
    return Check(name, "ok", f"REPORT records have {', '.join(sorted(wanted))}{also}.")


def _times(run: RunSeen, expected: Mapping[str, Any]) -> Check:
    """Whether each step stays under half of the time that it may take."""
    machine = json.loads((application_root() / "state_machine" / "tune.asl.json").read_text(encoding="utf-8"))
    limits = {name: state["TimeoutSeconds"] for name, state in machine["States"].items() if "TimeoutSeconds" in state}
    slow = [
        f"{state} took {took_s:.1f} s of at most {limits[state]:,} s"
        for state, took_s in run.seconds.items()
        if took_s > limits.get(state, float("inf")) / 2
    ]
    if slow:
        return Check("Step times", "failed", f"{'; '.join(slow)}.", _REPORT_IT)
    longest = sorted(run.seconds, key=lambda state: -run.seconds[state])[:3]
    times = ", ".join(
        f"{state} {run.seconds[state]:.1f} s ({expected['seconds'].get(state, 0):.1f} s there)" for state in longest
    )
    return Check("Step times", "ok", f"All under half of their limits; longest, beside the embedded AWS's: {times}.")


def _words(values: Sequence[Any]) -> str:
    return " ".join(str(value) for value in values if value is not None)


def plain(run: RunSeen) -> dict[str, Any]:
    """A run as ``reference.json`` holds it."""
    return dict(json.loads(json.dumps(asdict(run))))
