"""Pages by a token: ``page-size`` is a text, and the token is where the page before ended."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from api.protocol.errors import BadRequest

DEFAULT, MOST = 100, 1_000
_T = TypeVar("_T")


def page_size(params: Mapping[str, Any]) -> int:
    """Raises ``BadRequest``."""
    text = params.get("PageSize")
    if text is None:
        return DEFAULT
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise BadRequest(f"page-size: it must be a number from 1 to {MOST:,}.")
    return min(int(text), MOST)


def after(params: Mapping[str, Any], *, name: str = "Token") -> int | None:
    """The number at which the page before ended. ``name``: ``NextToken`` where templates and indicators call it so."""
    text = place(params, name=name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise _bad(name)
    return int(text)


def version_number(text: str) -> int:
    """A version in an address. Raises ``BadRequest``."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise BadRequest("version: it must be a number.")
    return int(text)


def place(params: Mapping[str, Any], *, name: str = "Token") -> str | None:
    """The text at which the page before ended. Raises ``BadRequest`` for what is no token."""
    token = params.get(name)
    if not token:
        return None
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError):
        raise _bad(name) from None


def _bad(name: str) -> BadRequest:
    return BadRequest(f"{'next-token' if name == 'NextToken' else 'token'}: it is none that this operation gave.")


def token(place: object) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode()


def cut(rows: Sequence[_T], size: int, place: Callable[[_T], object]) -> tuple[Sequence[_T], str | None]:
    """Of one row more than a page has: the page, and the next one's token."""
    return (rows[:size], token(place(rows[size - 1]))) if len(rows) > size else (rows, None)
