"""The helpers that make text (reference, section 5.3). None makes more than ``LONGEST`` characters, whatever it is given."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from messaging.rendering.language.values import as_text

LONGEST = 16_384  # characters of one value
WIDEST = 1_000  # characters that a text can be padded to
_TAG = re.compile(r"<[^<>]*>")
_FIRST = re.compile(r"(?<!\S)\S")
_NOT_SLUG = re.compile(r"[^\w\s-]+")
_PLAIN = re.compile(r"[\x00-\x7f\uac00-\ud7a3]*").fullmatch  # ASCII and Hangul syllables
_ACCENTS = re.compile("[\u0300-\u036f]+")
_GAPS = re.compile(r"[\s_-]+")


def abbreviate(text: str, width: int) -> str:
    width = max(width, 4)  # room for one character and the dots
    return text if len(text) <= width else text[: width - 3] + "..."


def capitalize(text: str, fully: Any = False) -> str:
    if fully is True or fully == "true":
        text = text.lower()
    return _FIRST.sub(lambda first: first[0].title(), text)


def capitalize_first(text: str) -> str:
    return text[:1].title() + text[1:]


def center(text: str, width: int, pad: str = " ") -> str:
    missing = width - len(text)
    if missing <= 0 or not pad:
        return text
    return _run(pad, missing // 2) + text + _run(pad, missing - missing // 2)


def left(text: str, width: int, pad: str = " ") -> str:
    return text + _run(pad, width - len(text))


def right(text: str, width: int, pad: str = " ") -> str:
    return _run(pad, width - len(text)) + text


def _run(pad: str, width: int) -> str:
    if width <= 0 or not pad:
        return ""
    width = min(width, WIDEST)
    return (pad[:width] * (width // len(pad[:width]) + 1))[:width]


def cut(text: str, what: str = " ") -> str:
    return text.replace(what, "") if what else text


def replace(text: str, old: str, new: str) -> str:
    if not old:
        return text
    return text.replace(old, new, LONGEST // max(1, len(new)) + 1)[: max(LONGEST, len(text))]


def join(values: list[Any], separator: str = "", prefix: str = "", suffix: str = "") -> str:
    return prefix + separator[:100].join(filter(None, map(as_text, values)))[:LONGEST] + suffix if values else ""


def slugify(text: str) -> str:
    """Letters of any script stay; accents go, but what composes a letter (Hangul) comes together again."""
    bare = text[:LONGEST]
    if not _PLAIN(bare):  # which come back as they were, and it takes a third of the time
        bare = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", bare)))
    return _GAPS.sub("-", _NOT_SLUG.sub("", bare).strip()).strip("-").lower()


def strip_tags(text: str) -> str:
    return _TAG.sub("", text)


def substring(text: str, start: int, end: int | None = None) -> str:
    return text[max(start, 0) :] if end is None else text[max(start, 0) : max(end, 0)]


def inflect(count: Any, singular: str, plural: str, included: Any = False) -> str:
    if count is None:
        return ""
    word = singular if abs(count) == 1 else plural
    return f"{as_text(count)} {word}" if included is True or included == "true" else word


def ordinalize(number: Any) -> str:
    """1st, 2nd, 3rd, 4th, 11th: English only, as Pinpoint's."""
    if number is None or not as_text(number) or number != int(number):
        return ""
    whole = abs(int(number))
    ending = "th" if whole % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(whole % 10, "th")
    return f"{as_text(number)}{ending}"


def encode64(text: str) -> str:
    return base64.b64encode(_bytes(text)).decode()


def decode64(text: str) -> str:
    """Nothing, where it is no base64 of UTF-8."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def digest(name: str) -> Callable[[str], str]:
    def hexadecimal(text: str) -> str:
        return hashlib.new(name, _bytes(text), usedforsecurity=False).hexdigest() if text else ""

    return hexadecimal


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
