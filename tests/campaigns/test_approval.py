"""A project may demand that somebody else launches: who may, what is approved, and every way round it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from campaigns import approval, lifecycle, parts
from campaigns.models import ApprovalRequest, Campaign, CampaignState, CampaignVersion, Run, Treatment
from campaigns.services import approval_mail, approvals, drafts, launch, occurrences, restoring, steps
from core.errors import Refusal
from core.transitions import TransitionRefused
from messaging.services import templates
from projects.models import AuditEntry, Member, Project, Role, User
from projects.services import members, projects
from segments.models import Segment
from segments.services import segments
from tests.campaigns.test_launching import LATER, NOW, grade, title
from tests.campaigns.test_templates import campaign_with, make, save
from tests.factories.campaigns import campaign_document, make_campaign
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member, make_project, make_user

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
State = ApprovalRequest.State


@pytest.fixture
def project() -> Project:
    project = make_project(needs_approval=True)
    make_sender(project=project)
    return project


@pytest.fixture
def segment(project: Project) -> Segment:
    make_endpoint(project=project, user_attributes={"grade": ["gold"]})
    return segments.create_segment(project=project, actor=None, name="등급", document=grade("gold"), now=NOW)


@pytest.fixture
def author(project: Project) -> User:
    return make_member(project=project, user=make_user(name="김작성"))


@pytest.fixture
def approver(project: Project) -> User:
    return make_member(project=project, user=make_user(name="박승인"))


@pytest.fixture
def campaign(segment: Segment, author: User) -> Campaign:
    return drafted(segment, author)


def drafted(segment: Segment, author: User, schedule: dict[str, Any] | None = None) -> Campaign:
    made = make_campaign(
        project=segment.project, document=campaign_document(segment=segment, schedule=schedule or LATER), created_by=author
    )
    made.versions.update(created_by=author)
    return made


def approve(campaign: Campaign, actor: User | None, *, now: datetime.datetime = NOW) -> None:
    asked = approval.open_request(campaign=campaign)
    assert asked is not None
    approvals.approve(campaign=campaign, actor=actor, request_id=asked.pk, now=now)


def change(campaign: Campaign, actor: User) -> None:
    steps.save_step(campaign=campaign, actor=actor, step="message", part=title("(광고) 다른 소식"), now=NOW, base_version=None)


def was_launched(campaign: Campaign) -> bool:
    campaign.refresh_from_db()
    is_launched = campaign.launched_at is not None
    assert is_launched == Treatment.objects.filter(campaign=campaign).exists()
    assert is_launched == AuditEntry.objects.filter(verb="campaign.launched", object_id=campaign.public_id).exists()
    return is_launched


def verbs() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))


def test_what_is_asked_for_waits_and_whoever_approves_launches_it(campaign: Campaign, author: User, approver: User) -> None:
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW, note="금요일까지", base_version=1, segment_version=1)

    assert campaign.state == CampaignState.PENDING_APPROVAL
    assert not was_launched(campaign)
    assert list(approval.waiting(project=campaign.project)) == [asked]

    approve(campaign, approver, now=NOW + DAY)

    asked.refresh_from_db()
    assert (campaign.state, campaign.launched_at, campaign.document["SegmentVersion"]) == ("SCHEDULED", NOW + DAY, 1)
    assert (asked.state, asked.asked_by, asked.decided_by) == (State.APPROVED, author, approver)
    assert was_launched(campaign)
    launched = AuditEntry.objects.get(verb="campaign.launched")
    assert launched.actor == approver
    assert verbs() == ["segment.created", "campaign.approval_asked", "campaign.approved", "campaign.launched"]
    assert not approval.waiting(project=campaign.project)


def test_nobody_launches_without_approval_and_the_console_itself_does_not_either(campaign: Campaign, approver: User) -> None:
    for actor in (campaign.created_by, approver, campaign.project.created_by, None):
        with pytest.raises(launch.ApprovalNeeded):
            launch.launch_campaign(campaign=campaign, actor=actor, now=NOW)
    approvals.ask(campaign=campaign, actor=approver, now=NOW)
    with pytest.raises(launch.ApprovalNeeded):
        launch.launch_campaign(campaign=campaign, actor=approver, now=NOW)

    assert not was_launched(campaign)


def test_nobody_approves_what_is_their_own_whatever_their_role(segment: Segment, author: User, approver: User) -> None:
    owner, superuser = segment.project.created_by, make_user(is_staff=True, is_superuser=True)
    viewer = make_member(project=segment.project, role=Role.VIEWER)
    campaign = drafted(segment, owner)
    approvals.ask(campaign=campaign, actor=author, now=NOW)

    for actor in (owner, author, superuser, viewer, make_project().created_by, None):
        with pytest.raises(approvals.ApprovalRefused):
            approve(campaign, actor)
        asked = approval.open_request(campaign=campaign)
        assert asked is not None
        with pytest.raises(approvals.ApprovalRefused):
            approvals.send_back(campaign=campaign, actor=actor, request_id=asked.pk, answer="x", now=NOW)

    assert not was_launched(campaign)
    assert list(approval.approvers(campaign=campaign)) == [approver]


def test_whoever_changed_it_last_counts_as_author_and_the_change_takes_the_request_back(
    campaign: Campaign, author: User, approver: User
) -> None:
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW)
    change(campaign, approver)

    campaign.refresh_from_db()
    asked.refresh_from_db()
    assert (campaign.state, asked.state, asked.decided_by) == ("DRAFT", State.WITHDRAWN, approver)
    with pytest.raises(approvals.ApprovalRefused):
        approvals.approve(campaign=campaign, actor=approver, request_id=asked.pk, now=NOW)
    approvals.ask(campaign=campaign, actor=author, now=NOW)
    with pytest.raises(approvals.ApprovalRefused, match="changed this campaign"):
        approve(campaign, approver)
    assert not was_launched(campaign)
    approve(campaign, campaign.project.created_by)
    assert was_launched(campaign)


def test_a_step_that_is_saved_as_it_was_leaves_the_request(campaign: Campaign, author: User, approver: User) -> None:
    approvals.ask(campaign=campaign, actor=author, now=NOW)
    same = parts.Part(members={"MessageConfiguration": campaign.document["MessageConfiguration"]}, pabal={})

    steps.save_step(campaign=campaign, actor=approver, step="message", part=same, now=NOW, base_version=None)
    approve(campaign, approver)

    assert (was_launched(campaign), campaign.version) == (True, 1)


def test_a_removed_member_or_a_new_viewer_approves_nothing(campaign: Campaign, author: User, approver: User) -> None:
    approvals.ask(campaign=campaign, actor=author, now=NOW)
    member = Member.objects.get(user=approver)
    members.set_role(member=member, actor=campaign.project.created_by, role=Role.VIEWER, now=NOW)

    with pytest.raises(approvals.ApprovalRefused):
        approve(campaign, approver)

    assert not was_launched(campaign)


def test_a_copy_has_the_authors_of_what_it_copies_until_that_is_approved(
    campaign: Campaign, author: User, approver: User
) -> None:
    copy = drafts.duplicate_campaign(campaign=campaign, actor=approver, now=NOW)
    copy = drafts.duplicate_campaign(campaign=copy, actor=campaign.project.created_by, now=NOW)
    approvals.ask(campaign=copy, actor=campaign.project.created_by, now=NOW)
    with pytest.raises(approvals.ApprovalRefused):
        approve(copy, author)
    assert not was_launched(copy)

    approvals.ask(campaign=campaign, actor=author, now=NOW)
    approve(campaign, approver)
    later = drafts.duplicate_campaign(campaign=campaign, actor=approver, now=NOW)
    approvals.ask(campaign=later, actor=approver, now=NOW)
    approve(later, author)
    assert was_launched(later)


def test_pausing_resuming_and_a_restore_open_no_way_round(campaign: Campaign, author: User) -> None:
    approvals.ask(campaign=campaign, actor=author, now=NOW)

    with pytest.raises(TransitionRefused):
        launch.pause_campaign(campaign=campaign, actor=author, now=NOW)
    with pytest.raises(Refusal):
        launch.resume_campaign(campaign=campaign, actor=author, now=NOW)
    restoring.hold_everything(since=NOW - DAY, actor=None, now=NOW)
    Campaign.objects.filter(pk=campaign.pk).update(updated_at=NOW)

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PENDING_APPROVAL
    assert not was_launched(campaign)
    assert occurrences.claim_due(now=NOW + 365 * DAY) == []
    for state in ("PAUSED", "EXECUTING", "PENDING_NEXT_RUN", "COMPLETED"):
        with pytest.raises(TransitionRefused):
            lifecycle.move(campaign_id=campaign.pk, to=CampaignState(state))


def test_a_request_that_was_replaced_is_not_the_one_that_is_approved(campaign: Campaign, author: User, approver: User) -> None:
    seen = approvals.ask(campaign=campaign, actor=author, now=NOW)
    change(campaign, author)
    approvals.ask(campaign=campaign, actor=author, now=NOW)

    with pytest.raises(approvals.ApprovalRefused, match="anew"):
        approvals.approve(campaign=campaign, actor=approver, request_id=seen.pk, now=NOW)

    assert not was_launched(campaign)


def test_a_segment_that_was_changed_since_is_not_approved_until_it_is_asked_for_again(
    campaign: Campaign, segment: Segment, author: User, approver: User
) -> None:
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW)
    segments.update_segment(segment=segment, actor=approver, document=grade("silver"), name=segment.name, now=NOW)

    with pytest.raises(segments.SegmentChanged):
        approve(campaign, approver)
    assert "박승인" in approval.outdated(campaign=campaign, request=asked, actor=author)
    assert not was_launched(campaign)

    again = approvals.ask(campaign=campaign, actor=author, now=NOW)
    asked.refresh_from_db()
    assert (asked.state, again.segment_version) == (State.WITHDRAWN, 2)
    approve(campaign, approver)
    assert campaign.document["SegmentVersion"] == 2


def test_a_template_that_was_changed_since_is_not_approved_and_what_was_approved_is_sent_for_good(
    project: Project, segment: Segment, author: User, approver: User
) -> None:
    template = make(project)
    campaign = campaign_with(segment, Name="News")
    campaign.versions.update(created_by=author)
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW)
    save(template, "two")
    templates.activate_version(template=template, actor=author, version=2, now=NOW)

    with pytest.raises(launch.CampaignChanged):
        approve(campaign, approver)
    assert approval.outdated(campaign=campaign, request=asked, actor=author)
    assert not was_launched(campaign)
    approvals.ask(campaign=campaign, actor=author, now=NOW)
    approve(campaign, approver)

    assert campaign.document["TemplateConfiguration"]["EmailTemplate"] == {"Name": "News", "Version": "2"}


def test_asking_twice_for_the_same_is_refused(campaign: Campaign, author: User) -> None:
    approvals.ask(campaign=campaign, actor=author, now=NOW)

    with pytest.raises(approvals.ApprovalRefused, match="already"):
        approvals.ask(campaign=campaign, actor=author, now=NOW + DAY)

    assert ApprovalRequest.objects.count() == 1


def test_what_can_not_be_launched_or_needs_no_approval_is_not_asked_for(campaign: Campaign, author: User) -> None:
    past = drafted(Segment.objects.get(), author, LATER | {"StartTime": "2020-01-01T00:00:00Z"})
    with pytest.raises(launch.CampaignIncomplete):
        approvals.ask(campaign=past, actor=author, now=NOW)
    with pytest.raises(launch.CampaignChanged):
        approvals.ask(campaign=campaign, actor=author, now=NOW, base_version=7)
    Project.objects.update(needs_approval=False)
    with pytest.raises(approvals.ApprovalRefused, match="no approval"):
        approvals.ask(campaign=campaign, actor=author, now=NOW)

    assert not ApprovalRequest.objects.exists()


def test_what_is_sent_back_is_a_draft_with_the_answer(campaign: Campaign, author: User, approver: User) -> None:
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW)
    with pytest.raises(approvals.ApprovalRefused):
        approvals.send_back(campaign=campaign, actor=approver, request_id=asked.pk, answer=" ", now=NOW)

    approvals.send_back(campaign=campaign, actor=approver, request_id=asked.pk, answer="제목을 고치세요", now=NOW)

    assert campaign.is_draft
    assert approval.sent_back(campaign=campaign) == asked
    assert ApprovalRequest.objects.get().answer == "제목을 고치세요"
    change(campaign, author)
    approvals.ask(campaign=campaign, actor=author, now=NOW)
    assert approval.sent_back(campaign=campaign) is None


def test_the_author_takes_it_back_and_a_deleted_one_waits_no_more(campaign: Campaign, author: User) -> None:
    approvals.ask(campaign=campaign, actor=author, now=NOW)
    approvals.withdraw(campaign=campaign, actor=author, now=NOW)
    assert campaign.is_draft
    with pytest.raises(approvals.ApprovalRefused):
        approvals.withdraw(campaign=campaign, actor=author, now=NOW)

    approvals.ask(campaign=campaign, actor=author, now=NOW)
    launch.delete_campaign(campaign=campaign, actor=author, now=NOW)

    assert set(ApprovalRequest.objects.values_list("state", flat=True)) == {State.WITHDRAWN}
    assert not approval.waiting(project=campaign.project)


def test_a_start_that_has_passed_begins_at_once_when_it_is_approved(segment: Segment, author: User, approver: User) -> None:
    tomorrow = {"StartTime": (NOW + DAY).isoformat(), "Frequency": "ONCE", "Timezone": "UTC+09"}
    campaign = drafted(segment, author, tomorrow)
    campaign.document["Limits"] = {"MaximumDuration": 3600}
    campaign.save(update_fields=["document"])
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW)
    late = NOW + 3 * DAY

    said = approval.findings(campaign=campaign, request=asked, now=late)
    approve(campaign, approver, now=late)
    (run_id,) = occurrences.claim_due(now=late)

    assert [finding.code for finding in said if finding.is_error] == []
    assert "start_passed" in [finding.code for finding in said]
    assert Run.objects.get(pk=run_id).occurrence_at == late
    assert CampaignVersion.objects.get(campaign=campaign).document["Schedule"]["StartTime"] == "IMMEDIATE"


def test_a_repeated_campaign_goes_on_with_its_next_time_when_its_start_has_passed(
    segment: Segment, author: User, approver: User
) -> None:
    daily = {"StartTime": (NOW + DAY).isoformat(), "Frequency": "DAILY", "Timezone": "UTC+09"}
    campaign = drafted(segment, author, daily)
    approvals.ask(campaign=campaign, actor=author, now=NOW)

    approve(campaign, approver, now=NOW + 3 * DAY + datetime.timedelta(hours=1))

    assert Treatment.objects.get(campaign=campaign).next_run_at == NOW + 4 * DAY


def test_the_demand_is_the_owners_is_kept_in_the_audit_trail_and_dropped_lets_anybody_launch(
    campaign: Campaign, author: User
) -> None:
    approvals.ask(campaign=campaign, actor=author, now=NOW)
    for _twice in range(2):
        projects.set_approval(project=campaign.project, actor=campaign.project.created_by, is_needed=False, now=NOW)

    launch.launch_campaign(campaign=campaign, actor=author, now=NOW)

    assert was_launched(campaign)
    assert ApprovalRequest.objects.get().state == State.WITHDRAWN
    assert verbs().count("project.approval_dropped") == 1


def test_those_who_may_approve_are_mailed_once_in_their_language_and_the_author_hears_the_answer(
    campaign: Campaign, author: User, approver: User, mailoutbox: list[Any]
) -> None:
    User.objects.filter(pk=approver.pk).update(language="en")
    User.objects.filter(pk=campaign.project.created_by.pk).update(language="ko")
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW, note="금요일까지")

    assert approval_mail.unmailed(now=NOW) == [asked.pk]
    for _twice in range(2):
        approval_mail.mail_request(request_id=asked.pk)

    subjects = {mail.to[0]: mail.subject for mail in mailoutbox}
    assert subjects == {
        approver.email: "“가을 세일” waits for your approval",
        campaign.project.created_by.email: "“가을 세일” 캠페인이 승인을 기다립니다",
    }
    assert len(mailoutbox) == 2
    assert all("금요일까지" in mail.body and campaign.public_id in mail.body for mail in mailoutbox)
    assert approval_mail.unmailed(now=NOW) == []

    approve(campaign, approver)
    approval_mail.mail_request(request_id=asked.pk)
    approval_mail.mail_request(request_id=asked.pk)
    assert [mail.to for mail in mailoutbox[2:]] == [[author.email]]
