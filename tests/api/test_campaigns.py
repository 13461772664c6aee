"""Campaigns, versions and activities, by boto3."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from campaigns import parts, review
from campaigns.models import Campaign, Run, RunExclusion, Slice, SliceOutcome, Treatment
from campaigns.services import occurrences, steps
from campaigns.views import reviewing
from core import clock
from core.audience import Audience
from messaging.services import channels, templates
from projects.models import Project
from segments.models import Segment, SegmentVersion
from tests.api.server import Clients
from tests.factories.api import make_access_key
from tests.factories.campaigns import HTML, make_campaign, make_import_segment, make_run
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db
LATER = "2099-01-01T09:00:00Z"


@pytest.fixture
def project() -> Project:
    made = make_project()
    make_sender(project=made)
    return made


@pytest.fixture
def segment(project: Project) -> Segment:
    return make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]))


def request(segment: Segment, **more: Any) -> dict[str, Any]:
    mail = {"FromAddress": "shop@example.com", "Title": "(광고) 소식", "HtmlBody": HTML}
    return {
        "Name": "가을", "SegmentId": segment.public_id, "MessageConfiguration": {"EmailMessage": mail},
        "Schedule": {"StartTime": LATER, "Frequency": "ONCE", "Timezone": "UTC+09"},
    } | more  # fmt: skip


def create(pinpoint: Any, project: Project, body: dict[str, Any]) -> dict[str, Any]:
    answer = pinpoint.create_campaign(ApplicationId=project.public_id, WriteCampaignRequest=body)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    found: dict[str, Any] = answer["CampaignResponse"]
    return found


def update(pinpoint: Any, project: Project, made: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = pinpoint.update_campaign(ApplicationId=project.public_id, CampaignId=made["Id"], WriteCampaignRequest=body)
    found: dict[str, Any] = answer["CampaignResponse"]
    return found


def test_a_campaign_is_made_and_launched(pinpoint: Any, project: Project, segment: Segment) -> None:
    body = request(
        segment, Description="설명", tags={"team": "crm"}, Limits={"Daily": 0, "MessagesPerSecond": 100}, HoldoutPercent=10
    )

    made = create(pinpoint, project, body)
    found = pinpoint.get_campaign(ApplicationId=project.public_id, CampaignId=made["Id"])["CampaignResponse"]

    assert found == made
    assert made["State"] == {"CampaignStatus": "SCHEDULED"}
    assert (made["IsPaused"], made["Version"], made["SegmentVersion"]) == (False, 1, 1)
    assert made["Limits"] == {"MessagesPerSecond": 100}
    assert (made["AdditionalTreatments"], made["HoldoutPercent"], made["tags"]) == ([], 10, {"team": "crm"})
    assert (made["Description"], made["Schedule"]) == ("설명", body["Schedule"])
    assert made["MessageConfiguration"] == body["MessageConfiguration"]
    assert made["Arn"].endswith(f"/campaigns/{made['Id']}")
    assert "DefaultState" not in made
    assert Campaign.objects.get().state == "SCHEDULED"


def test_an_immediate_campaign_is_due_at_once(pinpoint: Any, project: Project, segment: Segment) -> None:
    create(pinpoint, project, request(segment, Schedule={"StartTime": "IMMEDIATE"}))
    assert len(occurrences.claim_due(now=clock.now())) == 1


def test_a_paused_one_is_a_draft_until_it_is_let_go(pinpoint: Any, project: Project, segment: Segment) -> None:
    made = create(pinpoint, project, request(segment, IsPaused=True))
    assert (made["IsPaused"], made["State"]["CampaignStatus"], Campaign.objects.get().state) == (True, "PAUSED", "DRAFT")

    gone = update(pinpoint, project, made, IsPaused=False)
    again = update(pinpoint, project, made, IsPaused=True)

    assert (gone["IsPaused"], gone["State"]["CampaignStatus"], gone["Version"]) == (False, "SCHEDULED", 1)
    assert (again["IsPaused"], again["State"]["CampaignStatus"], Campaign.objects.get().state) == (True, "PAUSED", "PAUSED")
    assert update(pinpoint, project, made, IsPaused=False)["State"]["CampaignStatus"] == "SCHEDULED"


def test_what_has_not_begun_can_be_changed_member_by_member(pinpoint: Any, project: Project, segment: Segment) -> None:
    made = create(pinpoint, project, request(segment))
    schedule = {
        "StartTime": "2099-06-01T09:00:00Z",
        "Frequency": "WEEKLY",
        "EndTime": "2099-09-01T09:00:00Z",
        "Timezone": "UTC+09",
    }

    changed = update(pinpoint, project, made, Schedule=schedule, Name="여름", tags={"ignored": "x"})
    ids = {"ApplicationId": project.public_id, "CampaignId": made["Id"]}
    first = pinpoint.get_campaign_version(**ids, Version="1")["CampaignResponse"]
    versions = pinpoint.get_campaign_versions(**ids, PageSize="1")["CampaignsResponse"]

    assert (changed["Schedule"], changed["Name"], changed["Version"], changed["tags"]) == (schedule, "여름", 2, {})
    assert changed["State"]["CampaignStatus"] == "SCHEDULED"
    assert changed["MessageConfiguration"] == made["MessageConfiguration"]
    assert (first["Name"], first["Schedule"]["Frequency"], first["Version"]) == ("가을", "ONCE", 1)
    assert [one["Version"] for one in versions["Item"]] == [2]
    assert Treatment.objects.get().next_run_at == datetime.datetime(2099, 6, 1, 9, tzinfo=datetime.UTC)
    with pytest.raises(pinpoint.exceptions.NotFoundException):
        pinpoint.get_campaign_version(**ids, Version="9")


def test_what_was_read_can_be_written_and_changes_nothing(pinpoint: Any, project: Project, segment: Segment) -> None:
    made = create(pinpoint, project, request(segment))
    writable = {
        name: made[name] for name in ("Name", "SegmentId", "SegmentVersion", "Schedule", "MessageConfiguration", "Limits")
    }
    again = update(pinpoint, project, made, **writable, HoldoutPercent=0, AdditionalTreatments=[])
    assert again == made


def test_what_has_begun_keeps_what_it_says(pinpoint: Any, project: Project, segment: Segment) -> None:
    made = create(pinpoint, project, request(segment, Schedule={"StartTime": "IMMEDIATE"}))
    occurrences.claim_due(now=clock.now())

    with pytest.raises(pinpoint.exceptions.BadRequestException):
        update(pinpoint, project, made, Name="anders")

    assert Campaign.objects.get().name == "가을"
    assert update(pinpoint, project, made, IsPaused=True)["State"]["CampaignStatus"] == "PAUSED"
    assert update(pinpoint, project, made, IsPaused=False)["State"]["CampaignStatus"] == "EXECUTING"


def test_another_segment_takes_the_place_of_what_the_wizard_chose(pinpoint: Any, project: Project, segment: Segment) -> None:
    others = [make_import_segment(project=project, members=Audience([1]), name=f"s{n}").public_id for n in range(2)]
    made = create(pinpoint, project, request(segment, IsPaused=True))
    campaign = Campaign.objects.get(public_id=made["Id"])
    steps.save_segment_step(
        campaign=campaign, actor=None, chosen=others, definition=None, holdout=0, now=clock.now(), base_version=None
    )

    changed = update(pinpoint, project, made, SegmentId=segment.public_id, SegmentVersion=1)

    campaign.refresh_from_db()
    assert (changed["SegmentId"], changed["SegmentVersion"]) == (segment.public_id, 1)
    assert parts.chosen_segments(campaign.document) == [segment.public_id]


def test_the_review_counts_the_version_of_the_segment_that_is_sent_to(pinpoint: Any, project: Project, segment: Segment) -> None:
    made = create(pinpoint, project, request(segment, IsPaused=True, SegmentVersion=1))
    SegmentVersion.objects.create(segment=segment, version=2, members=Audience(), import_definition={"Size": 0})
    Segment.objects.filter(pk=segment.pk).update(version=2)
    campaign = Campaign.objects.get(public_id=made["Id"])

    counts = reviewing.counts(campaign)

    assert counts is not None
    assert (counts.matching, counts.eligible) == (1, 1)
    assert [one.code for one in review.findings(campaign=campaign, now=clock.now()) if one.code == "nobody"] == []


def test_treatments_come_back_with_their_numbers(pinpoint: Any, project: Project, segment: Segment) -> None:
    other = {"EmailMessage": {"FromAddress": "shop@example.com", "Title": "(광고) 다른", "HtmlBody": HTML}}
    body = request(
        segment,
        TreatmentName="A",
        AdditionalTreatments=[{"SizePercent": 40, "MessageConfiguration": other, "TreatmentName": "B"}],
    )

    made = create(pinpoint, project, body)

    assert made["AdditionalTreatments"] == [
        {"Id": "1", "State": {"CampaignStatus": "SCHEDULED"}, **body["AdditionalTreatments"][0]}
    ]  # fmt: skip
    assert made["DefaultState"] == {"CampaignStatus": "SCHEDULED"}
    assert Treatment.objects.count() == 2


def test_a_template_and_the_channels_sender_are_taken(pinpoint: Any, project: Project, segment: Segment) -> None:
    templates.create_template(
        project=project,
        actor=None,
        template_type="EMAIL",
        name="news",
        document={"Subject": "(광고) 소식", "HtmlPart": HTML},
        now=clock.now(),
    )
    channels.save_channel(
        project=project, actor=None, kind="EMAIL", document={"FromAddress": "shop@example.com"}, secrets={}, now=clock.now()
    )
    body = request(segment, TemplateConfiguration={"EmailTemplate": {"Name": "news"}})
    del body["MessageConfiguration"]

    made = create(pinpoint, project, body)

    assert made["TemplateConfiguration"] == {"EmailTemplate": {"Name": "news"}}
    assert made["MessageConfiguration"]["EmailMessage"]["FromAddress"] == "shop@example.com"


@pytest.mark.parametrize(
    "given",
    [
        {"Name": ""},
        {"SegmentId": "none"},
        {"SegmentVersion": 9},
        {"Schedule": {"StartTime": "2020-01-01T00:00:00Z"}},
        {"Schedule": {"StartTime": "soon"}},
        {"Schedule": {"StartTime": LATER, "Frequency": "YEARLY"}},
        {"Schedule": {"StartTime": LATER, "Timezone": "Seoul"}},
        {"MessageConfiguration": {}},
        {"MessageConfiguration": {"SMSMessage": {"Body": "x"}}},
        {"MessageConfiguration": {"EmailMessage": {"Title": "x", "HtmlBody": "x"}}},
        {"MessageConfiguration": {"EmailMessage": {"FromAddress": "shop@example.com", "Title": "x", "HtmlBody": "{{#if"}}},
        {"HoldoutPercent": 101},
        {"Limits": {"MessagesPerSecond": 20_001}},
        {"TemplateConfiguration": {"EmailTemplate": {"Name": "none"}}},
    ],
)
def test_a_campaign_that_can_not_be_is_refused_and_not_made(
    given: dict[str, Any], pinpoint: Any, project: Project, segment: Segment
) -> None:
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        create(pinpoint, project, request(segment, **given))
    assert not Campaign.objects.exists()


def test_where_somebody_else_approves_it_waits_for_that(
    pinpoint: Any, clients: Clients, project: Project, segment: Segment
) -> None:
    make_member(project=project, role="OWNER")
    Project.objects.filter(pk=project.pk).update(needs_approval=True)

    made = create(clients.with_key(make_access_key(project=project)), project, request(segment))

    assert made["State"]["CampaignStatus"] == "PAUSED"
    assert Campaign.objects.get().state == "PENDING_APPROVAL"


def test_campaigns_are_listed_to_the_end_and_deleted_ones_are_gone(pinpoint: Any, project: Project, segment: Segment) -> None:
    made = [create(pinpoint, project, request(segment, Name=f"c{n}"))["Id"] for n in range(3)]
    ids = {"ApplicationId": project.public_id}

    deleted = pinpoint.delete_campaign(**ids, CampaignId=made[1])["CampaignResponse"]
    first = pinpoint.get_campaigns(**ids, PageSize="1")["CampaignsResponse"]
    last = pinpoint.get_campaigns(**ids, PageSize="1", Token=first["NextToken"])["CampaignsResponse"]

    assert deleted["State"]["CampaignStatus"] == "DELETED"
    assert [one["Id"] for one in first["Item"] + last["Item"]] == [made[2], made[0]]
    assert "NextToken" not in last
    for call in (pinpoint.get_campaign, pinpoint.delete_campaign, pinpoint.get_campaign_versions):
        with pytest.raises(pinpoint.exceptions.NotFoundException):
            call(**ids, CampaignId=made[1])


def test_runs_are_activities_with_their_reasons(pinpoint: Any, project: Project) -> None:
    campaign = make_campaign(project=project, document={}, state="COMPLETED")
    at = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
    run = make_run(campaign=campaign, at=at, targeted=5, frozen=3, started_at=at, completed_at=at)
    make_run(campaign=campaign, at=at + datetime.timedelta(days=1), state="FAILED")
    RunExclusion.objects.create(run=run, reason="ENDPOINT_OPT_OUT", members=Audience([1, 2]), total=2)
    held = Slice.objects.create(run=run, number=0, ids=Audience([3, 4, 5]), size=3)
    SliceOutcome.objects.create(slice=held, run=run, outcome="SUCCESS", members=Audience([3, 4]), total=2)
    SliceOutcome.objects.create(slice=held, run=run, outcome="FAILURE_PERMANENT", members=Audience([5]), total=1)
    ids = {"ApplicationId": project.public_id, "CampaignId": campaign.public_id}

    first = pinpoint.get_campaign_activities(**ids, PageSize="1")["ActivitiesResponse"]
    (last,) = pinpoint.get_campaign_activities(**ids, Token=first["NextToken"])["ActivitiesResponse"]["Item"]

    assert [(one["State"], one["Result"]) for one in first["Item"]] == [("COMPLETED", "FAIL")]
    assert last == {
        "ApplicationId": project.public_id, "CampaignId": campaign.public_id, "Id": run.public_id, "State": "COMPLETED",
        "Result": "SUCCESS", "ScheduledStart": "2026-11-24T00:00:00.000Z", "Start": "2026-11-24T00:00:00.000Z",
        "End": "2026-11-24T00:00:00.000Z", "TreatmentId": "0", "TotalEndpointCount": 3, "SuccessfulEndpointCount": 2,
        "TimezonesTotalCount": 1, "TimezonesCompletedCount": 1,
        "ExecutionMetrics": last["ExecutionMetrics"],
    }  # fmt: skip
    assert {name: one for name, one in last["ExecutionMetrics"].items() if one != "0"} == {
        "ENDPOINT_PRODUCED": "3", "ENDPOINT_OPT_OUT": "2"
    }  # fmt: skip
    assert Run.objects.count() == 2


def test_the_key_of_another_project_reaches_no_campaign(clients: Clients, project: Project, segment: Segment) -> None:
    campaign = make_campaign(project=project, document={})
    mine = make_project()
    stranger = clients.with_key(make_access_key(project=mine))

    for app, error in ((project, "ForbiddenException"), (mine, "NotFoundException")):
        ids = {"ApplicationId": app.public_id, "CampaignId": campaign.public_id}
        for call, more in (
            (stranger.get_campaign, {}), (stranger.delete_campaign, {}), (stranger.get_campaign_versions, {}),
            (stranger.get_campaign_activities, {}), (stranger.get_campaign_version, {"Version": "1"}),
            (stranger.update_campaign, {"WriteCampaignRequest": {"Name": "x"}}),
        ):  # fmt: skip
            with pytest.raises(stranger.exceptions.ClientError) as refused:
                call(**ids, **more)
            assert refused.value.response["Error"]["Code"] == error
    with pytest.raises(stranger.exceptions.BadRequestException):  # with a segment of another project
        stranger.create_campaign(ApplicationId=mine.public_id, WriteCampaignRequest=request(segment))
    assert Campaign.objects.get().name == campaign.name


def test_to_launch_a_key_needs_the_right_to_send(clients: Clients, project: Project, segment: Segment) -> None:
    writer = clients.with_key(make_access_key(project=project, rights=["READ", "WRITE"]))
    with pytest.raises(writer.exceptions.ForbiddenException):
        writer.create_campaign(ApplicationId=project.public_id, WriteCampaignRequest=request(segment))
    assert not Campaign.objects.exists()
