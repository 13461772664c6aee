"""The HTML read once: its links, its pictures, and text that is hard to read on its background."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

from messaging.inspection.colours import WHITE, Colour, colour, contrast
from messaging.rendering import plain_text

_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"])
_SILENT = frozenset(["head", "style", "script", "title"])
_ENOUGH, _ENOUGH_LARGE = 4.5, 3.0  # WCAG 2.2, level AA
_LARGE, _LARGE_BOLD = 24.0, 18.66  # CSS pixels
_PIXELS = re.compile(r"([\d.]{1,6})px")


@dataclass(frozen=True, slots=True)
class Picture:
    line: int
    source: str
    alt: str | None
    is_link: bool


@dataclass(frozen=True, slots=True)
class Faint:
    """Text whose contrast is too low; a number from 1 to 21."""

    line: int
    text: str
    contrast: float


@dataclass(slots=True)
class Page:
    links: list[tuple[int, str]] = field(default_factory=list)  # line, target as written
    pictures: list[Picture] = field(default_factory=list)
    faint: list[Faint] = field(default_factory=list)
    text: str = ""


def read(html: str) -> Page:
    reader = _Reader()
    reader.feed(plain_text.closed(html))
    reader.close()
    reader.page.text = " ".join("".join(reader.texts).split())
    return reader.page


@dataclass(frozen=True, slots=True)
class _Style:
    """What an element hands down. A background that nobody can know (a picture, a variable) is None."""

    tag: str
    colour: Colour | None
    background: Colour | None
    size: float
    is_bold: bool
    is_shown: bool


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.texts: list[str] = []
        self._open = [_Style("", None, WHITE, 16.0, is_bold=False, is_shown=True)]
        self._names: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        line = self.getpos()[0]
        if tag in ("a", "area"):
            self.page.links.append((line, (given.get("href") or "").strip()))
        elif tag == "img":
            source = (given.get("src") or "").strip()
            self.page.pictures.append(Picture(line, source, given.get("alt"), is_link=self._names["a"] > 0))
        if tag not in _VOID:
            self._open.append(_style(tag, given, self._open[-1]))
            self._names[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        while self._names[tag]:
            closed = self._open.pop()
            self._names[closed.tag] -= 1
            if closed.tag == tag:
                return

    def handle_data(self, data: str) -> None:
        style = self._open[-1]
        text = data.strip()
        if not text or not style.is_shown:
            return
        self.texts += (data, " ")
        if style.colour is None or style.background is None or len(self.page.faint) >= 20:
            return
        is_large = style.size >= (_LARGE_BOLD if style.is_bold else _LARGE)
        found = contrast(style.colour, style.background)
        if found < (_ENOUGH_LARGE if is_large else _ENOUGH):
            self.page.faint.append(Faint(self.getpos()[0], text[:40], found))


def _style(tag: str, given: Mapping[str, str | None], above: _Style) -> _Style:
    rules = _rules(given.get("style") or "")
    said = rules.get("color") or (given.get("color") if tag == "font" else None)
    size = _PIXELS.search(rules.get("font-size", ""))
    weight = rules.get("font-weight", "")
    is_hidden = tag in _SILENT or "none" in rules.get("display", "")
    return _Style(
        tag=tag,
        colour=(None if tag == "a" and not said else colour(said) if said else above.colour),
        background=_background(rules, given.get("bgcolor"), above.background),
        size=float(size[1].strip(".") or 16) if size and size[1].count(".") < 2 else above.size,
        is_bold=(weight in ("bold", "600", "700", "800", "900"))
        if weight
        else above.is_bold or tag in ("b", "strong", "h1", "h2", "h3"),
        is_shown=above.is_shown and not is_hidden,
    )


def _background(rules: Mapping[str, str], attribute: str | None, above: Colour | None) -> Colour | None:
    if "url(" in rules.get("background", "") or "url(" in rules.get("background-image", ""):
        return None
    said = rules.get("background-color") or rules.get("background") or attribute
    if not said or said.strip() in ("transparent", "none", "inherit", "initial"):
        return above
    return colour(said)


def _rules(style: str) -> dict[str, str]:
    found = {}
    for rule in style.lower().split(";"):
        name, colon, value = rule.partition(":")
        if colon:
            found[name.strip()] = value.replace("!important", "").strip()
    return found
