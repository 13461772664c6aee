"""Instants on pages: in the zone of the page's project, with UTC on hover."""

from __future__ import annotations

import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html

register = template.Library()


@register.filter
def instant(at: datetime.datetime | None, shape: str = "%Y-%m-%d %H:%M") -> str:
    """ "2026-11-25 01:36 KST" as a ``time`` element; a dash for none. The zone is the active one (``projects.access``)."""
    if at is None:
        return "–"
    shown, utc = timezone.localtime(at), at.astimezone(datetime.UTC)
    # Zones without letters of their own are named "+07" by the tz database; a person reads "UTC+07".
    name = shown.tzname() or ""
    return format_html(
        '<time datetime="{}" title="{}" class="text-nowrap">{} {}</time>',
        utc.isoformat(timespec="seconds"),
        f"{utc:%Y-%m-%d %H:%M:%S} UTC",
        shown.strftime(shape),
        f"UTC{name}" if name[:1] in "+-" else name,
    )
