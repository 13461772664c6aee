from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from analytics.events import EventRow
from analytics.models import EventKind, HitClass, SourceKind
from analytics.services.record import record_events
from campaigns.models import Run, RunExclusion
from core.audience import Audience
from endpoints import people
from endpoints.models import Endpoint, EndpointUser, ErasureRequest, FacetSubject, OptOut, OptOutEntry
from endpoints.services.opt_out import set_opt_out
from projects.models import AuditEntry, Project, Role
from segments.services import segments
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 24, 3, tzinfo=datetime.UTC)


@pytest.fixture
def project() -> Project:
    return make_project(time_zone="Asia/Seoul")


def logged_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(name: str, project: Project, *args: Any) -> str:
    return reverse(name, args=[project.public_id, *args])


def listed(project: Project, **asked: str) -> list[str]:
    page = logged_in(project.created_by).get(url("endpoints:list-people", project), asked)
    return [line.endpoint_id for line in page.context["lines"]]


def test_people_are_paged_by_the_last_id_and_none_is_missed(project: Project) -> None:
    made = [make_endpoint(project=project).endpoint_id for _number in range(120)]
    client = logged_in(project.created_by)

    seen: list[str] = []
    after = 0
    while after is not None:
        page = client.get(url("endpoints:list-people", project), {"after": after})
        seen += [line.endpoint_id for line in page.context["lines"]]
        after = page.context["next_after"]

    assert seen == made


def test_filters_narrow_the_list(project: Project) -> None:
    make_endpoint(project=project, endpoint_id="mail")
    make_endpoint(project=project, endpoint_id="sms", channel_type="SMS", address="+821012345678")
    make_endpoint(project=project, endpoint_id="gone", status="INACTIVE")
    make_endpoint(project=project, endpoint_id="out", opt_out="ALL")

    assert listed(project, channel="SMS") == ["sms"]
    assert listed(project, status="INACTIVE") == ["gone"]
    assert listed(project, opt_out="ALL") == ["out"]
    assert listed(project, channel="EMAIL", status="ACTIVE", opt_out="NONE") == ["mail"]
    assert listed(project, channel="no such") == ["mail", "sms", "gone", "out"]


def test_a_filter_finds_the_one_of_many_and_says_how_many_fit(project: Project) -> None:
    for number in range(120):
        make_endpoint(project=project, endpoint_id=f"e{number}", opt_out="ALL" if number == 100 else "NONE")
    client = logged_in(project.created_by)

    one = client.get(url("endpoints:list-people", project), {"opt_out": "ALL"})
    others = client.get(url("endpoints:list-people", project), {"opt_out": "NONE"})

    assert ([line.endpoint_id for line in one.context["lines"]], one.context["next_after"], one.context["total"]) == (
        ["e100"],
        None,
        1,
    )
    assert (len(others.context["lines"]), others.context["total"]) == (50, 119)
    assert "119 endpoints" in others.content.decode()


def test_while_facets_are_rebuilt_a_filter_reads_only_so_far(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "WINDOW", 10)
    made = [make_endpoint(project=project, opt_out="ALL" if number == 24 else "NONE") for number in range(25)]
    FacetSubject.objects.filter(project=project).update(state="FILLING")
    client = logged_in(project.created_by)
    only = {"opt_out": "ALL"}

    first = client.get(url("endpoints:list-people", project), only)
    second = client.get(url("endpoints:list-people", project), only | {"after": first.context["next_after"]})
    third = client.get(url("endpoints:list-people", project), only | {"after": second.context["next_after"]})

    assert [page.context["next_after"] for page in (first, second, third)] == [made[9].pk, made[19].pk, None]
    assert "Nobody fits so far" in first.content.decode()
    assert [line.id for line in third.context["lines"]] == [made[24].pk]


def test_somebody_is_found_by_id_address_and_user_id_and_by_how_they_begin(project: Project) -> None:
    make_endpoint(project=project, endpoint_id="Device-1", address="Kim@Example.com", user_id="USR-77")
    make_endpoint(project=project, endpoint_id="device-10", address="lee@example.com")
    make_endpoint(project=project, endpoint_id="other", address="kimchi@example.com")

    assert listed(project, q="DEVICE-1") == ["Device-1", "device-10"]
    assert listed(project, q="kim@example.com") == ["Device-1"]
    assert listed(project, q="KIM") == ["Device-1", "other"]
    assert listed(project, q="USR-7") == ["Device-1"]
    assert listed(project, q="device", channel="SMS") == []
    assert listed(project, q="nobody") == []


def test_percent_and_underscore_stand_for_themselves(project: Project) -> None:
    make_endpoint(project=project, endpoint_id="a_b")
    make_endpoint(project=project, endpoint_id="axb")

    assert listed(project, q="a_") == ["a_b"]
    assert listed(project, q="%") == []


def test_a_text_that_very_many_begin_with_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "CANDIDATES", 3)
    for number in range(5):
        make_endpoint(project=project, endpoint_id=f"device-{number}")
    page = logged_in(project.created_by).get(url("endpoints:list-people", project), {"q": "device"})

    assert page.context["is_cut"]
    assert "More people fit than are shown." in page.content.decode()
    assert listed(project, q="device-4")[0] == "device-4"


def test_search_and_browsing_use_indexes(project: Project) -> None:
    """What a page asks must not read a table of ten million."""
    make_members(project=project, count=3_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE endpoints_endpoint")
        for condition in ("endpoint_key LIKE 'm99%%'", "channel_type IN ('EMAIL', 'SMS') AND address_key LIKE 'm99%%'"):
            cursor.execute(f"EXPLAIN SELECT id FROM endpoints_endpoint WHERE project_id = %s AND {condition}", [project.pk])
            plan = " ".join(row[0] for row in cursor.fetchall())
            assert ">= 'm99'" in plan, f"no index serves the beginning of a text: {plan}"


def test_an_empty_project_says_how_to_begin(project: Project) -> None:
    page = logged_in(project.created_by).get(url("endpoints:list-people", project)).content.decode()

    assert "Nobody here yet" in page
    assert url("segments:create-import", project) in page


def test_the_page_of_people_takes_few_queries(project: Project, django_assert_num_queries: Any) -> None:
    for _number in range(60):
        make_endpoint(project=project, user_attributes={})
    client = logged_in(project.created_by)

    with django_assert_num_queries(6):  # session, person, access, the facets at one moment, the page
        client.get(url("endpoints:list-people", project))
    with django_assert_num_queries(10):  # users, two exact ones, two ways to begin, who of them fits, the page
        client.get(url("endpoints:list-people", project), {"q": "endpoint"})


def test_a_persons_page_shows_everything_that_is_kept(project: Project, django_assert_num_queries: Any) -> None:
    colleague = make_member(project=project)
    endpoint = make_endpoint(
        project=project, user_id="USR-1", user_attributes={"MBR_FULLNM": ["김하나"]}, attributes={"likes": ["tea", "<b>"]},
        metrics={"visits": 12.5}, demographic={"Timezone": "Asia/Seoul"}, location={"City": "서울"}, address="kim@example.com",
    )  # fmt: skip
    make_endpoint(
        project=project, user_id="USR-1", user_attributes={"MBR_FULLNM": ["김하나"]}, channel_type="SMS", address="+821012345678"
    )
    set_opt_out(
        project_id=project.pk, endpoint_id=endpoint.pk, opt_out=OptOut.ALL, source=OptOutEntry.Source.CONSOLE, now=NOW,
        actor_id=colleague.pk,
    )  # fmt: skip
    client = logged_in(project.created_by)

    with django_assert_num_queries(7):  # session, person, access, endpoint, its siblings, opt-outs, names
        page = client.get(url("endpoints:show-person", project, endpoint.pk)).content.decode()

    for text in (
        "kim@example.com",
        "USR-1",
        "김하나",
        "tea, &lt;b&gt;",
        "12.5",
        "Asia/Seoul",
        "서울",
        "+821012345678",
        str(colleague),
    ):
        assert text in page
    assert "2026-11-24 12:00 KST" in page
    assert "Opted out" in page


def test_the_segments_of_a_person_are_found_by_evaluating_them(project: Project) -> None:
    endpoint, other = make_endpoint(project=project, attributes={"likes": ["tea"]}), make_endpoint(project=project)
    make_import_segment(project=project, members=Audience([endpoint.pk]), name="파일")
    make_import_segment(project=project, members=Audience([other.pk]), name="not hers")
    document = {"SegmentGroups": {"Include": "ALL", "Groups": [{"Type": "ALL", "SourceSegments": [], "Dimensions": [
        {"Attributes": {"likes": {"AttributeType": "INCLUSIVE", "Values": ["tea"]}}}]}]}}  # fmt: skip
    segments.create_segment(project=project, actor=None, name="tea drinkers", document=document, now=NOW)

    page = logged_in(project.created_by).get(url("segments:list-person-segments", project, endpoint.pk))

    assert sorted(segment.name for segment in page.context["found"].segments) == ["tea drinkers", "파일"]
    assert "not hers" not in page.content.decode()


def test_segments_are_looked_through_some_at_a_time(project: Project) -> None:
    endpoint = make_endpoint(project=project)
    for number in range(30):
        make_import_segment(project=project, members=Audience([endpoint.pk]), name=f"s{number}")
    client = logged_in(project.created_by)

    first = client.get(url("segments:list-person-segments", project, endpoint.pk)).context["found"]
    second = client.get(url("segments:list-person-segments", project, endpoint.pk), {"from": first.next_offset}).context["found"]

    assert (len(first.segments), first.next_offset, len(second.segments), second.next_offset) == (25, 25, 5, None)


def event(
    project: Project, endpoint: Endpoint, kind: EventKind, minute: int, campaign_id: int | None = None, **data: Any
) -> EventRow:
    return EventRow(
        id=uuid.uuid4(), occurred_at=NOW + datetime.timedelta(minutes=minute), project_id=project.pk, endpoint_id=endpoint.pk,
        kind=kind, hit_class=HitClass.PERSON if kind == EventKind.EMAIL_CLICK else HitClass.NONE,
        source_kind=SourceKind.CAMPAIGN, source_id=campaign_id, run_id=1, data=data or None,
    )  # fmt: skip


def test_messages_and_events_stand_in_time_order_with_the_runs_that_left_the_person_out(project: Project) -> None:
    endpoint = make_endpoint(project=project, address="kim@example.com")
    segment = make_import_segment(project=project, members=Audience([endpoint.pk]))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment), name="가을 세일")
    run = Run.objects.create(
        project=project, campaign=campaign, occurrence_at=NOW, due_at=NOW + datetime.timedelta(hours=1), state="COMPLETED",
        campaign_version=1, targeted=1,
    )  # fmt: skip
    RunExclusion.objects.create(run=run, reason="ENDPOINT_OPT_OUT", members=Audience([endpoint.pk]), total=1)
    with transaction.atomic():
        record_events(
            events=[
                event(project, endpoint, EventKind.CAMPAIGN_SEND, 1, campaign.pk, status="SUCCESS"),
                event(project, endpoint, EventKind.EMAIL_CLICK, 5, campaign.pk, link="https://shop.example.com/"),
                event(project, make_endpoint(project=project), EventKind.EMAIL_CLICK, 5, campaign.pk),
            ]
        )

    page = logged_in(project.created_by).get(url("campaigns:list-history", project, endpoint.pk))

    assert [(line.label, line.note) for line in page.context["history"].lines] == [
        ("Left out", "Opted out"),
        ("Clicked", "https://shop.example.com/"),
        ("Campaign message", "Sent"),
    ]
    assert "가을 세일" in page.content.decode()


def test_earlier_events_come_page_by_page(project: Project) -> None:
    endpoint = make_endpoint(project=project)
    with transaction.atomic():
        record_events(events=[event(project, endpoint, EventKind.EMAIL_OPEN, 0) for _number in range(60)])
    client = logged_in(project.created_by)

    first = client.get(url("campaigns:list-history", project, endpoint.pk)).context["history"]
    second = client.get(url("campaigns:list-history", project, endpoint.pk), {"before": first.next_before}).context["history"]

    assert (len(first.lines), len(second.lines), second.next_before) == (50, 10, "")


@pytest.mark.parametrize("name", ["endpoints:show-person", "segments:list-person-segments", "campaigns:list-history"])
def test_a_viewer_may_look_and_a_stranger_sees_nothing(project: Project, name: str) -> None:
    endpoint = make_endpoint(project=project)
    viewer, stranger = make_member(project=project, role=Role.VIEWER), make_project()

    assert logged_in(viewer).get(url(name, project, endpoint.pk)).status_code == 200
    assert logged_in(stranger.created_by).get(url(name, project, endpoint.pk)).status_code == 404
    assert logged_in(stranger.created_by).get(url(name, stranger, endpoint.pk)).status_code == 404


def test_a_search_finds_nobody_of_another_project(project: Project) -> None:
    other = make_project()
    make_endpoint(project=other, endpoint_id="theirs", address="theirs@example.com", user_id="their-user")

    for text in ("theirs", "theirs@example.com", "their-user", "their"):
        assert listed(project, q=text) == []
    assert EndpointUser.objects.count() == 1


def test_a_colleague_opts_somebody_out_and_in_again_and_it_is_written_down(project: Project) -> None:
    endpoint = make_endpoint(project=project)
    colleague = make_member(project=project)
    client, address = logged_in(colleague), url("endpoints:set-opt-out", project, endpoint.pk)

    client.post(address, {"opt_out": "ALL"})
    again = client.post(address, {"opt_out": "ALL"}, follow=True).content.decode()
    client.post(address, {"opt_out": "NONE"})

    endpoint.refresh_from_db()
    assert endpoint.opt_out == "NONE"
    assert "Nothing was changed" in again
    entries = OptOutEntry.objects.order_by("pk").values_list("opt_out", "source", "actor_id")
    assert list(entries) == [("ALL", "CONSOLE", colleague.pk), ("NONE", "CONSOLE", colleague.pk)]
    audit = AuditEntry.objects.order_by("pk").values_list("verb", "actor_id", "data")
    assert list(audit) == [("endpoint.opted_out", colleague.pk, {}), ("endpoint.opted_in", colleague.pk, {})]


def test_an_owner_erases_a_person_by_writing_whom(project: Project) -> None:
    endpoint = make_endpoint(project=project, user_id="USR-1")
    make_endpoint(project=project, user_id="USR-1", channel_type="SMS", address="+821012345678")
    client, address = logged_in(project.created_by), url("endpoints:erase-person", project, endpoint.pk)

    page = client.get(address).content.decode()
    wrong = client.post(address, {"name": "usr-1"})
    kept = Endpoint.objects.count()
    done = client.post(address, {"name": "USR-1"}, follow=True)

    assert "+821012345678" in page
    assert "Write “USR-1”, exactly so." in wrong.content.decode()
    assert kept == 2
    assert not Endpoint.objects.exists()
    request = ErasureRequest.objects.get()
    assert (request.endpoints, request.requested_by) == (2, project.created_by)
    assert "Being erased" in done.content.decode()
    assert "USR-1" not in done.content.decode()


def test_only_an_owner_erases(project: Project) -> None:
    endpoint = make_endpoint(project=project, user_id="u")
    for role in (Role.MARKETER, Role.VIEWER):
        client = logged_in(make_member(project=project, role=role))
        assert client.get(url("endpoints:erase-person", project, endpoint.pk)).status_code == 403
        assert client.post(url("endpoints:erase-person", project, endpoint.pk), {"name": "u"}).status_code == 403
        assert "Erase for good" not in client.get(url("endpoints:show-person", project, endpoint.pk)).content.decode()

    assert Endpoint.objects.get() == endpoint


def test_the_list_of_erasures_says_what_it_waits_for(project: Project) -> None:
    ErasureRequest.objects.create(
        project=project, endpoints=1, requested_at=NOW, waits_for="an import that is running", rows={"analytics.Event": 1234},
        person={"endpoint_ids": [], "user_pk": None, "addresses": ["secret@example.com"], "names": []},
    )  # fmt: skip

    page = logged_in(project.created_by).get(url("endpoints:list-erasures", project)).content.decode()

    assert "an import that is running" in page
    assert "1,234" in page
    assert "secret@example.com" not in page
