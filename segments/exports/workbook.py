"""A table as an Excel workbook, written row by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

MAX_ROWS = 1_048_575  # of a sheet, below the header
MAX_COLUMNS = 16_384


def write(out: IO[bytes], table: Iterable[Sequence[str]]) -> None:
    """Every cell is text, so that no value that begins with = is ever a formula. Control characters, which XML can't hold, are left out."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("endpoints")
    for row in table:
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", value) if value else None)
            if value:
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    book.save(out)
