"""The pages of a campaign that waits for approval, and two who press at once."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from campaigns import approval
from campaigns.models import ApprovalRequest, Campaign, CampaignState
from campaigns.services import approvals
from core.errors import Refusal
from projects.models import AuditEntry, Project, Role, User
from segments.models import Segment
from tests.campaigns.test_approval import (
    NOW,
    approver,
    author,
    campaign,
    change,
    drafted,
    project,
    segment,
    was_launched,
)
from tests.console.world import logged_in
from tests.factories.projects import make_member, make_project
from tests.waiting import wait_for_a_lock

__all__ = ["approver", "author", "campaign", "project", "segment"]  # fixtures
pytestmark = pytest.mark.django_db

ENGLISH = {"accept-language": "en"}


def url(name: str, campaign: Campaign, *more: str) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.project.public_id, campaign.public_id, *more])


def seen(client: Client, path: str) -> str:
    answer = client.get(path, headers=ENGLISH)
    assert answer.status_code == 200
    return answer.content.decode()


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(base|segment_version|message|request)" value="([^"]*)">', page))


def test_from_the_review_to_the_launch(campaign: Campaign, author: User, approver: User) -> None:
    mine, theirs = logged_in(author), logged_in(approver)
    review = seen(mine, url("edit-campaign", campaign, "review"))
    assert "Ask for approval" in review
    assert "박승인" in review
    assert url("launch-campaign", campaign) not in review

    mine.post(url("ask-for-approval", campaign), hidden(review) | {"note": "금요일까지"})

    overview = seen(theirs, reverse("console:show-overview", args=[campaign.project.public_id]))
    listed = seen(theirs, reverse("campaigns:list-campaigns", args=[campaign.project.public_id]))
    for page in (overview, listed):
        assert "Waits for approval" in page
        assert "김작성 asked on" in page
    own, other = seen(mine, url("show-campaign", campaign)), seen(theirs, url("show-campaign", campaign))
    assert "somebody else approves it" in own
    assert url("approve-campaign", campaign) not in own
    assert "금요일까지" in other
    assert "(광고) 소식" in other
    assert not was_launched(campaign)

    theirs.post(url("approve-campaign", campaign), hidden(other))
    assert was_launched(campaign)


def test_the_author_who_posts_the_approval_is_told_why_not(campaign: Campaign, author: User) -> None:
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW)

    answer = logged_in(author).post(url("approve-campaign", campaign), {"request": asked.pk}, follow=True, headers=ENGLISH)
    forced = logged_in(author).post(url("launch-campaign", campaign), {"base": 1}, follow=True, headers=ENGLISH)

    assert "somebody else must approve it. Nothing was launched." in answer.content.decode()
    assert "Ask for approval." in forced.content.decode()
    assert not was_launched(campaign)


def test_what_is_sent_back_says_why_on_the_review(campaign: Campaign, author: User, approver: User) -> None:
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW)
    theirs = logged_in(approver)
    theirs.post(url("send-back-campaign", campaign), {"request": asked.pk, "answer": ""})
    assert Campaign.objects.get().state == CampaignState.PENDING_APPROVAL

    theirs.post(url("send-back-campaign", campaign), {"request": asked.pk, "answer": "제목을 고치세요"})

    review = seen(logged_in(author), url("edit-campaign", campaign, "review"))
    assert "박승인 sent it back on" in review
    assert "제목을 고치세요" in review


def test_the_wizard_says_that_a_change_takes_the_request_back(campaign: Campaign, author: User) -> None:
    approvals.ask(campaign=campaign, actor=author, now=NOW)

    assert "takes the request back" in seen(logged_in(author), url("edit-campaign", campaign, "message"))
    logged_in(author).post(url("withdraw-approval", campaign))

    assert Campaign.objects.get().is_draft


def test_a_viewer_reads_it_and_a_stranger_finds_nothing(campaign: Campaign, author: User) -> None:
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW)
    viewer = logged_in(make_member(project=campaign.project, role=Role.VIEWER))
    stranger = logged_in(make_project().created_by)

    page = seen(viewer, url("show-campaign", campaign))
    assert "Waits for approval" in page
    assert "<textarea" not in page
    assert "/approval/" not in page
    for name in ("ask-for-approval", "withdraw-approval", "approve-campaign", "send-back-campaign"):
        posted = {"request": asked.pk, "answer": "x", "base": 1}
        assert viewer.post(url(name, campaign), posted).status_code == 403
        assert stranger.post(url(name, campaign), posted).status_code == 404
    assert stranger.get(url("show-campaign", campaign)).status_code == 404
    assert ApprovalRequest.objects.get().state == "OPEN"
    assert not was_launched(campaign)


def test_only_an_owner_sets_the_demand_and_is_told_when_alone(project: Project) -> None:
    path = reverse("projects:set-approval", args=[project.public_id])
    settings = reverse("projects:edit-project", args=[project.public_id])
    owner, alone = logged_in(project.created_by), "the only one here who may launch"
    assert alone in seen(owner, settings)
    marketer = logged_in(make_member(project=project))

    assert marketer.post(path, {"approval": "none"}).status_code == 403
    assert logged_in(make_project().created_by).post(path, {"approval": "none"}).status_code == 404
    assert Project.objects.get(pk=project.pk).needs_approval
    assert alone not in seen(owner, settings)

    owner.post(path, {"approval": "none"})
    assert not Project.objects.get(pk=project.pk).needs_approval
    owner.post(path, {"approval": "needed"})
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True)) == [
        "project.approval_dropped", "project.approval_demanded",
    ]  # fmt: skip


def test_the_requests_page_says_what_was_changed_since_and_offers_to_ask_again(
    campaign: Campaign, author: User, approver: User
) -> None:
    approvals.ask(campaign=campaign, actor=author, now=NOW)
    Segment.objects.update(version=2)
    found = Segment.objects.get()
    found.versions.create(version=2, document={"SegmentGroups": {"Groups": []}}, created_by=approver)

    page = seen(logged_in(approver), url("show-campaign", campaign))
    assert "can&#x27;t be approved any more" in page or "can't be approved any more" in page
    assert url("approve-campaign", campaign) not in page
    assert "Ask again" in page


def approve(campaign: Campaign, who: User, asked: ApprovalRequest) -> None:
    approvals.approve(campaign=campaign, actor=who, request_id=asked.pk, now=NOW)


def told(act: Callable[[], object], said: list[str]) -> None:
    try:
        act()
        said.append("done")
    except Refusal as refusal:
        said.append(type(refusal).__name__)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_an_approval_that_waits_for_the_authors_change_is_refused_when_it_comes(
    campaign: Campaign, author: User, approver: User
) -> None:
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW)
    said: list[str] = []
    thread = threading.Thread(target=told, args=[lambda: approve(campaign, approver, asked), said])
    with transaction.atomic():
        Campaign.objects.select_for_update().get(pk=campaign.pk)
        thread.start()
        wait_for_a_lock()
        change(campaign, author)
    thread.join(30)

    assert said == ["ApprovalRefused"]
    assert not was_launched(campaign)
    assert Campaign.objects.get().is_draft


@pytest.mark.django_db(transaction=True)
def test_of_an_approval_and_a_change_at_once_one_is_refused(segment: Segment, author: User, approver: User) -> None:
    for _number in range(6):
        one = drafted(segment, author)
        asked = approvals.ask(campaign=one, actor=author, now=NOW)
        said: list[str] = []
        deeds = [lambda one=one, asked=asked: approve(one, approver, asked), lambda one=one: change(one, author)]
        threads = [threading.Thread(target=told, args=[deed, said]) for deed in deeds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        one = Campaign.objects.get(pk=one.pk)
        assert sorted(said)[1:] == ["done"]
        assert (one.state, one.version) in [("SCHEDULED", 1), ("DRAFT", 2)]
        assert approval.open_request(campaign=one) is None


@pytest.mark.django_db(transaction=True)
def test_two_approvals_at_once_launch_it_once(campaign: Campaign, author: User, approver: User) -> None:
    asked = approvals.ask(campaign=campaign, actor=author, now=NOW)
    said: list[str] = []
    people = [approver, campaign.project.created_by]
    threads = [
        threading.Thread(
            target=told,
            args=[lambda who=who: approve(campaign, who, asked), said],
        )
        for who in people
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(said) == ["ApprovalRefused", "done"]
    assert AuditEntry.objects.filter(verb="campaign.launched").count() == 1
