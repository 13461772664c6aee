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
    return Chart(
        "readers-by-program", _("By program"), "ranks", [str(one.label) for one in found], _series(list(found.values()), both=False),
        corner=_("Program"), drawn=_BARS, empty=_empty(),
        note=_("Drawn are opens. A mail provider's proxy bears the provider's name: behind it nobody sees the program."),
    )  # fmt: skip


def devices(found: Mapping[Device, Hits]) -> Chart:
    return Chart(
        "readers-by-device", _("By device"), "pie", [str(one.label) for one in found], _series(list(found.values()), both=False),
        corner=_("Device"), empty=_empty(), note=_("Drawn are opens. Of what a proxy fetched no device is known."),
    )  # fmt: skip


def _series(found: Sequence[Hits], *, both: bool = True) -> list[Series]:
    """``both``: clicks are drawn, too."""
    opens, clicks = [one.opens for one in found], [one.clicks for one in found]
    return [Series(_("Opens"), opens), Series(_("Clicks"), clicks, is_drawn=both)]


def _empty() -> str:
    return _("Nobody of the chosen kinds has opened or clicked yet.")
