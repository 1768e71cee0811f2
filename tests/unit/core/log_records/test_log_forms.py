"""Logs in the forms that people have: real outputs of tools, tables, deliveries, turned around and overlapping."""

from __future__ import annotations

import base64
import gzip
import json
import random
from pathlib import Path

import pytest

from tuner.cli.commands.logs import _Octets, decoded
from tuner.core.log_records import ReportRecord, read_records
from tuner.core.log_records.missing import KNOWN_FORMS, Witness

LOGS = Path(__file__).parents[3] / "data" / "logs"
ONE = [14.97]
DURATIONS_MS = {
    "awslogs-timestamp--log.txt": ONE,
    "cdk-watch--log.txt": ONE,
    "chalice-logs--log.txt": ONE,
    "console-copy-two-lines--log.txt": [1.63, 101.68],
    "firehose-concatenated--part.json": [14.97, 14.97],
    "firehose-gzip-twice--part.gz": [14.97, 14.97],
    "insights-desc-ties-json--results.json": [
        *(1.46, 1.95, 2.33, 1.71, 118.04, 31.42, 1.34, 1.85, 1.44, 1.49, 5.93, 14.97),
    ],
    "insights-desc-ties-rows--rows.json": ONE,
    "insights-without-message--results.csv": ONE,
    "insights-without-message--results.json": ONE,
    "invoke-log-result--answer.json": ONE,
    "lumigo-and-sam-json--lumigo.txt": ONE,
    "lumigo-and-sam-json--samlogs.txt": [12.345],
    "lumigo-and-sam-json--telemetry.json": [12.345],
    "newest-first-events--events.json": [3.5, 89.34],
    "newest-first-excerpt-oom--log.txt": [19266.38],
    "quoted-in-a-debug-line--log.txt": [],
    "sam-local-rie--ansi.txt": [4.9],
    "sam-local-rie--log.txt": [83.39],
    "saw-pretty--log.txt": ONE,
    "serverless-logs-v3--log.txt": [],
    "snapstart-xray--restore.txt": [102.5],
    "snapstart-xray--snap.txt": [256.44],
    "subscription-payload--event.json": ONE,
    "subscription-payload--firehose.json": ONE,
    "timeout-wrapped--log.txt": [180000.0],
}


def durations_ms(text: str) -> list[float]:
    """Durations of the invocations in a log, in its order."""
    return [record.duration_ms for record in read_records([text]) if isinstance(record, ReportRecord)]


def invocation(number: int, *, at_ms: int, duration_ms: float) -> list[tuple[int, str]]:
    """The platform's lines of one invocation, END and REPORT in one millisecond, with a forged record in it."""
    request_id = f"{number:08d}-1111-4111-8111-111111111111"
    end_ms = at_ms + int(duration_ms)
    return [
        (at_ms, f"START RequestId: {request_id} Version: $LATEST"),
        (at_ms + 1, f"REPORT RequestId: {request_id}\tDuration: 0.01 ms\tBilled Duration: 1 ms\t"),
        (end_ms, f"END RequestId: {request_id}"),
        (end_ms, f"REPORT RequestId: {request_id}\tDuration: {duration_ms} ms\tBilled Duration: 900 ms\t"),
    ]


EVENTS = [
    event
    for number, duration_ms in enumerate([12.5, 700.25, 3.75])
    for event in invocation(number, at_ms=1_763_890_000_000 + 1_000 * number, duration_ms=duration_ms)
]
TRUTH_MS = [12.5, 700.25, 3.75]


def insights_time(at_ms: int) -> str:
    """The time as Logs Insights writes it."""
    return f"2025-11-23 09:{at_ms // 60_000 % 60:02d}:{at_ms // 1_000 % 60:02d}.{at_ms % 1_000:03d}"


@pytest.mark.parametrize("name", sorted(path.name for path in LOGS.iterdir()))
def test_real_outputs(name: str) -> None:
    """Each gives the records that it holds, and no other."""
    with (LOGS / name).open("rb") as stream:
        text = "".join(decoded(_Octets(stream)))
    assert durations_ms(text) == DURATIONS_MS[name]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_insights_gives_end_and_report_of_one_millisecond_in_any_order(seed: int, *, turned: bool) -> None:
    """Earliest or latest first, whatever stands first within a millisecond."""
    events = list(EVENTS)
    random.Random(seed).shuffle(events)
    events.sort(key=lambda event: event[0], reverse=turned)
    rows = [{"@timestamp": insights_time(at_ms), "@message": message} for at_ms, message in events]
    assert durations_ms(json.dumps(rows)) == TRUTH_MS
    cells = [[{"field": name, "value": value} for name, value in row.items()] for row in rows]
    assert durations_ms(json.dumps({"status": "Complete", "results": cells}, indent=2)) == TRUTH_MS
    table = "@timestamp,@message\n" + "".join(f'{row["@timestamp"]},"{row["@message"]}\n"\n' for row in rows)
    assert durations_ms(table) == TRUTH_MS


def test_events_turned_around_by_other_tools() -> None:
    """JSON of the API, and lines with a time, latest first."""
    latest_first = list(reversed(EVENTS))
    events = [{"timestamp": at_ms, "message": message} for at_ms, message in latest_first]
    assert durations_ms(json.dumps({"events": events})) == TRUTH_MS
    assert durations_ms("\n".join(map(json.dumps, events))) == TRUTH_MS
    assert durations_ms("\n".join(f"{insights_time(at)} {message}" for at, message in latest_first)) == TRUTH_MS


def test_texts_that_jq_and_browsers_write() -> None:
    """JSON texts one a line, tables without a header, tabs as two characters, no-break spaces."""
    texts = [json.dumps(message + "\n") for _, message in EVENTS]
    assert durations_ms("\n".join(texts)) == TRUTH_MS
    rows = [(at_ms, message + "\n", "f") for at_ms, message in EVENTS]
    for delimiter in ",;":
        table = "".join(delimiter.join(map(json.dumps, row)).replace("\\t", "\t") + "\n" for row in rows)
        assert durations_ms(table.replace("\\n", "\n")) == TRUTH_MS
    tabs = [f"{at_ms}\t{text[1:-1]}" for (at_ms, _), text in zip(EVENTS, texts, strict=True)]
    assert durations_ms("\n".join(tabs)) == TRUTH_MS
    assert durations_ms("\n".join(reversed(tabs))) == TRUTH_MS
    assert durations_ms("\n".join(message for _, message in EVENTS).replace("\t", "\xa0\xa0")) == TRUTH_MS


def test_one_quoted_line_is_no_form() -> None:
    """A function's own JSON text in a log with Lambda's lines stays its own."""
    lines = [message for _, message in EVENTS]
    forged = [json.dumps("REPORT RequestId: x\tDuration: 1.00 ms\tBilled Duration: 1 ms")] * 5
    assert durations_ms("\n".join([lines[0], *forged, *lines[1:]])) == TRUTH_MS


def test_documents_of_other_sdks() -> None:
    """Keys with a capital (Go, .NET); pages in a list (``jq -s``)."""
    events = [{"Timestamp": at_ms, "Message": message, "EventId": "1"} for at_ms, message in EVENTS]
    assert durations_ms(json.dumps({"Events": events, "NextToken": None})) == TRUTH_MS
    assert durations_ms(json.dumps(events)) == TRUTH_MS
    pages = [
        {"events": [{"timestamp": at_ms, "message": message} for at_ms, message in part], "nextToken": 'a"b'}
        for part in (EVENTS[:5], EVENTS[5:])
    ]
    assert durations_ms(json.dumps(pages)) == durations_ms(json.dumps(pages, indent=1)) == TRUTH_MS


def test_a_forged_record_counts_no_more_in_a_log_turned_around() -> None:
    """The function's own line in one millisecond with END is still not the last one after it."""
    request_id = "00000000-1111-4111-8111-111111111111"
    messages = [
        f"START RequestId: {request_id} Version: 1",
        f"REPORT RequestId: {request_id}\tDuration: 0.01 ms\tBilled Duration: 1 ms\t",
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tDuration: 5.00 ms\tBilled Duration: 6 ms\t",
    ]
    events = [{"timestamp": 7, "message": message} for message in messages]
    before = [{"timestamp": 9, "message": "later"}]
    assert durations_ms(json.dumps({"events": [*before, *reversed(events)]})) == [5.0]


def test_pages_that_overlap() -> None:
    """An event that two downloads hold counts once; a retry of the same request, at another time, counts too."""
    events = [{"timestamp": at_ms, "message": message, "eventId": str(at_ms)} for at_ms, message in EVENTS]
    pages = json.dumps({"events": events[:9]}) + "\n" + json.dumps({"events": events[2:]})
    assert durations_ms(pages) == TRUTH_MS
    retries = [*invocation(1, at_ms=1_000, duration_ms=5.5), *invocation(1, at_ms=61_000, duration_ms=5.5)]
    assert durations_ms(json.dumps([{"timestamp": at_ms, "message": message} for at_ms, message in retries])) == [
        *(5.5, 5.5)
    ]


@pytest.mark.parametrize(
    "prefix",
    [
        "/aws/lambda/f 2019/06/19/[$LATEST]c3ad5cef7359 2019-06-19T12:45:35.624Z 2019-06-19T12:45:36.000Z ",
        "/aws/lambda/f 2019/06/19/[$LATEST]c3ad5cef7359 ",
        "[2019-06-19T12:45:35Z] (2019/06/19/[$LATEST]c3ad5cef7359) ",
        "[Stack-Fn6DD2A8DD-adO4KmEjQSuq] 3:48:32 PM ",
        "2018-05-19 02:33:44.301000 69a1f8 ",
        "/aws/lambda/project_function ",
        "[1480000000000] ",
        "2018-05-19T02:33:44Z - /aws/lambda/f - 2019/06/19/[$LATEST]c3ad5cef7359 - ",
        "lambda-1  | ",
        " 2018-03-14T15:43:53.789-05:00[          fn-123] ",
        "2026-11-23T10:00:00.1234567Z ",
        "2026-11-23 10:00:00 UTC ",
        "1763890000000\t",
        "Nov 23 09:26:40 ",
        "2026-11-23 10:00:00.123 CET ",
        "2026-11-23 10:00:00 GMT+2 ",
        "1763890000.012 ",
        "12:",
        "export/0001/part-000.gz:",
        "/tmp/export/part-000.txt:12:2026-11-23T10:00:00.000Z ",
        "     4\t",
        "    ",
    ],
)
def test_prefixes_of_known_tools(prefix: str) -> None:
    """Groups, streams, times, names, in the orders in which tools write them."""
    assert durations_ms("\n".join(prefix + message for _, message in EVENTS)) == TRUTH_MS


@pytest.mark.parametrize("before", ["DEBUG: ", 'The message is "', "2026-11-23 10:00:00 INFO quoting ", "> ", "x: "])
def test_a_record_in_the_middle_of_a_line_is_quoted(before: str) -> None:
    """It is somebody's text about a record."""
    assert durations_ms("\n".join(before + message for _, message in EVENTS)) == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_with_any_column_names(delimiter: str) -> None:
    """The column with Lambda's own lines is found; a message in quotes may have several lines."""
    rows = "".join(f'1{delimiter}"{message}\n"{delimiter}f\n' for _, message in EVENTS)
    for names in (["No", "Log entry", "Function name"], ["#", "メッセージ", "f"], ["", "message", "名前"]):
        header = delimiter.join(names) + "\n"
        assert durations_ms(header + rows) == durations_ms(f"sep={delimiter}\r\n{header}{rows}") == TRUTH_MS


def test_tables_of_the_console() -> None:
    """One column alone, and Markdown from the clipboard."""
    assert durations_ms("@message\n" + "".join(f'"{message}\n"\n' for _, message in EVENTS)) == TRUTH_MS
    cells = "".join(f"| {insights_time(at_ms)} | {message} |\n" for at_ms, message in EVENTS)
    table = "| @timestamp | @message |\n| --- | --- |\n" + cells
    query = "**CloudWatch Logs Insights**  \nregion: x  \nquery-string:\n```\nfields @message\n| limit 9\n```\n---\n"
    assert durations_ms(table) == durations_ms(query + table) == TRUTH_MS
    grid = "-" * 99 + "\n|   timestamp   |  message |\n|---------------|----|\n"
    cells = "".join(f"| {at_ms} | {message.replace(chr(9), ' ')} |\n" for at_ms, message in reversed(EVENTS))
    assert durations_ms(f"{grid}{cells}{'-' * 99}\n") == TRUTH_MS


def test_a_raw_log_with_commas_is_no_table() -> None:
    """A first line with commas makes no header of it."""
    assert durations_ms("Loading, please wait\n" + "\n".join(message for _, message in EVENTS)) == TRUTH_MS


def test_what_logs_insights_finds_by_itself() -> None:
    """A query for the discovered fields gives records: sizes are in bytes, of which 10^6 are a MB."""
    table = (
        "@requestId,@duration,@billedDuration,@memorySize,@maxMemoryUsed,@initDuration\n"
        "a,14.97,118.0,1.28E8,6.7E7,103.01\nb,123456.78,123457.0,1.28E8,6.7E7,\nc,,,,,\n"
    )
    assert list(read_records([table])) == [
        ReportRecord("a", 14.97, 118, 128, 67, init_ms=103.01),
        ReportRecord("b", 123456.78, 123457, 128, 67),
    ]


def test_deliveries_in_base64() -> None:
    """Subscriptions to Lambda, Firehose and Kinesis; an Invoke answer's tail, in a document or by itself."""
    lines = "\n".join(message for _, message in EVENTS)
    delivery = {
        "messageType": "DATA_MESSAGE",
        "logEvents": [{"id": "1", "timestamp": at_ms, "message": message} for at_ms, message in EVENTS],
    }
    packed = base64.b64encode(gzip.compress(json.dumps(delivery).encode())).decode()
    tail = base64.b64encode(lines.encode()).decode()
    for document in (
        {"awslogs": {"data": packed}},
        {"records": [{"recordId": "1", "data": packed}]},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": packed}}]},
        {"StatusCode": 200, "LogResult": tail},
    ):
        assert durations_ms(json.dumps(document)) == TRUTH_MS
        assert durations_ms(json.dumps(document, indent=4)) == TRUTH_MS
    assert durations_ms(tail) == TRUTH_MS
    assert durations_ms(f'"{tail}"\n') == TRUTH_MS


def test_a_delivery_is_not_unpacked_for_ever() -> None:
    """A document inside a document inside a document is left alone."""
    inner = json.dumps({"LogResult": base64.b64encode(EVENTS[-1][1].encode()).decode()})
    for _ in range(3):
        inner = json.dumps({"LogResult": base64.b64encode(inner.encode()).decode()})
    assert durations_ms(inner) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hello", KNOWN_FORMS),
        ("PK\x03\x04...", "a zip archive"),
        ("abc REPORT RequestId: a\tDuration: 1 ms", "one after 'abc'"),
        ("REPORT RequestId: a\tDuration: 1 m", "cut, contradicts itself"),
        ("START\nEND Duration: 3.22 ms\tBilled Duration: 4 ms", "serverless logs"),
        ("@logStream,@timestamp\na,b\n", "@message"),
        ('{"a": 1, "result": {"_raw": "REPORT RequestId: a"}}', """`jq -r '..|.["_raw"]?//empty'`"""),
        ('{"hits": [' + '{"a": 1}, ' * 90 + '{"@message": "REPORT RequestId: a"}]}', "under the key '@message'"),
        ('{"results": [[{"field": "@requestId", "value": "a"}]]}', "@message"),
    ],
)
def test_why_there_is_no_record(text: str, sentence: str) -> None:
    """What stands in the text decides which advice is given."""
    witness = Witness([text])
    assert list(read_records(witness)) == []
    assert sentence in witness.why_no_record()
