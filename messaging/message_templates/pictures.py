"""What kind of picture a file is, by its own bytes: neither its name nor its type as uploaded says so."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from django.utils.translation import gettext as _

from messaging.message_templates.refusals import TemplateRefused

SIZE_LIMIT = 2 << 20  # bytes; a mail that loads for longer is closed before
SIDE_LIMIT = 4_096  # pixels
_JPEG_FRAMES = frozenset([*range(0xC0, 0xD0)]) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class Picture:
    content_type: str
    width: int
    height: int


def recognised(data: bytes) -> Picture:
    """PNG, JPEG, GIF or WebP: what mail programs show. Raises ``TemplateRefused``."""
    if len(data) > SIZE_LIMIT:
        given = {"size": f"{len(data) / (1 << 20):.1f}", "limit": SIZE_LIMIT >> 20}
        raise TemplateRefused(_("The picture has %(size)s MB; at most %(limit)s MB are possible. Make it smaller.") % given)
    try:
        picture = _png(data) or _gif(data) or _webp(data) or _jpeg(data)
    except (struct.error, IndexError):  # cut off
        picture = None
    if picture is None or not (picture.width and picture.height):
        raise TemplateRefused(_("Only PNG, JPEG, GIF and WebP pictures are possible: mail programs show no others."))
    if max(picture.width, picture.height) > SIDE_LIMIT:
        given = {"width": picture.width, "height": picture.height, "limit": SIDE_LIMIT}
        raise TemplateRefused(_("The picture has %(width)s × %(height)s pixels; at most %(limit)s a side are possible.") % given)
    return picture


def _png(data: bytes) -> Picture | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:24])
    return Picture("image/png", width, height)


def _gif(data: bytes) -> Picture | None:
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        return None
    width, height = struct.unpack("<HH", data[6:10])
    return Picture("image/gif", width, height)


def _webp(data: bytes) -> Picture | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 25:
        return None
    match data[12:16]:
        case b"VP8X":
            width, height = (int.from_bytes(struct.unpack("3s", data[at : at + 3])[0], "little") + 1 for at in (24, 27))
        case b"VP8L":
            (bits,) = struct.unpack("<I", data[21:25])
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = (number & 0x3FFF for number in struct.unpack("<HH", data[26:30]))
        case _:
            return None
    return Picture("image/webp", width, height)


def _jpeg(data: bytes) -> Picture | None:
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Picture("image/jpeg", width, height)
        at += 2 + max(length, 2)
    return None
