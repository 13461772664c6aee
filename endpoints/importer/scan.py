"""The first pass over a file: everything for which it must be refused whole, and its division into pieces. Constant memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from endpoints.importer.columns import parse_header
from endpoints.importer.refusals import FileRefused

PIECE_BYTES = 8 << 20  # some 60,000 lines: a transaction of seconds, and 100 MB in memory
_PIECES = 4  # of a file that is small; each writes facets of its own
_LEAST_BYTES = 1 << 20
_BLOCK = 1 << 20
_MAGIC = {
    b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "rar", b"\x04\x22\x4d\x18": "lz4", b"\x1f\x9d": "compress",
}  # fmt: skip


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of whole lines: bytes ``start`` … ``end`` (exclusive), the first of them being line ``first_line`` (from 1)."""

    start: int
    end: int
    first_line: int


@dataclass(slots=True)
class ScannedFile:
    """What the first pass found: the header's names (CSV only), the pieces, the size in bytes, and what it wants to note."""

    header: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    size: int = 0
    ignored_columns: list[str] = field(default_factory=list)


def scan(
    stream: Readable,
    *,
    is_csv: bool,
    piece_bytes: int = PIECE_BYTES,
    total_bytes: int | None = None,
    max_bytes: int | None = None,
) -> ScannedFile:
    """Read a file to its end; raises ``FileRefused``. ``total_bytes`` is its size, where that is known: a small file has smaller
    pieces, so that several workers share it and one sees it move."""
    if total_bytes is not None:
        piece_bytes = min(piece_bytes, max(total_bytes // _PIECES, _LEAST_BYTES))
    scanning = _Scanning(is_csv=is_csv, piece_bytes=piece_bytes)
    for run in _runs(stream, scanning.found, max_bytes):
        if scanning.is_simple(run):
            scanning.take_run(run)
        else:
            for line in _ended(run):
                scanning.take_line(line)
    return scanning.end()


class _Scanning:
    """The way through a file, by whole lines: one by one where quotation marks must be followed, else a run of them at once."""

    def __init__(self, *, is_csv: bool, piece_bytes: int) -> None:
        self.found = ScannedFile()
        self._is_csv, self._piece_bytes = is_csv, piece_bytes
        self._quotes = _Quotes()
        self._start = self._first_line = 0  # of the piece; no line is the first until there is one
        self._position = self._line_number = 0  # behind the last line

    def is_simple(self, run: bytes) -> bool:
        has_begun = self._first_line > 0
        return has_begun and not self._quotes.is_open and not (self._is_csv and b'"' in run)

    def take_run(self, run: bytes) -> None:
        self._quotes.saw_text = self._quotes.saw_text or not run.isspace()
        done = 0
        while self._position + len(run) - done - self._start >= self._piece_bytes:
            least = done + max(self._start + self._piece_bytes - self._position, 1)  # bytes of the run that fill the piece
            end = run.find(b"\n", least - 1) + 1
            if not end:
                break
            self._advance(end - done, run.count(b"\n", done, end))
            self._cut()
            done = end
        if done < len(run):
            self._advance(len(run) - done, run.count(b"\n", done) + (not run.endswith(b"\n")))
            if self._position - self._start >= self._piece_bytes:
                self._cut()

    def take_line(self, line: bytes) -> None:
        self._advance(len(line), 1)
        text = line.strip()
        if self._line_number == 1:
            _check_format(text.removeprefix(codecs.BOM_UTF8), is_csv=self._is_csv)
        if self._is_csv and not self.found.header:
            _take_header(self.found, text.removeprefix(codecs.BOM_UTF8))
            self._begin()
            return
        if not self._first_line:  # JSON lines begin with the first line, behind a byte-order mark
            self._start, self._first_line = (3 if line.startswith(codecs.BOM_UTF8) else 0), 1
        if self._is_csv:
            self._quotes.feed(line, self._line_number)
        if self._position - self._start >= self._piece_bytes and not self._quotes.is_open:
            self._cut()

    def end(self) -> ScannedFile:
        if self._quotes.is_open:
            raise FileRefused("open_quote", line=self._quotes.opened_on)
        if self._position > self._start and self._first_line:
            self._cut()
        if not self.found.spans or (not self._quotes.saw_text and self._is_csv):
            raise FileRefused("empty")
        return self.found

    def _advance(self, count: int, lines: int) -> None:
        self._position += count
        self._line_number += lines

    def _cut(self) -> None:
        self.found.spans.append(Span(start=self._start, end=self._position, first_line=self._first_line))
        self._begin()

    def _begin(self) -> None:
        self._start, self._first_line = self._position, self._line_number + 1


def _check_format(first: bytes, *, is_csv: bool) -> None:
    if is_csv and first.startswith((b"{", b"[")):
        raise FileRefused("looks_like_json")
    if not is_csv and first and not first.startswith(b"{"):
        raise FileRefused("looks_like_csv")


def _take_header(found: ScannedFile, text: bytes) -> None:
    if not text:
        raise FileRefused("empty")
    columns = parse_header(text.decode())
    found.header = [column.header for column in columns]
    found.ignored_columns = [column.header for column in columns if column.header in ("EndpointStatus", "EffectiveDate")]


def _runs(stream: Readable, found: ScannedFile, max_bytes: int | None) -> Iterator[bytes]:
    """Runs of whole lines with their ends, of which the last may lack one; checks magic bytes and UTF-8 block by block."""
    check = _Utf8()
    rest = b""
    while block := stream.read(_BLOCK):
        if found.size == 0:
            _check_magic(block)
        found.size += len(block)
        if max_bytes is not None and found.size > max_bytes:
            raise FileRefused("too_large", bytes=found.size, limit=max_bytes)
        check.feed(block)
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
            rest = block[end:]
        else:
            rest += block
    check.end()
    if found.size == 0:
        raise FileRefused("empty")
    if rest:
        yield rest


def _ended(run: bytes) -> Iterator[bytes]:
    """The lines of a run with their ends; only a line feed ends one."""
    lines = run.split(b"\n")
    last = lines.pop()
    for line in lines:
        yield line + b"\n"
    if last:
        yield last


def _check_magic(block: bytes) -> None:
    for magic, kind in _MAGIC.items():
        if block.startswith(magic):
            raise FileRefused("compressed", kind=kind)
    if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileRefused("utf16")


class _Utf8:
    """Checks UTF-8 over blocks, and tells byte and line of the first fault."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._lines = 1  # the line that the present block begins in
        self._column = 0  # bytes of that line before the block
        self._held = b""  # bytes of a character that the last block cut

    def feed(self, block: bytes, *, final: bool = False) -> None:
        try:
            self._decoder.decode(block, final)
        except UnicodeDecodeError as fault:
            self._refuse(self._held + block, fault.start)
        self._held = self._decoder.getstate()[0]
        self._advance(block)

    def end(self) -> None:
        self.feed(b"", final=True)

    def _advance(self, block: bytes) -> None:
        newlines = block.count(b"\n")
        self._lines += newlines
        self._column = len(block) - block.rfind(b"\n") - 1 if newlines else self._column + len(block)

    def _refuse(self, data: bytes, at: int) -> None:
        before = data[:at]
        newlines = before.count(b"\n")
        column = at - before.rfind(b"\n") - 1 if newlines else self._column - len(self._held) + at
        code = "cp949" if _looks_like_cp949(data[at : at + 4096]) else "not_utf8"
        raise FileRefused(code, byte=column + 1, line=self._lines + newlines)


def _looks_like_cp949(data: bytes) -> bool:
    for cut in (0, 1):
        try:
            text = data[: len(data) - cut].decode("cp949")
        except UnicodeDecodeError:
            continue
        return any("가" <= char <= "힣" for char in text)
    return False


class _Quotes:
    """Follows quotation marks over lines as the csv module in strict mode does.

    A mark opens a value only at its beginning; inside, two stand for one, and one closes it before a comma or the line's end.
    Anything else is stray: on the line that opened it, it refuses that line alone; on a later one, the opening was never meant.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.opened_on = 0
        self.saw_text = False

    def feed(self, line: bytes, number: int) -> None:
        if not self.saw_text and line.strip():
            self.saw_text = True
        if b'"' not in line:
            return
        body = line.rstrip(b"\r\n")
        position = 0
        while True:
            if not self.is_open:
                opening = self._opening(body, position)
                if opening < 0:
                    return
                self.is_open, self.opened_on, position = True, number, opening + 1
            closing = self._closing(body, position)
            if closing < 0:
                return
            self.is_open = False
            following = body[closing + 1 : closing + 2]
            if following not in (b"", b","):
                if self.opened_on != number:
                    raise FileRefused("open_quote", line=self.opened_on)
                return
            position = closing + 1

    @staticmethod
    def _opening(body: bytes, position: int) -> int:
        if position == 0 and body.startswith(b'"'):
            return 0
        found = body.find(b',"', position)
        return found + 1 if found >= 0 else -1

    @staticmethod
    def _closing(body: bytes, position: int) -> int:
        while True:
            mark = body.find(b'"', position)
            if mark < 0:
                return -1
            if body[mark + 1 : mark + 2] != b'"':
                return mark
            position = mark + 2
