"""Time zones as people choose them: Korea first."""

from __future__ import annotations

import datetime
import functools
import zoneinfo

_FIRST = (
    "Asia/Seoul", "UTC", "Asia/Tokyo", "Asia/Shanghai", "Asia/Singapore", "Asia/Ho_Chi_Minh", "Asia/Kolkata", "Europe/London",
    "Europe/Berlin", "America/New_York", "America/Chicago", "America/Los_Angeles", "Australia/Sydney",
)  # fmt: skip
_SHORT = {"Asia/Seoul": "KST", "Asia/Tokyo": "JST", "UTC": "UTC"}
_AT = datetime.datetime(2026, 1, 15, tzinfo=datetime.UTC)  # labels show the standard offset


def label(name: str) -> str:
    """ "KST (UTC+09:00)" for Seoul; "Europe/London (UTC+00:00)"."""
    offset = _AT.astimezone(zoneinfo.ZoneInfo(name)).strftime("%z")
    return f"{_SHORT.get(name, name)} (UTC{offset[:3]}:{offset[3:]})"


def short(name: str) -> str:
    """ "KST" for Seoul; the IANA name where no short one is known by everybody."""
    return _SHORT.get(name, name)


@functools.cache
def choices() -> list[tuple[str, str]]:
    """(IANA name, label), the usual ones first, then all others by name."""
    rest = sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(("Etc/", "posix", "right"))
    )
    return [(name, label(name)) for name in (*_FIRST, *(name for name in rest if name not in _FIRST))]
