"""Text files that a user names, in the encodings that editors and shells write."""

from __future__ import annotations

import codecs
from pathlib import Path

from tuner.cli.failures import UsageProblem

BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path, flag: str, *, reads_utf16: bool = True) -> str:
    """Read a file as text: UTF-8, also with a byte order mark, or UTF-16 with one, as PowerShell writes it.

    *flag* names it in an error: ``--payload``. AWS's own tools take UTF-8 alone: no *reads_utf16* for their files.

    Raises:
        UsageProblem: It cannot be read, or is in another encoding.
    """
    try:
        octets = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UsageProblem(f"{flag} {path} cannot be read: {reason}.") from error
    mark, encoding = next((row for row in BYTE_ORDER_MARKS if octets.startswith(row[0])), (b"", "utf-8"))
    is_utf16 = encoding != "utf-8" or b"\0" in octets[:100]
    try:
        if not is_utf16 or (mark and reads_utf16):
            return octets[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise UsageProblem(
            f"{flag} {path} is not UTF-8 text: line {line:,} holds the byte 0x{octets[error.start]:02x}.",
            hint="Save it as UTF-8.",
        ) from error
    raise UsageProblem(f"{flag} {path} is not UTF-8 text: it looks like UTF-16.", hint="Save it as UTF-8.")
