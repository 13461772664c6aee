"""What Pinpoint counted of a campaign that came from there, as its page shows it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, CampaignPast, CampaignState

_RUNS = 50  # that are shown
_BY_ACTIVITY = "-grouped-by-campaign-activity"
# Indicators in the order in which they are shown. Those by activity are counts, and their sum is shown; other groups repeat the totals.
_LABELS: dict[str, Any] = {
    f"attempted-deliveries{_BY_ACTIVITY}": _("Attempted"),
    f"successful-deliveries{_BY_ACTIVITY}": _("Delivered"),
    "unique-deliveries": _("Endpoints delivered to"),
    "successful-delivery-rate": _("Delivery rate"),
    f"direct-email-opens{_BY_ACTIVITY}": _("Opened"),
    "email-open-rate": _("Open rate"),
    f"clicks{_BY_ACTIVITY}": _("Clicked"),
    "hard-bounce-rate": _("Hard bounce rate"),
    f"direct-push-opens{_BY_ACTIVITY}": _("Push messages opened"),
    "push-open-rate": _("Push open rate"),
    "sms-spend": _("Spent on SMS, in thousandths of a US cent"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    value: str  # as a person reads it; rates stand as Pinpoint gave them, which never said their unit


@dataclass(frozen=True, slots=True)
class Period:
    start: datetime.datetime
    end: datetime.datetime
    figures: list[Figure]


@dataclass(frozen=True, slots=True)
class PastRun:
    """Pinpoint's activity: ``attempted`` and ``successful`` are endpoints."""

    started_at: datetime.datetime | None
    treatment: str
    state: str
    attempted: int
    successful: int


@dataclass(frozen=True, slots=True)
class Past:
    """``until``: the last instant that anything tells of; None when nothing does. ``hidden``: runs that are not shown."""

    state: str
    until: datetime.datetime | None
    periods: list[Period]
    runs: list[PastRun]
    hidden: int


def past_of(*, campaign: Campaign) -> Past | None:
    """None for a campaign that was made here. Reads whatever was saved; what it can't read it leaves out."""
    held = CampaignPast.objects.filter(campaign=campaign).first()
    if held is None:
        return None
    periods = _periods(held.figures)
    runs = sorted((_run(one) for one in held.runs), key=lambda run: run.started_at or _NEVER, reverse=True)
    ends = [period.end for period in periods] + [at for one in held.runs if (at := _instant(one.get("End") or one.get("Start")))]
    state = CampaignState(held.state).label if held.state in CampaignState.values else held.state
    return Past(
        state=str(state), until=max(ends, default=None), periods=periods, runs=runs[:_RUNS], hidden=max(0, len(runs) - _RUNS)
    )


_NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)


def _periods(figures: Iterable[Mapping[str, Any]]) -> list[Period]:
    """The newest first."""
    found: dict[tuple[datetime.datetime, datetime.datetime], dict[str, Decimal]] = {}
    for one in figures:
        start, end = _instant(one.get("StartTime")), _instant(one.get("EndTime"))
        value = _sum(one.get("Rows") or [])
        if start and end and value is not None and one.get("KpiName") in _LABELS:
            found.setdefault((start, end), {})[one["KpiName"]] = value
    return [Period(start, end, _figures(found[start, end])) for start, end in sorted(found, reverse=True)]


def _figures(values: Mapping[str, Decimal]) -> list[Figure]:
    return [Figure(str(label), _shown(values[name])) for name, label in _LABELS.items() if name in values]


def _sum(rows: Iterable[Mapping[str, Any]]) -> Decimal | None:
    """Of all rows; None where there is none. An indicator without groups has one."""
    numbers = []
    for row in rows:
        for value in row.get("Values") or []:
            try:
                number = Decimal(str(value.get("Value")))
            except InvalidOperation:
                return None
            if not number.is_finite() or abs(number) > _MOST:
                return None
            numbers.append(number)
    return sum(numbers, Decimal()) if numbers else None


_MOST = 10**18  # beyond it, no count of Pinpoint's


def _shown(value: Decimal) -> str:
    is_whole = value == value.to_integral_value()
    return number_format(value.quantize(Decimal(1) if is_whole else Decimal("0.0001")), use_l10n=True, force_grouping=True)


def _run(document: Mapping[str, Any]) -> PastRun:
    return PastRun(
        started_at=_instant(document.get("Start") or document.get("ScheduledStart")),
        treatment=str(document.get("TreatmentId") or ""),
        state=" · ".join(str(document[name]) for name in ("State", "Result") if document.get(name)),
        attempted=_count(document.get("TotalEndpointCount")),
        successful=_count(document.get("SuccessfulEndpointCount")),
    )


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value <= _MOST else 0


def _instant(value: object) -> datetime.datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at
