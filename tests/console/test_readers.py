"""Who opened and clicked a campaign's mails, and with what; and whose hits its page counts."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from analytics.hits import drain, queue
from analytics.hits.classify import hit_class
from analytics.links import LinkContext, SignedHit
from analytics.models import EventKind, HitClass
from analytics.services import details, reach
from campaigns.models import Campaign, Run
from core.audience import Audience
from projects.models import Project
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport
from tests.campaigns.test_treatments import with_treatments, work
from tests.console.world import logged_in
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
SCANNER = "Barracuda Sentinel (EE)"
NOBODY = "Acme Reader 7"


@pytest.fixture
def shop() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


@pytest.fixture
def client(shop: Project) -> Client:
    return logged_in(shop.created_by)


@pytest.fixture
def campaign(shop: Project, clean_redis: Any) -> Campaign:
    """Sent to four: one reads on a telephone and a computer, one behind Gmail, one's mail server looks, of one nothing is known."""
    members = [make_endpoint(project=shop).pk for _number in range(4)]
    made = with_treatments(project=shop, members=Audience(members))
    work(clock=Clock(), transport=RecordingTransport())
    run = Run.objects.get(campaign=made)
    reader, gmail, scanned, unknown = members
    hit(run, reader, PHONE, EventKind.EMAIL_OPEN)
    hit(run, reader, CHROME, EventKind.EMAIL_OPEN, hours=3)
    hit(run, reader, CHROME, EventKind.EMAIL_CLICK, hours=3)
    hit(run, gmail, GMAIL, EventKind.EMAIL_OPEN)
    hit(run, scanned, SCANNER, EventKind.EMAIL_OPEN)
    hit(run, scanned, SCANNER, EventKind.EMAIL_CLICK)
    hit(run, unknown, NOBODY, EventKind.EMAIL_OPEN)
    drain.drain_hits()
    return made


def hit(run: Run, endpoint_id: int, agent: str, kind: EventKind, hours: int = 0) -> None:
    context = LinkContext(project_id=run.project_id, campaign_id=run.campaign_id, run_id=run.pk)
    is_click = kind == EventKind.EMAIL_CLICK
    token = SignedHit("click" if is_click else "open", context, endpoint_id, link_number=0 if is_click else None)
    now = NOW + datetime.timedelta(hours=hours)
    queue.put_events([queue.hit_event(kind=kind, token=token, now=now, user_agent=agent, ip="203.0.113.9", method="GET")])


def shown(client: Client, campaign: Campaign, *classes: str) -> Any:
    address = reverse("console:show-readers", args=[campaign.project.public_id, campaign.public_id])
    return client.get(address, {"count": list(classes)})


def pictures(answer: Any) -> dict[str, Any]:
    return {one.key: one for one in answer.context["charts"]}


def test_each_class_is_shown_and_the_usual_ones_are_drawn(client: Client, campaign: Campaign) -> None:
    answer = shown(client, campaign)
    lines = {choice.name: (hits.openers, hits.opens, hits.clickers, hits.clicks) for choice, hits in answer.context["lines"]}
    charts = pictures(answer)

    assert lines == {"person": (1, 2, 1, 1), "proxy": (1, 1, 0, 0), "unknown": (1, 1, 0, 0), "scanner": (1, 1, 1, 1)}
    assert [choice.name for choice, _hits in answer.context["lines"] if choice.is_chosen] == ["person", "proxy", "unknown"]
    assert sum(charts["readers-by-hour"].series[0].values) == 4
    assert set(charts["readers-by-program"].labels) == {"Apple Mail", "Chrome", "Gmail", "Another"}
    assert set(charts["readers-by-device"].labels) == {"Computer", "Phone", "Unknown"}


def test_scanners_alone_can_be_looked_at(client: Client, campaign: Campaign) -> None:
    charts = pictures(shown(client, campaign, "scanner"))

    assert [sum(one.values) for one in charts["readers-by-hour"].series] == [1, 1]
    assert list(charts["readers-by-program"].labels) == ["Another"]


def test_hours_are_those_of_the_project(client: Client, campaign: Campaign, shop: Project) -> None:
    seoul = pictures(shown(client, campaign, "person"))["readers-by-hour"]
    shop.time_zone = "UTC"
    shop.save()
    utc = pictures(shown(client, campaign, "person"))["readers-by-hour"]

    assert [hour for hour, count in enumerate(utc.series[0].values) if count] == [NOW.hour, NOW.hour + 3]
    assert seoul.series[0].values == [*utc.series[0].values[-9:], *utc.series[0].values[:-9]]


def test_what_is_folded_and_what_waits_are_the_same(client: Client, campaign: Campaign) -> None:
    before = shown(client, campaign)
    with transaction.atomic():
        reach.fold_reach()
        details.fold()
    after = shown(client, campaign)

    assert before.context["lines"] == after.context["lines"]
    assert [one.data for one in before.context["charts"]] == [one.data for one in after.context["charts"]]


def test_the_campaigns_page_counts_the_chosen_ones_and_lists_the_same_people(client: Client, campaign: Campaign) -> None:
    address = reverse("campaigns:show-campaign", args=[campaign.project.public_id, campaign.public_id])
    people = reverse("campaigns:list-people", args=[campaign.project.public_id, campaign.public_id, "opened"])

    def tiles(*classes: str) -> dict[str, int]:
        found = client.get(address, {"count": list(classes)}).context["summary"].tiles
        return {tile.what: tile.value for tile in found if tile.what in ("opened", "clicked")}

    assert tiles() == {"opened": 3, "clicked": 1}
    assert tiles("person") == {"opened": 1, "clicked": 1}
    assert tiles("scanner", "unknown") == {"opened": 2, "clicked": 1}
    assert tiles("nonsense") == tiles()
    assert client.get(people, {"count": ["scanner", "unknown"]}).context["total"] == 2
    assert b"count=scanner" in client.get(address, {"count": "scanner"}).content


def test_a_campaign_that_nobody_opened_says_so(client: Client, shop: Project) -> None:
    campaign = with_treatments(project=shop, members=Audience([make_endpoint(project=shop).pk]))

    assert "Nobody of the chosen kinds" in shown(client, campaign).content.decode()


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (PHONE, HitClass.PERSON), (CHROME, HitClass.PERSON), (GMAIL, HitClass.PROXY), ("Mozilla/5.0", HitClass.PROXY),
        (SCANNER, HitClass.SCANNER), ("", HitClass.SCANNER), (NOBODY, HitClass.UNKNOWN), ("Thunderbird/140.0", HitClass.PERSON),
    ],
)  # fmt: skip
def test_a_program_of_which_nothing_is_known_is_unknown(agent: str, told: HitClass) -> None:
    assert hit_class(method="GET", user_agent=agent) == told
