"""What is logged, where and in which order."""

from __future__ import annotations

import json
import re

from tests.integration.host.conftest import Workbench
from tuner.embedded.host.worker import LONGEST_LINE_BYTES

SPEAKING = """
import logging, os, sys
logging.getLogger().setLevel("INFO")
def handler(event, context):
    print("out 1")
    print("err 2", file=sys.stderr)
    logging.info("log 3")
    os.system("echo child 4")
    print("no line end 5", end="")
"""


def test_text_log_of_a_cold_and_a_warm_invocation(bench: Workbench) -> None:
    """The platform's lines enclose the function's, in the order of their writing, in one stream."""
    spec = bench.function(SPEAKING, version="3")

    cold, warm = bench.invoke(spec), bench.invoke(spec)

    ((group, stream),) = bench.logs.streams
    assert group == "/aws/lambda/f"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[3\][0-9a-f]{32}", stream)
    messages = bench.logs.messages()
    assert messages[0].startswith("INIT_START Runtime Version: python:3.")
    for result, lines in ((cold, messages[1:9]), (warm, messages[9:])):
        request_id = result.request_id
        assert lines[0] == f"START RequestId: {request_id} Version: 3"
        assert lines[1:3] == ["out 1", "err 2"]
        assert re.fullmatch(rf"\[INFO\]\t\d{{4}}-\d\d-\d\dT[\d:]{{8}}\.\d{{3}}Z\t{request_id}\tlog 3", lines[3])
        assert lines[4:6] == ["child 4", "no line end 5"]
        assert lines[6] == f"END RequestId: {request_id}"
        init = "" if result.init_ms is None else f"Init Duration: {result.init_ms:.2f} ms\t"
        assert lines[7] == (
            f"REPORT RequestId: {request_id}\tDuration: {result.duration_ms:.2f} ms\tBilled Duration: "
            f"{result.billed_ms} ms\tMemory Size: 1769 MB\tMax Memory Used: {result.max_memory_used_mb} MB\t{init}"
        )
        assert result.log_tail.splitlines()[-8:] == lines


def test_traceback_is_one_event(bench: Workbench) -> None:
    """The lines of an exception stay together, as CloudWatch shows them."""
    bench.invoke(bench.function("def handler(event, context): raise ValueError('no')"))

    (event,) = [message for message in bench.logs.messages() if message.startswith("[ERROR]")]
    assert event.splitlines()[:2] == ["[ERROR] ValueError: no", "Traceback (most recent call last):"]
    assert "app.py" in event


def test_json_log(bench: Workbench) -> None:
    """With the log format JSON the platform writes records, and the function's loggers too."""
    spec = bench.function(
        """
        import logging
        def handler(event, context):
            logging.info("said", extra={"order": 7})
            logging.debug("not said: the level is INFO")
            if event == "fail":
                raise ValueError("no")
        """,
        log_format="JSON",
    )

    good, bad = bench.invoke(spec), bench.invoke(spec, "fail")

    records = [json.loads(message) for message in bench.logs.messages()]
    kinds = [record.get("type") or record.get("level") for record in records]
    assert kinds == [
        *("platform.initStart", "platform.start", "INFO", "platform.runtimeDone", "platform.report"),
        *("platform.start", "INFO", "ERROR", "platform.runtimeDone", "platform.report"),
    ]
    said = records[2]
    assert (said["message"], said["order"], said["requestId"]) == ("said", 7, good.request_id)
    assert records[1]["record"] == {"requestId": good.request_id, "version": "$LATEST"}
    assert records[4]["record"] == {
        "requestId": good.request_id,
        "status": "success",
        "metrics": {
            "durationMs": round(good.duration_ms, 3),
            "billedDurationMs": good.billed_ms,
            "memorySizeMB": 1769,
            "maxMemoryUsedMB": good.max_memory_used_mb,
            "initDurationMs": round(good.init_ms or 0, 3),
        },
    }
    assert (records[7]["errorType"], records[7]["requestId"]) == ("ValueError", bad.request_id)
    assert (records[9]["record"]["status"], records[9]["record"]["errorType"]) == ("error", "ValueError")


def test_json_log_of_a_time_out(one_bench: Workbench) -> None:
    """A time-out is a status of its own."""
    spec = one_bench.function(
        "import time\ndef handler(event, context): time.sleep(60)", log_format="JSON", timeout_s=0.2
    )

    result = one_bench.invoke(spec)

    report = json.loads(result.log_tail.splitlines()[-1])
    assert report["record"]["status"] == "timeout"
    assert report["record"]["metrics"]["durationMs"] == 200


def test_tail_is_the_last_four_kilobytes(one_bench: Workbench) -> None:
    """However much is logged, the tail ends with the report and is never longer than 4 KB."""
    spec = one_bench.function(
        """
        def handler(event, context):
            for number in range(5000):
                print(number, "ü" * 20)
        """
    )

    result = one_bench.invoke(spec)

    assert 4000 < len(result.log_tail.encode()) <= 4096
    assert result.log_tail.splitlines()[-1].startswith("REPORT RequestId: ")
    assert "4999 üüü" in result.log_tail
    printed = [message for message in one_bench.logs.messages() if message.endswith("ü")]
    assert printed == [f"{number} {'ü' * 20}" for number in range(5000)]


def test_tail_of_a_warm_invocation_has_only_its_own(one_bench: Workbench) -> None:
    """What an earlier invocation logged is not in the tail."""
    spec = one_bench.function("def handler(event, context): print('event', event)")

    one_bench.invoke(spec, 1)
    second = one_bench.invoke(spec, 2)

    assert "event 2" in second.log_tail
    assert "event 1" not in second.log_tail


def test_log_group_is_the_configured_one(one_bench: Workbench) -> None:
    """A function may log to a group of its choice, and finds its name in the environment."""
    spec = one_bench.function(
        "import os\ndef handler(event, context): return os.environ['AWS_LAMBDA_LOG_GROUP_NAME']",
        log_group="/lambda-tuner/clones",
    )

    assert one_bench.answer(spec) == "/lambda-tuner/clones"
    assert {group for group, _ in one_bench.logs.streams} == {"/lambda-tuner/clones"}


def test_times_of_the_lines_rise(one_bench: Workbench) -> None:
    """Lines carry the time at which they were written, in milliseconds."""
    one_bench.invoke(
        one_bench.function("import time\ndef handler(event, context): print(1); time.sleep(0.05); print(2)")
    )

    (lines,) = one_bench.logs.streams.values()
    stamps = {message: stamp for stamp, message in lines}
    assert [stamp for stamp, _ in lines] == sorted(stamp for stamp, _ in lines)
    assert stamps["2"] - stamps["1"] >= 45


def test_long_line_becomes_several_events(bench: Workbench) -> None:
    """A line without an end is cut at 256 KB, and its end is kept; nothing grows with what is printed."""
    spec = bench.function(
        """
        import os
        def handler(event, context):
            for _ in range(20):
                os.write(1, b"x" * (1 << 20))
            os.write(1, b"the end")
        """
    )

    result = bench.invoke(spec)

    printed = [message for message in bench.logs.messages() if message.startswith("x")]
    assert {len(message) for message in printed} == {LONGEST_LINE_BYTES}
    assert bench.logs.messages()[-3] == "the end"
    assert sum(map(len, printed)) < 2 << 20
    assert result.log_tail.splitlines()[-1].startswith("REPORT")
