"""A page with its counted links marked, for whoever draws numbers on the mail itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from core import varint
from messaging.rendering import escaping, markup

_PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
# What Outlook alone reads; a browser takes it for a comment, unless it is one that other programs are to read.
_OUTLOOK = re.compile(r"<!--\[if[^>]*>(?!\s*<!-->).*?-->", re.DOTALL)


class Marks:
    """Stands where a run's links stand: writes addresses that ``drawn`` finds again, and an open that nobody hears of.

    ``word`` is one that the message can't hold: letters and digits, made for this page alone.
    """

    def __init__(self, *, word: str) -> None:
        self._base = f"https://{word}.invalid/"
        self.pattern = re.compile(re.escape(self._base) + r"(\d+)")
        self._places: list[tuple[int | None, str]] = []

    def open_url(self, endpoint_id: int) -> str:
        return _PIXEL

    def click_url(self, endpoint_id: int, link_number: int, target: str) -> str:
        return self._place(link_number, target)

    def click_of(self, endpoint_id: int, tail: bytes) -> str:
        number, at = varint.read(tail, 0)
        return self._place(number - 1, tail[at:].decode())

    def unsubscribe_url(self, endpoint_id: int) -> str:
        return self._place(None, "#")

    def at(self, address: str) -> tuple[int | None, str] | None:
        """The link's number (None: the one to unsubscribe) and its target, if it is one of these."""
        found = self.pattern.fullmatch(address)
        return self._places[int(found[1])] if found else None

    def _place(self, number: int | None, target: str) -> str:
        self._places.append((number, target))
        return f"{self._base}{len(self._places) - 1}"


@dataclass(frozen=True, slots=True)
class Badge:
    """What stands at a link. ``heat``: 0 … 5, for the page's style."""

    text: str
    heat: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """``seen``: the links that are in the page as a browser shows it."""

    page: str
    seen: frozenset[int | None]


def drawn(page: str, *, marks: Marks, badge_of: Callable[[int | None], Badge], head: str) -> Drawn:
    """The page with a badge within each link and ``head`` (styles) before all else; the links lead where they are aimed.

    A badge is ``<span data-pabal-badge>``, its link has ``data-pabal-heat``. The first of a number has the id ``pabal-link-N``. An area of
    a picture holds no badge.
    """
    hidden = [found.span() for found in _OUTLOOK.finditer(page)]
    edits: list[tuple[int, int, str]] = []
    seen: set[int | None] = set()
    scanner = markup.Scanner()
    tag, named, begun, link = "", 0, -1, None
    for event in scanner.feed(page):
        if event.kind == "named":
            tag, named, begun, link = scanner.place.tag, event.at, -1, None
        elif event.kind == "begin":
            begun = event.at if scanner.place.attribute == "href" else -1
        elif event.kind == "end" and begun >= 0:
            link = marks.at(page[begun : event.at])
            if link is not None:
                edits.append((named, named, f' data-pabal-heat="{badge_of(link[0]).heat}"'))
                edits.append((begun, event.at, escaping.text(link[1])))
            begun = -1
        elif event.kind == "close" and link is not None:
            number, is_seen = link[0], not any(start <= event.at <= end for start, end in hidden)
            if tag == "a":
                edits.append((event.at, event.at, _badge(badge_of(number), "" if number in seen or not is_seen else _id(number))))
            if is_seen:
                seen.add(number)
            link = None
    start = _DOCTYPE.match(page)
    edits.insert(0, (start.end(), start.end(), head) if start else (0, 0, head))
    return Drawn(page=marks.pattern.sub("#", _edited(page, edits)), seen=frozenset(seen))


def _id(number: int | None) -> str:
    return f' id="pabal-link-{"out" if number is None else number}"'


def _badge(badge: Badge, name: str) -> str:
    return f'<span data-pabal-badge="{badge.heat}"{name}>{escaping.text(badge.text)}</span>'


def _edited(page: str, edits: list[tuple[int, int, str]]) -> str:
    out, position = [], 0
    for start, end, text in edits:
        out += [page[position:start], text]
        position = end
    return "".join([*out, page[position:]])
