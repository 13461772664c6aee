"""Events of apps and web pages: Pinpoint's PutEvents."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest

from analytics import queries as analytics_queries
from analytics.hits import drain, queue
from analytics.models import Counter, Event, EventKind, EventType, HitClass, RevenueCounter, SourceKind
from analytics.rollups import recount
from endpoints.models import Endpoint
from endpoints.services import app_events
from endpoints.services.app_events import TooManyEvents, put_events
from projects.models import Project
from tests.factories.campaigns import make_campaign, make_run
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.datetime(2026, 11, 26, 3, 0, tzinfo=datetime.UTC)
SAID = "2026-11-26T02:59:00Z"


@pytest.fixture
def project(clean_redis: Any) -> Project:
    return make_project()


def event(name: str = "cart.viewed", **more: Any) -> dict[str, Any]:
    return {"EventType": name, "Timestamp": SAID} | more


def put(
    project: Project, events: dict[str, Any], endpoint: dict[str, Any] | None = None, who: str = "phone-1"
) -> app_events.Answer:
    return put_events(project=project, batch={who: {"Endpoint": endpoint or {}, "Events": events}}, now=NOW)[who]


def test_an_unknown_endpoint_is_made_and_its_event_counts_once_however_often_it_is_sent(project: Project) -> None:
    told = event(
        Attributes={"category": "shoes"}, Metrics={"price": 12.5}, Session={"Id": "s", "StartTimestamp": SAID}, AppTitle="가게"
    )
    for _time in range(3):
        answer = put(project, {"e-1": told})
        drain.drain_hits()

    assert (answer.endpoint, answer.events) == ("", {"e-1": ""})
    one, stored = Endpoint.objects.get(), Event.objects.get()
    assert (one.endpoint_id, one.channel_type, one.address) == ("phone-1", "IN_APP", "phone-1")
    assert (stored.endpoint_id, stored.kind) == (one.pk, EventType.objects.get(name="cart.viewed").number)
    assert stored.occurred_at == datetime.datetime(2026, 11, 26, 2, 59, tzinfo=datetime.UTC)
    assert stored.data is not None
    assert (stored.data["attributes"], stored.data["metrics"], stored.data["app"]) == (
        {"category": "shoes"}, {"price": 12.5}, {"AppTitle": "가게"},
    )  # fmt: skip
    assert Counter.objects.get().total == 1
    assert list(analytics_queries.did(project_id=project.pk, kind=stored.kind)) == [one.pk]
    assert recount.differences(project_id=project.pk, day=stored.occurred_at.date()) == []


def test_what_is_said_of_an_endpoint_is_written_and_nothing_else_of_it_changes(project: Project) -> None:
    known = make_endpoint(project=project, endpoint_id="phone-1", attributes={"tier": ["gold"]})

    put(project, {"e": event()}, {"Attributes": {"theme": "dark"}, "Demographic": {"Platform": "ios"}})

    known.refresh_from_db()
    assert known.attributes == {"tier": ["gold"], "theme": ["dark"]}
    assert (known.channel_type, known.demographic) == ("EMAIL", {"Platform": "ios"})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"EventType": ""}, "needs an EventType"),
        ({"EventType": "x" * 51}, "50 characters"),
        ({"EventType": "_email.open"}, "console itself"),
        ({"EventType": "_campaign.send"}, "console itself"),
        ({"Timestamp": "yesterday"}, "Timestamp"),
        ({"Attributes": {"k": "v" * 201}}, "200 characters"),
        ({"Attributes": {"k": 7}}, "is a text"),
        ({"Attributes": {"k" * 51: "v"}}, "50 characters"),
        ({"Attributes": {"k": "a\0b"}}, "NUL"),
        ({"Attributes": [1]}, "map of names"),
        ({"Metrics": {"m": "7"}}, "number"),
        ({"Metrics": {"m": float("inf")}}, "number"),
        ({"Metrics": {"m": 1 << 70}}, "can't be kept"),
        ({"Attributes": {"k": "\ud800"}}, "can't be kept"),
        ({"Session": {"Id": "a\0b"}}, "NUL"),
        ({"Metrics": {f"m{number}": 1 for number in range(41)}}, "40 attributes"),
    ],
)
def test_a_wrong_event_is_refused_with_its_reason_and_the_others_are_taken(
    project: Project, wrong: dict[str, Any], says: str
) -> None:
    answer = put(project, {"wrong": event() | wrong, "right": event("_session.start")})
    drain.drain_hits()

    assert says in answer.events["wrong"]
    assert answer.events["right"] == ""
    assert [one.kind for one in Event.objects.all()] == [EventKind.SESSION_START]


def test_a_refused_endpoint_takes_its_events_with_it(project: Project) -> None:
    answers = put_events(project=project, now=NOW, batch={
        "bad": {"Endpoint": {"ChannelType": "EMAIL", "Address": "nobody"}, "Events": {"e": event()}},
        "good": {"Endpoint": {}, "Events": {"e": event()}},
    })  # fmt: skip
    drain.drain_hits()

    assert "nobody" in answers["bad"].endpoint
    assert answers["bad"].events["e"]
    assert answers["good"].events == {"e": ""}
    assert Event.objects.get().endpoint_id == Endpoint.objects.get(endpoint_id="good").pk


def test_more_than_a_hundred_events_are_refused_whole(project: Project) -> None:
    with pytest.raises(TooManyEvents):
        put(project, {str(number): event() for number in range(101)})
    assert not Endpoint.objects.exists()


def test_an_opened_notification_counts_for_its_run(project: Project) -> None:
    run = make_run(campaign=make_campaign(project=project, document={}), at=NOW)
    theirs = make_run(campaign=make_campaign(project=make_project(), document={}), at=NOW)
    name = "_campaign.opened_notification"

    put(project, {
        "mine": event(name, Attributes={"campaign_activity_id": run.public_id}),
        "theirs": event(name, Attributes={"campaign_activity_id": theirs.public_id}),
    })  # fmt: skip
    drain.drain_hits()

    found = set(Event.objects.values_list("source_kind", "source_id", "run_id"))
    assert found == {(SourceKind.CAMPAIGN, run.campaign_id, run.pk), (SourceKind.DIRECT, None, None)}


@pytest.mark.parametrize("said", ["2020-01-01T00:00:00Z", "2027-01-01T00:00:00Z"])
def test_a_clock_that_is_far_off_is_not_believed(project: Project, said: str) -> None:
    put(project, {"e": event(Timestamp=said)})
    drain.drain_hits()
    assert Event.objects.get().occurred_at == NOW


@pytest.mark.parametrize("seconds", [5, 90_000])
def test_an_event_of_a_clock_that_is_ahead_counts_once_however_often_it_is_sent(project: Project, seconds: int) -> None:
    ahead = NOW + datetime.timedelta(seconds=seconds)
    for came in (NOW, NOW + datetime.timedelta(seconds=2), ahead + datetime.timedelta(minutes=1)):
        told = {"phone-1": {"Endpoint": {}, "Events": {"e": event(Timestamp=ahead.isoformat())}}}
        put_events(project=project, batch=told, now=came)
        drain.drain_hits()

    assert Event.objects.get().occurred_at == NOW


def test_events_survive_a_redis_that_is_away(project: Project, settings: Any) -> None:
    there, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    answer = put(project, {str(number): event() for number in range(5)})
    settings.REDIS_URL = there
    queue.HITS.try_again()

    assert set(answer.events.values()) == {""}
    drain.drain_hits()
    drain.drain_hits()
    assert Event.objects.count() == 5


# -- to which message a purchase is put down ---------------------------------------------------------------------------


def clicked(endpoint: Endpoint, run: Any, *, hours: float, **more: Any) -> None:
    from django.db import transaction

    from analytics.events import EventRow
    from analytics.services.record import record_events

    at = datetime.datetime.fromisoformat(SAID) - datetime.timedelta(hours=hours)
    given = {
        "kind": EventKind.EMAIL_CLICK, "hit_class": HitClass.PERSON, "source_kind": SourceKind.CAMPAIGN, "source_id": run.campaign_id,
        "run_id": run.pk, "treatment": 1,
    }  # fmt: skip
    with transaction.atomic():
        record_events(
            events=[
                EventRow(
                    id=uuid.uuid4(), occurred_at=at, project_id=endpoint.project_id, endpoint_id=endpoint.pk, **(given | more)
                )
            ]
        )


def bought(project: Project) -> Event:
    drain.drain_hits()
    return Event.objects.get(project_id=project.pk, kind=EventKind.MONETIZATION_PURCHASE)


PURCHASE = event("_monetization.purchase", Metrics={"_item_price": 9_900}, Attributes={"_currency": "KRW"})


def test_a_purchase_is_put_down_to_the_last_message_that_its_person_clicked(project: Project) -> None:
    campaign = make_campaign(project=project, document={})
    older, newer, scanned = (make_run(campaign=campaign, at=NOW - datetime.timedelta(days=number)) for number in range(3))
    mail = make_endpoint(project=project, endpoint_id="mail-1", user_id="kim")
    make_endpoint(project=project, endpoint_id="phone-1", user_id="kim")
    clicked(mail, older, hours=30)
    clicked(mail, newer, hours=2)
    clicked(mail, scanned, hours=1, hit_class=HitClass.SCANNER)
    clicked(mail, scanned, hours=-1)
    clicked(make_endpoint(project=project, user_id="lee"), scanned, hours=1)

    put(project, {"p": PURCHASE})

    one = bought(project)
    assert (one.source_kind, one.source_id, one.run_id, one.treatment) == (SourceKind.CAMPAIGN, campaign.pk, newer.pk, 1)
    counter = RevenueCounter.objects.get(project_id=project.pk)
    assert (counter.source_id, counter.run_id, counter.amount) == (campaign.pk, newer.pk, 9_900)


def test_a_click_of_more_than_a_week_ago_sold_nothing(project: Project) -> None:
    run = make_run(campaign=make_campaign(project=project, document={}), at=NOW)
    clicked(make_endpoint(project=project, endpoint_id="phone-1"), run, hours=24 * 7 + 1)
    put(project, {"p": PURCHASE})
    assert bought(project).source_id is None


def test_a_purchase_that_names_its_message_is_that_ones(project: Project) -> None:
    campaign = make_campaign(project=project, document={})
    named, other = (make_run(campaign=campaign, at=NOW - datetime.timedelta(days=number)) for number in range(2))
    clicked(make_endpoint(project=project, endpoint_id="phone-1"), other, hours=1)
    put(project, {"p": PURCHASE | {"Attributes": {"campaign_activity_id": named.public_id}}})
    assert bought(project).run_id == named.pk


def test_no_message_of_another_project_is_named_by_a_purchase(project: Project) -> None:
    theirs = make_run(campaign=make_campaign(project=make_project(), document={}), at=NOW)
    put(project, {"p": PURCHASE | {"Attributes": {"campaign_activity_id": theirs.public_id}}})
    assert bought(project).source_id is None
