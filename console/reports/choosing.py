"""Who gets the weekly report, and when."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django.db import transaction

from console.models import ReportReader, ReportSchedule
from projects.models import Member, Project, User
from projects.services import audit


def choose(
    *, project: Project, actor: User, users: Collection[int], weekday: int, hour: int, now: datetime.datetime
) -> ReportSchedule:
    """These members (ids of users; others are left out) from the next ``weekday`` (0: Monday) and ``hour`` of the project's zone on."""
    with transaction.atomic():
        schedule, made = ReportSchedule.objects.select_for_update().get_or_create(
            project=project, defaults={"weekday": weekday, "hour": hour, "changed_at": now}
        )
        if not made and (schedule.weekday, schedule.hour) != (weekday, hour):
            schedule.weekday, schedule.hour, schedule.changed_at = weekday, hour, now
            schedule.save(update_fields=["weekday", "hour", "changed_at"])
        chosen = set(Member.objects.filter(project=project, user__in=users).values_list("user_id", flat=True))
        ReportReader.objects.filter(project=project).exclude(user__in=chosen).delete()
        ReportReader.objects.bulk_create(
            (ReportReader(project=project, user_id=one, since=now) for one in sorted(chosen)), ignore_conflicts=True
        )
        audit.record(project=project, actor=actor, verb="report.chosen", target=project, now=now, readers=len(chosen))
    return schedule


def turn_off(*, token: str, now: datetime.datetime) -> ReportReader | None:
    """What the link in the mail does, without logging in; None when it is off already."""
    with transaction.atomic():
        reader = ReportReader.objects.select_for_update().select_related("project", "user").filter(token=token).first()
        if reader is not None:
            audit.record(project=reader.project, actor=reader.user, verb="report.turned_off", target=reader.project, now=now)
            ReportReader.objects.filter(pk=reader.pk).delete()
    return reader
