"""Receiving domains: from the server's answer, the bounce and the reader's click to the page; and counted again from the events."""

from __future__ import annotations

import datetime
import email
import email.policy
import re
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse

from analytics.hits import drain, queue
from analytics.links import read_token
from analytics.models import DEFERRED, Detail, Event, EventKind
from analytics.rollups import recount
from analytics.services import details
from analytics.statistics.by_detail import Looked
from campaigns.models import Campaign
from console.deliverability.lines import DomainLine, domain_lines
from core.audience import Audience
from endpoints.models import Endpoint
from messaging.delivery import DeliveryStatus
from messaging.models import Suppression
from messaging.outcomes import Report, ReportKind
from messaging.services import outcomes
from projects.models import Project
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport
from tests.campaigns.test_treatments import with_treatments, work
from tests.console.test_statistics_pages import pictures
from tests.console.world import logged_in
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
MEMBERS = {"naver.com": 5, "gmail.com": 3, "daum.net": 1}


@pytest.fixture
def shop() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


def sent(shop: Project, answers: dict[str, DeliveryStatus] | None = None) -> tuple[Campaign, RecordingTransport]:
    """A campaign to ``MEMBERS``; ``answers`` by address."""
    members = [
        make_endpoint(project=shop, address=f"Member{number}@{domain.upper()}", address_key=f"member{number}@{domain}").pk
        for domain, count in MEMBERS.items()
        for number in range(count)
    ]
    campaign = with_treatments(project=shop, members=Audience(members))
    said = answers or {}
    transport = RecordingTransport(lambda message: said.get(message.recipient.lower(), DeliveryStatus.SUCCESS))
    work(clock=Clock(), transport=transport)
    return campaign, transport


def hit(transport: RecordingTransport, recipient: str, kind: EventKind, prefix: str, *, agent: str = AGENT) -> None:
    """The reader opens or clicks what is in the mail."""
    (message,) = [one for one in transport.messages if one.recipient.lower() == recipient]
    body = email.message_from_bytes(bytes(message.data), policy=email.policy.default).get_body(("html",))
    found = re.search(rf"/{prefix}/([\w-]+)", body.get_content() if body else "")
    assert found
    token = read_token(found[1])
    at = NOW + datetime.timedelta(hours=1)
    queue.put_hit(kind=kind, token=token, now=at, user_agent=agent, ip="203.0.113.9")


def report(campaign: Campaign, transport: RecordingTransport, recipient: str, kind: ReportKind, **more: Any) -> None:
    (message,) = [one for one in transport.messages if one.recipient.lower() == recipient]
    name = f"<{campaign.runs.get().public_id}.{message.endpoint_id}@shop.kr>"
    told = Report(kind=kind, notice_id=recipient, message_ids=(name,), recipients=(recipient,), is_trusted=True, **more)
    with transaction.atomic():
        outcomes.take(reports=[told], project_id=campaign.project_id, source=Suppression.Source.SES, now=NOW)


def lines(shop: Project, **more: Any) -> dict[str, DomainLine]:
    found = domain_lines(looked=Looked(shop.pk, Detail.DOMAIN, TODAY, TODAY, **more))
    return {line.name: line for line in found}


def wrong(shop: Project) -> list[recount.Difference]:
    return [one for day in recount.days(project_id=shop.pk) for one in recount.differences(project_id=shop.pk, day=day)]


def page(shop: Project, **query: Any) -> Any:
    client = logged_in(shop.created_by)
    return client.get(reverse("console:show-deliverability", args=[shop.public_id]), query)


def test_everything_that_becomes_of_a_mail_is_counted_at_its_domain(shop: Project, clean_redis: Any) -> None:
    campaign, transport = sent(shop, {
        "member0@naver.com": DeliveryStatus.FAILURE_PERMANENT, "member1@naver.com": DeliveryStatus.DEFERRED,
    })  # fmt: skip
    hit(transport, "member2@naver.com", EventKind.EMAIL_OPEN, "t/o")
    hit(transport, "member2@naver.com", EventKind.EMAIL_CLICK, "t/c")
    hit(transport, "member0@gmail.com", EventKind.EMAIL_OPEN, "t/o", agent="curl/8")
    drain.drain_hits()
    report(campaign, transport, "member1@gmail.com", ReportKind.BOUNCE, is_permanent=True)
    report(campaign, transport, "member2@gmail.com", ReportKind.COMPLAINT)

    found = lines(shop)

    def told(line: DomainLine) -> tuple[int, ...]:
        bounced = (line.hard, line.soft)
        return (line.tried, line.delivered, line.deferred, *bounced, line.complained, line.opens, line.clicks)

    assert {name: told(line) for name, line in found.items()} == {
        "naver.com": (4, 3, 1, 0, 1, 0, 1, 1), "gmail.com": (3, 2, 0, 1, 0, 1, 0, 0), "daum.net": (1, 1, 0, 0, 0, 0, 0, 0),
    }  # fmt: skip
    assert wrong(shop) == []
    while details.fold():
        pass
    assert lines(shop) == found == lines(shop, campaign_id=campaign.pk)
    assert wrong(shop) == []
    assert lines(shop, campaign_id=campaign.pk + 1) == {}


def test_an_open_counts_where_the_mail_went_though_the_address_is_another_one_by_now(shop: Project, clean_redis: Any) -> None:
    _campaign, transport = sent(shop)
    Endpoint.objects.filter(address_key="member0@daum.net").update(address="new@else.kr", address_key="new@else.kr")
    hit(transport, "member0@daum.net", EventKind.EMAIL_OPEN, "t/o")
    drain.drain_hits()

    assert lines(shop)["daum.net"].opens == 1
    assert wrong(shop) == []


def test_a_deferral_is_told_by_no_event_and_kept_by_a_recount(shop: Project) -> None:
    sent(shop, {f"member{number}@naver.com": DeliveryStatus.DEFERRED for number in range(5)})

    for day in recount.days(project_id=shop.pk):
        recount.rebuild(project_id=shop.pk, day=day, raise_only=False)

    assert lines(shop)["naver.com"].deferred == 5
    assert lines(shop)["naver.com"].tried == 0
    assert not Event.objects.filter(project_id=shop.pk, kind=DEFERRED).exists()


def test_the_smaller_domains_are_together(shop: Project, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MAIL_DOMAINS_LIMIT = 2
    sent(shop)
    monkeypatch.setattr("console.deliverability.lines.SHOWN", 1)

    found = domain_lines(looked=Looked(shop.pk, Detail.DOMAIN, TODAY, TODAY))

    assert [one.is_rest for one in found] == [False, True]
    assert found[1].name == "Others"
    assert sum(one.tried for one in found) == 9


def test_the_page_shows_domains_of_the_project_or_of_one_campaign_and_a_number_by_day(shop: Project) -> None:
    campaign, _transport = sent(shop, {"member0@naver.com": DeliveryStatus.FAILURE_PERMANENT})
    sent_again, _ = sent(shop)
    empty = make_project(owner=shop.created_by)

    html = page(shop, since=TODAY, until=TODAY, by="soft").content.decode()
    of_one = page(shop, campaign=campaign.public_id)

    sides, by_day = pictures(html)
    assert sides["labels"] == ["naver.com", "gmail.com", "daum.net"]
    assert by_day["labels"] == [f"{TODAY}"]
    assert [one["values"] for one in by_day["series"]] == [[0.1], [0], [0]]
    assert [row[0] for row in re.findall(r'<th scope="row">(naver\.com|All)</th><td[^>]*>(\d+)<', html)] == ["naver.com", "All"]
    assert pictures(of_one.content.decode())[1]["labels"] == [f"{TODAY}"]
    assert campaign.name in of_one.content.decode()
    assert page(shop, campaign=campaign.public_id + "x").status_code == 404
    assert page(empty, campaign=sent_again.public_id).status_code == 404
    assert "No mail was sent in these days." in page(empty).content.decode()
    assert "The end is before the start." in page(shop, since="2026-11-02", until="2026-11-01").content.decode()


def test_the_page_asks_a_fixed_number_of_queries(shop: Project, django_assert_num_queries: Any) -> None:
    sent(shop)
    client, address = logged_in(shop.created_by), reverse("console:show-deliverability", args=[shop.public_id])
    client.get(address)

    with django_assert_num_queries(9):
        client.get(address, {"since": TODAY, "until": TODAY})
