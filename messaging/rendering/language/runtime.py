"""What the pieces of a compiled message read, and nothing else: one endpoint's document, its links, the moment of sending."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from analytics.links import RunLinks


class Recipient:
    """``this``, ``index`` and ``is_last`` belong to the block that is being written."""

    __slots__ = ("document", "endpoint_id", "index", "is_last", "links", "now", "this", "unsubscribe")

    def __init__(
        self, *, document: dict[str, Any], links: RunLinks | None, endpoint_id: int, unsubscribe: str, now: datetime.datetime
    ) -> None:
        self.document = document
        self.links = links
        self.endpoint_id = endpoint_id
        self.unsubscribe = unsubscribe
        self.now = now
        self.this: Any = None
        self.index = 0
        self.is_last = False


Get = Callable[[Recipient], Any]
GetText = Callable[[Recipient], str]
Piece = str | GetText


def join(pieces: Sequence[Piece], recipient: Recipient) -> str:
    return "".join([piece if type(piece) is str else piece(recipient) for piece in pieces])  # type: ignore[operator]


def merged(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces with neighbouring texts as one."""
    found: list[Piece] = []
    texts: list[str] = []
    for piece in (*pieces, None):
        if isinstance(piece, str):
            texts.append(piece)
            continue
        if any(texts):
            found.append("".join(texts))
        texts = []
        if piece is not None:
            found.append(piece)
    return tuple(found)
