"""Reading a file of events row by row: NDJSON or CSV, packed with gzip or not."""

import csv
import gzip
import hashlib
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Literal, Self

from millrace_core.errors import InvalidInput

_LONGEST_LINE: Final = 8 * 2**20
_BOM: Final = b"\xef\xbb\xbf"
_UNREADABLE: Final = (EOFError, OSError, zlib.error)
"""What a disk, or a packed file that is damaged or cut off, raises."""

Form = Literal["ndjson", "csv"]


@dataclass(frozen=True, slots=True)
class Place:
    """Behind a row: the byte in the unpacked file, and how many lines are before it."""

    offset: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file."""

    line: int
    """Of the file, from 1; where the row ends, if it has several."""
    text: bytes
    """For CSV the cells joined by NUL, which no other row with other cells equals."""
    cells: list[str] | None
    """None for NDJSON, and where the quotes of the row are wrong."""
    end: Place
    wrong: InvalidInput | None = None
    """Why it cannot be read, where it cannot."""


class _Again:
    """Lines, of which those that a row has taken can be read once more."""

    def __init__(self, lines: Iterator[tuple[bytes, Place]]) -> None:
        self._lines = lines
        self.read: list[tuple[bytes, Place]] = []
        """Since this was cleared last."""
        self.again: deque[tuple[bytes, Place]] = deque()
        """What comes before the others."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[bytes, Place]:
        line = self.again.popleft() if self.again else next(self._lines)
        self.read.append(line)
        return line


class Source:
    """An open file of events.

    Args:
        start: where to begin; the header of a CSV file is read in any case.

    Raises:
        InvalidInput: the file cannot be read, or is neither NDJSON nor CSV.
    """

    def __init__(self, path: Path, form: Form | None = None, start: Place | None = None) -> None:
        if not path.is_file():
            raise InvalidInput(f"{path} is no file")
        try:
            self._raw = path.open("rb")
            self.size = path.stat().st_size
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
        try:
            self._open(path, form, start)
        except _UNREADABLE as error:
            self._raw.close()
            raise InvalidInput(f"the file cannot be unpacked: {error}") from error
        except BaseException:
            self._raw.close()
            raise

    def _open(self, path: Path, form: Form | None, start: Place | None) -> None:
        packed = self._raw.read(2) == b"\x1f\x8b"
        self._raw.seek(0)
        self._file: IO[bytes] = gzip.GzipFile(fileobj=self._raw) if packed else self._raw  # type: ignore[assignment]
        self._place = Place()
        self._delimiter = ","
        self.form: Form = form or self._recognise(path)
        self.header = self._read_header() if self.form == "csv" else []
        self.identity = self._read_identity()
        if start is not None and start.offset > self._place.offset:
            self._file.seek(start.offset)
            self._place = start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        self._raw.close()

    @property
    def bytes_read(self) -> int:
        """Of the file as it is on disk, so that a packed one has an end to measure against."""
        return self._raw.tell()

    def rows(self) -> Iterator[Row]:
        """The rows that are left; empty lines are none.

        Raises:
            InvalidInput: the packed file is damaged from here on.
        """
        try:
            yield from self._csv_rows() if self.form == "csv" else self._json_rows()
        except _UNREADABLE as error:
            raise InvalidInput(
                f"the file cannot be read behind line {self._place.line:,}: {error}. What stands before that is sent; the same "
                "command goes on from there once the file is whole"
            ) from error

    def _json_rows(self) -> Iterator[Row]:
        for line, place in self._lines():
            self._place = place
            text = line.strip()
            if text:
                yield Row(self._place.line, text, None, self._place)

    def _csv_rows(self) -> Iterator[Row]:
        """The rows. Where quotes are wrong the row is its first line, as a quote that is never closed takes in all that comes
        behind it: the lines after that are read again. They are rows if they have as many cells as the header, since the rest
        of a row that has several lines would be an event that nobody sent."""
        lines = _Again(self._lines())
        reader = self._reader(lines)
        is_certain = True
        while True:
            lines.read.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                is_certain = False
                yield self._wrong_row(lines, f"the row cannot be read: {error}")
                reader = self._reader(lines)  # one that has seen the end of the file reads no more
                continue
            if cells and not is_certain and len(cells) != len(self.header):
                yield self._wrong_row(
                    lines, "the row is behind one that cannot be read, and has not as many cells as the header"
                )
            elif cells:
                is_certain = True
                # Bytes that are no UTF-8 pass as lone surrogates, which make a rejected row instead of an end of the import.
                text = "\0".join(cells).encode("utf-8", "surrogateescape")
                yield Row(self._place.line, text, cells, self._place)

    def _wrong_row(self, lines: _Again, message: str) -> Row:
        """The first line of what was read last; the others will be read again."""
        text, self._place = lines.read[0]
        lines.again.extendleft(reversed(lines.read[1:]))
        wrong = InvalidInput(message, code="invalid_csv")
        return Row(self._place.line, text.rstrip(b"\r\n"), None, self._place, wrong)

    def _reader(self, lines: Iterator[tuple[bytes, Place]]) -> Iterator[list[str]]:
        csv.field_size_limit(_LONGEST_LINE)
        return csv.reader(self._texts(lines), delimiter=self._delimiter, strict=True)

    def _texts(self, lines: Iterator[tuple[bytes, Place]]) -> Iterator[str]:
        for line, place in lines:
            self._place = place
            yield line.decode("utf-8", "surrogateescape")

    def _lines(self) -> Iterator[tuple[bytes, Place]]:
        """The lines, each with the place behind it."""
        place = self._place
        while line := self._file.readline(_LONGEST_LINE):
            cut = len(line) == _LONGEST_LINE and not line.endswith(b"\n")
            offset = place.offset + len(line)
            while cut and (rest := self._file.readline(_LONGEST_LINE)):
                offset += len(rest)
                cut = not rest.endswith(b"\n")
            place = Place(offset, place.line + 1)
            yield line.removeprefix(_BOM) if place.line == 1 else line, place

    def _recognise(self, path: Path) -> Form:
        name = path.name.lower().removesuffix(".gz")
        if name.endswith((".csv", ".tsv")):
            return "csv"
        if name.endswith((".ndjson", ".jsonl")):
            return "ndjson"
        begin = self._peek().lstrip()
        if begin.startswith(b"["):
            raise InvalidInput(f"{path} is one JSON array; an import reads one object a line (`jq -c '.[]'` makes it so)")
        return "ndjson" if begin.startswith(b"{") else "csv"

    def _peek(self) -> bytes:
        begin = self._file.read(4096)
        self._file.seek(0)
        return begin.removeprefix(_BOM)

    def _read_header(self) -> list[str]:
        first = self._peek().split(b"\n", 1)[0].decode("utf-8", "surrogateescape")
        self._delimiter = max(",;\t|", key=first.count)
        try:
            header = next(self._reader(self._lines()), None)
        except csv.Error as error:
            raise InvalidInput(f"the header of the file cannot be read: {error}") from error
        if not header:
            raise InvalidInput("the file is empty; a CSV file begins with the names of its columns")
        return [name.strip() for name in header]

    def _read_identity(self) -> str:
        """What tells this file from others: how it begins. It stays when the file is renamed, packed or continued."""
        place = self._place
        first = next(self.rows(), None)
        self._place = place
        self._file.seek(place.offset)
        digest = hashlib.blake2b("\0".join(self.header).encode("utf-8", "surrogateescape"), digest_size=16)
        digest.update(first.text if first is not None else b"")
        return digest.hexdigest()
