"""Reads what Lambda itself says about an invocation: its REPORT record, in text or JSON.

Formats, as seen in real logs of 2018 to 2026 (``tests/data/report_lines.jsonl``
holds them, each with its source):

- text: ``REPORT RequestId: …``, fields apart by tab, spaces or newline, in
  no fixed order, an X-Ray line after it; ``INIT_REPORT``, ``RESTORE_REPORT``;
- JSON: ``platform.report``, ``platform.initReport``, ``platform.restoreReport``,
  one a line, in an array, or glued to an extension's output;
- the last 4 KB of either (the tail of an Invoke response), with its first
  line cut.

A number is only believed where it is certain: a record that is cut, repeats
itself, contradicts itself or holds a number that no function can have gives
*no* record, and its invocation is unmeasured. Functions can print what looks
like a record; these are told apart by their place (see ``parse_log``) and by
the request id.

``billed_ms`` already contains what is billed of init and restore: nothing is
ever added to it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

_MAX_MS = 6_000_000
"""Longest time-out there is, 5,400 s on Managed Instances, and a tenth more."""
_MAX_MEMORY_MB = 65_536
"""Twice the largest memory size there is, 32,768 MB on Managed Instances."""


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """One invocation, as its own record tells it. ``None`` is what the record lacks: absent is not zero.

    ``status`` is the platform's word: ``success``, ``failure`` (the handler
    raised; JSON only), ``error`` or ``timeout``. A text record of success has
    none. Old records have none for time-outs and exhausted memory either;
    there it is taken from the platform's own line about that request.
    """

    request_id: str
    duration_ms: float
    billed_ms: int | None = None
    memory_size_mb: int | None = None
    max_memory_used_mb: int | None = None
    init_ms: float | None = None
    restore_ms: float | None = None
    billed_restore_ms: int | None = None
    status: str | None = None
    error_type: str | None = None
    xray_trace_id: str | None = None

    @property
    def cold(self) -> bool:
        """Whether the invocation was the first one of its environment, by init or restore."""
        return self.init_ms is not None or self.restore_ms is not None

    @property
    def cold_start_ms(self) -> float | None:
        """Init, or SnapStart restore: what a cold caller waits for before ``duration_ms`` begins."""
        return self.init_ms if self.init_ms is not None else self.restore_ms

    @property
    def timed_out(self) -> bool:
        """Whether the invocation was ended by the function's time-out."""
        return self.status == "timeout"

    @property
    def out_of_memory(self) -> bool:
        """Whether the invocation was ended by its memory limit."""
        return self.error_type == "Runtime.OutOfMemory"


@dataclass(frozen=True, slots=True)
class InitReport:
    """An ``INIT_REPORT``: an init phase that stands apart from an invocation.

    It is written where init failed, passed its time limit, or made a
    SnapStart snapshot; and in JSON for every init at log level DEBUG.
    """

    init_ms: float
    phase: str | None = None
    status: str | None = None
    error_type: str | None = None


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """A ``RESTORE_REPORT``: a SnapStart restore that stands apart from an invocation."""

    restore_ms: float
    status: str | None = None
    error_type: str | None = None


Record = ReportRecord | InitReport | RestoreReport


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event of CloudWatch Logs: its message, and where and when it was written if that is known."""

    message: str
    timestamp: str | None = None
    stream: str | None = None


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
        text: Log lines without prefixes; ``iter_log_events`` takes prefixes off.
        request_id: Leave out the invocations of all other requests.

    Example:
        >>> parse_log("INIT_REPORT Init Duration: 137.69 ms\tPhase: init\tStatus: error")
        [InitReport(init_ms=137.69, phase='init', status='error', error_type=None)]
    """
    course = _Course(request_id, has_ends=request_id is not None or _END.search(text) is not None)
    if not _read_json_document(text, course):
        _read_lines(text.split("\n"), request_id, course)
    records = course.records()
    if any(isinstance(record, ReportRecord) and record.status is None for record in records):
        _infer_old_endings(text, records)
    return records


def _read_lines(lines: list[str], request_id: str | None, course: _Course) -> None:
    for position, line in enumerate(lines):
        start = line[:6]
        if start == "REPORT":
            report = _text_report(lines, position, request_id)
            if report is not None:
                course.report(report, is_json=False)
        elif start in ("START ", "END Re"):
            marker = _MARKER.match(line)
            if marker is not None:
                course.mark(marker[2], began=marker[1] == "START", is_json=False)
        elif start in ("INIT_R", "RESTOR"):
            other = _text_phase_report(line)
            if other is not None:
                course.other(other)
        elif '"platform.' in line:
            _read_json_line(line, course)


def parse_events(text: str) -> list[Record]:
    """Read every record of a log as a user has it at hand: raw, prefixed, or as JSON of the AWS CLI.

    The same as ``parse_log`` of what ``iter_log_events`` finds.
    """
    return parse_log("\n".join(event.message for event in iter_log_events(text)))


# --- The course of each request -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Request:
    """What the log has shown so far of one request."""

    markers: set[bool] = field(default_factory=set)
    """In which formats it was seen to begin or end; ``True`` is JSON."""
    running: bool = False
    bounded: bool = False
    """Whether START or END was seen, so that the place of a record tells something."""
    pending: list[int] = field(default_factory=list)
    """Records since the last START, as indices; the last one counts if ``bounded``."""


class _Course:
    """Collects records and drops those that cannot be the platform's own."""

    def __init__(self, request_id: str | None, *, has_ends: bool) -> None:
        self._only = request_id
        self._has_ends = has_ends
        self._requests: dict[str, _Request] = {}
        self._found: list[tuple[Record, bool]] = []
        self._dropped: set[int] = set()

    def wants(self, request_id: str) -> bool:
        return self._only is None or request_id == self._only

    def other(self, record: InitReport | RestoreReport) -> None:
        self._found.append((record, False))

    def mark(self, request_id: str, *, began: bool, is_json: bool) -> None:
        """Note a START or END of a request."""
        if not self.wants(request_id):
            return
        request = self._requests.setdefault(request_id, _Request())
        request.markers.add(is_json)
        if began:
            self._settle(request)
            request.running = self._has_ends and not is_json
        else:
            # What stands before END was written while the function ran.
            self._dropped.update(request.pending)
            request.pending.clear()
            request.running = False
        request.bounded = True

    def report(self, record: ReportRecord, *, is_json: bool) -> None:
        if not self.wants(record.request_id):
            return
        request = self._requests.setdefault(record.request_id, _Request())
        # Before END it is the function's own line; and a request's lines are all of one format.
        if (request.running and not is_json) or request.markers == {not is_json}:
            return
        request.pending.append(len(self._found))
        self._found.append((record, is_json))

    def _settle(self, request: _Request) -> None:
        if request.bounded:
            self._dropped.update(request.pending[:-1])
        request.pending.clear()

    def records(self) -> list[Record]:
        for request in self._requests.values():
            if len(request.markers) == 1:
                odd = [index for index in request.pending if self._found[index][1] not in request.markers]
                self._dropped.update(odd)
                request.pending = [index for index in request.pending if index not in odd]
            self._settle(request)
        return [record for index, (record, _) in enumerate(self._found) if index not in self._dropped]


# --- Text -----------------------------------------------------------------------------------------------------------

_MARKER = re.compile(r"(START|END)[ \t]+RequestId:[ \t]*([^\s]+)")
_END = re.compile(r"^END[ \t]+RequestId:", re.MULTILINE)
_HEAD = re.compile(r"REPORT[ \t]+RequestId:[ \t]*([^\s]+)")

# Longer labels stand before those that they end in.
_MILLISECONDS = ("Billed Restore Duration", "Restore Duration", "Billed Duration", "Init Duration", "Duration")
_MEGABYTES = ("Max Memory Used", "Memory Size")
_WORDS = ("Error Type", "Status", "Phase")
_LABELS = (*_MILLISECONDS, *_MEGABYTES, *_WORDS)
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_FIELD = re.compile(
    r"[ \t\r\n]*(?:"
    rf"({'|'.join(_MILLISECONDS)}):[ \t]*{_NUMBER}[ \t]*ms"
    rf"|({'|'.join(_MEGABYTES)}):[ \t]*{_NUMBER}[ \t]*MB"
    r"|(Status|Phase):[ \t]*([a-z][a-z_-]*)"
    r"|(Error Type):[ \t]*([^\s]+)"
    r"|(XRAY TraceId|SegmentId|Sampled):[ \t]*([A-Za-z0-9-]+)"
    r")"
)
# A field that a later Lambda may add. "… RequestId" begins another line that has been joined to this one.
_UNKNOWN_FIELD = re.compile(r"[ \t]*((?:[A-Z][A-Za-z]*[ ]){0,3}[A-Z][A-Za-z]*):[ \t]*[^\s]+(?:[ \t]*(?:ms|MB|KB|s)\b)?")
_XRAY = re.compile(r"XRAY TraceId:[ \t]*([A-Za-z0-9-]+)")
_STATUSES = ("success", "failure", "error", "timeout")


class _Refused(Exception):
    """The record is not certain. Never leaves this module."""


def _text_report(lines: list[str], position: int, request_id: str | None) -> ReportRecord | None:
    line = lines[position]
    head = _HEAD.match(line)
    if head is None or (request_id is not None and head[1] != request_id):
        return None
    try:
        fields, _ = _text_fields(line, head.end())
        spread = line[head.end() :].strip() == ""
        for following in lines[position + 1 : position + 14]:
            trace = _XRAY.match(following)
            if trace is not None:
                fields.setdefault("XRAY TraceId", trace[1])
                break
            if not spread and "Max Memory Used" in fields:
                break
            # Wrapped, as some viewers copy it: a line of nothing but fields goes on with the record.
            if _FIELD.match(following) is None:
                break
            more, glued = _text_fields(following, 0)
            if glued:
                break
            _merge(fields, more)
            spread = True
        duration = fields.get("Duration")
        if duration is None:
            return None
        return _checked(
            ReportRecord(
                request_id=head[1],
                duration_ms=_ms(float(duration)),
                billed_ms=_whole(fields.get("Billed Duration"), _MAX_MS),
                memory_size_mb=_whole(fields.get("Memory Size"), _MAX_MEMORY_MB),
                max_memory_used_mb=_whole(fields.get("Max Memory Used"), _MAX_MEMORY_MB),
                init_ms=_optional_ms(fields.get("Init Duration")),
                restore_ms=_optional_ms(fields.get("Restore Duration")),
                billed_restore_ms=_whole(fields.get("Billed Restore Duration"), _MAX_MS),
                status=fields.get("Status"),
                error_type=fields.get("Error Type"),
                xray_trace_id=fields.get("XRAY TraceId"),
            )
        )
    except _Refused:
        return None


def _text_phase_report(line: str) -> InitReport | RestoreReport | None:
    try:
        if line.startswith("INIT_REPORT "):
            fields, _ = _text_fields(line, len("INIT_REPORT"))
            init = fields.get("Init Duration")
            if init is not None:
                return InitReport(_ms(float(init)), fields.get("Phase"), fields.get("Status"), fields.get("Error Type"))
        elif line.startswith("RESTORE_REPORT "):
            fields, _ = _text_fields(line, len("RESTORE_REPORT"))
            restore = fields.get("Restore Duration")
            if restore is not None:
                return RestoreReport(_ms(float(restore)), fields.get("Status"), fields.get("Error Type"))
    except _Refused:
        pass
    return None


def _text_fields(line: str, position: int) -> tuple[dict[str, str], str]:
    """Read fields one after the other until something that is none: text that was glued to the line.

    Returns:
        The fields, and the text after them.

    Raises:
        _Refused: What ends them is a field after all, but a cut or impossible
            one; or a field is there twice.
    """
    fields: dict[str, str] = {}
    while True:
        match = _FIELD.match(line, position)
        if match is not None:
            position = match.end()
            index = match.lastindex or 0
            label, given = match[index - 1], match[index]
            if fields.setdefault(label, given) != given:
                raise _Refused
            if label == "Status" and any(word.startswith(given) and word != given for word in _STATUSES):
                raise _Refused
            continue
        rest = line[position:].strip()
        if not rest:
            return fields, ""
        for label in _LABELS:
            if rest.startswith(label + ":") or label.startswith(rest):
                raise _Refused
        unknown = _UNKNOWN_FIELD.match(line, position)
        if unknown is None or "RequestId" in unknown[1]:
            return fields, rest
        position = unknown.end()


def _merge(fields: dict[str, str], more: Mapping[str, str]) -> None:
    for label, given in more.items():
        if fields.setdefault(label, given) != given:
            raise _Refused


# --- JSON -----------------------------------------------------------------------------------------------------------


def _plain_number(text: str) -> float:
    """Lambda writes no exponents: 1e1 is a damaged number, which is refused where it is used."""
    return math.nan if "e" in text or "E" in text else float(text)


_DECODER = json.JSONDecoder(parse_float=_plain_number)
_JSON_BEGINS = re.compile(r"\s*[\[{]")
_GLUED = re.compile(r'(?:\[\s*)?\{\s*"(?:time|type|record)"\s*:')
_MEMBER_BEFORE = re.compile(r'(?:"\s*:|,|\[)\s*\Z')
_MEMBER_AFTER = frozenset("}],")
_MAX_ATTEMPTS = 100
"""Of places on one line where a record might begin; bounds the work that a hostile line can make."""


def _read_json_line(line: str, course: _Course) -> None:
    position, attempts = len(line) - len(line.lstrip()), 0
    if line[position : position + 1] in ("{", "["):
        try:
            decoded, position = _DECODER.raw_decode(line, position)
        except (ValueError, RecursionError):
            attempts += 1
        else:
            _read_json_value(decoded, course)
    while attempts < _MAX_ATTEMPTS:
        match = _GLUED.search(line, position)
        if match is None:
            return
        attempts += 1
        begin = match.start()
        try:
            decoded, end = _DECODER.raw_decode(line, begin)
        except (ValueError, RecursionError):
            position = begin + 1
            continue
        position = end
        follows = line[end:].lstrip()[:1]
        if follows in _MEMBER_AFTER or _MEMBER_BEFORE.search(line, max(0, begin - 16), begin):
            continue  # a part of something larger
        _read_json_value(decoded, course)


def _read_json_document(text: str, course: _Course) -> bool:
    """Read JSON that spans lines, as pretty printers write it; tells whether the text was that."""
    if '"platform.' not in text or not _JSON_BEGINS.match(text) or "\n" not in text.strip():
        return False
    try:
        decoded = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    _read_json_value(decoded, course)
    return True


def _read_json_value(decoded: Any, course: _Course) -> None:
    for item in decoded if isinstance(decoded, list) else (decoded,):
        if not isinstance(item, dict):
            continue
        kind, record = item.get("type"), item.get("record")
        if not isinstance(kind, str) or not isinstance(record, dict):
            continue
        try:
            _read_platform_event(kind, item, record, course)
        except _Refused:
            continue


def _read_platform_event(kind: str, item: Mapping[str, Any], record: Mapping[str, Any], course: _Course) -> None:
    request_id = record.get("requestId")
    metrics = record.get("metrics")
    if kind == "platform.start" and isinstance(request_id, str):
        course.mark(request_id, began=True, is_json=True)
        return
    if not isinstance(metrics, dict) or kind not in (
        "platform.report",
        "platform.initReport",
        "platform.restoreReport",
    ):
        return
    duration = _json_number(metrics, "durationMs")
    if duration is None:
        return
    status = _word(record.get("status")) or _word(metrics.get("status")) or _word(item.get("status"))
    error_type = _word(record.get("errorType")) or _word(metrics.get("errorType")) or _word(item.get("errorType"))
    if kind == "platform.initReport":
        course.other(InitReport(_ms(duration), _word(record.get("phase")), status, error_type))
    elif kind == "platform.restoreReport":
        course.other(RestoreReport(_ms(duration), status, error_type))
    elif isinstance(request_id, str) and request_id and course.wants(request_id):
        course.report(
            _checked(
                ReportRecord(
                    request_id=request_id,
                    duration_ms=_ms(duration),
                    billed_ms=_whole(_json_number(metrics, "billedDurationMs"), _MAX_MS),
                    memory_size_mb=_whole(_json_number(metrics, "memorySizeMB"), _MAX_MEMORY_MB),
                    max_memory_used_mb=_whole(_json_number(metrics, "maxMemoryUsedMB"), _MAX_MEMORY_MB),
                    init_ms=_optional_ms(_json_number(metrics, "initDurationMs")),
                    restore_ms=_optional_ms(_json_number(metrics, "restoreDurationMs")),
                    billed_restore_ms=_whole(_json_number(metrics, "billedRestoreDurationMs"), _MAX_MS),
                    status=status,
                    error_type=error_type,
                    xray_trace_id=_trace_id(record.get("tracing")),
                )
            ),
            is_json=True,
        )


def _json_number(metrics: Mapping[str, Any], name: str) -> float | None:
    given = metrics.get(name)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not -_MAX_MS <= given <= _MAX_MS:
        raise _Refused
    return given


def _word(given: Any) -> str | None:
    return given if isinstance(given, str) and given else None


def _trace_id(tracing: Any) -> str | None:
    value = tracing.get("value") if isinstance(tracing, dict) else None
    match = re.search(r"Root=([A-Za-z0-9-]+)", value) if isinstance(value, str) else None
    return match[1] if match else None


# --- What no record can say -----------------------------------------------------------------------------------------


def _ms(number: float) -> float:
    if not 0 <= number <= _MAX_MS:  # also false for NaN
        raise _Refused
    return float(number)


def _optional_ms(given: str | float | None) -> float | None:
    return None if given is None else _ms(float(given))


def _whole(given: str | float | None, highest: int) -> int | None:
    """Take an integer, which some writers write as 12.0."""
    if given is None:
        return None
    number = float(given)
    if not 0 <= number <= highest or not number.is_integer():
        raise _Refused
    return int(number)


def _checked(record: ReportRecord) -> ReportRecord:
    """Refuse a record whose numbers exclude each other.

    How billed and duration relate is not among what is checked: billed was
    rounded to 100 ms once, may contain init or restore, and is less than the
    duration at time-outs of the old style.
    """
    used, size = record.max_memory_used_mb, record.memory_size_mb
    if size is not None and (size == 0 or (used is not None and used > 2 * size)):
        raise _Refused
    return record


# --- How invocations ended before records said so -------------------------------------------------------------------

_TIMED_OUT = re.compile(r" Task timed out after ([0-9]{1,4}(?:\.[0-9]{1,3})?) seconds")
_KILLED = re.compile(r"^RequestId: ([^\s]+) Error: Runtime exited with error: signal: killed", re.MULTILINE)


def _infer_old_endings(text: str, records: list[Record]) -> None:
    """Fill in the status of records that were written before records had one.

    Time-outs: China's and GovCloud's Regions may still write the old style.
    ``signal: killed`` is the kernel's answer to a process that passes its
    memory limit. A line of the function's own that says the same is not
    believed where the record's duration is not about the time-out.
    """
    timeouts: dict[str, list[float]] = {}
    for match in _TIMED_OUT.finditer(text):
        words = text[max(0, match.start() - 200) : match.start()].split()
        if words:
            timeouts.setdefault(words[-1], []).append(float(match[1]) * 1_000)
    killed: set[str] = set()
    if "signal: killed" in text:
        killed = {match[1] for match in _KILLED.finditer(text)}
    if not timeouts and not killed:
        return
    for index, record in enumerate(records):
        if not isinstance(record, ReportRecord) or record.status is not None:
            continue
        duration_ms = record.duration_ms
        if any(limit_ms <= duration_ms <= limit_ms * 1.1 + 500 for limit_ms in timeouts.get(record.request_id, ())):
            records[index] = replace(record, status="timeout")
        elif record.request_id in killed:
            records[index] = replace(record, status="error", error_type="Runtime.OutOfMemory")


# --- Logs as users have them at hand --------------------------------------------------------------------------------

_TIME = (
    r"(?P<time>(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[T ])?[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?)"
)
_STREAM = r"(?P<stream>[^\s]*[0-9]{4}/[0-9]{2}/[0-9]{2}/[^\s]*\[[^\]\s]+\][^\s]*)"
_PREFIXES = (
    re.compile(rf"{_TIME} +{_STREAM} "),  # aws logs tail
    re.compile(rf"{_STREAM} +{_TIME} "),  # sam logs
    re.compile(rf"{_TIME} +"),  # aws logs tail --format short, and other viewers
    re.compile(r"EVENTS\t(?:[0-9]+\t){1,2}(?:(?P<stream>[^\s]*\[[^\]\s]+\][^\s]*)\t)?"),  # --output text
)
_PLATFORM_LINE = re.compile(
    r'(?:REPORT|START|END)[ \t]+RequestId:|(?:INIT_START|INIT_REPORT|RESTORE_REPORT) |\{\s*"time"'
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def iter_log_events(text: str) -> Iterator[LogEvent]:
    """Take a log apart into its events, whatever wrote it down.

    Knows raw lines; the prefixes of ``aws logs tail`` (in each of its
    formats) and ``sam logs``; and the JSON of ``aws logs filter-log-events``,
    ``get-log-events`` (whole, or only their messages), Logs Insights and
    subscriptions. Anything else is taken as raw lines.

    Example:
        >>> next(iter_log_events("2026-11-23T10:00:00 REPORT RequestId: a")).message
        'REPORT RequestId: a'
    """
    events = _json_events(text)
    if events is not None:
        yield from events
        return
    lines = text.split("\n")
    if "\x1b[" in text:
        lines = [_ANSI.sub("", line) for line in lines]
    prefix = _prefix_of(lines)
    if prefix is None:
        tabbed = _are_tabbed(lines)
        for whole_line in lines:
            line = whole_line.removeprefix("\t") if tabbed else whole_line
            event = _json_line_event(line)
            yield event if event is not None else LogEvent(line)
        return
    current: LogEvent | None = None
    message: list[str] = []
    for line in lines:
        match = prefix.match(line)
        if match is None:
            message.append(line)
            continue
        if current is not None:
            yield replace(current, message=_one_line("\n".join(message)))
        groups = match.groupdict()
        current = LogEvent("", groups.get("time"), groups.get("stream"))
        message = [line[match.end() :]]
    if current is not None:
        yield replace(current, message=_one_line("\n".join(message)))


def _prefix_of(lines: Sequence[str]) -> re.Pattern[str] | None:
    """Tell the prefix of a log by its first line, unless more platform lines stand there without one."""
    first = next((line for line in lines if line.strip()), "")
    prefix = next((pattern for pattern in _PREFIXES if pattern.match(first)), None)
    if prefix is None:
        return None
    balance = 0
    for line in lines:
        match = prefix.match(line)
        if _PLATFORM_LINE.match(line, match.end() if match else 0):
            balance += 1 if match else -1
    return prefix if balance >= 0 else None


def _are_tabbed(lines: Sequence[str]) -> bool:
    """Tell whether messages are apart by tabs, as ``--query 'events[].message' --output text`` writes them."""
    tabbed = sum(line[:1] == "\t" and _PLATFORM_LINE.match(line, 1) is not None for line in lines)
    return tabbed > 1 and tabbed > sum(_PLATFORM_LINE.match(line) is not None for line in lines)


def _one_line(message: str) -> str:
    """Undo the pretty printing of ``aws logs tail --format json``."""
    if "\n" in message and message.lstrip()[:1] == "{":
        try:
            return json.dumps(json.loads(message), ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
    return message.rstrip("\n")


def _json_line_event(line: str) -> LogEvent | None:
    if '"message"' not in line or line[:1] != "{":
        return None
    try:
        return _event(json.loads(line))
    except (ValueError, RecursionError):
        return None


def _json_events(text: str) -> list[LogEvent] | None:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        decoded = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(decoded, dict):
        if isinstance(decoded.get("results"), list):
            return list(_insights_events(decoded["results"]))
        for name in ("events", "logEvents"):
            if isinstance(decoded.get(name), list):
                decoded = decoded[name]
                break
        else:
            return None
    if not isinstance(decoded, list) or not decoded:
        return [] if isinstance(decoded, list) else None
    events = [LogEvent(item.rstrip("\n")) if isinstance(item, str) else _event(item) for item in decoded]
    known = [event for event in events if event is not None]
    return known or None


def _event(item: Any) -> LogEvent | None:
    """Read an event of CloudWatch Logs; a function's own JSON line has a text for its timestamp."""
    if not isinstance(item, dict) or not isinstance(item.get("message"), str):
        return None
    timestamp = item.get("timestamp")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        return None
    return LogEvent(item["message"].rstrip("\n"), str(timestamp), _word(item.get("logStreamName")))


def _insights_events(results: list[Any]) -> Iterator[LogEvent]:
    for row in results:
        if not isinstance(row, list):
            continue
        fields = {cell.get("field"): cell.get("value") for cell in row if isinstance(cell, dict)}
        message = fields.get("@message")
        if isinstance(message, str):
            yield LogEvent(message.rstrip("\n"), _word(fields.get("@timestamp")), _word(fields.get("@logStream")))
