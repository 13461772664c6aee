"""Files of addresses: read with the column that holds them, written so that no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

BYTES_LIMIT = 10 << 20  # some 300,000 addresses
_NAMES = frozenset({"address", "email", "e-mail", "email address", "emailaddress", "이메일", "이메일 주소", "주소", "메일"})
_FORMULA = ("=", "+", "-", "@")


class Undecodable(ValueError):
    """The file is neither in UTF-8 nor in CP949."""


def addresses(raw: bytes) -> Iterator[str]:
    """The addresses of a CSV file, or of one with an address a line. Raises ``Undecodable``.

    The column is the one whose name says so, else the first.
    """
    column = 0
    for number, row in enumerate(csv.reader(io.StringIO(_text(raw)), strict=False)):
        if number == 0:
            named = [place for place, cell in enumerate(row) if cell.strip().lower() in _NAMES]
            if named:
                column = named[0]
                continue
        if len(row) > column:
            text = row[column].strip()
            yield text[1:] if text[:1] == "'" and text[1:2] in _FORMULA else text


def _text(raw: bytes) -> str:
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return raw.decode(encoding).replace("\0", "")
        except UnicodeDecodeError:
            continue
    raise Undecodable


def lines(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """CSV for Excel, line by line: with a mark of UTF-8, and an apostrophe before what would be a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    out.write("\ufeff")
    for row in rows:
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
