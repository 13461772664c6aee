"""The files of a folder: JSON documents, one or several in a file, and exports of endpoints, plain or gzip. Nothing outside is read."""

from __future__ import annotations

import gzip
import json
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from console.moving.kinds import Kind, recognised

DOCUMENT_BYTES = 64 << 20  # of a file of JSON documents, unpacked; an export has no limit
LINE_BYTES = 1 << 20  # of an export's line; an endpoint has at most 15 KB
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")  # as PowerShell writes what is redirected into a file
# Files that lie about and say nothing; hidden ones are passed over, too.
_PASSED = {".md", ".txt", ".sh", ".ps1", ".log"}


class Unreadable(Exception):
    """A file, or a part of it, that can't be read; the text says what to do."""


@dataclass(frozen=True, slots=True)
class File:
    """``name`` is its path from the folder on, with slashes."""

    path: Path
    name: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Its folders, from the outermost one on."""
        return tuple(self.name.split("/")[:-1])


def files(root: Path) -> Iterator[File | tuple[str, str]]:
    """Regular files below the folder in the order of their names; for others the name and why they are not read."""
    inside = root.resolve()
    for path in sorted(_walk(inside)):
        name = path.relative_to(inside).as_posix()
        if path.is_symlink():
            yield name, "it is a symbolic link, and links are not followed. Copy the file itself into the folder."
        elif not stat.S_ISREG(path.lstat().st_mode):
            yield name, "it is no regular file."
        elif path.suffix.lower() not in _PASSED and path.stat().st_size:
            yield File(path, name)


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


def is_export(file: File) -> bool:
    """Whether its first line is an endpoint. Raises ``Unreadable``."""
    with opened(file) as stream:
        try:
            line = stream.readline(LINE_BYTES)
        except (OSError, EOFError, zlib.error) as fault:
            raise Unreadable(f"it is damaged ({fault}). Download it again.") from None
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(first, dict) and [kind for kind, _one in recognised(first)] == [Kind.ENDPOINT]


def opened(file: File) -> IO[bytes]:
    with file.path.open("rb") as stream:
        is_packed = stream.read(2) == _GZIP
    return cast(IO[bytes], gzip.open(file.path, "rb")) if is_packed else file.path.open("rb")


def lines(file: File) -> Iterator[tuple[int, bytes | None]]:
    """The lines of an export with their numbers, empty ones left out; None for one that is too long. Raises ``Unreadable``."""
    number = 0
    try:
        with opened(file) as stream:
            while line := stream.readline(LINE_BYTES):
                number += 1
                is_whole = line.endswith(b"\n") or len(line) < LINE_BYTES
                if not is_whole:
                    while (rest := stream.readline(LINE_BYTES)) and not rest.endswith(b"\n"):
                        pass
                    yield number, None
                elif not line.isspace():
                    yield number, line
    except (OSError, EOFError, zlib.error) as fault:
        raise Unreadable(f"it is damaged after line {number} ({fault}). Download it again.") from None


def documents(file: File) -> Iterator[Any]:
    """The JSON values of a file, one after the other. Raises ``Unreadable`` where it breaks off; those before it were given."""
    try:
        with opened(file) as stream:
            read = stream.read(DOCUMENT_BYTES + 1)
    except (OSError, EOFError, zlib.error) as fault:
        raise Unreadable(f"it is damaged ({fault}). Download it again.") from None
    if len(read) > DOCUMENT_BYTES:
        raise Unreadable(f"it is larger than {DOCUMENT_BYTES >> 20} MB and no export of endpoints. Save it in pages.")
    yield from _values(_text(read))


def _text(read: bytes) -> str:
    try:
        return read.decode("utf-16" if read[:2] in _UTF16 else "utf-8-sig")
    except UnicodeDecodeError as fault:
        raise Unreadable(f"it is no UTF-8 text (byte {fault.start}).") from None


def _values(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(parse_constant=_no_number)
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as fault:
            line = text.count("\n", 0, getattr(fault, "pos", place)) + 1
            reason = getattr(fault, "msg", "") or str(fault)[:200]
            raise Unreadable(f"it is no JSON from line {line} on: {reason}. Save it again.") from None
        yield value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
