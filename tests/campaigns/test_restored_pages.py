"""What pages, the review and operators say of campaigns that are held since a restore."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from campaigns import review
from campaigns.models import Campaign, CampaignState
from campaigns.services import restored, restoring
from console.health import status
from projects.models import Member, Project, Role, User
from tests.campaigns.test_restoring import DAILY, elsewhere, planned, project
from tests.campaigns.test_sending import NOW
from tests.factories.projects import make_member, make_user

__all__ = ["project"]  # a fixture


def page(campaign: Campaign, user: User, choice: str = "") -> Any:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    name, args = ("decide-restored" if choice else "show-campaign"), [campaign.project.public_id, campaign.public_id]
    return client.post(reverse(f"campaigns:{name}", args=args), {"choice": choice}) if choice else client.get(
        reverse(f"campaigns:{name}", args=args)
    )  # fmt: skip


@pytest.mark.django_db
def test_the_campaigns_page_says_what_is_in_doubt_and_carries_the_choice_out(project: Project) -> None:
    campaign = planned(project, DAILY)
    marketer, viewer, operator = (
        make_member(project=project),
        make_member(project=project, role=Role.VIEWER),
        make_user(is_staff=True),
    )
    Member.objects.create(project=project, user=operator, role=Role.MARKETER)
    elsewhere(alive_at=NOW)
    restoring.hold_if_restored(now=datetime.datetime(2026, 11, 25, 1, tzinfo=datetime.UTC))

    told = " ".join(strip_tags(page(campaign, marketer).content.decode()).split())
    assert "restored from a backup of 2026-11-24 10:00 KST" in told
    assert "The run of 2026-11-25 09:00 KST came due after the backup" in told
    assert "Send to them, too" not in told
    assert "Send to them, too" in page(campaign, operator).content.decode()
    assert "Go on, and send nothing" not in page(campaign, viewer).content.decode()
    assert [page(campaign, viewer, "leave-out").status_code, page(campaign, marketer, "send-again").status_code] == [403, 404]
    campaign.refresh_from_db()
    assert campaign.is_restored

    page(campaign, marketer, "leave-out")

    campaign.refresh_from_db()
    assert (campaign.state, campaign.is_restored) == (CampaignState.SCHEDULED, False)


@pytest.mark.django_db
def test_a_draft_of_the_backup_says_so_until_it_is_changed(project: Project) -> None:
    draft = planned(project, DAILY)
    Campaign.objects.filter(pk=draft.pk).update(state=CampaignState.DRAFT, updated_at=NOW)
    draft.refresh_from_db()
    assert "restored" not in [finding.code for finding in review.findings(campaign=draft, now=NOW)]

    restoring.hold_everything(since=NOW + datetime.timedelta(hours=1), actor=None, now=NOW + datetime.timedelta(hours=2))

    assert "restored" in [finding.code for finding in review.findings(campaign=draft, now=NOW)]
    draft.updated_at = NOW + datetime.timedelta(hours=3)
    assert "restored" not in [finding.code for finding in review.findings(campaign=draft, now=NOW)]


@pytest.mark.django_db
def test_operators_see_how_many_wait_for_a_choice(project: Project, clean_redis: Any) -> None:
    campaign = planned(project, DAILY)
    assert status.restored() == []

    restoring.hold_everything(since=NOW, actor=None, now=NOW)
    assert [(line.level, line.detail[:35]) for line in status.restored()] == [("BAD", "1 campaign waits for a choice: it c")]
    restored.leave_out(campaign=campaign, actor=None, now=NOW)
    assert [line.level for line in status.restored()] == ["GOOD"]
