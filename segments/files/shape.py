"""What a file is, told by its bytes."""

from __future__ import annotations

import codecs
import contextlib
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from django.conf import settings

from endpoints.importer.refusals import FileRefused

HEAD_BYTES = 64 << 10
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_PARTS = {"[Content_Types].xml", "xl/workbook.xml"}  # that every Excel workbook has
_BLOCK = 1 << 20


def is_zip(head: bytes) -> bool:
    return head.startswith(_ZIP)


def is_utf8(head: bytes) -> bool:
    """Whether the beginning of a file reads as UTF-8 (a character that the end cuts is no fault)."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


@contextlib.contextmanager
def workbook_file(stream: Any, head: bytes) -> Iterator[BinaryIO]:
    """The whole of a zip that is a workbook, as a file one may seek in. Raises ``FileRefused`` for any other zip."""
    with tempfile.SpooledTemporaryFile(max_size=_BLOCK) as whole:
        whole.write(head)
        while block := stream.read(_BLOCK):
            whole.write(block)
            if whole.tell() > settings.IMPORT_MAX_BYTES:
                raise FileRefused("too_large", bytes=whole.tell(), limit=settings.IMPORT_MAX_BYTES)
        try:
            with zipfile.ZipFile(whole) as archive:
                parts = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError):
            raise FileRefused("compressed", kind="zip") from None
        if not {part.filename for part in parts} >= _PARTS:
            raise FileRefused("compressed", kind="zip")
        unpacked = sum(part.file_size for part in parts)
        if unpacked > settings.IMPORT_MAX_BYTES:  # a small zip may hold very much
            raise FileRefused("too_large", bytes=unpacked, limit=settings.IMPORT_MAX_BYTES)
        whole.seek(0)
        yield whole  # type: ignore[misc]
