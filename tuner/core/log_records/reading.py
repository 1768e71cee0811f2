"""Reads the records of a log: of one invocation's tail, of a text, of a stream of any length."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from tuner.core.log_records.course import WAITING_RECORDS, Course
from tuner.core.log_records.events import iter_messages
from tuner.core.log_records.json_record import read_json_document, read_json_line
from tuner.core.log_records.records import InitReport, Record, ReportRecord
from tuner.core.log_records.text_record import MAX_RECORD_LINES, read_text_phase_report, read_text_report

_MARKER = re.compile(r"(START|END)[ \t]+RequestId:[ \t]*([^\s\\]+)")
_BLOCK_LINES = 2_000


def find_report(tail: str, request_id: str) -> ReportRecord | None:
    r"""Find the record of one invocation.

    Args:
        tail: Any part of a log: the decoded tail of an Invoke response, or
            messages from CloudWatch Logs joined by newlines.
        request_id: Of that invocation; records of others are not looked at.

    Returns:
        The last true record of the request, or ``None``: then the invocation
        is unmeasured, which is not the same as 0 ms.

    Example:
        >>> find_report("REPORT RequestId: a\tDuration: 2.46 ms\tBilled Duration: 3 ms\t", "a").billed_ms
        3
    """
    for record in reversed(parse_log(tail, request_id=request_id)):
        if isinstance(record, ReportRecord):
            return record
    return None


def init_ran_again(tail: str, request_id: str) -> bool:
    """Whether the log shows an init that failed or timed out, so that the invocation began with another.

    Such an invocation is a cold start although its record has no init: it is
    inside the duration.
    """
    return any(
        isinstance(record, InitReport) and (record.phase == "invoke" or record.status in ("timeout", "error"))
        for record in parse_log(tail, request_id=request_id)
    )


def begun_request(message: str) -> str | None:
    """The request whose beginning a message records, in text or JSON; ``None`` for every other message.

    Example:
        >>> begun_request("START RequestId: 8d59 Version: $LATEST")
        '8d59'
    """
    marker = _MARKER.match(message)
    if marker is not None:
        return marker[2] if marker[1] == "START" else None
    try:
        event = json.loads(message)
        return str(event["record"]["requestId"]) if event["type"] == "platform.start" else None
    except (ValueError, LookupError, TypeError):
        return None


def parse_log(text: str, *, request_id: str | None = None) -> list[Record]:
    r"""Read every record of a log, in the order in which they stand there.

    Never raises, whatever the text. What counts:

    - A text record only at the start of a line, and a line begins after a
      newline alone (Node.js writes a carriage return for a newline within one
      message). Only fields that are whole.
    - A JSON record as a value of its own on a line, in an array, or glued to
      text; not one that is part of a larger object, which is a log message
      *about* a record.
    - Where START and END lines show the course of a request: only the last
      record after END, since the function that could forge one has ended by
      then; and only a record in the format of those lines. (A whole log
      without any END has been filtered, and is taken as it is.)

    Args:
        text: Log lines without prefixes; ``read_records`` takes prefixes off.
        request_id: Leave out the invocations of all other requests.

    Example:
        >>> parse_log("INIT_REPORT Init Duration: 137.69 ms\tPhase: init\tStatus: error")
        [InitReport(init_ms=137.69, phase='init', status='error', error_type=None)]
    """
    course = Course(request_id, has_ends=request_id is not None)
    if not read_json_document(text, course):
        lines = text.split("\n")
        _read_lines(lines, len(lines), request_id, course)
    return list(course.take())


def read_records(pieces: Iterable[str]) -> Iterator[Record]:
    """Read every record of a log as a user has it at hand: raw, prefixed, or as JSON of the AWS CLI.

    What ``parse_log`` gives for the messages that ``iter_messages`` finds, but
    of a log of any length: a record is handed over when some thousands of
    later ones have been seen, and what would speak against it after that is
    not waited for. The pieces may be cut anywhere.
    """
    course = Course()
    lines: list[str] = []
    for message in iter_messages(pieces):
        if "\n" in message:
            lines.extend(message.split("\n"))
        else:
            lines.append(message)
        if len(lines) >= _BLOCK_LINES:
            # The latest lines wait: a record may go on in the next ones.
            count = len(lines) - MAX_RECORD_LINES
            _read_lines(lines, count, None, course)
            del lines[:count]
            yield from course.take(waiting=WAITING_RECORDS)
    _read_lines(lines, len(lines), None, course)
    yield from course.take()


def _read_lines(lines: Sequence[str], count: int, request_id: str | None, course: Course) -> None:
    """Read the first *count* lines; those after them are only looked at as a record's end."""
    for position in range(count):
        line = lines[position]
        start = line[:6]
        if start == "REPORT":
            report = read_text_report(lines, position, request_id)
            if report is not None:
                course.report(report, is_json=False)
        elif start in ("START ", "END Re"):
            marker = _MARKER.match(line)
            if marker is not None:
                course.mark(marker[2], began=marker[1] == "START", is_json=False)
        elif start in ("INIT_R", "RESTOR"):
            other = read_text_phase_report(line)
            if other is not None:
                course.other(other)
        elif '"platform.' in line:
            read_json_line(line, course)
        elif "Task timed out after" in line or "signal: killed" in line:
            course.line(line)
