"""From an event on a web page to a mail: the visitor's user is written to, a stranger's claim writes to nobody."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from campaigns.models import Run, RunState
from campaigns.services import events
from core import clock as now_clock
from endpoints.models import Endpoint
from endpoints.services import collecting
from projects.models import Project
from segments import evaluation
from segments.services.segments import create_segment
from tests.campaigns.test_event_campaigns import by_event, gold, launched, member, work
from tests.campaigns.test_sending import Clock, RecordingTransport
from tests.console.world import logged_in
from tests.endpoints.test_collecting import event
from tests.endpoints.web_page import Page, collector
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project, make_public_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(clean_redis: Any) -> Project:
    project = make_project()
    make_sender(project=project)
    return project


@pytest.fixture
def address() -> Iterator[str]:
    with collector() as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.now = now_clock.now()  # the door reads the clock
    return made


def launched_now(project: Project, clock: Clock) -> None:
    end = (clock() + datetime.timedelta(days=1)).isoformat()
    launched(gold(project), clock, by_event("cart.viewed", end=end))


def test_what_a_signed_visitor_does_brings_a_mail_to_each_address_of_his_user(
    project: Project, address: str, clock: Clock
) -> None:
    launched_now(project, clock)
    kim, second = (member(project, user_id="kim") for _number in range(2))
    member(project, user_id="lee")
    page = Page(address, make_public_key(project=project))
    page.put(Identity=page.identity("kim"), Events={one: event() for one in ("e-1", "e-2")})
    collecting.drain_batches()
    clock.now = now_clock.now()
    transport = RecordingTransport()
    (run,) = work(clock, transport)

    assert dict(transport.sent) == {kim.pk: 1, second.pk: 1}
    assert (run.state, run.targeted, run.frozen) == (RunState.COMPLETED, 2, 2)


def test_what_nobody_or_a_claim_without_a_signature_does_brings_no_mail_and_no_run(
    project: Project, address: str, clock: Clock
) -> None:
    launched_now(project, clock)
    member(project, user_id="kim")
    page = Page(address, make_public_key(project=project))
    page.put(Endpoint={"Attributes": {"tier": "gold"}}, Events={"e-1": event()})
    page.put(Identity={"UserId": "kim"}, Events={"e-2": event()})
    page.put(Identity=page.identity("lee") | {"UserId": "kim"}, Events={"e-3": event()})
    collecting.drain_batches()
    clock.now = now_clock.now()

    assert events.claim_events(now=clock()) == []
    assert not Run.objects.exists()


def test_who_did_it_on_a_page_is_a_member_with_all_of_his_endpoints(project: Project, address: str) -> None:
    kim, lee = member(project, user_id="kim"), member(project, user_id="lee")
    page = Page(address, make_public_key(project=project))
    page.put(Identity=page.identity("kim"), Events={"e-1": event(Attributes={"category": "shoes"}), "e-2": event()})
    anonymous = Page(address, page.key)
    anonymous.put(Events={"e-1": event()})
    collecting.drain_batches()
    ids = {one.endpoint_id: one.pk for one in Endpoint.objects.filter(endpoint_id__startswith="web-")}
    kims = {kim.pk, ids[page.endpoint_id]}

    plain = {"Event": "cart.viewed"}
    assert members(project, plain) == kims | {ids[anonymous.endpoint_id]}
    assert members(project, plain | {"Attributes": {"category": ["shoes"]}}) == kims
    assert lee.pk not in members(project, plain)


def members(project: Project, did: dict[str, Any]) -> set[int]:
    dimension = {"Pabal": {"Behavior": [did]}}
    segment = create_segment(
        project=project, actor=None, name=str(did), document={"SegmentGroups": {"Groups": [{"Dimensions": [dimension]}]}},
        now=now_clock.now(),
    )  # fmt: skip
    return set(
        evaluation.evaluate_segment(project_id=project.pk, segment_id=segment.public_id, version=None, now=now_clock.now())
    )


def test_events_of_pages_are_on_the_pages_of_statistics(project: Project, address: str) -> None:
    page = Page(address, make_public_key(project=project))
    page.put(Events={"s": event("_session.start"), "a": event("cart.viewed"), "b": event("order.placed")})
    collecting.drain_batches()
    owner = logged_in(project.created_by)
    events_page, funnel, usage = (
        owner.get(reverse(f"console:{name}", args=[project.public_id])) for name in ("show-events", "show-funnel", "show-usage")
    )

    assert "cart.viewed" in events_page.content.decode()
    assert "order.placed" in funnel.content.decode()
    assert b"application/json" in usage.content  # pictures, for there is something to draw
