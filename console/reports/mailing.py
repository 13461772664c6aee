"""Mailing the weekly report: at most once to each reader for each week, and within a day or not at all."""

from __future__ import annotations

import datetime
import logging
import zoneinfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from analytics.statistics.daily import Days
from console.models import ReportReader, ReportSchedule
from console.statistics import pictures
from projects.models import Project, User

_LATE = datetime.timedelta(days=1)  # later than this it says nothing new
_CAMPAIGNS = 5
_WEEK = datetime.timedelta(days=7)

_log = logging.getLogger(__name__)


def last_due(*, schedule: ReportSchedule, now: datetime.datetime) -> datetime.datetime:
    """The newest moment of the schedule that is not after ``now``."""
    zone = zoneinfo.ZoneInfo(schedule.project.time_zone)
    today = now.astimezone(zone).date()
    day = today - datetime.timedelta(days=(today.weekday() - schedule.weekday) % 7)
    at = datetime.datetime.combine(day, datetime.time(schedule.hour), tzinfo=zone)
    if at > now:
        at = datetime.datetime.combine(day - _WEEK, datetime.time(schedule.hour), tzinfo=zone)
    return at.astimezone(datetime.UTC)


def due_readers(*, now: datetime.datetime) -> list[tuple[int, datetime.datetime]]:
    """Whom a report waits for, and for which moment."""
    found: list[tuple[int, datetime.datetime]] = []
    for schedule in ReportSchedule.objects.filter(project__deleted_at=None).select_related("project"):
        at = last_due(schedule=schedule, now=now)
        if schedule.changed_at >= at or at < now - _LATE:
            continue
        waiting = ReportReader.objects.filter(
            Q(mailed_for=None) | Q(mailed_for__lt=at), project=schedule.project, since__lt=at, user__is_active=True,
            user__memberships__project=F("project"),
        )  # fmt: skip
        found += [(pk, at) for pk in waiting.values_list("pk", flat=True)]
    return found


def mail_report(*, reader_id: int, at: datetime.datetime) -> bool:
    """Mail the report of the week before ``at``; whether it went out. Two at once: one mails. A mail server that is away: later."""
    mine = ReportReader.objects.filter(pk=reader_id)
    before = mine.values_list("mailed_for", flat=True).first()
    if not mine.filter(Q(mailed_for=None) | Q(mailed_for__lt=at)).update(mailed_for=at):
        return False
    reader = mine.select_related("project", "user").first()
    if reader is None:
        return False
    try:
        report_mail(project=reader.project, user=reader.user, at=at, token=reader.token).send()
    except OSError as error:
        mine.filter(mailed_for=at).update(mailed_for=before)
        _log.warning("the report of project %s was not mailed: %s", reader.project.public_id, error)
        return False
    return True


def report_mail(*, project: Project, user: User, at: datetime.datetime, token: str = "") -> EmailMultiAlternatives:
    """The seven days before the day of ``at`` beside the seven before them, in the reader's language. ``token``: to turn it off."""
    zone = zoneinfo.ZoneInfo(project.time_zone)
    last = at.astimezone(zone).date() - datetime.timedelta(days=1)
    days = Days(last - datetime.timedelta(days=6), last, zone)
    with translation.override(user.language or settings.LANGUAGE_CODE), timezone.override(zone):
        title = _("%(project)s: %(first)s – %(last)s") % {
            "project": project.name, "first": formats.date_format(days.first, "MONTH_DAY_FORMAT"),
            "last": formats.date_format(days.last, "MONTH_DAY_FORMAT"),
        }  # fmt: skip
        given = {
            "project": project, "days": days, "title": title, "tiles": pictures.message_tiles(project=project, days=days),
            "campaigns": pictures.campaign_lines(project=project, days=days)[:_CAMPAIGNS], "console": settings.PUBLIC_URL,
            "page": settings.PUBLIC_URL + reverse("console:show-statistics", args=[project.public_id])
            + f"?since={days.first:%Y-%m-%d}&until={days.last:%Y-%m-%d}",
            "off": settings.PUBLIC_URL + reverse("console:turn-off-report", args=[token]) if token else "",
            "language": translation.get_language(),
        }  # fmt: skip
        mail = EmailMultiAlternatives(
            subject=" ".join(title.split()), body=render_to_string("console/reports/mail.txt", given), to=[user.email]
        )
        mail.attach_alternative(render_to_string("console/reports/mail.html", given), "text/html")
    if given["off"]:
        mail.extra_headers = {"List-Unsubscribe": f"<{given['off']}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return mail
