"""What people's handlers do, under AWS's runtime client and under ours: the same answer, error and log."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.host.conftest import Workbench, workbench
from tuner.application import application_root
from tuner.embedded.runtimes.python import PYTHON

HANDLERS = """
import asyncio, datetime, decimal, importlib, json, logging, os, sys, threading, warnings
warnings.simplefilter("ignore")  # of a coroutine that nobody awaits: it names the client's own line

class Silent(Exception):
    def __str__(self):
        return ""

def recursion(event): return recursion(event)
def group(event): raise ExceptionGroup("two", [ValueError("one"), KeyError("other")])
def chained(event):
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise RuntimeError("line one\\nline two") from error
def silent(event): raise Silent
def long(event): raise ValueError("x" * 400_000)
def missing(event): return event["Records"][0]["s3"]
def echo(event): return event
def coroutine(event):
    async def work(): return 1
    return asyncio.run(work())
async def asynchronous(event): return 1
def generator(event): yield 1
def date(event): return datetime.date(2026, 1, 1)
def number(event): return decimal.Decimal("1.10")
def nothing_is_a_number(event): return float("nan")
def binary(event): return b"\\x00\\xff"
def read(event): return input()
def unfinished(event): print("no line end", end="")
def not_text(event): os.write(1, b"\\xff\\xfe\\n")
def forged(event): print("REPORT RequestId: 1\\tDuration: 1.00 ms\\tBilled Duration: 1 ms\\tMemory Size: 128 MB")
def thread(event):
    worker = threading.Thread(target=print, args=["from a thread"]); worker.start(); worker.join()
def replaced(event):
    kept, sys.stdout = sys.stdout, open(os.devnull, "w")
    print("unseen"); sys.stdout.close(); sys.stdout = kept
def logged(event): logging.getLogger("a").warning("%s", {"a": 1}); logging.getLogger().info("unseen")
def relative(event): return sorted(os.listdir("."))

def handler(event, context):
    if "module" in event:
        return getattr(importlib.import_module(event["module"]), event["function"])({}, context)
    return globals()[event["do"]](event)
"""

DONE = re.findall(r"^(?:async )?def (\w+)\(event\)", HANDLERS, re.MULTILINE)

PUBLIC = sorted((application_root() / "tests" / "data" / "handlers").glob("*.txt"))
"""Handlers that people have published, as ``<module>--<function>.py.txt``."""

EVENTS = [
    {
        "Records": [
            {"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "a+b%2Fü.jpg", "size": 0}}}
        ]
    },
    {
        "Records": [
            {"eventSource": "aws:sqs", "body": '{"a": "\\u00fc\\ud83d\\ude00"}', "attributes": {"SentTimestamp": "1"}}
        ]
    },
    {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "line\nline", "MessageAttributes": {}}}]},
    {"Records": [{"dynamodb": {"Keys": {"Id": {"N": "101"}}, "NewImage": {"b": {"B": "AAE="}, "n": {"NULL": True}}}}]},
    {"Records": [{"kinesis": {"data": "SGVsbG8=", "approximateArrivalTimestamp": 1545084650.987}}]},
    {
        "resource": "/{proxy+}",
        "httpMethod": "POST",
        "body": None,
        "isBase64Encoded": False,
        "headers": {"accept": "*/*"},
    },
    {"version": "2.0", "cookies": ["a", "b"], "requestContext": {"http": {"path": "/"}}, "timeEpoch": 1583348638390},
    {"source": "aws.events", "detail": {}, "resources": [], "time": "1970-01-01T00:00:00Z"},
    {"big": 123456789012345678901234567890, "small": 1e-320, "minus": -0.0, "deep": [[[[[[{}]]]]]]},
    {"": "\x00\x7f\u2028", "__proto__": None, "lone": "\ud800"},
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[str | None]]]:
    """What each client made of every event: payload, error, and what was printed."""
    if not PYTHON.interpreter(None).has_runtime_client:
        pytest.skip("AWS's runtime client is not there")
    found: list[dict[str, list[str | None]]] = []
    for ours in (False, True):
        with workbench(tmp_path_factory.mktemp("client"), force_bootstrap=ours) as bench:
            spec = bench.function(HANDLERS, memory_mb=1769)
            for path in PUBLIC:
                (spec.code_dir / f"{_called(path)['module']}.py").write_text(path.read_text(encoding="utf-8"))
            events = [{"do": name} for name in DONE] + [{"do": "echo", "event": event} for event in EVENTS]
            events += map(_called, PUBLIC)
            found.append({json.dumps(event): _answer(bench, spec, event) for event in events})
    return found


def _called(path: Path) -> dict[str, object]:
    module, function = path.name.removesuffix(".py.txt").split("--")
    return {"module": module, "function": function}


def _answer(bench: Workbench, spec: object, event: object) -> list[str | None]:
    before = len(bench.logs.messages())
    result = bench.invoke(spec, event)  # type: ignore[arg-type]
    said = bench.logs.messages()[before:]
    payload = _VARIES.sub("…", result.payload.decode(errors="replace"))
    return [
        payload,
        result.error_type,
        *(_VARIES.sub("…", re.sub(r"[\d.]+ ms|\d+ MB|[-\d]+T[\d:.]+Z", "…", line)) for line in said),
    ]


_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=\])[0-9a-f]{32}|repeated \d+ more times")


@pytest.mark.parametrize("name", DONE)
def test_handler_is_answered_as_under_awslambdaric(answers: list[dict[str, list[str | None]]], name: str) -> None:
    """Payload, error type, message, stack trace and log lines are the same."""
    theirs, ours = (of_client[json.dumps({"do": name})] for of_client in answers)

    assert ours == theirs


@pytest.mark.parametrize("path", PUBLIC, ids=[path.name.split("--")[0] for path in PUBLIC])
def test_published_handler_is_answered_as_under_awslambdaric(
    answers: list[dict[str, list[str | None]]], path: Path
) -> None:
    """With an empty event: what it answers or how it fails, its stack trace, what it prints."""
    theirs, ours = (of_client[json.dumps(_called(path))] for of_client in answers)

    assert ours == theirs


@pytest.mark.parametrize("event", EVENTS)
def test_event_arrives_unchanged(answers: list[dict[str, list[str | None]]], event: object) -> None:
    """The shapes of AWS's own events come back from an echo as they were sent."""
    theirs, ours = (of_client[json.dumps({"do": "echo", "event": event})] for of_client in answers)

    assert ours == theirs
    assert json.loads(ours[0] or "")["event"] == event
