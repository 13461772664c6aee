"""Where in an HTML page one is: read piece by piece, as a browser would, each character once.

The pieces are what a template's author wrote; what stands between them (a value, a block) is put in later, so the place
decides how it is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

# After these tags all is text up to their own end tag.
_RAW = frozenset(["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"])
_NAME = re.compile(r"</?[a-zA-Z][^\s/>]*")
_SPACE = re.compile(r"[\s/]+")
_ATTRIBUTE = re.compile(r"[^\s/>=]+")
_BARE_END = re.compile(r"[\s>]")
# What may become a tag, a comment or something else with the next piece.
_UNDECIDED = re.compile(r"<(?:/|!-?)?\Z")

TEXT, TAG, BEFORE, VALUE, BARE, COMMENT, BOGUS, RAW = "text", "tag", "before", "value", "bare", "comment", "bogus", "raw"


@dataclass(frozen=True, slots=True)
class Place:
    """``mode``: text, tag (between attributes), before (after an equals sign), value (quoted), bare (a value without quotes),
    comment, bogus (``<!…>``), raw (within script, style …)."""

    mode: str = TEXT
    tag: str = ""
    attribute: str = ""
    quote: str = ""
    is_undecided: bool = False

    def fits(self, other: Place) -> bool:
        """Whether the same value would be put out the same way at both, and the page goes on the same way."""
        same = self.mode == other.mode and self.quote == other.quote and self.is_undecided == other.is_undecided
        if self.mode in (VALUE, BARE, BEFORE):
            return same and self.attribute == other.attribute
        return same and (self.mode != RAW or self.tag == other.tag)


@dataclass(frozen=True, slots=True)
class Event:
    """``kind``: open (before a tag's “<”), named (after its name), begin and end (of an attribute's value), close (after “>”)."""

    kind: str
    at: int


class Scanner:
    """``place`` after an event is the one that the event leads to; a whole piece has been read when its events are exhausted."""

    def __init__(self) -> None:
        self.place = Place()

    def feed(self, text: str) -> Iterator[Event]:
        position = 0
        while position < len(text):
            mode = self.place.mode
            if mode == TEXT:
                position = yield from self._text(text, position)
            elif mode in (TAG, BEFORE):
                position = yield from self._tag(text, position)
            elif mode == VALUE:
                position = yield from self._value(text, position)
            elif mode == BARE:
                end = _BARE_END.search(text, position)
                position = end.start() if end else len(text)
                if end:
                    self.place = Place(mode=TAG, tag=self.place.tag)
                    yield Event("end", position)
            elif mode == COMMENT:
                position = self._until(text, position, "-->")
            elif mode == BOGUS:
                position = self._until(text, position, ">")
            else:
                position = self._raw(text, position)

    def inserted(self) -> Iterator[Event]:
        """A value stands here: after an equals sign it begins a value without quotes."""
        if self.place.mode == BEFORE:
            self.place = Place(mode=BARE, tag=self.place.tag, attribute=self.place.attribute)
            yield Event("begin", 0)

    def _text(self, text: str, position: int) -> Generator[Event, None, int]:
        start = text.find("<", position)
        if start < 0:
            self.place = Place()
            return len(text)
        name = _NAME.match(text, start)
        if name is not None:
            yield Event("open", start)
            self.place = Place(mode=TAG, tag=name[0][1:].lower())
            yield Event("named", name.end())
            return name.end()
        if text.startswith(("<!-->", "<!--->"), start):
            return text.index(">", start) + 1
        if text.startswith("<!--[if", start):
            return start + 7  # what Outlook reads is part of the page
        if text.startswith("<!--", start):
            self.place = Place(mode=COMMENT)
            return start + 4
        if _UNDECIDED.match(text, start):
            self.place = Place(is_undecided=True)
            return len(text)
        if text.startswith(("<!", "<?"), start):
            self.place = Place(mode=BOGUS)
            return start + 2
        self.place = Place()
        return start + 1

    def _tag(self, text: str, position: int) -> Generator[Event, None, int]:
        space = _SPACE.match(text, position)
        place = self.place
        if space is not None and (place.mode == TAG or space[0].isspace()):
            return space.end()
        char = text[position]
        if char == ">":
            self.place = Place(mode=RAW, tag=place.tag) if place.tag in _RAW else Place()
            yield Event("close", position + 1)
            return position + 1
        if place.mode == BEFORE:
            quote = char if char in "\"'" else ""
            self.place = Place(mode=VALUE if quote else BARE, tag=place.tag, attribute=place.attribute, quote=quote)
            yield Event("begin", position + len(quote))
            return position + len(quote)
        if char == "=" and place.attribute:
            self.place = Place(mode=BEFORE, tag=place.tag, attribute=place.attribute)
            return position + 1
        name = _ATTRIBUTE.match(text, position + 1)
        end = name.end() if name else position + 1
        self.place = Place(mode=TAG, tag=place.tag, attribute=text[position:end].lower())
        return end

    def _value(self, text: str, position: int) -> Generator[Event, None, int]:
        end = text.find(self.place.quote, position)
        if end < 0:
            return len(text)
        self.place = Place(mode=TAG, tag=self.place.tag)
        yield Event("end", end)
        return end + 1

    def _until(self, text: str, position: int, end: str) -> int:
        found = text.find(end, position)
        if found < 0:
            return len(text)
        self.place = Place()
        return found + len(end)

    def _raw(self, text: str, position: int) -> int:
        end = re.compile(rf"</{self.place.tag}(?=[\s/>]|\Z)", re.IGNORECASE).search(text, position)
        if end is None:
            return len(text)
        self.place = Place()
        return end.start()
