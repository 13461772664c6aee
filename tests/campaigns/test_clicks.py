"""The clicks on a campaign's mail: by message, link and person; as a page, and as filters of segments."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from analytics.models import EventKind, HitClass
from campaigns.clicks import lines, messages
from campaigns.models import Campaign, Run
from campaigns.services import launch
from core import clock
from core.audience import Audience
from messaging.services import templates
from projects.models import Project
from segments import evaluation, wording
from tests.campaigns.test_sending import Clock, RecordingTransport
from tests.campaigns.test_templates import campaign_with, run_of
from tests.campaigns.test_treatments import with_treatments, work
from tests.console.world import logged_in
from tests.factories.analytics import write_hits
from tests.factories.campaigns import make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project
from tests.messaging.test_templates import make

pytestmark = pytest.mark.django_db
HTML = (
    '<a href="https://shop.kr/sale"><img src="https://shop.kr/1.png"></a><a href="https://shop.kr/top">위</a>'
    '<a href="https://shop.kr/never">끝</a><a href="{{UnsubscribeUrl}}">수신 거부</a>'
)
OTHER = '<a href="https://shop.kr/other">다른</a><a href="{{UnsubscribeUrl}}">수신 거부</a>'


def email(html: str) -> dict[str, Any]:
    return {"EmailMessage": {"FromAddress": "shop@example.com", "Title": "소식", "HtmlBody": html, "Body": ""}}


@pytest.fixture
def shop() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


def sent(shop: Project, *, count: int = 6, **document: Any) -> tuple[Campaign, list[int]]:
    members = make_members(project=shop, count=count)
    campaign = with_treatments(project=shop, members=Audience(members), MessageConfiguration=email(HTML), **document)
    work(clock=Clock(), transport=RecordingTransport())
    return campaign, members


def of_two_messages(shop: Project) -> tuple[Campaign, dict[int, Run]]:
    """A test of two messages, of which the second has one link."""
    second = {"SizePercent": 50, "TreatmentName": "다른 메일", "MessageConfiguration": email(OTHER)}
    campaign, _members = sent(shop, count=40, AdditionalTreatments=[second])
    return campaign, {run.treatment: run for run in campaign.runs.all()}


def found(campaign: Campaign, number: int = 0, **options: Any) -> lines.Clicks:
    message = messages.sent_messages(campaign=campaign)[number]
    links = ["https://shop.kr/sale", "https://shop.kr/top", "https://shop.kr/never"]
    return lines.clicks_of(campaign=campaign, message=message, links=links, **options)


def page_of(campaign: Campaign, name: str = "show-clicks", **query: Any) -> Any:
    client = logged_in(campaign.project.created_by)
    return client.get(reverse(f"campaigns:{name}", args=[campaign.project.public_id, campaign.public_id]), query)


def test_a_person_counts_once_for_a_link_and_the_most_clicked_one_comes_first(shop: Project) -> None:
    campaign, members = sent(shop)
    run = campaign.runs.get()
    write_hits(run=run, endpoint_ids=[members[0], members[0], members[1], members[2]], link=1)
    write_hits(run=run, endpoint_ids=[members[0]], link=0)
    write_hits(run=run, endpoint_ids=members, link=2, hit_class=HitClass.SCANNER)
    write_hits(run=run, endpoint_ids=[members[3]], kind=EventKind.EMAIL_UNSUBSCRIBE)

    clicks = found(campaign)

    assert [(one.rank, one.number, one.people, one.clicks, round(one.share, 1), one.heat) for one in clicks.lines] == [
        (1, 1, 3, 4, 100.0, 5), (2, 0, 1, 1, 33.3, 2), (3, 2, 0, 0, 0.0, 0),
    ]  # fmt: skip
    assert (clicks.people, clicks.clicks, clicks.unsubscribed) == (3, 5, 1)
    everybody = found(campaign, classes=[HitClass.SCANNER])
    assert (everybody.people, everybody.lines[0].number) == (6, 2)


def test_each_treatment_has_its_own_links(shop: Project) -> None:
    campaign, runs = of_two_messages(shop)
    first, second = list(runs[0].audience or []), list(runs[1].audience or [])
    write_hits(run=runs[0], endpoint_ids=first[:3], link=0)
    write_hits(run=runs[1], endpoint_ids=second[:2], link=0)

    one, other = messages.sent_messages(campaign=campaign)

    assert (one.treatment, one.name, other.treatment, other.name) == (0, "Treatment A", 1, "다른 메일")
    assert [len(lines.clicks_of(campaign=campaign, message=message, links=["x"]).lines) for message in (one, other)] == [1, 1]
    assert [lines.clicks_of(campaign=campaign, message=message, links=["x"]).people for message in (one, other)] == [3, 2]
    page = page_of(campaign, message=other.key).content.decode()
    assert "https://shop.kr/other" in page
    assert "https://shop.kr/sale" not in page


def test_runs_of_a_template_that_changed_are_messages_of_their_own(shop: Project) -> None:
    clock_ = Clock()
    (member,) = make_members(project=shop, count=1)
    template = make(shop, document={"Subject": "x", "HtmlPart": HTML})
    campaign = campaign_with(make_import_segment(project=shop, members=Audience([member])), Name="News")
    launch.launch_campaign(campaign=campaign, actor=None, now=clock_())
    runs = [run_of(campaign, clock_)]
    for day in (1, 2):
        clock_.pass_(days=1)
        if day == 2:
            templates.update_template(
                template=template, actor=None, document={"HtmlPart": OTHER}, now=clock_(), create_new_version=False
            )
        runs.append(run_of(campaign, clock_))
    write_hits(run=runs[0], endpoint_ids=[member], link=0)
    write_hits(run=runs[1], endpoint_ids=[member], link=0)
    write_hits(run=runs[2], endpoint_ids=[member], link=0)

    newest, oldest = messages.sent_messages(campaign=campaign)

    assert (newest.count, oldest.count) == (1, 2)
    assert next((one.number, one.people, one.clicks) for one in found(campaign, 1).lines) == (0, 1, 2)
    assert found(campaign, 0).clicks == 1
    assert page_of(campaign, message=oldest.key).content.decode().count("https://shop.kr/sale") == 1


def test_the_page_lists_the_links_and_the_frame_has_their_badges_under_the_policy_of_mails(shop: Project) -> None:
    campaign, members = sent(shop)
    write_hits(run=campaign.runs.get(), endpoint_ids=members[:3], link=0)

    page, mail = page_of(campaign), page_of(campaign, "show-clicks-mail")

    text = page.content.decode()
    assert "3 people clicked, 3 times." in text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in text
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    shown = mail.content.decode()
    assert (
        '<a data-pabal-heat="5" href="https://shop.kr/sale"><span data-pabal-badge="5" id="pabal-link-0">1 · 100.0 %</span>'
        in shown
    )
    assert '<span data-pabal-badge="0" id="pabal-link-1">2 · 0.0 %</span>' in shown
    assert "0 unsubscribed</span>" in shown
    assert "/t/o/" not in shown
    policy = mail.headers["Content-Security-Policy"]
    assert "sandbox allow-popups" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_the_people_behind_a_link_are_listed(shop: Project) -> None:
    campaign, members = sent(shop)
    write_hits(run=campaign.runs.get(), endpoint_ids=members[:2], link=1)
    what = found(campaign).lines[0].what
    client = logged_in(shop.created_by)

    listed = client.get(reverse("campaigns:list-people", args=[shop.public_id, campaign.public_id, what])).content.decode()

    assert "Clicked link 1" in listed
    assert "2 people" in listed
    for wrong in ("link-", "link-0-nothing-1", what[:-1] + "x", what[:-1] + "9" * 12):
        assert client.get(reverse("campaigns:list-people", args=[shop.public_id, campaign.public_id, wrong])).status_code == 404


def test_the_mail_is_shown_with_the_values_of_a_recipient_or_of_whom_one_searches_for(shop: Project) -> None:
    campaign, members = sent(shop)
    theirs = make_members(project=make_project(), count=1)
    named = re.compile(r"With the values of (\S+)")

    first = named.findall(page_of(campaign).content.decode())
    following = named.findall(page_of(campaign, after=members[0]).content.decode())
    nobody = page_of(campaign, member="nobody@example.com").content.decode()

    assert len(first) == len(following) == 1
    assert first != following
    assert "no member with this address" in nobody
    assert "Without a member" in page_of(campaign, id=theirs[0]).content.decode()
    assert page_of(campaign, message="0-nothing").status_code == 404


def test_a_campaign_that_sent_nothing_says_so(shop: Project) -> None:
    members = make_members(project=shop, count=1)
    campaign = with_treatments(project=shop, members=Audience(members), MessageConfiguration=email(HTML))

    assert "No mail of this campaign was sent yet." in page_of(campaign).content.decode()
    assert page_of(campaign, "show-clicks-mail").status_code == 404


def test_a_filter_by_link_of_a_treatment_finds_those_who_clicked_that_message(shop: Project) -> None:
    campaign, runs = of_two_messages(shop)
    first, second = list(runs[0].audience or []), list(runs[1].audience or [])
    write_hits(run=runs[0], endpoint_ids=first[:3], link=0)
    write_hits(run=runs[1], endpoint_ids=second[:2], link=0)

    def document(**more: int) -> dict[str, Any]:
        behaviour = {"Action": "CLICKED", "CampaignId": campaign.public_id, "Link": 0} | more
        return {"SegmentGroups": {"Groups": [{"Dimensions": [{"Pabal": {"Behavior": [behaviour]}}]}]}}

    def members(**more: int) -> set[int]:
        return set(evaluation.evaluate_document(project_id=shop.pk, document=document(**more), now=clock.now()))

    assert members(Treatment=0) == set(first[:3])
    assert members(Treatment=1) == set(second[:2])
    assert members() == {*first[:3], *second[:2]}
    said = wording.sentence(project=shop, document=document(Treatment=1))
    assert "clicked https://shop.kr/other in the campaign “가을 세일”, treatment “다른 메일”" in said
