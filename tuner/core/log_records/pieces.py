"""Text that comes in pieces and is never held as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

HEAD_CHARACTERS = 262_144
"""The form of a log is recognized by its beginning, this many characters at most."""
LONGEST_CHARACTERS = 4_194_304
"""What is longer than this without an end is no event: CloudWatch Logs takes 1 MB at most."""


class Pieces:
    """Text that comes in pieces, of which a part is in ``buffer``."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self.buffer = ""
        self.taken = 0
        """How many characters have been taken off the front."""
        self.ended = False

    def fill(self, least: int) -> bool:
        """Read on until the buffer holds *least* characters; returns whether it does."""
        if len(self.buffer) >= least:
            return True
        parts, size = [self.buffer], len(self.buffer)
        while size < least and not self.ended:
            piece = next(self._pieces, None)
            if piece is None:
                self.ended = True
            else:
                parts.append(piece)
                size += len(piece)
        self.buffer = "".join(parts)
        return size >= least

    def take(self, count: int) -> str:
        """Take characters off the front."""
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        self.taken += len(taken)
        return taken

    def line_blocks(self) -> Iterator[list[str]]:
        """Take everything that is left, in blocks of whole lines; what is too long for a line is left out."""
        rest = self.take(len(self.buffer))
        left_out = False
        while True:
            end = rest.rfind("\n")
            if end >= 0:
                lines = rest[:end].split("\n")
                rest = rest[end + 1 :]
                yield lines[1:] if left_out else lines
                left_out = False
            if len(rest) > LONGEST_CHARACTERS:
                rest, left_out = "", True
            piece = next(self._pieces, None) if not self.ended else None
            if piece is None:
                self.ended = True
                if not left_out:
                    yield [rest]
                return
            rest += piece
