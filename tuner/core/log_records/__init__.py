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

from tuner.core.log_records.reading import begun_request, find_report, init_ran_again, parse_log, read_records
from tuner.core.log_records.records import InitReport, Record, ReportRecord, RestoreReport

__all__ = [
    "InitReport",
    "Record",
    "ReportRecord",
    "RestoreReport",
    "begun_request",
    "find_report",
    "init_ran_again",
    "parse_log",
    "read_records",
]
