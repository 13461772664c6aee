"""The pages of event campaigns: the wizard's step, the review, the campaign's page, the calendar."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from analytics.services.event_types import kinds_of
from campaigns.models import Campaign, EventListener
from campaigns.services import launch
from endpoints.models import Endpoint
from endpoints.services import erasing
from projects.models import Project
from segments.models import Segment
from tests.campaigns import test_event_campaigns as by_events
from tests.campaigns.test_sending import Clock
from tests.console.world import logged_in
from tests.factories.campaigns import campaign_document, make_campaign
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db
NOW = by_events.NOW
STEP = {
    "start_kind": "now", "frequency": "EVENT", "zone": "Asia/Seoul", "missing_zone": "PROJECT", "past_zone": "SEND",
    "end": "2026-12-24T18:00", "event_types": ["cart.viewed"], "event_type": "", "quiet_mode": "DROP",
    "event_conditions": 'category = shoes, "bags, large"\nprice >= 100',
}  # fmt: skip


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_sender(project=project)
    kinds_of(project_id=project.pk, names=["cart.viewed"])
    return project


@pytest.fixture
def segment(project: Project) -> Segment:
    return by_events.gold(project)


@pytest.fixture
def draft(segment: Segment) -> Campaign:
    return make_campaign(project=segment.project, document=campaign_document(segment=segment), name="장바구니")


def page(campaign: Campaign, name: str, *more: str) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.project.public_id, campaign.public_id, *more])


def client_of(campaign: Campaign) -> Client:
    return logged_in(campaign.project.created_by)


@time_machine.travel(NOW, tick=False)
def test_the_step_keeps_events_and_conditions_and_shows_them_again(draft: Campaign) -> None:
    client = client_of(draft)
    shown = client.get(page(draft, "edit-campaign", "schedule")).content.decode()
    assert "When an event happens" in shown
    assert '<option value="_session.start">Session began (_session.start)</option>' in shown
    assert '<option value="cart.viewed">cart.viewed</option>' in shown
    assert "_email.delivered" not in shown

    assert client.post(page(draft, "edit-campaign", "schedule"), STEP).status_code == 302

    draft.refresh_from_db()
    stored = draft.document["Schedule"]
    assert (stored["StartTime"], stored["EndTime"], stored["Frequency"]) == ("IMMEDIATE", "2026-12-24T09:00:00Z", "EVENT")
    assert stored["EventFilter"] == {
        "FilterType": "ENDPOINT",
        "Dimensions": {
            "EventType": {"DimensionType": "INCLUSIVE", "Values": ["cart.viewed"]},
            "Attributes": {"category": {"AttributeType": "INCLUSIVE", "Values": ["shoes", "bags, large"]}},
            "Metrics": {"price": {"ComparisonOperator": "GREATER_THAN_OR_EQUAL", "Value": 100.0}},
        },
    }
    form = client.get(page(draft, "edit-campaign", "schedule")).context["form"]
    assert form["event_types"].value() == ["cart.viewed"]
    assert form["event_conditions"].value() == 'category = shoes, "bags, large"\nprice >= 100'
    said = client.get(page(draft, "edit-campaign", "review")).content.decode()
    assert "When “cart.viewed” happens, if category = “shoes” or “bags, large” and price &gt;= 100:" in said
    assert "Events happen at night, too" in said
    assert "within seconds, to whoever did it, from the launch until 2026-12-24 18:00" in said


@time_machine.travel(NOW, tick=False)
def test_before_an_event_is_chosen_the_page_asks_for_one_and_not_for_a_time(draft: Campaign) -> None:
    client = client_of(draft)
    incomplete = STEP | {"event_types": [], "end": ""}

    for answer in (
        client.post(page(draft, "list-moments"), incomplete),
        client.post(page(draft, "edit-campaign", "schedule"), incomplete),
    ):
        said = answer.content.decode()
        assert "Choose an event and an end" in said
        assert "Choose a time" not in said
    assert (
        "Choose a time"
        in client.post(page(draft, "list-moments"), incomplete | {"frequency": "ONCE", "zone": ""}).content.decode()
    )


@time_machine.travel(NOW, tick=False)
def test_launching_says_that_nobody_gets_a_message_now(draft: Campaign) -> None:
    client = client_of(draft)
    client.post(page(draft, "edit-campaign", "schedule"), STEP)

    said = client.get(page(draft, "edit-campaign", "review")).content.decode()

    assert "Nobody gets a message now: it waits for the event." in said
    assert "The audience is fixed when the run begins" not in said


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"event_types": []}, "event_types", "Choose an event"),
        ({"end": ""}, "end", "Choose when it stops"),
        ({"end": "2026-11-01T00:00"}, "end", "leaves no run"),
        ({"event_conditions": "category: shoes"}, "event_conditions", "no condition"),
        ({"event_conditions": "price >= dear"}, "event_conditions", "with a number"),
        ({"event_conditions": "a = 1\na = 2"}, "event_conditions", "two lines"),
        ({"event_conditions": "a = ,"}, "event_conditions", "1 to 50 values"),
    ],
)
def test_what_is_missing_or_wrong_is_said_at_its_field(
    draft: Campaign, change: dict[str, Any], field: str, sentence: str
) -> None:
    answer = client_of(draft).post(page(draft, "edit-campaign", "schedule"), STEP | change)

    assert sentence in str(answer.context["form"].errors[field])
    draft.refresh_from_db()
    assert draft.document["Schedule"]["Frequency"] == "ONCE"


@time_machine.travel(NOW, tick=False)
def test_an_event_that_nobody_told_yet_can_be_named_and_is_listened_to(draft: Campaign) -> None:
    client = client_of(draft)
    client.post(page(draft, "edit-campaign", "schedule"), STEP | {"event_types": [], "event_type": "order.placed"})
    draft.refresh_from_db()

    launch.launch_campaign(campaign=draft, actor=None, now=NOW)

    kind = kinds_of(project_id=draft.project_id, names=["order.placed"])["order.placed"]
    assert [one.kind for one in EventListener.objects.all()] == [kind]


@time_machine.travel(NOW, tick=False)
def test_the_campaigns_page_and_the_calendar_say_that_it_waits(segment: Segment) -> None:
    campaign = by_events.launched(segment, Clock(), by_events.by_event(end="2026-12-24T09:00:00Z"))
    client = client_of(campaign)

    shown = client.get(page(campaign, "show-campaign")).content.decode()
    calendar = reverse("campaigns:show-calendar", args=[campaign.project.public_id])
    month = client.get(calendar, {"view": "month", "on": "2026-11-24"}).content.decode()

    assert "When “cart.viewed” happens" in shown
    assert month.count("waits for events") > 5
    assert "waits for events" in client.get(calendar, {"view": "day", "on": "2026-12-24"}).content.decode()
    assert "waits for events" not in client.get(calendar, {"view": "day", "on": "2026-12-25"}).content.decode()
    assert "waits for events" not in client.get(calendar, {"view": "day", "on": "2026-11-23"}).content.decode()


def test_a_stranger_sees_nothing_of_it(draft: Campaign) -> None:
    stranger = logged_in(make_user())
    assert stranger.get(page(draft, "edit-campaign", "schedule")).status_code == 404
    assert stranger.post(page(draft, "list-moments"), STEP).status_code == 404


def test_what_waits_is_erased_with_the_person(project: Project, segment: Segment) -> None:
    by_events.launched(segment, Clock())
    kim = by_events.member(project)
    by_events.tell(kim, NOW)

    clock = Clock()
    request = erasing.erase_person(project=project, actor=None, now=clock(), endpoint_pk=kim.pk)
    for _turn in range(5):
        erasing.run_erasure(request_id=request.pk, clock=clock)
        clock.pass_(minutes=5)

    assert not Endpoint.objects.filter(pk=kim.pk).exists()
    assert not by_events.EventTrigger.objects.exists()
