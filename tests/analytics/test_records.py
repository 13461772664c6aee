"""Events as Pinpoint's stream said them.

``tests/data/records/golden.json`` has each type; ``pinpoint.json`` the samples that Amazon published, whose members ours must have.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from analytics.events import EventRow
from analytics.models import EventKind, HitClass, SourceKind
from analytics.records import records_of
from analytics.services.event_types import LIMIT, kinds_of
from analytics.services.record import record_events
from analytics.stream.horizon import settled_position
from analytics.stream.reading import events_after
from campaigns.models import Campaign, Run
from endpoints.models import Endpoint
from endpoints.services.update import update_endpoints
from projects.models import Installation, Project
from tests.factories.campaigns import make_campaign, make_run
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)

DATA = Path(__file__).parent.parent / "data" / "records"
SENT = datetime.datetime(2026, 11, 24, 1, 30, 0, 123_000, tzinfo=datetime.UTC)
LATER = SENT + datetime.timedelta(hours=2, milliseconds=877)
HIT = {"ua": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X)", "ip": "192.0.2.7"}
BOUNCE = {
    "bounce_type": "Permanent", "bounce_sub_type": "General", "action": "failed", "status": "5.1.1", "feedback_id": "f-1",
    "diagnostic_code": "smtp; 550 5.1.1 no such user", "reporting_mta": "dns; mx.example.com", "class": "HARD",
}  # fmt: skip
SMS = {
    "request_id": "565d4425", "from": "+821012345678", "status": "DELIVERED", "country": "KR", "parts": 1, "message_id": "m-1",
    "message_type": "Transactional", "context": {"k": "v"}, "millicents": 645,
}  # fmt: skip
APP = {
    "app": {"AppPackageName": "main.page", "AppTitle": "가게", "AppVersionCode": "1", "SdkName": "pabal-js", "ClientSdkVersion": "1.0"},
    "session": {"id": "s-1", "start": 1_795_483_800_000, "stop": 1_795_483_860_000}, "arrived": 1_795_491_000_500,
    "attributes": {"category": "shoes"}, "metrics": {"price": 12_000.0},
}  # fmt: skip
OF_KIND: dict[int, dict[str, Any]] = {
    EventKind.CAMPAIGN_SEND: {"status": "SUCCESS"},
    EventKind.JOURNEY_SEND: {"status": "SUCCESS", "code": "200", "reply": "200", "journey_run_id": "r-1"},
    EventKind.EMAIL_REJECTED: {"reason": "Bad content"},
    EventKind.EMAIL_HARDBOUNCE: BOUNCE,
    EventKind.EMAIL_SOFTBOUNCE: {"bounce_type": "Transient", "code": "452", "reply": "452 4.2.2 mailbox full", "class": "FULL"},
    EventKind.EMAIL_COMPLAINT: {"feedback_id": "f-2", "user_agent": "Naver FBL", "complaint_feedback_type": "abuse"},
    EventKind.EMAIL_OPEN: HIT,
    EventKind.EMAIL_CLICK: HIT | {"link": "https://shop.example.com/sale?k=%EA%B0%80"},
    EventKind.EMAIL_UNSUBSCRIBE: HIT,
    EventKind.EMAIL_RENDERING_FAILURE: {"reason": "no such variable"},
}


@pytest.fixture
def project() -> Project:
    Installation.objects.all().delete()
    Installation.objects.create(account_id="123456789012")
    return make_project(public_id="a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6", name="가게")


@pytest.fixture
def endpoint(project: Project) -> Endpoint:
    document = {
        "Id": "e9a3000d-1", "ChannelType": "EMAIL", "Address": "kim@example.com", "OptOut": "NONE", "EffectiveDate": SENT.isoformat(),
        "Demographic": {"Locale": "ko_KR", "Make": "Apple", "Model": "iPhone", "Platform": "ios", "PlatformVersion": "19.1"},
        "Location": {"Country": "KR"}, "User": {"UserId": "u-1", "UserAttributes": {"MBR_FULLNM": ["김하나"]}},
    }  # fmt: skip
    update_endpoints(project=project, items=[document], source="API", now=SENT)  # type: ignore[arg-type]
    return Endpoint.objects.get()


@pytest.fixture
def run(project: Project) -> Run:
    campaign: Campaign = make_campaign(project=project, document={}, public_id="4f8dc0de4f8dc0de4f8dc0de4f8dc0de")
    message = {
        "FromAddress": "가게 <shop@example.com>",
        "Title": "(광고) {{User.UserAttributes.MBR_FULLNM}}님",
        "HtmlBody": "<p>x",
    }
    content = {"Message": message, "Pabal": {}}
    return make_run(campaign=campaign, at=SENT, public_id="5473c0de5473c0de5473c0de5473c0de", content=content)


def record(*events: EventRow) -> None:
    with transaction.atomic():
        record_events(events=events)


def told(project: Project) -> Iterator[dict[str, Any]]:
    settled_position()
    span = events_after(project_id=project.pk, after=0, settled=settled_position(), limit=1_000)
    return iter(records_of(project=project, events=span.events))


def event(project: Project, endpoint: Endpoint, run: Run, kind: int) -> EventRow:
    is_mail = EventKind.EMAIL_SEND <= kind < EventKind.SMS_BUFFERED
    is_hit = kind in (EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK, EventKind.EMAIL_UNSUBSCRIBE)
    is_of_run = kind <= EventKind.SMS_OPTOUT
    data = OF_KIND.get(kind, None if is_of_run else APP)
    if EventKind.SMS_BUFFERED <= kind <= EventKind.SMS_OPTOUT:
        data = {name: value for name, value in SMS.items() if kind != EventKind.SMS_BUFFERED or name != "millicents"}
    is_journey = EventKind.JOURNEY_SEND <= kind <= EventKind.JOURNEY_RECEIVED_BACKGROUND
    source = (
        {"source_kind": SourceKind.JOURNEY if is_journey else SourceKind.CAMPAIGN, "source_id": run.campaign_id, "run_id": run.pk}
        if is_of_run
        else {}
    )
    return EventRow(
        id=uuid.uuid4(), occurred_at=LATER if is_mail and kind != EventKind.EMAIL_SEND else SENT, project_id=project.pk,
        endpoint_id=endpoint.pk, kind=kind, hit_class=HitClass.PERSON if is_hit else HitClass.NONE, data=data, **source,
    )  # fmt: skip


def all_kinds(project: Project) -> list[int]:
    return [*EventKind.values, *kinds_of(project_id=project.pk, names=["cart.viewed"]).values()]


def test_every_type_is_told_as_its_golden_record(project: Project, endpoint: Endpoint, run: Run) -> None:
    record(*(event(project, endpoint, run, kind) for kind in all_kinds(project)))

    found = {one["event_type"]: one for one in told(project)}

    golden = json.loads((DATA / "golden.json").read_text())
    for one in found.values():  # the number of the endpoint's row, and what is of the moment it was written
        mail = one.get("facets", {}).get("email_channel", {}).get("mail_event", {}).get("mail")
        if mail:
            assert mail["message_id"] == f"{run.public_id}.{endpoint.pk}"
            mail["message_id"] = "MESSAGE"
    assert found.keys() == golden.keys()
    for name, one in found.items():
        assert one == golden[name], name


def keys(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}:{type(inner).__name__}"
            yield from keys(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, f"{path}[]")


@pytest.mark.parametrize("name", ["_session.stop", "_email.delivered", "_SMS.SUCCESS", "_campaign.send", "_journey.send"])
def test_amazons_own_samples_have_no_member_that_ours_lack(name: str) -> None:
    published = json.loads((DATA / "pinpoint.json").read_text())[name]
    ours = json.loads((DATA / "golden.json").read_text())[name]
    assert set(keys(published)) - set(keys(ours)) == set()


def test_events_come_in_the_order_in_which_they_were_written_however_few_are_asked_for(
    project: Project, endpoint: Endpoint
) -> None:
    other = make_project()
    for number in range(7):
        theirs = EventRow(id=uuid.uuid4(), occurred_at=SENT, project_id=other.pk, endpoint_id=1, kind=EventKind.EMAIL_OPEN)
        mine = EventRow(
            id=uuid.uuid4(), occurred_at=SENT - datetime.timedelta(days=40 * number), project_id=project.pk,
            endpoint_id=endpoint.pk, kind=EventKind.SESSION_START, data={"attributes": {"number": str(number)}},
        )  # fmt: skip
        record(theirs, mine)
    settled_position()
    settled = settled_position()

    read, after = [], 0
    while True:
        span = events_after(project_id=project.pk, after=after, settled=settled, limit=3)
        read += [one.data["attributes"]["number"] for one in span.events if one.data]
        after = span.until
        if not span.events:
            break

    assert read == [str(number) for number in range(7)]
    assert after == settled


def test_an_endpoint_that_was_deleted_is_told_without_its_words(project: Project, run: Run) -> None:
    record(EventRow(
        id=uuid.uuid4(), occurred_at=SENT, project_id=project.pk, endpoint_id=99, kind=EventKind.EMAIL_OPEN, data=HIT,
        source_kind=SourceKind.CAMPAIGN, source_id=run.campaign_id, run_id=run.pk,
    ))  # fmt: skip
    (one,) = told(project)
    assert one["client"] == {"client_id": ""}
    assert one["facets"]["email_channel"]["mail_event"]["mail"]["destination"] == [""]


def test_a_project_has_room_for_so_many_types_of_its_own(project: Project) -> None:
    first = kinds_of(project_id=project.pk, names=[f"type {number}" for number in range(LIMIT)])
    more = kinds_of(project_id=project.pk, names=["type 3", "one more", "_session.start"])
    assert len(set(first.values())) == LIMIT
    assert more == {"type 3": first["type 3"], "_session.start": EventKind.SESSION_START}
