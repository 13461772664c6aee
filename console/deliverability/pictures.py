"""Receiving domains as pictures: side by side, and a chosen number of the largest by day."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from django.utils.translation import gettext as _

from analytics.models import DEFERRED
from analytics.statistics import by_detail
from analytics.statistics.by_detail import Looked
from console.deliverability.lines import DomainLine, K
from console.statistics.charts import Chart, Series, day_labels

_BARS, _LINES = 8, 6  # domains in a picture

Count = Callable[[Callable[[int], int]], tuple[int, int]]
_SENT = (K.EMAIL_SEND,)
_BOUNCES = (K.EMAIL_HARDBOUNCE, K.EMAIL_SOFTBOUNCE)


def _delivered(of: Callable[[int], int]) -> int:
    return max(0, of(K.EMAIL_SEND) - of(K.EMAIL_HARDBOUNCE) - of(K.EMAIL_SOFTBOUNCE))


# What a day's number is made of: (part, whole) from the totals by kind.
MEASURES: dict[str, tuple[tuple[int, ...], Count]] = {
    "delivered": ((*_SENT, *_BOUNCES), lambda of: (_delivered(of), of(K.EMAIL_SEND))),
    "deferred": ((*_SENT, DEFERRED), lambda of: (of(DEFERRED), of(K.EMAIL_SEND))),
    "hard": ((*_SENT, K.EMAIL_HARDBOUNCE), lambda of: (of(K.EMAIL_HARDBOUNCE), of(K.EMAIL_SEND))),
    "soft": ((*_SENT, K.EMAIL_SOFTBOUNCE), lambda of: (of(K.EMAIL_SOFTBOUNCE), of(K.EMAIL_SEND))),
    "complained": ((*_SENT, *_BOUNCES, K.EMAIL_COMPLAINT), lambda of: (of(K.EMAIL_COMPLAINT), _delivered(of))),
    "opened": ((*_SENT, *_BOUNCES, K.EMAIL_OPEN), lambda of: (of(K.EMAIL_OPEN), _delivered(of))),
    "clicked": ((*_SENT, *_BOUNCES, K.EMAIL_CLICK), lambda of: (of(K.EMAIL_CLICK), _delivered(of))),
    "sent": (_SENT, lambda of: (of(K.EMAIL_SEND), 0)),
}


def measure_labels() -> dict[str, str]:
    return {
        "delivered": _("Delivered"), "deferred": _("Deferred"), "hard": _("Bounced for good"), "soft": _("Bounced for now"),
        "complained": _("Complaints"), "opened": _("Opens"), "clicked": _("Clicks"), "sent": _("Sent or refused"),
    }  # fmt: skip


def side_by_side(lines: Sequence[DomainLine]) -> Chart:
    shown = [line for line in lines if not line.is_rest][:_BARS]
    series = [
        Series(_("Delivered"), [line.delivered_rate for line in shown], is_rate=True),
        Series(_("Deferred"), [line.deferred_rate for line in shown], is_rate=True),
        Series(_("Bounced for good"), [line.hard_rate for line in shown], is_rate=True),
        Series(_("Bounced for now"), [line.soft_rate for line in shown], is_rate=True),
        Series(_("Opens"), [line.open_rate for line in shown], is_rate=True),
    ]
    return Chart("domains", _("The largest domains"), "bar", [line.name for line in shown], series, corner=_("Domain"))


def day_by_day(*, looked: Looked, lines: Sequence[DomainLine], measure: str) -> Chart:
    """One query."""
    kinds, count = MEASURES[measure]
    shown = [line for line in lines if not line.is_rest][:_LINES]
    values = [value for line in shown for value in line.values]
    found = by_detail.by_day(looked=looked, kinds=kinds, values=values) if values else {}
    days = [looked.first + datetime.timedelta(days=number) for number in range((looked.last - looked.first).days + 1)]

    def number(line: DomainLine, day: datetime.date) -> float | None:
        part, whole = count(lambda kind: sum(found.get((value, kind, day), 0) for value in line.values))
        if measure == "sent":
            return part
        return part / whole if whole else None

    series = [Series(line.name, [number(line, day) for day in days], is_rate=measure != "sent") for line in shown]
    title = _("%(what)s by day") % {"what": measure_labels()[measure]}
    note = _(
        "Days of UTC. Opens, clicks and complaints stand on the day on which they came, beside what was delivered on that day."
    )
    return Chart("domains-by-day", title, "line", day_labels(days), series, corner=_("Day"), note=note)
