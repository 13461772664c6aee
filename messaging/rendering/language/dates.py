"""Java's SimpleDateFormat, for ``dateFormat`` and ``now``: a pattern is read once into pieces that write or read a date."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from messaging.rendering.language.values import as_number, as_text

LONGEST_PATTERN = 100  # characters
_RUN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_LETTERS = "GyYMLwWDdFEuaHkKhmsSzZX"
_LOCALES = {
    "en": {
        "MMMM": _MONTHS,
        "MMM": [month[:3] for month in _MONTHS],
        "EEEE": _DAYS,
        "E": [day[:3] for day in _DAYS],
        "a": ["AM", "PM"],
        "G": ["AD"],
    },
    "ko": {
        "MMMM": [f"{month}월" for month in range(1, 13)],
        "MMM": [f"{month}월" for month in range(1, 13)],
        "EEEE": [f"{day}요일" for day in "월화수목금토일"],
        "E": list("월화수목금토일"),
        "a": ["오전", "오후"],
        "G": ["서기"],
    },
}
# "Sept 19, 2020" is how Pinpoint's own page writes it; MMM in a pattern gives Java's "Sep".
_STYLES = {
    "en": {"full": "EEEE, MMMM d, yyyy", "long": "MMMM d, yyyy", "medium": "MMM d, yyyy", "short": "M/d/yy"},
    "ko": {"full": "yyyy년 M월 d일 EEEE", "long": "yyyy년 M월 d일", "medium": "yyyy. M. d.", "short": "yy. M. d."},
}
_Piece = tuple[str, int]  # a letter and how many; ("", 0) can't be, a literal is ("'text", 0)


class BadPattern(ValueError):
    """A pattern that SimpleDateFormat would refuse; the text says where it is wrong."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A date as it was read. ``is_day``: it has no hour, so a zone does not move it to another day."""

    at: datetime.datetime
    is_day: bool


def locale_of(name: Any) -> str:
    """Names of months and days are English, or Korean where a locale says so (``ko``, ``ko_KR``)."""
    return "ko" if as_text(name).lower().startswith("ko") else "en"


@lru_cache(maxsize=1024)
def zone(name: str) -> zoneinfo.ZoneInfo | None:
    """An IANA zone; None where there is none of that name."""
    if len(name) > 64:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=1024)
def pieces(pattern: str) -> tuple[_Piece, ...]:
    if len(pattern) > LONGEST_PATTERN:
        raise BadPattern(pattern[:20] + "…")
    found: list[_Piece] = []
    position = 0
    while position < len(pattern):
        run = _RUN.match(pattern, position)
        if run is None:
            raise BadPattern(pattern[position:])  # a quote that is never closed
        if run[2]:
            if run[2] not in _LETTERS:
                raise BadPattern(run[2])
            found.append((run[2], len(run[0])))
        else:
            found.append(("'" + (run[0] if run[1] is None else run[1].replace("''", "'") or "'"), 0))
        position = run.end()
    return tuple(found)


def check(style: str) -> None:
    """Raises ``BadPattern`` unless it is full, long, medium, short or a pattern."""
    if style not in _STYLES["en"]:
        pieces(style)


def written(at: datetime.datetime, style: str, locale: str) -> str:
    """By full, long, medium, short, or a pattern."""
    pattern = _STYLES[locale].get(style, style)
    text = "".join([piece[1:] if not count else _field(at, piece, count, locale) for piece, count in pieces(pattern)])
    return text.replace("Sep ", "Sept ") if style == "medium" else text


def _field(at: datetime.datetime, letter: str, count: int, locale: str) -> str:
    names = _LOCALES[locale]
    if letter in "ML" and count >= 3:
        return names["MMMM" if count > 3 else "MMM"][at.month - 1]
    if letter == "E":
        return names["EEEE" if count > 3 else "E"][at.weekday()]
    if letter in "aG":
        return names[letter][at.hour >= 12 if letter == "a" else 0]
    if letter in "yY":
        year = at.year if letter == "y" else _week(at)[0]
        return f"{year % 100:02d}" if count == 2 else str(year).zfill(count)
    if letter in "zZX":
        return _zone_text(at, letter, count)
    return str(_NUMBERS[letter](at)).zfill(count)


_NUMBERS: dict[str, Callable[[datetime.datetime], int]] = {
    "M": lambda at: at.month,
    "L": lambda at: at.month,
    "d": lambda at: at.day,
    "D": lambda at: at.timetuple().tm_yday,
    "F": lambda at: (at.day - 1) // 7 + 1,
    "w": lambda at: _week(at)[1],
    "W": lambda at: (at.day - 1 + at.replace(day=1).isoweekday() % 7) // 7 + 1,
    "u": lambda at: at.isoweekday(),
    "H": lambda at: at.hour,
    "k": lambda at: at.hour or 24,
    "K": lambda at: at.hour % 12,
    "h": lambda at: at.hour % 12 or 12,
    "m": lambda at: at.minute,
    "s": lambda at: at.second,
    "S": lambda at: at.microsecond // 1000,
}


def _week(at: datetime.datetime) -> tuple[int, int]:
    """Year and number of the week as in the United States: weeks begin on Sunday, and the first holds the 1st of January."""
    day = at.timetuple().tm_yday
    before_next = datetime.date(at.year, 12, 31).timetuple().tm_yday - day + 1
    if before_next <= (at.isoweekday() % 7 + before_next) % 7:
        return at.year + 1, 1
    return at.year, (day - 1 + datetime.date(at.year, 1, 1).isoweekday() % 7) // 7 + 1


def _zone_text(at: datetime.datetime, letter: str, count: int) -> str:
    if letter == "z":
        return at.tzname() or "UTC"
    minutes = int((at.utcoffset() or datetime.timedelta()).total_seconds()) // 60
    sign, (hours, rest) = ("-" if minutes < 0 else "+"), divmod(abs(minutes), 60)
    if letter == "Z":
        return f"{sign}{hours:02d}{rest:02d}"
    if not minutes:
        return "Z"
    return f"{sign}{hours:02d}" + {1: "", 2: f"{rest:02d}"}.get(count, f":{rest:02d}")


def read(value: Any, pattern: str, locale: str) -> Moment | None:
    """A date from a document: by the pattern, or as ISO 8601 or milliseconds since 1970 without one. None: can't be read."""
    text = as_text(value).strip()
    try:
        if pattern:
            return _read_by(text[:200], pattern, locale)
        number = as_number(text) if text[4:5] != "-" and len(text) >= 12 else None
        if number is not None:
            return Moment(datetime.datetime.fromtimestamp(float(number) / 1000, datetime.UTC), is_day=False)
        return Moment(_aware(datetime.datetime.fromisoformat(text)), is_day=len(text) <= 10 and ":" not in text)
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=1024)
def rewritten(found: str | datetime.datetime, pattern: str, style: str, locale: str, zone_name: str | None) -> str:
    """In another form; nothing where it can't be read. A message writes a date in its page and in its text, so once is enough."""
    moment = read(found, pattern, locale) if isinstance(found, str) else Moment(found, is_day=False)
    if moment is None:
        return ""
    at = moment.at
    try:
        if zone_name is not None and not moment.is_day:
            at = at.astimezone(zone(zone_name) or datetime.UTC)
        return written(at, style, locale)
    except (OverflowError, ValueError):  # the year 1 or 9999, moved by a zone
        return ""


def _aware(at: datetime.datetime) -> datetime.datetime:
    return at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at


@lru_cache(maxsize=1024)
def _reader(pattern: str, locale: str) -> tuple[re.Pattern[str], tuple[_Piece, ...]]:
    names, parts = _LOCALES[locale], []
    fields = pieces(pattern)
    for number, (letter, count) in enumerate(fields):
        following = fields[number + 1][0] if number + 1 < len(fields) else "'"
        if not count:
            parts.append(re.escape(letter[1:]))
            continue
        if letter in "ML" and count >= 3:
            choices = [*names["MMMM"], *names["MMM"], "Sept"]
        elif letter == "E":
            choices = [*names["EEEE"], *names["E"]]
        elif letter in "aG":
            choices = names[letter]
        elif letter in "zZX":
            parts.append(r"([A-Za-z]+(?:/[A-Za-z_]+)*|[+-][0-9]{2}(?::?[0-9]{2})?)")
            continue
        else:
            is_tight = following in _NUMBERS or following in "yY"
            parts.append(rf"([0-9]{{{count}}})" if is_tight else r"([0-9]{1,9})")
            continue
        parts.append("(" + "|".join(map(re.escape, sorted(choices, key=len, reverse=True))) + ")")
    return re.compile("".join(parts), re.IGNORECASE), tuple(piece for piece in fields if piece[1])


def _read_by(text: str, pattern: str, locale: str) -> Moment | None:
    """What follows the pattern is not looked at, as in Java."""
    expression, fields = _reader(pattern, locale)
    match = expression.match(text)
    if match is None:
        return None
    found: dict[str, Any] = {}
    for (letter, count), group in zip(fields, match.groups(), strict=True):
        found[letter] = _value(letter, count, group, locale)
    hour = found.get("H", found.get("k", 0) % 24)
    if "h" in found or "K" in found:
        hour = found.get("h", found.get("K", 0)) % 12 + 12 * found.get("a", 0)
    zone_read = found.get("z") or found.get("Z") or found.get("X")
    at = datetime.datetime(
        found.get("y", 1970), found.get("M", found.get("L", 1)), found.get("d", 1), hour, found.get("m", 0), found.get("s", 0),
        found.get("S", 0) * 1000, tzinfo=zone_read or datetime.UTC,
    )  # fmt: skip
    if "D" in found:
        at += datetime.timedelta(days=found["D"] - 1)
    return Moment(at, is_day=not set(found) & set("HkKhms"))


def _value(letter: str, count: int, group: str, locale: str) -> Any:
    if letter in "ML" and count >= 3:
        return next(
            number % 12 + 1
            for number, name in enumerate([*_LOCALES[locale]["MMMM"], *_LOCALES[locale]["MMM"]])
            if name.lower() == group.lower().replace("sept", "sep") or name.lower() == group.lower()
        )
    if letter in "EG":
        return None
    if letter == "a":
        return int(group.lower() in ("pm", "오후"))
    if letter in "zZX":
        return _offset(group)
    number = int(group)
    if letter == "y" and count == 2 and len(group) == 2:
        return 2000 + number if number < 70 else 1900 + number
    return number


def _offset(text: str) -> datetime.tzinfo:
    if text[0] not in "+-":
        return zone(text) or datetime.UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return datetime.timezone(-offset if text[0] == "-" else offset)
