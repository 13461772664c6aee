"""The weekly report: whom it goes to, when, once; what it says; how one turns it off."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from analytics.events import EventRow
from analytics.models import EventKind, HitClass, SourceKind
from analytics.services.record import record_events
from console import tasks
from console.celery import app
from console.models import ReportReader, ReportSchedule
from console.reports import choosing, mailing
from projects.models import AuditEntry, Member, Project, Role
from tests.console.world import logged_in
from tests.factories.campaigns import make_campaign, make_run
from tests.factories.projects import make_member, make_project, make_user

pytestmark = pytest.mark.django_db
SUNDAY = datetime.datetime(2026, 11, 22, 3, tzinfo=datetime.UTC)  # noon in Seoul
MONDAY = datetime.datetime(2026, 11, 23, 0, 0, 30, tzinfo=datetime.UTC)  # nine o'clock there, and half a minute


@pytest.fixture
def project() -> Project:
    return make_project(owner=make_user(email="owner@example.com", language="ko"))


@pytest.fixture
def celery_at_once() -> Iterator[None]:
    kept = app.conf.task_always_eager
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = kept


def chosen(project: Project, *users: int, weekday: int = 0, hour: int = 9, now: datetime.datetime = SUNDAY) -> None:
    choosing.choose(
        project=project, actor=project.created_by, users=users or [project.created_by_id], weekday=weekday, hour=hour, now=now
    )


def tick(now: datetime.datetime) -> int:
    """What beat and a worker do; returns how many went out."""
    return sum(mailing.mail_report(reader_id=reader, at=at) for reader, at in mailing.due_readers(now=now))


def test_it_goes_out_once_a_week_at_its_hour_of_the_projects_zone(project: Project) -> None:
    chosen(project)

    assert [tick(SUNDAY), tick(MONDAY - datetime.timedelta(minutes=1)), tick(MONDAY), tick(MONDAY)] == [0, 0, 1, 0]
    assert [tick(MONDAY + datetime.timedelta(days=day)) for day in (1, 6, 7, 8, 14)] == [0, 0, 1, 0, 1]
    assert [one.to for one in mail.outbox] == [["owner@example.com"]] * 3


def test_what_was_missed_for_more_than_a_day_is_left_out_and_a_new_reader_waits_for_the_next(project: Project) -> None:
    chosen(project)
    assert tick(MONDAY + datetime.timedelta(days=1, hours=1)) == 0

    someone = make_member(project=project, role=Role.VIEWER, user=make_user(email="new@example.com"))
    chosen(project, project.created_by_id, someone.pk, now=MONDAY + datetime.timedelta(days=7, hours=1))

    assert tick(MONDAY + datetime.timedelta(days=7, hours=2)) == 1
    assert [one.to for one in mail.outbox] == [["owner@example.com"]]


def test_another_hour_holds_from_the_next_time_on(project: Project) -> None:
    chosen(project)
    tick(MONDAY)
    chosen(project, hour=8, now=MONDAY + datetime.timedelta(minutes=5))

    assert tick(MONDAY + datetime.timedelta(minutes=6)) == 0
    assert tick(MONDAY + datetime.timedelta(days=7)) == 1


def test_who_left_the_project_gets_nothing_and_who_never_was_in_it_is_not_chosen(project: Project) -> None:
    member, stranger = make_member(project=project, role=Role.VIEWER), make_user()
    chosen(project, member.pk, stranger.pk)
    assert [one.user_id for one in ReportReader.objects.all()] == [member.pk]

    Member.objects.filter(user=member).delete()

    assert tick(MONDAY) == 0


def test_a_mail_server_that_is_away_is_tried_again(project: Project, settings: Any) -> None:
    chosen(project)
    kept = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        "127.0.0.1",
        1,
    )
    assert tick(MONDAY) == 0
    settings.EMAIL_BACKEND = kept

    assert [tick(MONDAY + datetime.timedelta(minutes=1)), tick(MONDAY + datetime.timedelta(minutes=2))] == [1, 0]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_mail_it_once(project: Project) -> None:
    chosen(project)
    ((reader, at),) = mailing.due_readers(now=MONDAY)

    def work(_number: int) -> bool:
        try:
            return mailing.mail_report(reader_id=reader, at=at)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 1
    assert len(mail.outbox) == 1


def test_it_says_the_weeks_numbers_beside_the_week_before_in_the_readers_language(project: Project) -> None:
    run = make_run(campaign=make_campaign(project=project, document={}, name="<b>겨울 세일</b>"), at=MONDAY)
    source: dict[str, Any] = {"source_kind": SourceKind.CAMPAIGN, "source_id": run.campaign_id, "run_id": run.pk}

    def happened(kind: EventKind, count: int, day: int) -> None:
        at = MONDAY - datetime.timedelta(days=day)
        hit_class = HitClass.PERSON if kind == EventKind.EMAIL_OPEN else HitClass.NONE
        with transaction.atomic():
            record_events(events=[
                EventRow(id=uuid.uuid4(), occurred_at=at, project_id=project.pk, endpoint_id=one, kind=kind, hit_class=hit_class, **source)
                for one in range(1, count + 1)
            ])  # fmt: skip

    for kind in (EventKind.EMAIL_SEND, EventKind.EMAIL_DELIVERED):
        happened(kind, 1_200, day=2)
        happened(kind, 1_000, day=9)
        happened(kind, 50, day=0)  # the day itself is the next report's
    happened(EventKind.EMAIL_OPEN, 300, day=1)
    english = make_member(project=project, role=Role.VIEWER, user=make_user(language="en"))
    chosen(project, project.created_by_id, english.pk)

    tick(MONDAY)

    by_reader = {one.to[0]: one for one in mail.outbox}
    korean, other = by_reader["owner@example.com"], by_reader[english.email]
    assert "11월 16일" in korean.subject
    assert "November 16" in other.subject
    assert "1,200" in other.body
    assert "+20 %" in other.body
    assert "300 (25.0 %)" in other.body
    html = str(other.alternatives[0][0])  # type: ignore[attr-defined]
    assert "&lt;b&gt;겨울 세일&lt;/b&gt;" in html
    assert reverse("console:show-statistics", args=[project.public_id]) + "?since=2026-11-16&amp;until=2026-11-22" in html
    assert "받지 않기" in str(korean.alternatives[0][0])  # type: ignore[attr-defined]


def test_the_link_in_the_mail_asks_first_and_turns_it_off(project: Project, client: Client) -> None:
    chosen(project)
    tick(MONDAY)
    address = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>")
    path = address[address.index("/reports/") :]

    asked = client.get(path).content.decode()
    assert "<form" in asked
    assert ReportReader.objects.count() == 1
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200

    assert not ReportReader.objects.exists()
    assert client.get(path).status_code == client.post(path).status_code == 200
    assert AuditEntry.objects.filter(verb="report.turned_off").count() == 1


@time_machine.travel(SUNDAY, tick=False)
def test_a_marketer_chooses_and_tries_it_and_a_viewer_sees_who_gets_it(project: Project) -> None:
    viewer = make_member(project=project, role=Role.VIEWER, user=make_user(email="boss@example.com"))
    page, send = (reverse(f"console:{name}", args=[project.public_id]) for name in ("show-report", "send-report"))
    marketer = logged_in(make_member(project=project, role=Role.MARKETER))
    values = {"weekday": "4", "hour": "17", "readers": [str(viewer.pk)]}

    assert "boss@example.com" in marketer.get(page).content.decode()
    assert marketer.post(page, values).status_code == 302
    assert marketer.post(page, values | {"readers": ["999999"]}).status_code == 200
    assert marketer.post(send).status_code == 302

    schedule = ReportSchedule.objects.get()
    assert (schedule.weekday, schedule.hour) == (4, 17)
    assert len(mail.outbox) == 1
    assert "List-Unsubscribe" not in mail.outbox[0].extra_headers
    seen = logged_in(viewer)
    assert "<li>" in seen.get(page).content.decode()
    assert seen.post(page, values).status_code == seen.post(send).status_code == 403
    assert logged_in(make_user()).get(page).status_code == 404


def test_the_tick_asks_a_worker_for_each(project: Project, celery_at_once: None) -> None:
    with time_machine.travel(SUNDAY, tick=False):
        chosen(project)
    with time_machine.travel(MONDAY, tick=False):
        tasks.tick_reports()
        tasks.tick_reports()

    assert len(mail.outbox) == 1
