"""``lambda-tuner logs``: the records of a log at hand, as JSON lines or as a table by memory size."""

from __future__ import annotations

import codecs
import gzip
import json
import os
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any

import typer

from tuner.cli.console import error_console
from tuner.cli.failures import EXIT_FAILED, EXIT_OK, UsageProblem, show_error
from tuner.cli.flags import OUTPUT, command, flag
from tuner.cli.text_files import BYTE_ORDER_MARKS
from tuner.core.log_records import InitReport, Record, ReportRecord, RestoreReport, read_records
from tuner.core.log_records.missing import Witness
from tuner.core.measurement.latency import percentile, samples_needed

STANDARD_INPUT = "-"
_PIECE_BYTES = 1_048_576
_GZIP_BEGINS = b"\x1f\x8b"
_MOST_GZIP_LAYERS = 3
_PERCENTILES = (50, 95, 99)
_CONFIDENCE = 0.9
_TABLE_WIDTH = 100


@command(
    "logs",
    epilog="Example: aws logs tail /aws/lambda/thumbnails --since 1d | lambda-tuner logs - --summary\n\n"
    "Exit codes: 0 records were found · 2 the file cannot be read · 4 there is no record in it.",
)
def logs(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A log of Lambda; - is standard input.")],
    summary: Annotated[bool, flag("--summary", "Print a table by memory size instead of JSON lines.", OUTPUT)] = False,
) -> int:
    """Read the REPORT records of a log: one JSON object per line, or a summary by memory size."""
    with _opened(file) as stream:
        octets = _Octets(stream)
        text = Witness(decoded(octets))
        records = read_records(text)
        try:
            found = _print_summary(records) if summary else _print_records(records)
        except BrokenPipeError:
            # Whoever reads has seen enough (`| head`). What Python would still write at its end goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_OK
    name = "Standard input" if file == STANDARD_INPUT else file
    if octets.damage is not None:
        raise UsageProblem(
            f"{name} is compressed, and damaged after {octets.count:,} bytes: {octets.damage}.",
            hint="Everything before the damage was read." if found else "",
        )
    if found:
        left_out = text.record_count - found
        if left_out > 0:
            error_console().print(
                f"Left out {left_out:,} more that {'looks' if left_out == 1 else 'look'} like a REPORT record: cut, "
                "repeated, or written by the function."
            )
        return EXIT_OK
    if not octets.count:
        show_error("NothingMeasured", f"{name} is empty.", "")
    else:
        show_error(
            "NothingMeasured", f"There is no REPORT record in {name} ({octets.count:,} bytes).", text.why_no_record()
        )
    return EXIT_FAILED


def decoded(octets: Iterable[bytes]) -> Iterator[str]:
    """Turn a file's bytes into text, piece by piece; never fails on what is no text."""
    stream = iter(octets)
    first = next(stream, b"")
    encoding = "utf-8"
    for mark, name in BYTE_ORDER_MARKS:
        if first.startswith(mark):
            first, encoding = first[len(mark) :], name
            break
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first)
    for piece in stream:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def record_fields(record: Record) -> dict[str, Any]:
    """Write a record under its names in the output; each name is there for every kind of record."""
    report = record if isinstance(record, ReportRecord) else None
    kind = "report" if report else "initReport" if isinstance(record, InitReport) else "restoreReport"
    return {
        "type": kind,
        "requestId": report.request_id if report else None,
        "durationMs": report.duration_ms if report else None,
        "billedMs": report.billed_ms if report else None,
        "initMs": None if isinstance(record, RestoreReport) else record.init_ms,
        "restoreMs": None if isinstance(record, InitReport) else record.restore_ms,
        "billedRestoreMs": report.billed_restore_ms if report else None,
        "memorySizeMb": report.memory_size_mb if report else None,
        "maxMemoryUsedMb": report.max_memory_used_mb if report else None,
        "status": record.status,
        "errorType": record.error_type,
    }


class _Octets:
    """The bytes of a stream, unpacked and counted; as they come, so that a pipe that stays open is read too."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self.count = 0
        self.damage: str | None = None
        """Why it could not be unpacked to its end."""

    def __iter__(self) -> Iterator[bytes]:
        reader: BufferedReader = self._stream
        try:
            # Subscriptions deliver gzip, which Firehose and S3 may pack once more.
            for _ in range(_MOST_GZIP_LAYERS):
                if not reader.peek(2).startswith(_GZIP_BEGINS):
                    break
                reader = BufferedReader(gzip.GzipFile(fileobj=reader, mode="rb"))
            while piece := reader.read1(_PIECE_BYTES):
                self.count += len(piece)
                yield piece
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self.damage = str(error)


def _opened(source: str) -> BufferedReader:
    try:
        if source == STANDARD_INPUT and sys.stdin is not None:
            return open(sys.stdin.fileno(), "rb", closefd=False)
        return Path(source).open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageProblem(
            f"{source} cannot be read: {reason}.", hint="Name a file, or `-` for standard input."
        ) from error


def _print_records(records: Iterable[Record]) -> int:
    """Print each record; returns how many."""
    found = 0
    write = sys.stdout.write
    for record in records:
        found += 1
        write(json.dumps(record_fields(record), separators=(", ", ": ")) + "\n")
    sys.stdout.flush()
    return found


# --- Summary --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Row:
    """What is kept of the invocations at one memory size: eight bytes each."""

    durations_ms: array[float] = field(default_factory=lambda: array("d"))
    cold: int = 0
    errors: int = 0
    billed_ms: int = 0
    billed_count: int = 0
    max_memory_used_mb: int | None = None

    def add(self, record: ReportRecord) -> None:
        self.durations_ms.append(record.duration_ms)
        self.cold += record.cold
        self.errors += record.status not in (None, "success")
        if record.billed_ms is not None:
            self.billed_ms += record.billed_ms
            self.billed_count += 1
        if record.max_memory_used_mb is not None:
            self.max_memory_used_mb = max(self.max_memory_used_mb or 0, record.max_memory_used_mb)


def _print_summary(records: Iterable[Record]) -> int:
    """Print a table of the invocations; returns how many there are."""
    from rich.table import Table

    from tuner.cli.console import result_console

    rows: dict[int, _Row] = {}
    for record in records:
        if isinstance(record, ReportRecord):
            rows.setdefault(record.memory_size_mb or 0, _Row()).add(record)
    if not rows:
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("memory", "invocations", "cold", "errors", "p50", "p95", "p99", "mean billed", "max memory used"):
        table.add_column(name, justify="right", no_wrap=True)
    uncertain = False
    for memory_mb, row in sorted(rows.items()):
        cells = [_percentile(row, percent) for percent in _PERCENTILES]
        uncertain = uncertain or "—" in cells
        table.add_row(
            f"{memory_mb:,} MB" if memory_mb else "unknown",
            f"{len(row.durations_ms):,}",
            f"{row.cold:,}",
            f"{row.errors:,}",
            *cells,
            f"{row.billed_ms / row.billed_count:,.1f} ms" if row.billed_count else "—",
            "—" if row.max_memory_used_mb is None else f"{row.max_memory_used_mb:,} MB",
        )
    console = result_console(least_width=_TABLE_WIDTH)
    console.print(table)
    if uncertain:
        needed = ", ".join(f"p{percent} {samples_needed(percent, _CONFIDENCE)}" for percent in _PERCENTILES)
        console.print(
            f"— too few invocations for this percentile at {_CONFIDENCE:.0%} confidence (needed: {needed}).",
            soft_wrap=True,
        )
    return sum(len(row.durations_ms) for row in rows.values())


def _percentile(row: _Row, percent: int) -> str:
    if len(row.durations_ms) < samples_needed(percent, _CONFIDENCE):
        return "—"
    return f"{percentile(row.durations_ms, percent):,.2f} ms"
