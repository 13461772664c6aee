"""A copy and its original: what is changed, launched or deleted in one stays as it was in the other."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.urls import reverse

from campaigns.models import Campaign, CampaignState, CampaignVersion
from campaigns.services import drafts, launch, steps
from core.audience import Audience
from endpoints.models import Endpoint
from projects.models import Project
from segments import evaluation
from segments.models import Segment, SegmentVersion
from segments.services import segments
from tests.console.world import logged_in
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)


def grade(value: str) -> dict[str, Any]:
    dimensions = {"UserAttributes": {"grade": {"AttributeType": "INCLUSIVE", "Values": [value]}}}
    return {"SegmentGroups": {"Include": "ALL", "Groups": [{"Type": "ALL", "Dimensions": [dimensions]}]}}


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_sender(project=project)
    for value in ("gold", "silver"):
        make_endpoint(project=project, user_attributes={"grade": [value]}, address=f"{value}@example.com")
    return project


def filtered(campaign: Campaign, value: str) -> None:
    steps.save_segment_step(
        campaign=campaign, actor=None, chosen=[], definition=grade(value), holdout=0, now=NOW, base_version=None
    )
    campaign.refresh_from_db()


@pytest.fixture
def original(project: Project) -> Campaign:
    """A draft to those with the grade "gold", filtered in its wizard."""
    base = make_import_segment(project=project, members=Audience([]))
    campaign = make_campaign(project=project, document=campaign_document(segment=base))
    filtered(campaign, "gold")
    return campaign


def copied(campaign: Campaign) -> Campaign:
    return drafts.duplicate_campaign(campaign=campaign, actor=campaign.project.created_by, now=NOW)


def goes_to(campaign: Campaign) -> list[str]:
    """The grades of those whom a run of it would reach."""
    campaign.refresh_from_db()
    document = campaign.document
    members = evaluation.evaluate_segment(
        project_id=campaign.project_id, segment_id=document["SegmentId"], version=document.get("SegmentVersion"), now=NOW
    )
    found = Endpoint.objects.filter(pk__in=list(members))
    return sorted(address.partition("@")[0] for address in found.values_list("address", flat=True))


def test_a_copy_gets_a_segment_of_its_own_and_a_filter_changed_in_it_changes_nobody_elses(original: Campaign) -> None:
    copy = copied(original)
    own = Segment.objects.get(public_id=copy.document["SegmentId"])

    filtered(copy, "silver")

    assert own.public_id != original.document["SegmentId"]
    assert (own.is_listed, own.name) == (False, copy.name)
    assert copy.document["SegmentId"] == own.public_id
    assert copy.document["Pabal"]["FilterVersion"] == 2
    assert (goes_to(original), goes_to(copy)) == (["gold"], ["silver"])
    assert Segment.objects.get(public_id=original.document["SegmentId"]).version == 1


def test_a_filter_changed_in_the_original_does_not_change_the_copy(original: Campaign) -> None:
    copy = copied(original)

    filtered(original, "silver")

    assert (goes_to(original), goes_to(copy)) == (["silver"], ["gold"])


@pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.EXECUTING])
def test_two_that_share_a_segment_since_before_part_at_the_first_change(original: Campaign, state: CampaignState) -> None:
    sharing = make_campaign(project=original.project, document=original.document)
    if state != CampaignState.DRAFT:
        launch.launch_campaign(campaign=original, actor=None, now=NOW)
        Campaign.objects.filter(pk=original.pk).update(state=state)

    filtered(sharing, "silver")
    filtered(sharing, "silver")

    assert sharing.document["SegmentId"] != original.document["SegmentId"]
    assert (goes_to(original), goes_to(sharing)) == (["gold"], ["silver"])
    assert SegmentVersion.objects.filter(segment__public_id=original.document["SegmentId"]).count() == 1
    assert SegmentVersion.objects.filter(segment__public_id=sharing.document["SegmentId"]).count() == 1


def test_a_copy_of_a_launched_campaign_goes_to_what_that_one_was_launched_with(original: Campaign) -> None:
    launch.launch_campaign(campaign=original, actor=None, now=NOW)
    segment = Segment.objects.get(public_id=original.document["SegmentId"])
    segments.update_segment(segment=segment, actor=None, name=segment.name, document=grade("silver"), now=NOW)

    copy = copied(original)

    assert "SegmentVersion" not in copy.document
    assert (goes_to(original), goes_to(copy)) == (["gold"], ["gold"])


def test_a_copy_means_a_listed_segment_as_it_is_now(project: Project) -> None:
    listed = segments.create_segment(project=project, actor=None, name="등급", document=grade("gold"), now=NOW)
    campaign = make_campaign(project=project, document=campaign_document(segment=listed))
    launch.launch_campaign(campaign=campaign, actor=None, now=NOW)
    segments.update_segment(segment=listed, actor=None, name="등급", document=grade("silver"), now=NOW)

    copy = copied(campaign)

    assert copy.document["SegmentId"] == listed.public_id
    assert (goes_to(campaign), goes_to(copy)) == (["gold"], ["silver"])


def test_several_that_are_ticked_become_one_of_the_copys_own(project: Project, original: Campaign) -> None:
    two = [
        segments.create_segment(project=project, actor=None, name=value, document=grade(value), now=NOW).public_id
        for value in ("gold", "silver")
    ]
    steps.save_segment_step(campaign=original, actor=None, chosen=two, definition=None, holdout=0, now=NOW, base_version=None)
    original.refresh_from_db()

    copy = copied(original)

    assert copy.document["SegmentId"] != original.document["SegmentId"]
    assert copy.document["Pabal"]["SegmentIds"] == two
    assert "FilterVersion" not in copy.document["Pabal"]
    assert goes_to(copy) == ["gold", "silver"]


@pytest.mark.parametrize("gone", ["original", "copy"])
def test_deleting_one_leaves_the_other_to_be_launched(original: Campaign, gone: str) -> None:
    pair = {"original": original, "copy": copied(original)}
    launch.delete_campaign(campaign=pair.pop(gone), actor=None, now=NOW)
    (left,) = pair.values()

    launch.launch_campaign(campaign=left, actor=None, now=NOW)

    assert left.state == CampaignState.SCHEDULED
    assert goes_to(left) == ["gold"]


def test_what_was_saved_since_the_page_was_loaded_is_in_the_copy(original: Campaign) -> None:
    stale = Campaign.objects.select_related("project").get(pk=original.pk)
    filtered(original, "silver")

    assert goes_to(copied(stale)) == ["silver"]


def test_a_filter_that_cannot_be_evaluated_any_more_is_copied_and_the_review_says_so(
    project: Project, original: Campaign
) -> None:
    base = make_import_segment(project=project, members=Audience([1]))
    definition = {
        "SegmentGroups": {
            "Include": "ALL",
            "Groups": [{"SourceSegments": [{"Id": base.public_id}], "SourceType": "ANY", "Type": "ALL", "Dimensions": []}],
        }
    }
    steps.save_segment_step(
        campaign=original, actor=None, chosen=[], definition=definition, holdout=0, now=NOW, base_version=None
    )
    Segment.objects.filter(pk=base.pk).update(deleted_at=NOW)
    client = logged_in(project.created_by)

    answer = client.post(reverse("campaigns:duplicate-campaign", args=[project.public_id, original.public_id]))

    copy = Campaign.objects.order_by("-pk")[0]
    review = client.get(reverse("campaigns:edit-campaign", args=[project.public_id, copy.public_id, "review"]))
    assert answer.status_code == 302
    assert "segment_broken" in [finding.code for finding in review.context["findings"]]
    assert CampaignVersion.objects.filter(campaign=copy).count() == 1
