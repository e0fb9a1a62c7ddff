"""CSV that may be broken in places: a stray quote costs its own line, not the rest of the file."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from router_training.contract import DataError
from router_training.importing.records import SHOWN, Place, Record, Records, Rejected

LONGEST = 1 << 24  # characters of one record: beyond, a quote was never closed
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class _Lines:
    """The lines of a file, which can be put back: `taken` are those of the record being read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > LONGEST:
            raise csv.Error("a quote is opened and never closed")
        line = (
            self._waiting.popleft()
            if self._waiting
            else self._file.readline().decode("utf-8", "surrogateescape")
        )
        if not line:
            raise StopIteration
        self.number += 1
        self._size += len(line)
        self.taken.append(line)
        return line

    def begin(self) -> int:
        """Forget the record before, and return the number of the line that comes next."""
        self.taken, self._size = [], 0
        return self.number + 1

    def give_back(self) -> str:
        """Put all but the first line of the record back, and return that one."""
        first, *rest = self.taken
        self._waiting.extendleft(reversed(rest))
        self.number -= len(rest)
        return first

    def peek(self) -> str:
        """Return the next line, which stays the next."""
        line = next(self, "")
        self._waiting.appendleft(line)
        self.number, self.taken, self._size = 0, [], 0
        return line


def csv_records(path: Path) -> Records:
    """Yield the rows of a CSV file by the names of its header; a row that breaks the rules is rejected alone.

    Commas, semicolons and tabs separate fields, whichever the header has most of. A line that opens a quote which is
    never closed, or closed where no field ends, is rejected, and reading goes on at the next line.

    Raises:
        DataError: if the file cannot be opened, or has no header that can be read.
    """
    csv.field_size_limit(LONGEST)  # of the whole process; the default of 128 KiB is less than a long prompt
    try:
        with path.open("rb") as file:
            yield from _rows(path, _as_utf8(path, file))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions") from error


def _as_utf8(path: Path, file: BinaryIO) -> BinaryIO:
    start = file.read(3)
    if start == b"\xef\xbb\xbf":
        return file
    file.seek(0)
    if start[:2] in _BOMS:
        import io

        try:
            return io.BytesIO(file.read().decode(_BOMS[start[:2]]).encode())
        except UnicodeDecodeError as error:
            raise DataError(f"{path} begins as UTF-16 and is not; save it as UTF-8") from error
    return file


def _rows(path: Path, file: BinaryIO) -> Records:
    lines = _Lines(file)
    header, delimiter = _header(path, lines)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _rejected(path, line, lines, f"a stray quote ({error})")
            continue
        if not any(field.strip() for field in fields):
            continue
        if len(fields) != len(header):
            counts = f"{len(fields)} fields, but the header has {len(header)}"
            yield _rejected(
                path, line, lines, f"{counts}; put text that holds commas or quotes in double quotes"
            )
            continue
        yield _record(Place(str(path), "line", line), header, fields)


def _header(path: Path, lines: _Lines) -> tuple[list[str], str]:
    delimiter = max(",;\t", key=lines.peek().count)
    try:
        header = [name.strip() for name in next(csv.reader(lines, delimiter=delimiter, strict=True), [])]
    except csv.Error as error:
        raise DataError(f"{path}, line 1: the header cannot be read ({error}); mend its quotes") from error
    if not any(header):
        raise DataError(f"{path} is empty; it needs a header and rows below it")
    (twice, count), *_ = Counter(header).most_common(1)
    if count > 1:
        raise DataError(f"{path}, line 1: {count} columns are called {twice!r}; rename all but one of them")
    return header, delimiter


def _rejected(path: Path, line: int, lines: _Lines, reason: str) -> Rejected:
    content = lines.give_back()[:SHOWN].encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()
    return Rejected(Place(str(path), "line", line), reason, content)


def _record(place: Place, header: list[str], fields: list[str]) -> Record | Rejected:
    try:
        "".join(fields).encode()
    except UnicodeEncodeError as error:  # what was no UTF-8 stands as lone surrogates here
        byte = ord(error.object[error.start]) - 0xDC00
        shown = error.object[:SHOWN].encode("utf-8", "replace").decode()
        return Rejected(place, f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8", shown)
    return Record(place, dict(zip(header, fields, strict=True)))
