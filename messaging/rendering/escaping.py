"""How a member's value is written at each place of a page, so that it stays a value."""

from __future__ import annotations

import html
import re
import urllib.parse

URL_SAFE = "%/:?#[]@!$&'()*+,;=~-._"  # of an address that is whole
VALUE_SAFE = "~-._"
_SPECIAL = re.compile(r"[&<>\"']")
_BARE = str.maketrans({char: f"&#{ord(char)};" for char in " \t\n\r\f\"'`=<>&/"})
_NOT_STYLE = re.compile(r"[^\w\s#%.,+/:?=@!&-]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_IGNORED = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")  # browsers skip these within a scheme
_SCHEMES = frozenset(["http", "https", "mailto", "tel", "sms", "cid"])


def text(value: str) -> str:
    """In text, and between quotes."""
    return value if value.isalnum() or not _SPECIAL.search(value) else html.escape(value)


def bare(value: str) -> str:
    """A value without quotes around it ends at a space."""
    return value.translate(_BARE)


def style(value: str) -> str:
    """A colour, a length, a picture's address; nothing at all where it could end a declaration or call a function."""
    return "" if _NOT_STYLE.search(value) or not is_safe_address(value) else value


def is_safe_address(address: str) -> bool:
    """An address that runs nothing: of a scheme that mails use, or without one."""
    scheme = _SCHEME.match(_IGNORED.sub("", address[:200]))
    return scheme is None or scheme[1].lower() in _SCHEMES


def quoted(value: str, safe: str) -> str:
    if value.isascii() and value.isalnum():  # as most values are
        return value
    return urllib.parse.quote(value, safe=safe, errors="replace")
