"""What the pieces of a compiled message read, and nothing else: one endpoint's document, its links, the moment of sending."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Links(Protocol):
    """The addresses of one message: a run's (``analytics.links.RunLinks``), or stand-ins for them."""

    def open_url(self, endpoint_id: int) -> str: ...

    def click_url(self, endpoint_id: int, link_number: int, target: str) -> str: ...

    def click_of(self, endpoint_id: int, tail: bytes) -> str:
        """Of a link whose target everybody shares: ``tail`` is its ``analytics.links.click_tail``."""
        ...

    def unsubscribe_url(self, endpoint_id: int) -> str: ...


class Recipient:
    """``this``, ``index`` and ``is_last`` belong to the block that is being written."""

    __slots__ = ("document", "endpoint_id", "index", "is_last", "links", "now", "this", "unsubscribe")

    def __init__(
        self, *, document: dict[str, Any], links: Links | None, endpoint_id: int, unsubscribe: str, now: datetime.datetime
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


def joined(pieces: Sequence[Piece]) -> GetText:
    """One function for all of them: what is the same for everybody lies ready in its place."""
    fixed = [piece if isinstance(piece, str) else "" for piece in pieces]
    calls = _calls(pieces)
    if not calls:
        whole = "".join(fixed)
        return lambda recipient: whole
    if len(pieces) == 1:
        return calls[0][0]

    def join(recipient: Recipient) -> str:
        out = fixed.copy()
        for call, number, others in calls:
            out[number] = written = call(recipient)
            for other in others:
                out[other] = written
        return "".join(out)

    return join


def encoded(pieces: Sequence[Piece]) -> Callable[[Recipient], bytes]:
    """The same in UTF-8: what is the same for everybody has been encoded once."""
    fixed = [piece.encode("utf-8", "replace") if isinstance(piece, str) else b"" for piece in pieces]
    calls = _calls(pieces)

    def join(recipient: Recipient) -> bytes:
        out = fixed.copy()
        for call, number, others in calls:
            out[number] = written = call(recipient).encode("utf-8", "replace")
            for other in others:
                out[other] = written
        return b"".join(out)

    return join


def _calls(pieces: Sequence[Piece]) -> list[tuple[GetText, int, list[int]]]:
    """The functions among the pieces: each with its first place, and its others. A name that is written often is looked up once."""
    places: dict[GetText, list[int]] = {}
    for number, piece in enumerate(pieces):
        if not isinstance(piece, str):
            places.setdefault(piece, []).append(number)
    return [(call, first, others) for call, (first, *others) in places.items()]


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
