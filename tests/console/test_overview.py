"""A project's first page: what is under way, and the pictures of its last thirty days."""

from __future__ import annotations

import datetime
import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import EventKind, HitClass, SourceKind
from campaigns.models import Run, Slice, SliceOutcome, Treatment
from core import clock
from core.audience import Audience
from endpoints.models import AudienceDay
from projects.models import Project
from tests.console.test_points import made, members, points
from tests.console.test_revenue_pages import buy
from tests.console.test_statistics_pages import DAY, page, pictures, record
from tests.console.world import logged_in
from tests.factories.campaigns import make_campaign, make_import_segment, make_run
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(time_zone="Asia/Seoul")


@pytest.fixture
def client(project: Project) -> Client:
    return logged_in(project.created_by)


def shown(client: Client, project: Project) -> str:
    return page(client, "show-overview", project)


def names(text: str) -> list[str]:
    return re.findall(r'<figure[^>]*id="chart-([\w-]+)"', text)


def next_step(text: str) -> str:
    (step,) = re.findall(r'fw-bold">([^<]+)<', text)
    return html.unescape(step)


def launched(project: Project, name: str, state: str, *, due: datetime.timedelta | None = None) -> Any:
    campaign = make_campaign(project=project, document={}, name=name, state=state, launched_at=clock.now())
    Treatment.objects.create(campaign=campaign, next_run_at=clock.now() + due if due else None)
    return campaign


def test_a_new_project_is_told_what_to_do_first_and_then_next(project: Project, client: Client) -> None:
    assert next_step(shown(client, project)) == "Add a sender"
    assert names(shown(client, project)) == []
    make_sender(project=project)
    assert next_step(shown(client, project)) == "Import your members"
    endpoint = make_endpoint(project=project)
    assert next_step(shown(client, project)) == "Narrow them to a segment"
    make_import_segment(project=project, members=Audience([endpoint.pk]))
    make_campaign(project=project, document={})
    text = shown(client, project)
    assert next_step(text) == "Write a message and launch it"
    assert names(text) == ["audience", "messages", "active"]
    assert "Write a message and launch a campaign." in text
    launched(project, "가을 세일", "COMPLETED")
    assert "To the first campaign" not in shown(client, project)


def test_the_audience_is_what_was_counted_on_each_day_and_is_there_today(project: Project, client: Client) -> None:
    today = clock.now().astimezone(datetime.timezone(datetime.timedelta(hours=9))).date()
    for days, endpoints, reachable in ((29, 5, None), (1, 7, 6), (30, 99, 99), (0, 1, 1)):
        AudienceDay.objects.create(
            project=project, day=today - datetime.timedelta(days=days), endpoints=endpoints, reachable=reachable
        )
    AudienceDay.objects.create(project=make_project(), day=today - datetime.timedelta(days=2), endpoints=50)
    make_endpoint(project=project, opt_out="ALL")
    make_endpoint(project=project)

    audience = pictures(shown(client, project))[0]

    endpoints, reachable = (one["values"] for one in audience["series"])
    assert (len(endpoints), endpoints[0], endpoints[-2:], endpoints.count(None)) == (30, 5, [7, 2], 27)
    assert (reachable[0], reachable[-2:]) == (None, [6, 1])


def test_what_was_sent_who_is_active_and_what_was_bought_become_pictures_and_points(project: Project, client: Client) -> None:
    people = make_members(project=project, count=4)
    of = {"source_kind": SourceKind.CAMPAIGN, "source_id": 1, "run_id": 1, "hit_class": HitClass.NONE}
    record(project, EventKind.EMAIL_SEND, people, **of)
    record(project, EventKind.EMAIL_DELIVERED, people, **of)
    record(project, EventKind.EMAIL_OPEN, people[:2], **(of | {"hit_class": HitClass.PERSON}))
    record(project, EventKind.EMAIL_OPEN, people, ago=31 * DAY)
    record(make_project(), EventKind.EMAIL_DELIVERED, people)
    buy(project, people[3], 9_900)

    text = shown(client, project)

    assert names(text) == ["audience", "messages", "active", "revenue"]
    _audience, sent, active, revenue = pictures(text)
    assert [sum(one["values"]) for one in sent["series"]] == [4, 2, 0]
    assert max(active["series"][0]["values"]) == 3
    assert sum(revenue["series"][0]["values"]) == 9_900
    assert members(made(client, dict(points(text, "messages"))["2"])) == set(people[:2])
    assert members(made(client, dict(points(text, "revenue"))["9,900"])) == {people[3]}


def test_campaigns_under_way_are_listed_those_that_send_first(project: Project, client: Client) -> None:
    launched(project, "later", "SCHEDULED", due=2 * DAY)
    launched(project, "sooner", "PENDING_NEXT_RUN", due=DAY)
    launched(project, "paused", "PAUSED")
    launched(project, "over", "COMPLETED")
    make_campaign(project=project, document={}, name="a draft")
    launched(make_project(), "their secret", "EXECUTING")
    sending = launched(project, "sending", "EXECUTING")
    run = make_run(campaign=sending, at=clock.now(), frozen=2_000)
    Run.objects.filter(pk=run.pk).update(state="RUNNING")
    part = Slice.objects.create(run=run, number=1, ids=Audience([1, 2, 3]), size=3)
    SliceOutcome.objects.create(slice=part, run=run, outcome="SUCCESS", members=Audience([1, 2]), total=1_500)

    text = shown(client, project)

    listed = text[text.index("Under way") : text.index("The last runs")]
    assert re.findall(r'<td><a href="[^"]+">([^<]+)</a>', listed) == ["sending", "sooner", "later", "paused"]
    assert "1,500 / 2,000" in listed
    assert "their secret" not in text


def test_more_campaigns_than_are_listed_are_counted(project: Project, client: Client) -> None:
    for number in range(10):
        launched(project, f"campaign {number}", "SCHEDULED", due=DAY)
    assert "2 campaigns more" in shown(client, project)


def test_the_page_asks_as_much_whatever_there_is(project: Project, client: Client, django_assert_max_num_queries: Any) -> None:
    people = make_members(project=project, count=30)
    for number in range(12):
        launched(project, f"campaign {number}", "EXECUTING")
    for number in range(3):
        record(project, EventKind.EMAIL_OPEN, people, ago=number * DAY)
    buy(project, people[3], 9_900)
    with django_assert_max_num_queries(30):
        shown(client, project)


def test_it_is_read_in_korean(project: Project, client: Client) -> None:
    make_endpoint(project=project)
    answer = client.get(reverse("console:show-overview", args=[project.public_id]), headers={"accept-language": "ko"})
    assert "엔드포인트 증가 추이" in answer.content.decode()
