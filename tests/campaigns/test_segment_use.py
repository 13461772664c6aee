"""Deleting a segment that campaigns use: nobody gets a message out of a campaign whose segment is gone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from campaigns.models import Campaign, CampaignState, Run, RunState, Treatment
from campaigns.services import launch, occurrences, steps
from core.audience import Audience
from core.errors import Refusal
from projects.models import AuditEntry, Role
from segments import ports, uses
from segments.models import Segment
from segments.services import segments
from segments.services.segments import SegmentInUse
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport, launched, outcomes, send
from tests.console.world import logged_in
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db
DAILY = {"StartTime": "2026-11-25T09:00:00", "Frequency": "DAILY", "Timezone": "UTC+09"}


def coming(segment: Segment, name: str = "가을 세일") -> Campaign:
    """A campaign that is launched, and due tomorrow."""
    document = campaign_document(segment=segment, schedule=DAILY)
    campaign = make_campaign(project=segment.project, document=document, name=name)
    launch.launch_campaign(campaign=campaign, actor=None, now=NOW)
    return campaign


def built_on(segment: Segment, **fields: Any) -> Segment:
    group = {"SourceSegments": [{"Id": segment.public_id}], "Type": "ALL", "Dimensions": []}
    document = {"SegmentGroups": {"Include": "ALL", "Groups": [group]}}
    return segments.create_segment(
        project=segment.project, actor=None, document=document, now=NOW, **({"name": "그 위"} | fields)
    )


def delete(segment: Segment, *ending: Campaign) -> None:
    segments.delete_segment(
        segment=segment, actor=segment.project.created_by, now=NOW, ending=[campaign.public_id for campaign in ending]
    )


def state(campaign: Campaign) -> str:
    return Campaign.objects.values_list("state", flat=True).get(pk=campaign.pk)


def is_deleted(segment: Segment) -> bool:
    return Segment.objects.values_list("deleted_at", flat=True).get(pk=segment.pk) is not None


def test_its_campaigns_are_deleted_with_it_and_both_deeds_are_on_record(segment: Segment) -> None:
    campaign = coming(segment)

    delete(segment, campaign)

    assert (state(campaign), is_deleted(segment)) == (CampaignState.DELETED, True)
    assert Treatment.objects.get(campaign=campaign).next_run_at is None
    assert occurrences.claim_due(now=NOW.replace(month=12)) == []
    entries = (
        AuditEntry.objects.filter(verb__endswith=".deleted").order_by("pk").values_list("verb", "object_id", "actor", "data")
    )
    owner = segment.project.created_by_id
    assert list(entries) == [
        ("campaign.deleted", campaign.public_id, owner, {"segment": segment.public_id}),
        ("segment.deleted", segment.public_id, owner, {"name": segment.name, "ended": [campaign.public_id]}),
    ]


def test_a_run_under_way_sends_nothing_more_and_adds_up() -> None:
    clock, transport = Clock(), RecordingTransport()
    run = launched(450, clock=clock)
    send(run, transport, clock, should_stop=lambda: bool(transport.sent))
    before = len(transport.sent)
    segment = Segment.objects.get(public_id=run.campaign.document["SegmentId"])

    delete(segment, run.campaign)
    send(run, transport, clock)
    send(run, transport, clock)

    run.refresh_from_db()
    assert 0 < before < 450
    assert len(transport.sent) == before
    assert outcomes(run) == {"SUCCESS": before, "EXPIRED": 450 - before}
    assert run.state == RunState.CANCELLED
    assert run.completed_at is not None


def test_a_campaign_that_nobody_agreed_to_end_refuses_and_nothing_is_deleted(segment: Segment) -> None:
    first, second = coming(segment), coming(segment, name="겨울 세일")

    with pytest.raises(SegmentInUse, match=r"겨울 세일") as refused:
        delete(segment, first)

    assert refused.value.users == ["겨울 세일"]
    assert (state(first), state(second)) == (CampaignState.SCHEDULED, CampaignState.SCHEDULED)
    assert not is_deleted(segment)


def test_a_campaign_of_another_segment_does_not_end_however_it_is_named(segment: Segment) -> None:
    other = coming(make_import_segment(project=segment.project, members=Audience([1])))

    delete(segment, other)

    assert is_deleted(segment)
    assert state(other) == CampaignState.SCHEDULED


def test_a_segment_that_is_a_base_of_another_is_not_deleted_whatever_was_agreed_to(segment: Segment) -> None:
    campaign = coming(segment)
    built_on(segment, name="여성만")

    with pytest.raises(SegmentInUse, match="여성만"):
        delete(segment, campaign)

    assert (state(campaign), is_deleted(segment)) == (CampaignState.SCHEDULED, False)


def test_a_draft_stays_and_is_not_launched_until_it_has_another_segment(segment: Segment) -> None:
    draft = make_campaign(project=segment.project, document=campaign_document(segment=segment))

    delete(segment)

    assert (state(draft), is_deleted(segment)) == (CampaignState.DRAFT, True)
    with pytest.raises(Refusal, match="The segment was deleted"):
        launch.launch_campaign(campaign=draft, actor=None, now=NOW)
    other = make_import_segment(project=segment.project, members=Audience([make_endpoint(project=segment.project).pk]))
    steps.save_segment_step(
        campaign=draft, actor=None, chosen=[other.public_id], definition=None, holdout=0, now=NOW, base_version=None
    )
    draft.refresh_from_db()
    launch.launch_campaign(campaign=draft, actor=None, now=NOW)


@pytest.mark.parametrize("over", [CampaignState.COMPLETED, CampaignState.INVALID])
def test_what_is_over_needs_no_segment_and_keeps_its_numbers(segment: Segment, over: CampaignState) -> None:
    campaign = make_campaign(project=segment.project, document=campaign_document(segment=segment), state=over, launched_at=NOW)

    delete(segment, campaign)

    assert (state(campaign), is_deleted(segment)) == (over, True)


@pytest.mark.parametrize("held", [CampaignState.PAUSED, CampaignState.PENDING_NEXT_RUN, CampaignState.EXECUTING])
def test_every_state_that_may_send_again_ends(segment: Segment, held: CampaignState) -> None:
    campaign = coming(segment)
    Campaign.objects.filter(pk=campaign.pk).update(state=held)

    delete(segment, campaign)

    assert state(campaign) == CampaignState.DELETED


def test_several_segments_chosen_in_a_wizard_and_older_versions_count_as_use(segment: Segment) -> None:
    ticked = coming(built_on(segment, is_listed=False), name="여럿")
    changed = built_on(segment)
    pinned = coming(changed, name="옛 버전")
    segments.update_segment(segment=changed, actor=None, name="그 위", document={}, now=NOW)
    newer = coming(changed, name="새 버전")

    found = uses.segment_uses(segment=segment)
    delete(segment, ticked, pinned)

    assert found.built_on_it == []
    assert [user.name for user in found.ending] == ["여럿", "옛 버전"]
    assert [state(one) for one in (ticked, pinned, newer)] == ["DELETED", "DELETED", "SCHEDULED"]


def test_deleting_twice_is_deleting_once(segment: Segment) -> None:
    campaign = coming(segment)

    delete(segment, campaign)
    delete(segment, campaign)

    assert AuditEntry.objects.filter(verb__in=["segment.deleted", "campaign.deleted"]).count() == 2


@pytest.fixture
def cut_off() -> Iterator[None]:
    """Whoever comes after the campaigns fails, as a process does that is killed."""

    def die(*_asked: Any) -> None:
        raise ConnectionError

    ports.end_segment_users.register("then", die)
    yield
    ports.end_segment_users.forget("then")


@pytest.mark.usefixtures("cut_off")
def test_cut_off_in_the_middle_nothing_has_happened(segment: Segment) -> None:
    campaign = coming(segment)

    with pytest.raises(ConnectionError):
        delete(segment, campaign)

    assert (state(campaign), is_deleted(segment)) == (CampaignState.SCHEDULED, False)
    assert Treatment.objects.get(campaign=campaign).next_run_at is not None


@pytest.mark.django_db(transaction=True)
def test_whoever_launches_while_the_segment_is_deleted_is_refused_or_hinders_it() -> None:
    project = make_project()
    make_sender(project=project)
    members = Audience([make_endpoint(project=project).pk])
    for number in range(8):
        segment = make_import_segment(project=project, members=members, name=f"{number}")
        draft = make_campaign(project=project, document=campaign_document(segment=segment, schedule=DAILY))
        together = threading.Barrier(2)

        def act(deed: Any, together: threading.Barrier = together) -> None:
            together.wait()
            try:
                deed()
            except Refusal:
                pass
            finally:
                connection.close()

        deeds = [
            lambda draft=draft: launch.launch_campaign(campaign=draft, actor=None, now=NOW),
            lambda segment=segment: delete(segment),
        ]
        threads = [threading.Thread(target=act, args=[deed]) for deed in deeds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert (state(draft), is_deleted(segment)) in {("SCHEDULED", False), ("DRAFT", True)}


def test_the_page_says_what_ends_and_what_stays_and_then_does_it(segment: Segment) -> None:
    project = segment.project
    campaign, draft = coming(segment), make_campaign(project=project, document=campaign_document(segment=segment), name="초안")
    client = logged_in(make_member(project=project, role=Role.MARKETER))
    url = reverse("segments:delete-segment", args=[project.public_id, segment.public_id])

    page = client.get(url).content.decode()
    assert f'name="ending" value="{campaign.public_id}"' in page
    assert draft.public_id in page
    assert f'value="{draft.public_id}"' not in page
    refused = client.post(url)
    assert (refused.headers["Location"], state(campaign)) == (url, "SCHEDULED")
    done = client.post(url, {"ending": [campaign.public_id]})

    assert done.headers["Location"] == reverse("segments:list-segments", args=[project.public_id])
    assert (state(campaign), state(draft), is_deleted(segment)) == ("DELETED", "DRAFT", True)
    assert client.get(url).status_code == 404


def test_the_page_of_a_base_segment_has_no_button(segment: Segment) -> None:
    built_on(segment, name="여성만")
    url = reverse("segments:delete-segment", args=[segment.project.public_id, segment.public_id])

    page = logged_in(segment.project.created_by).get(url).content.decode()

    assert "여성만" in page
    assert "btn-danger" not in page


def test_a_viewer_and_a_stranger_delete_nothing(segment: Segment) -> None:
    campaign = coming(segment)
    url = reverse("segments:delete-segment", args=[segment.project.public_id, segment.public_id])
    viewer, stranger = make_member(project=segment.project, role=Role.VIEWER), make_project().created_by

    for person, status in ((viewer, 403), (stranger, 404)):
        assert logged_in(person).post(url, {"ending": [campaign.public_id]}).status_code == status
    assert (state(campaign), is_deleted(segment), Run.objects.count()) == ("SCHEDULED", False, 0)
