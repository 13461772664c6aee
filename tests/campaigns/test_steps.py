"""One draft in two windows: a step that was changed meanwhile is not saved over, unless that is asked for."""

from __future__ import annotations

import datetime
import threading
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.urls import reverse

from campaigns import parts
from campaigns.models import Campaign, CampaignVersion
from campaigns.services import steps
from projects.models import Project
from segments.models import Segment, SegmentVersion
from tests.console.world import logged_in
from tests.factories.campaigns import HTML
from tests.factories.projects import make_member, make_user

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 25, 4, 5, tzinfo=datetime.UTC)
FILTER = '{"SegmentGroups": {"Include": "ALL", "Groups": [{"Type": "ALL", "Dimensions": [%s]}]}}'
GOLD = FILTER % '{"UserAttributes": {"grade": {"AttributeType": "INCLUSIVE", "Values": ["gold"]}}}'
SILVER = FILTER % '{"UserAttributes": {"grade": {"AttributeType": "INCLUSIVE", "Values": ["silver"]}}}'


def page(campaign: Campaign, step: str) -> str:
    return reverse("campaigns:edit-campaign", args=[campaign.project.public_id, campaign.public_id, step])


def message(subject: str, **values: Any) -> dict[str, Any]:
    return {"sender": "shop@example.com", "subject": subject, "html": HTML, "text": "", "preheader": "", "defaults": "", **values}


def later(start: str, **values: Any) -> dict[str, Any]:
    usual = {"frequency": "DAILY", "zone": "Asia/Seoul", "missing_zone": "PROJECT", "past_zone": "SEND"}
    return {"start_kind": "later", "start": start, **usual, **values}


def saved(campaign: Campaign) -> tuple[int, str]:
    campaign.refresh_from_db()
    return campaign.version, campaign.document["MessageConfiguration"]["EmailMessage"]["Title"]


def test_a_step_that_somebody_changed_meanwhile_is_not_saved_over(project: Project, campaign: Campaign) -> None:
    other = make_member(project=project, user=make_user(name="박다른"))
    mine, theirs = logged_in(project.created_by), logged_in(other)
    form = mine.get(page(campaign, "message")).content.decode()
    with time_machine.travel(NOW, tick=False):
        theirs.post(page(campaign, "message"), message("(광고) 그들의", base=1))

    answer = mine.post(page(campaign, "message"), message("(광고) 나의", base=1), headers={"accept-language": "en"})

    text = answer.content.decode()
    assert '<input type="hidden" name="base" value="1">' in form
    assert "박다른 changed the step “Message” on 2026-11-25 13:05, after this page was loaded." in text
    assert 'value="(광고) 나의"' in text
    assert 'name="over" value="2"' in text
    assert '<input type="hidden" name="base" value="1">' in text
    assert saved(campaign) == (2, "(광고) 그들의")
    assert CampaignVersion.objects.filter(campaign=campaign).count() == 2


def test_keep_mine_saves_over_what_was_shown_and_over_nothing_newer(project: Project, campaign: Campaign) -> None:
    client = logged_in(project.created_by)
    client.post(page(campaign, "message"), message("둘", base=1))
    client.post(page(campaign, "message"), message("셋", base=2))

    newer = client.post(page(campaign, "message"), message("나의", base=1, over=2), headers={"accept-language": "en"})
    shown = client.post(page(campaign, "message"), message("나의", base=1, over=3))

    assert "You changed the step “Message” in another window" in newer.content.decode()
    assert shown.status_code == 302
    assert saved(campaign) == (4, "나의")


def test_two_steps_in_two_windows_bother_nobody_and_both_stay(project: Project, campaign: Campaign) -> None:
    client = logged_in(project.created_by)

    first = client.post(page(campaign, "message"), message("셋째 단계", base=1))
    second = client.post(page(campaign, "schedule"), later("2099-01-01T09:00", base=1))
    third = client.post(page(campaign, "name"), {"name": "새 이름", "description": "", "base": 1})

    assert [one.status_code for one in (first, second, third)] == [302, 302, 302]
    assert saved(campaign) == (4, "셋째 단계")
    assert campaign.document["Schedule"]["StartTime"] == "2099-01-01T00:00:00Z"
    assert campaign.name == "새 이름"


def test_the_same_change_in_both_windows_is_no_collision(project: Project, campaign: Campaign) -> None:
    client = logged_in(project.created_by)
    client.post(page(campaign, "message"), message("같은", base=1))

    assert client.post(page(campaign, "message"), message("같은", base=1)).status_code == 302


def test_name_and_time_collide_too(project: Project, campaign: Campaign) -> None:
    client = logged_in(project.created_by)
    client.post(page(campaign, "name"), {"name": "그들의", "description": "", "base": 1})
    client.post(page(campaign, "schedule"), later("2099-01-01T09:00", base=1))

    name = client.post(page(campaign, "name"), {"name": "나의", "description": "", "base": 1})
    time = client.post(page(campaign, "schedule"), later("2099-02-02T09:00", base=1))

    assert 'value="나의"' in name.content.decode()
    assert 'value="2099-02-02T09:00"' in time.content.decode()
    campaign.refresh_from_db()
    assert (campaign.version, campaign.name) == (3, "그들의")
    assert campaign.document["Schedule"]["StartTime"] == "2099-01-01T00:00:00Z"


def test_a_filter_made_in_the_wizard_collides_and_changes_no_segment(project: Project, campaign: Campaign) -> None:
    client = logged_in(project.created_by)
    client.post(page(campaign, "segment"), {"way": "filter", "document": GOLD, "base": 1})
    client.post(page(campaign, "segment"), {"way": "filter", "document": SILVER, "base": 2})

    answer = client.post(page(campaign, "segment"), {"way": "filter", "document": GOLD, "base": 2})

    campaign.refresh_from_db()
    own = Segment.objects.get(public_id=campaign.document["SegmentId"])
    assert 'name="over" value="3"' in answer.content.decode()
    assert "gold" in answer.context["builder"].document
    assert (campaign.version, campaign.document["Pabal"]["FilterVersion"], own.version) == (3, 2, 2)
    assert "silver" in str(SegmentVersion.objects.get(segment=own, version=2).document)


def test_a_version_that_is_no_number_is_none(project: Project, campaign: Campaign) -> None:
    client = logged_in(project.created_by)

    for number, junk in enumerate(["", "x", "²", "-1", "9" * 30], start=2):
        assert client.post(page(campaign, "message"), message(f"{number}", base=junk)).status_code == 302
    assert saved(campaign) == (6, "6")


@pytest.mark.django_db(transaction=True)
def test_of_two_saves_at_once_one_wins(project: Project, campaign: Campaign) -> None:
    both = threading.Barrier(2, timeout=30)
    said: list[str] = []

    def save(name: str) -> None:
        part = parts.Part(members={}, pabal={}, name=name)
        both.wait()
        try:
            steps.save_step(campaign=campaign, actor=None, step="name", part=part, now=NOW, base_version=1)
            said.append(name)
        except steps.StepChanged as changed:
            said.append(f"refused, {changed.version} is there")
        finally:
            connection.close()

    threads = [threading.Thread(target=save, args=[name]) for name in ("하나", "둘")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    campaign.refresh_from_db()
    assert sorted(said) == sorted([campaign.name, "refused, 2 is there"])
    assert campaign.version == 2


def test_warnings_describe_the_message_in_the_editor(project: Project, campaign: Campaign) -> None:
    client = logged_in(project.created_by)
    unclosed = client.post(
        page(campaign, "message"), message("광고 표시 없음", html="{{Address"), headers={"accept-language": "en"}
    )
    unnamed = client.post(
        page(campaign, "message"), message("(광고) 둘", defaults="이름", html="<p>x</p>"), headers={"accept-language": "en"}
    )

    first = [finding.code for finding in unclosed.context["findings"]]
    second = [finding.code for finding in unnamed.context["findings"]]
    assert first == ["no_ad_mark"]
    assert second == ["no_unsubscribe", "ad_sender", "ad_refusal"]
    assert saved(campaign) == (1, "(광고) 소식")


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        (later("2026-12-02T09:00", end="2026-12-01T09:00"), "end", "The end is before the start."),
        (later("2026-11-01T09:00", end="2026-11-25T12:00"), "end", "The end leaves no run in the future. Choose a later end."),
        (later("", start_kind="now", end="2026-11-25T12:00"), "end", "The end leaves no run in the future. Choose a later end."),
        (later("2026-11-01T09:00", frequency="ONCE"), "start", "The start is in the past. Choose a later time, or “Now”."),
    ],
)
def test_a_schedule_without_a_run_is_refused_at_once(
    project: Project, campaign: Campaign, values: dict[str, Any], field: str, sentence: str
) -> None:
    client = Client(headers={"accept-language": "en"})
    moments = reverse("campaigns:list-moments", args=[project.public_id, campaign.public_id])
    with time_machine.travel(NOW, tick=False):
        client.force_login(project.created_by)
        live = client.post(moments, values).content.decode()
        answer = client.post(page(campaign, "schedule"), values)

    assert f'<div class="text-danger" role="alert">{sentence}</div>' in live
    assert "<li" not in live
    assert answer.context["form"].errors == {field: [sentence]}
    campaign.refresh_from_db()
    assert campaign.version == 1


def test_a_schedule_whose_end_leaves_one_run_is_saved(project: Project, campaign: Campaign) -> None:
    client = logged_in(project.created_by)
    with time_machine.travel(NOW, tick=False):
        answer = client.post(page(campaign, "schedule"), later("2026-11-25T23:00", end="2026-11-25T23:01"))

    assert answer.status_code == 302
