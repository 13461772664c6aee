"""A campaign's opens and clicks as pictures: by the hour of the day, by program, by device."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from analytics.hits.clients import Device, Program
from analytics.statistics.readers import Hits
from console.statistics.charts import Chart, Series

_BARS = 12  # programs in the picture; the table has them all


def hours(found: Sequence[Hits], *, zone: zoneinfo.ZoneInfo) -> Chart:
    labels = [f"{hour:02}" for hour in range(24)]
    note = _("Hours of %(zone)s.") % {"zone": zone.key}
    return Chart(
        "readers-by-hour", _("By hour of the day"), "bar", labels, _series(found), corner=_("Hour"), note=note, empty=_empty()
    )


def programs(found: Mapping[Program, Hits]) -> Chart:
    shown = list(found.items())
    if len(shown) > _BARS:
        rest = [hits for _one, hits in shown[_BARS - 1 :]]
        labels = [str(one.label) for one, _hits in shown[: _BARS - 1]] + [_("All others")]
        together = Hits(sum(one.opens for one in rest), sum(one.clicks for one in rest))
        numbers = [hits for _one, hits in shown[: _BARS - 1]] + [together]
    else:
        labels, numbers = [str(one.label) for one, _hits in shown], [hits for _one, hits in shown]
    return Chart(
        "readers-by-program", _("By program"), "ranks", labels, _series(numbers), corner=_("Program"), is_first_drawn_alone=True,
        note=_("Drawn are opens. A mail provider's proxy bears the provider's name: behind it nobody sees the program."),
        empty=_empty(),
    )  # fmt: skip


def devices(found: Mapping[Device, Hits]) -> Chart:
    labels = [str(one.label) for one in found]
    return Chart(
        "readers-by-device", _("By device"), "pie", labels, _series(list(found.values())), corner=_("Device"), is_first_drawn_alone=True,
        note=_("Drawn are opens. Of what a proxy fetched no device is known."), empty=_empty(),
    )  # fmt: skip


def _series(found: Sequence[Hits]) -> list[Series]:
    return [Series(_("Opens"), [one.opens for one in found]), Series(_("Clicks"), [one.clicks for one in found])]


def _empty() -> str:
    return _("Nobody of the chosen kinds has opened or clicked yet.")
