"""Why no record was found in a text: what its writer would have to do differently."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from tuner.core.log_records.pieces import HEAD_CHARACTERS

_RECORDS = ("REPORT RequestId:", '"platform.report"', '\\"platform.report\\"')
_JSON_KEY = re.compile(r'[\\]?"([\w@.]{1,40})[\\]?"\s*:\s*[\\]?"$')
_WITHOUT_ID = re.compile(r"^\S{0,20}END[ \t]+Duration: ", re.MULTILINE)
_INSIGHTS = re.compile(r"@(?:requestId|timestamp|billedDuration|duration|memorySize|logStream)\b")
_ARCHIVES = {
    "PK\x03\x04": "a zip archive (an Excel table is one too)",
    "BZh": "packed by bzip2",
    "\ufffd7zXZ": "packed by xz",
    "(\ufffd/\ufffd": "packed by zstd",
    "Rar!": "a rar archive",
    "%PDF": "a PDF",
}
_CHARACTERS_SHOWN = 60
_CHARACTERS_KEPT = 400

KNOWN_FORMS = (
    "It has to be a log of AWS Lambda: raw lines, what `aws logs tail` prints, or the JSON of "
    "`aws logs filter-log-events`. With the JSON log format and the system log level WARN, Lambda writes none."
)


class Witness:
    """Lets a text through and keeps what explains why no record may be found in it."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = pieces
        self._head = ""
        self._before_record: str | None = None
        self.record_count = 0
        """How many records the text seems to hold, those that do not count among them."""

    def __iter__(self) -> Iterator[str]:
        last = ""
        for piece in self._pieces:
            if len(self._head) < HEAD_CHARACTERS:
                self._head += piece[:HEAD_CHARACTERS]
            # A record that is cut between two pieces counts with the second one.
            text = last + piece
            self.record_count += sum(text.count(record) - last.count(record) for record in _RECORDS)
            if self._before_record is None and self.record_count:
                at = min(at for record in _RECORDS if (at := text.find(record)) >= 0)
                self._before_record = text[:at].rpartition("\n")[2]
            last = text[-_CHARACTERS_KEPT:]
            yield piece

    def why_no_record(self) -> str:
        """A sentence or two on what to do: by what stands in the text, else the forms that are read."""
        head = self._head.lstrip()
        archive = next((name for begins, name in _ARCHIVES.items() if head.startswith(begins)), None)
        if archive is not None:
            return f"It is {archive}: unpack it, or export the log as text, CSV or JSON."
        if self._before_record is not None:
            return self._why_not_read(self._before_record)
        if _WITHOUT_ID.search(head):
            return (
                "`serverless logs` rewrites REPORT lines and drops their request ids. "
                "Use `aws logs tail` or `aws logs filter-log-events`."
            )
        if _INSIGHTS.search(head):
            return (
                "A result of Logs Insights needs the column @message, or both @requestId and @duration: "
                "add `fields @timestamp, @message` to the query."
            )
        return KNOWN_FORMS

    @staticmethod
    def _why_not_read(before: str) -> str:
        if (key := _JSON_KEY.search(before)) is not None:
            return (
                f"There is one inside JSON that does not come from CloudWatch Logs, under the key {key[1]!r}: "
                f"write these texts one per line first, for example with `jq -r '..|.[{json.dumps(key[1])}]?//empty'`."
            )
        shown = before.strip()[-_CHARACTERS_SHOWN:]
        if not shown:
            return (
                "There are lines that begin like one, but each is cut, contradicts itself, or was written by the "
                "function while it ran."
            )
        return (
            f"There is one after {shown!r}, which is not the prefix of a known tool: a record counts only at the start "
            "of a log line. Remove what comes before it on each line, or use `aws logs tail`."
        )
