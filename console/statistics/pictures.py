"""What the pages of statistics show, made of the numbers of ``analytics.statistics``."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from analytics.models import EventKind, SourceKind
from analytics.statistics import activity, daily
from analytics.statistics.activity import ActiveDay
from analytics.statistics.daily import Days
from analytics.statistics.funnel import Reached
from campaigns.models import Campaign
from console.statistics.charts import Chart, Series, day_labels
from projects.models import Project

K = EventKind
_BOUNCES = (K.EMAIL_HARDBOUNCE, K.EMAIL_SOFTBOUNCE)
_MESSAGES = (K.EMAIL_SEND, K.EMAIL_DELIVERED, K.EMAIL_OPEN, K.EMAIL_CLICK, *_BOUNCES, K.EMAIL_COMPLAINT, K.EMAIL_UNSUBSCRIBE)
_MOST_CAMPAIGNS = 50
Points = Callable[[str], str]  # the key of a chart → the address of its points; empty: of none


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a range, and of as many days before; ``change`` in percent, None where there was nothing before."""

    label: str
    value: int
    before: int
    rate: float | None = None
    of: str = ""

    @property
    def change(self) -> float | None:
        return 100 * (self.value - self.before) / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """A campaign beside others: rates in percent of what was delivered."""

    campaign: Campaign
    sent: int
    delivered: int
    opens: int
    clicks: int
    bounced: int
    unsubscribed: int

    @property
    def open_rate(self) -> float | None:
        return 100 * self.opens / self.delivered if self.delivered else None

    @property
    def click_rate(self) -> float | None:
        return 100 * self.clicks / self.delivered if self.delivered else None


def message_tiles(*, project: Project, days: Days) -> list[Figure]:
    now = daily.totals(project_id=project.pk, days=days, kinds=_MESSAGES)
    then = daily.totals(project_id=project.pk, days=days.before, kinds=_MESSAGES)

    def figure(label: str, count: Callable[[Mapping[int, int]], int], of: str = "", by: int = 0) -> Figure:
        value = count(now)
        return Figure(label, value, count(then), 100 * value / by if by else None, of)

    sent, delivered = now[K.EMAIL_DELIVERED], _delivered(now)
    return [
        figure(_("Sent"), itemgetter(K.EMAIL_DELIVERED)),
        figure(_("Delivered"), _delivered, of=_("of sent"), by=sent),
        figure(_("Opens"), itemgetter(K.EMAIL_OPEN)),
        figure(_("Clicks"), itemgetter(K.EMAIL_CLICK)),
        figure(_("Bounced"), _bounced, of=_("of sent and refused"), by=now[K.EMAIL_SEND]),
        figure(_("Complaints"), itemgetter(K.EMAIL_COMPLAINT), of=_("of delivered"), by=delivered),
        figure(_("Unsubscribed"), itemgetter(K.EMAIL_UNSUBSCRIBE), of=_("of delivered"), by=delivered),
    ]


def _bounced(totals: Mapping[int, int]) -> int:
    return sum(totals[kind] for kind in _BOUNCES)


def _delivered(totals: Mapping[int, int]) -> int:
    """As the campaign's page counts: what was tried and did not bounce, at once or later."""
    return max(totals[K.EMAIL_SEND] - _bounced(totals), 0)


def messages_by_day(*, project: Project, days: Days, points: Points) -> Chart:
    found = daily.by_day(project_id=project.pk, days=days, kinds=_MESSAGES)
    each = [{int(kind): found[kind][number] for kind in _MESSAGES} for number in range(len(days.all))]
    delivered, bounced = [_delivered(one) for one in each], [_bounced(one) for one in each]
    series = [
        Series(_("Sent"), found[K.EMAIL_DELIVERED], key="sent"), Series(_("Delivered"), delivered, key="delivered"),
        Series(_("Opens"), found[K.EMAIL_OPEN], key="opens"), Series(_("Clicks"), found[K.EMAIL_CLICK], key="clicks"),
        Series(_("Bounced"), bounced, key="bounced"), Series(_("Unsubscribed"), found[K.EMAIL_UNSUBSCRIBE], key="unsubscribed"),
    ]  # fmt: skip
    return Chart(
        "messages", _("Messages by day"), "line", day_labels(days.all), series, corner=_("Day"), points=points("messages")
    )  # fmt: skip


def reactions_by_hour(*, project: Project, days: Days, points: Points) -> Chart:
    found = daily.by_hour_of_week(project_id=project.pk, days=days, kinds=[K.EMAIL_OPEN, K.EMAIL_CLICK])
    return _heat("reactions", _("When mails are opened and clicked"), found, project, points)


def apps_by_hour(*, project: Project, days: Days, points: Points) -> Chart:
    found = daily.by_hour_of_week(project_id=project.pk, days=days, kinds=[K.SESSION_START])
    return _heat("session-hours", _("When sessions begin"), found, project, points)


def _heat(key: str, title: str, found: Sequence[Sequence[int]], project: Project, points: Points) -> Chart:
    monday = datetime.date(2024, 1, 1)
    names = [date_format(monday + datetime.timedelta(days=number), "l") for number in range(7)]
    series = [
        Series(name, list(values), key=str(weekday)) for weekday, (name, values) in enumerate(zip(names, found, strict=True))
    ]  # fmt: skip
    note = _("Hours of %(zone)s.") % {"zone": project.time_zone}
    hours = [f"{hour:02}" for hour in range(24)]
    return Chart(key, title, "heat", hours, series, corner=_("Weekday"), note=note, points=points(key))


def campaign_lines(*, project: Project, days: Days) -> list[CampaignLine]:
    """The campaigns that sent most. Three queries."""
    found = daily.by_source(project_id=project.pk, days=days, kinds=_MESSAGES, source_kind=SourceKind.CAMPAIGN)
    most = sorted(found, key=lambda one: (-found[one][K.EMAIL_SEND], -one))[:_MOST_CAMPAIGNS]
    named = Campaign.objects.filter(project=project, pk__in=most).only("public_id", "name", "project_id", "state").in_bulk()
    return [
        CampaignLine(
            named[pk], found[pk][K.EMAIL_DELIVERED], _delivered(found[pk]), found[pk][K.EMAIL_OPEN], found[pk][K.EMAIL_CLICK],
            _bounced(found[pk]), found[pk][K.EMAIL_UNSUBSCRIBE],
        )
        for pk in most if pk in named
    ]  # fmt: skip


def active_by_day(active: Sequence[ActiveDay], points: Points, *, empty: str = "") -> Chart:
    series = [
        Series(_("On the day"), [one.daily for one in active], key="daily"),
        Series(_("In thirty days"), [one.monthly for one in active], key="monthly"),
    ]  # fmt: skip
    note = _("Active is who opened or clicked, or used an app or a web page. Days of UTC.")
    return Chart(
        "active", _("Active endpoints"), "line", day_labels([one.day for one in active]), series, corner=_("Day"), note=note,
        points=points("active"), empty=empty,
    )  # fmt: skip


def stickiness(active: Sequence[ActiveDay]) -> Chart:
    series = [Series(_("Sticky factor"), [one.sticky for one in active], is_rate=True)]
    note = _("Active on the day ÷ active in thirty days.")
    return Chart(
        "sticky", _("Sticky factor"), "line", day_labels([one.day for one in active]), series, corner=_("Day"), note=note
    )


def _of_kinds(key: str, title: str, kind: str, named: Mapping[int, str], project: Project, days: Days, points: Points) -> Chart:
    """The events of each of these types by day."""
    found = daily.by_day(project_id=project.pk, days=days, kinds=list(named))
    series = [Series(name, found[one], key=str(int(one)), total=sum(found[one])) for one, name in named.items()]
    return Chart(key, title, kind, day_labels(days.all), series, corner=_("Day"), points=points(key))


def sessions(*, project: Project, days: Days, points: Points) -> Chart:
    named: dict[int, str] = {K.SESSION_START: _("Sessions"), K.MONETIZATION_PURCHASE: _("Purchases")}
    return _of_kinds("sessions", _("Sessions and purchases"), "bar", named, project, days, points)


def sign_ins(*, project: Project, days: Days, points: Points) -> Chart:
    named: dict[int, str] = {
        K.USERAUTH_SIGN_IN: _("Sign-ins"),
        K.USERAUTH_SIGN_UP: _("Sign-ups"),
        K.USERAUTH_AUTH_FAIL: _("Failed sign-ins"),
    }
    return _of_kinds("sign-ins", _("Signing in and up"), "bar", named, project, days, points)


def retention(*, project: Project, last: datetime.date, points: Points) -> Chart:
    cohorts = activity.retention(project_id=project.pk, last=last)
    weeks = len(cohorts)
    labels = [_("New"), *(_("Week %(number)s") % {"number": number} for number in range(1, weeks))]
    series = [
        Series(f"{one.week:%Y-%m-%d} ({one.size:,})", [
            1.0 if one.size else None, *(count / one.size if one.size else None for count in one.back),
            *([None] * (weeks - 1 - len(one.back))),
        ], is_rate=True, key=f"{one.week:%Y-%m-%d}")
        for one in cohorts
    ]  # fmt: skip
    note = _("Of those who were active in a week for the first time in eight weeks, how many came back in each week after it.")
    return Chart(
        "retention", _("Retention"), "heat", labels, series, corner=_("Week from"), note=note, points=points("retention"),
        label_keys=[str(number) for number in range(weeks)],
    )  # fmt: skip


def events_by_day(*, project: Project, days: Days, kinds: Mapping[int, str], points: Points) -> Chart:
    return _of_kinds("events", _("Events by day"), "line", kinds, project, days, points)


def funnel(steps: Sequence[Reached], names: Mapping[int, str]) -> Chart:
    labels = [f"{number}. {names.get(one.kind, one.kind)}" for number, one in enumerate(steps, 1)]
    series = [Series(_("Endpoints"), [len(one.members) for one in steps])]
    return Chart("funnel", _("Funnel"), "bar", labels, series, corner=_("Step"))


@dataclass(frozen=True, slots=True)
class FunnelLine:
    """Rates in percent: of the step before and of the first; ``dropped``: who came to the step before and not to this."""

    number: int
    name: str
    count: int
    dropped: int
    of_before: float | None
    of_first: float | None


def funnel_lines(steps: Sequence[Reached], names: Mapping[int, str]) -> list[FunnelLine]:
    found: list[FunnelLine] = []
    first = len(steps[0].members)
    for number, one in enumerate(steps, 1):
        count, before = len(one.members), len(steps[max(number - 2, 0)].members)
        found.append(FunnelLine(
            number, names.get(one.kind, str(one.kind)), count, before - count, 100 * count / before if before else None,
            100 * count / first if first else None,
        ))  # fmt: skip
    return found
