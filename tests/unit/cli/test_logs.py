"""``lambda-tuner logs``: any log in, JSON lines or a table out."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tuner.cli.app import app
from tuner.cli.commands.logs import decoded

CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "report_lines.jsonl").read_text("utf-8").splitlines()
]
FIELDS = {
    "duration": "durationMs",
    "billed": "billedMs",
    "mem": "memorySizeMb",
    "maxmem": "maxMemoryUsedMb",
    "init": "initMs",
    "restore": "restoreMs",
    "billed_restore": "billedRestoreMs",
    "status": "status",
    "error_type": "errorType",
}
KEYS = [
    "type",
    "requestId",
    "durationMs",
    "billedMs",
    "initMs",
    "restoreMs",
    "billedRestoreMs",
    "memorySizeMb",
    "maxMemoryUsedMb",
    "status",
    "errorType",
]
REPORT = (
    "REPORT RequestId: a\tDuration: 46.84 ms\tBilled Duration: 47 ms\tMemory Size: 192 MB\tMax Memory Used: 72 MB\t\n"
)


def run(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the command in this process: exit code, records, standard error."""
    result = CliRunner().invoke(app, ["logs", *arguments])
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def run_piped(octets: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own with something on standard input."""
    command = [sys.executable, "-c", "from tuner.cli.app import app; app()", "logs", "-", *arguments]
    return subprocess.run(command, input=octets, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("row", CORPUS, ids=lambda row: f"{row['n']}-{row['kind']}")
def test_every_real_record(row: dict[str, Any], tmp_path: Path) -> None:
    """Each gives every field, and null for what it lacks."""
    log = tmp_path / "a.log"
    log.write_text(row["raw"], "utf-8")
    code, records, errors = run(str(log))
    expected = {FIELDS[name]: value for name, value in row["exp"].items() if name in FIELDS}
    if not expected:
        assert (code, records) == (4, [])
        assert "no REPORT record" in errors
        return
    if row["kind"] == "text-timeout-docs-old":
        expected["status"] = "timeout"
    record = records[-1]
    kind = {"init_report": "initReport", "restore_report": "restoreReport", "json-restoreReport": "restoreReport"}
    assert code == 0
    assert list(record) == KEYS
    assert record["type"] == kind.get(row["kind"].removesuffix("-snapstart"), "report")
    assert {name: value for name, value in record.items() if value is not None and name not in KEYS[:2]} == expected


def test_packed_logs_and_other_encodings(tmp_path: Path) -> None:
    """Exports to S3 are gzip, also in several members; PowerShell writes UTF-16."""
    for octets in (
        gzip.compress(REPORT.encode()),
        gzip.compress(b"hello\n") + gzip.compress(REPORT.encode()),
        REPORT.encode("utf-16"),
        REPORT.encode("utf-8-sig"),
        b"\xff\xfe\xfd caf\xe9\n".replace(b"\xff\xfe", b"\xfe") + REPORT.encode(),
        REPORT.replace("\n", "\r\n").encode(),
    ):
        log = tmp_path / "a.log"
        log.write_bytes(octets)
        code, records, _ = run(str(log))
        assert (code, [record["durationMs"] for record in records]) == (0, [46.84]), octets


def test_a_damaged_archive_gives_what_stands_before_the_damage(tmp_path: Path) -> None:
    """And says so: the rest is not silently missing."""
    log = tmp_path / "a.log.gz"
    log.write_bytes(gzip.compress(REPORT.encode() * 100)[:-12])
    code, records, errors = run(str(log))
    assert code == 2
    assert len(records) > 10
    assert "damaged" in errors


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        (None, 2, "cannot be read"),
        (b"", 4, "is empty"),
        (b"hello\n", 4, "There is no REPORT record"),
        (bytes(range(256)) * 1_000, 4, "There is no REPORT record"),
    ],
)
def test_what_is_no_log(content: bytes | None, code: int, sentence: str, tmp_path: Path) -> None:
    """A sentence and an exit code, and nothing on standard output."""
    log = tmp_path / "a.log"
    if content is not None:
        log.write_bytes(content)
    assert run(str(log))[:2] == (code, [])
    assert sentence in run(str(log))[2]
    assert run(str(log), "--summary")[:2] == (code, [])


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    """Said in a sentence."""
    code, _, errors = run(str(tmp_path))
    assert code == 2
    assert "Is a directory" in errors


def test_summary_by_memory_size(tmp_path: Path) -> None:
    """Counts, percentiles that the count carries, and the peak memory."""
    lines = [
        f"REPORT RequestId: {size}-{number}\tDuration: {number}.00 ms\tBilled Duration: {number + 1} ms\t"
        f"Memory Size: {size} MB\tMax Memory Used: {60 + number} MB\t"
        + ("Init Duration: 90.00 ms\t" if number == 0 else "")
        + ("Status: timeout" if number == 1 else "")
        for size, count in ((128, 3), (1024, 101))
        for number in range(count)
    ]
    log = tmp_path / "a.log"
    log.write_text("\n".join([*lines, "INIT_REPORT Init Duration: 3.00 ms"]))
    output = CliRunner().invoke(app, ["logs", str(log), "--summary"]).stdout.splitlines()
    assert output[1].split() == ["128", "MB", "3", "1", "1", "—", "—", "—", "2.0", "ms", "62", "MB"]
    assert output[2].split("  ")[-1].strip() == "160 MB"
    assert "50.00 ms  95.00 ms    —" in output[2]
    assert "p50 4, p95 45, p99 230" in output[3]


def test_records_that_are_left_out_are_counted(tmp_path: Path) -> None:
    """A log of which a part is lost is not passed off as whole; other output stays as it is."""
    log = tmp_path / "a.log"
    log.write_text("\n".join([REPORT, REPORT.replace(": a", ": b")[:60], REPORT.replace(": a", ": c")[:70]]))
    code, records, errors = run(str(log))
    assert (code, [record["requestId"] for record in records]) == (0, ["a"])
    assert errors.startswith("Left out 2 more that look like a REPORT record")
    log.write_text(REPORT * 30_000)  # more than one piece
    assert run(str(log))[2] == ""


def test_standard_input() -> None:
    """A pipe is read as a file is."""
    result = run_piped(b"\n".join([b"hello", REPORT.encode()]))
    assert result.returncode == 0
    assert json.loads(result.stdout)["billedMs"] == 47
    assert result.stderr == b""


def test_a_reader_that_stops_early() -> None:
    """`| head` ends the command without a word."""
    command = f"{sys.executable} -c 'from tuner.cli.app import app; app()' logs - | head -n 1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        input=REPORT.encode() * 60_000,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert len(result.stdout.splitlines()) == 1
    assert (result.returncode, result.stderr) == (0, b"")


def test_pieces_cut_within_a_character() -> None:
    """A character whose bytes come in two pieces is one character; what is none becomes a mark."""
    octets = "é😀".encode() + b"\xff"
    assert "".join(decoded(octets[at : at + 1] for at in range(len(octets)))) == "é😀\ufffd"
