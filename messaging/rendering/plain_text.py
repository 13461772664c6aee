"""A text part from the HTML, when none is written: what a reader of plain text needs, links with their targets."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_TAG = re.compile(r"<[a-zA-Z/!?]")
_COMMENT = re.compile(r"<!--|<!\[")
_SILENT = frozenset({"head", "style", "script", "title"})
_BLOCKS = frozenset(
    [
        "p",
        "div",
        "br",
        "tr",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "ul",
        "ol",
        "hr",
        "blockquote",
        "section",
        "header",
        "footer",
    ]
)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._silent = 0
        self._targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "a":
            self._targets.append(dict(attrs).get("href") or "")
        elif tag == "li":
            self.out.append("\n- ")
        elif tag in _BLOCKS:
            self.out.append("\n")
        elif tag == "img":
            self.out.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == "a" and self._targets:
            target = self._targets.pop()
            if target and not target.startswith("#"):
                self.out.append(f" ({target})")
        elif tag in _BLOCKS:
            self.out.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.out.append(re.sub(r"\s+", " ", data))


def closed(source: str) -> str:
    """The page without comments, nor a tag that is open at its end: ``html.parser`` tries each of them up to the end, for minutes.

    Line ends stay.
    """
    source = _without_comments(source)
    end = source.rfind(">") + 1
    return source[:end] + _TAG.split(source[end:], maxsplit=1)[0]


def _without_comments(source: str) -> str:
    out, position = [], 0
    while (opened := _COMMENT.search(source, position)) is not None:
        out.append(source[position : opened.start()])
        ending = "-->" if opened[0] == "<!--" else ">"
        end = source.find(ending, opened.start() + 2)  # <!--> is a whole comment
        position = len(source) if end < 0 else end + len(ending)
        out.append("\n" * source.count("\n", opened.start(), position))
    return "".join(out) + source[position:]


def from_html(source: str) -> str:
    """The readable text of an HTML page; variables stay as they stand."""
    reader = _Reader()
    reader.feed(closed(source))
    reader.close()
    lines = [line.strip() for line in "".join(reader.out).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
