"""Pages by the last id of the one before."""

from __future__ import annotations

_BIGGEST = 2**63 - 1  # of PostgreSQL's bigint


def position(text: str) -> int | None:
    """The id in a parameter of an address (``?after=``); None for anything that is no id."""
    if not text.isascii() or not text.isdecimal() or len(text) > 19:
        return None
    return min(int(text), _BIGGEST)
