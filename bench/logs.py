"""``python -m bench logs``: how many records of a log are read a second, in each form that a log has."""

from __future__ import annotations

import argparse
import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tuner.core.log_records import read_records

_PIECE_CHARACTERS = 1_048_576
_STREAM = "2026/11/23/[$LATEST]0a1b2c3d4e5f60718293a4b5c6d7e8f9"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--invocations", type=int, default=100_000, help="of each log (100,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the rows as JSON too")


def run(arguments: argparse.Namespace) -> int:
    """Measure every form of a log once and print a row each."""
    rows = []
    print(f"{'form':<22}{'records':>10}{'MB':>8}{'seconds':>9}{'records a second':>18}")
    for form, write in _FORMS.items():
        chance = random.Random(arguments.seed)
        log = write([_text_messages(chance) for _ in range(arguments.invocations)])
        began = time.perf_counter()
        count = sum(1 for _ in read_records(_pieces(log)))
        seconds = time.perf_counter() - began
        assert count == arguments.invocations, f"{form}: {count} records of {arguments.invocations}"
        row = {"form": form, "records": count, "megabytes": len(log) / 1e6, "records_per_second": count / seconds}
        rows.append(row)
        print(f"{form:<22}{count:>10,}{len(log) / 1e6:>8.1f}{seconds:>9.2f}{count / seconds:>18,.0f}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    return 0


def _pieces(log: str) -> Iterator[str]:
    return (log[begin : begin + _PIECE_CHARACTERS] for begin in range(0, len(log), _PIECE_CHARACTERS))


def _text_messages(chance: random.Random) -> list[str]:
    """One invocation as Lambda logs it: START, a line of output, END, REPORT."""
    request_id = str(uuid.UUID(int=chance.getrandbits(128)))
    duration_ms = round(chance.lognormvariate(4, 1), 2)
    return [
        f"START RequestId: {request_id} Version: $LATEST\n",
        f"[INFO]\t2026-11-23T10:00:00.123Z\t{request_id}\tresized one picture\n",
        f"END RequestId: {request_id}\n",
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tBilled Duration: {int(duration_ms) + 1} ms\t"
        "Memory Size: 1024 MB\tMax Memory Used: 95 MB\t\n",
    ]


def _json_messages(messages: list[str]) -> list[str]:
    """The same invocation in the JSON log format."""
    fields = messages[-1].split("\t")
    request_id = fields[0].removeprefix("REPORT RequestId: ")
    duration_ms, billed_ms = float(fields[1].split()[1]), int(fields[2].split()[2])
    moment = "2026-11-23T10:00:00.123Z"
    metrics = {
        "durationMs": duration_ms,
        "billedDurationMs": billed_ms,
        "memorySizeMB": 1024,
        "maxMemoryUsedMB": 95,
    }
    events: list[dict[str, Any]] = [
        {"time": moment, "type": "platform.start", "record": {"requestId": request_id, "version": "$LATEST"}},
        {"timestamp": moment, "level": "INFO", "requestId": request_id, "message": "resized one picture"},
        {
            "time": moment,
            "type": "platform.report",
            "record": {"requestId": request_id, "status": "success", "metrics": metrics},
        },
    ]
    return [json.dumps(event, separators=(",", ":")) + "\n" for event in events]


def _filter_log_events(log: list[list[str]]) -> str:
    events = [
        {"logStreamName": _STREAM, "timestamp": 1763892000123, "message": message, "ingestionTime": 1, "eventId": "1"}
        for messages in log
        for message in messages
    ]
    return json.dumps({"events": events, "searchedLogStreams": []}, indent=4)


_FORMS: dict[str, Callable[[list[list[str]]], str]] = {
    "text": lambda log: "".join(message for messages in log for message in messages),
    "text, aws logs tail": lambda log: "".join(
        f"2026-11-23T10:00:00.123000+00:00 {_STREAM} {message}" for messages in log for message in messages
    ),
    "text, filter-log-events": _filter_log_events,
    "JSON": lambda log: "".join(message for messages in log for message in _json_messages(messages)),
}
