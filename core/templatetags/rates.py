"""Rates on pages."""

from __future__ import annotations

from django import template

register = template.Library()
_SMALL = 0.01  # below it one digit more


@register.filter
def percent(rate: float | None) -> str:
    """A fraction in percent; a dash for none."""
    if rate is None:
        return "–"
    digits = 2 if 0 < rate < _SMALL else 1
    return f"{100 * rate:.{digits}f} %"
