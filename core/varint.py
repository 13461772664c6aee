"""Whole numbers in as few bytes as they need: seven bits in each, the lowest first (LEB128)."""

from __future__ import annotations


def packed(number: int) -> bytes:
    """``number`` is not negative."""
    if number <= 0x7F:
        return bytes((number,))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read(data: bytes, position: int) -> tuple[int, int]:
    """The number that begins there, and where the next one does. Raises ``IndexError`` for one that is cut off."""
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
