"""What is launched is what was reviewed: a draft or a segment that was changed meanwhile is shown once more."""

from __future__ import annotations

import datetime
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from campaigns import parts
from campaigns.models import NOT_LAUNCHED, Campaign, CampaignState, CampaignVersion, Treatment
from campaigns.services import launch, steps
from core.audience import Audience
from core.errors import Refusal
from projects.models import AuditEntry, Project, User
from segments.models import Segment
from segments.services import segments
from tests.console.world import logged_in
from tests.factories.campaigns import HTML, campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member, make_project, make_user
from tests.waiting import wait_for_a_lock

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 25, 4, 5, tzinfo=datetime.UTC)
LATER = {"StartTime": "2099-01-01T00:00:00Z", "Frequency": "ONCE", "Timezone": "UTC+09"}


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


@pytest.fixture
def segment(project: Project) -> Segment:
    make_endpoint(project=project, user_attributes={"grade": ["gold"]})
    return segments.create_segment(project=project, actor=None, name="등급", document=grade("gold"), now=NOW)


@pytest.fixture
def campaign(project: Project, segment: Segment) -> Campaign:
    return make_campaign(project=project, document=campaign_document(segment=segment, schedule=LATER))


@pytest.fixture
def other(project: Project) -> User:
    return make_member(project=project, user=make_user(name="박다른"))


def grade(value: str) -> dict[str, Any]:
    dimensions = {"UserAttributes": {"grade": {"AttributeType": "INCLUSIVE", "Values": [value]}}}
    return {"SegmentGroups": {"Include": "ALL", "Groups": [{"Type": "ALL", "Dimensions": [dimensions]}]}}


def title(text: str) -> parts.Part:
    email = {"FromAddress": "상점 <shop@example.com>", "Title": text, "HtmlBody": HTML, "Body": ""}
    return parts.Part(members={"MessageConfiguration": {"EmailMessage": email}}, pabal={})


def save(campaign: Campaign, part: parts.Part, *, step: str = "message", actor: User | None = None) -> None:
    steps.save_step(campaign=campaign, actor=actor, step=step, part=part, now=NOW, base_version=None)


def page(campaign: Campaign) -> str:
    return reverse("campaigns:edit-campaign", args=[campaign.project.public_id, campaign.public_id, "review"])


def reviewed(client: Client, campaign: Campaign) -> dict[str, str]:
    """What the review's form posts."""
    form = client.get(page(campaign)).content.decode()
    return dict(re.findall(r'<input type="hidden" name="(base|segment_version)" value="(\d*)">', form))


def pressed(client: Client, campaign: Campaign, form: dict[str, str]) -> str:
    """The page that Launch leads to."""
    url = reverse("campaigns:launch-campaign", args=[campaign.project.public_id, campaign.public_id])
    return client.post(url, form, follow=True, headers={"accept-language": "en"}).content.decode()


def nothing_happened(campaign: Campaign) -> bool:
    campaign.refresh_from_db()
    is_draft = campaign.is_draft and campaign.launched_at is None and "SegmentVersion" not in campaign.document
    launched = AuditEntry.objects.filter(verb="campaign.launched").exists() or Treatment.objects.exists()
    return is_draft and not launched


def test_the_form_says_what_was_reviewed_and_that_is_launched(project: Project, campaign: Campaign) -> None:
    client = logged_in(project.created_by)
    form = reviewed(client, campaign)

    pressed(client, campaign, form)

    campaign.refresh_from_db()
    assert form == {"base": "1", "segment_version": "1"}
    assert (campaign.state, campaign.document["SegmentVersion"]) == (CampaignState.SCHEDULED, 1)


def test_steps_changed_since_the_review_are_named_and_shown_and_nothing_is_launched(
    project: Project, campaign: Campaign, other: User
) -> None:
    client = logged_in(project.created_by)
    form = reviewed(client, campaign)
    save(campaign, title("(광고) 그들의"), actor=other)
    save(campaign, parts.Part(members={"Schedule": LATER | {"Frequency": "DAILY"}}, pabal={}), step="schedule", actor=other)

    with time_machine.travel(NOW, tick=False):
        client.force_login(project.created_by)
        text = pressed(client, campaign, form)

    assert "박다른 changed the step “Message” on 2026-11-25 13:05, after this page was loaded." in text
    assert "박다른 changed the step “Time” on 2026-11-25 13:05" in text
    assert "the step “Segment”" not in text
    assert "Nothing was launched: review it once more." in text
    assert "(광고) 그들의" in text
    assert '<input type="hidden" name="base" value="3">' in text
    assert nothing_happened(campaign)


def test_the_second_review_launches(project: Project, campaign: Campaign, other: User) -> None:
    client = logged_in(project.created_by)
    stale = reviewed(client, campaign)
    save(campaign, title("(광고) 그들의"), actor=other)
    pressed(client, campaign, stale)

    pressed(client, campaign, reviewed(client, campaign))

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.SCHEDULED


def test_a_step_that_was_saved_as_it_was_needs_no_second_review(project: Project, campaign: Campaign, other: User) -> None:
    client = logged_in(project.created_by)
    form = reviewed(client, campaign)
    save(campaign, title("(광고) 소식"), actor=other)

    pressed(client, campaign, form)

    campaign.refresh_from_db()
    assert (campaign.state, campaign.version) == (CampaignState.SCHEDULED, 2)


def test_a_segment_that_was_changed_since_the_review_is_not_launched(
    project: Project, campaign: Campaign, segment: Segment, other: User
) -> None:
    client = logged_in(project.created_by)
    form = reviewed(client, campaign)
    segments.update_segment(segment=segment, actor=other, name="등급", document=grade("silver"), now=NOW)

    text = pressed(client, campaign, form)

    assert "박다른 changed the segment on 2026-11-25 13:05, after this page was loaded. Nothing was launched" in text
    assert '<input type="hidden" name="segment_version" value="2">' in text
    assert nothing_happened(campaign)


def test_a_segment_that_was_only_renamed_is_the_same_audience(project: Project, campaign: Campaign, segment: Segment) -> None:
    client = logged_in(project.created_by)
    form = reviewed(client, campaign)
    segments.update_segment(segment=segment, actor=None, name="새 이름", document=grade("gold"), now=NOW)

    pressed(client, campaign, form)

    campaign.refresh_from_db()
    assert campaign.document["SegmentVersion"] == 2


def test_an_import_into_the_segment_since_the_review_is_reviewed_too(project: Project) -> None:
    first, second = make_endpoint(project=project), make_endpoint(project=project)
    segment = make_import_segment(project=project, members=Audience([first.pk]))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment, schedule=LATER))
    client = logged_in(project.created_by)
    form = reviewed(client, campaign)
    segments.update_import_segment(
        segment=segment, actor=None, members=Audience([second.pk]), import_definition={"Size": 1}, now=NOW
    )

    assert "The segment was changed on 2026-11-25 13:05" in pressed(client, campaign, form)
    assert nothing_happened(campaign)


@pytest.mark.parametrize("junk", ["", "x", "²", "-1", "9" * 30])
def test_whoever_reviewed_nothing_launches_nothing(project: Project, campaign: Campaign, junk: str) -> None:
    text = pressed(logged_in(project.created_by), campaign, {"base": junk})

    assert "Review the campaign before you launch it." in text
    assert nothing_happened(campaign)


def test_a_version_that_there_never_was_launches_nothing(project: Project, campaign: Campaign) -> None:
    client = logged_in(project.created_by)

    for form in ({"base": "7"}, {"base": "1", "segment_version": "7"}):
        pressed(client, campaign, form)
        assert nothing_happened(campaign)


def test_what_was_saved_since_the_campaign_was_read_is_what_goes_out(campaign: Campaign) -> None:
    read_before = Campaign.objects.select_related("project").get(pk=campaign.pk)
    save(campaign, title("(광고) 새 소식"))

    launch.launch_campaign(campaign=read_before, actor=None, now=NOW)

    kept = CampaignVersion.objects.get(campaign=campaign, version=2)
    assert read_before.document["MessageConfiguration"]["EmailMessage"]["Title"] == "(광고) 새 소식"
    assert (read_before.version, read_before.document, kept.name) == (2, kept.document, campaign.name)


@pytest.mark.parametrize("state", [one for one in CampaignState if one not in NOT_LAUNCHED])
def test_only_a_draft_is_launched(campaign: Campaign, state: CampaignState) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state=state)

    with pytest.raises(Refusal, match="launched already"):
        launch.launch_campaign(campaign=campaign, actor=None, now=NOW)

    assert Campaign.objects.get(pk=campaign.pk).state == state
    assert not Treatment.objects.exists()


def at_once(*deeds: Callable[[], Any]) -> list[str]:
    """Done at the same moment over connections of their own; says which of them were refused."""
    together = threading.Barrier(len(deeds), timeout=30)
    said = [""] * len(deeds)

    def act(number: int) -> None:
        together.wait()
        try:
            deeds[number]()
            said[number] = "done"
        except Refusal:
            said[number] = "refused"
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=[number]) for number in range(len(deeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return said


@pytest.mark.django_db(transaction=True)
def test_of_a_save_and_a_launch_at_once_one_is_refused(project: Project, segment: Segment) -> None:
    for _number in range(8):
        draft = make_campaign(project=project, document=campaign_document(segment=segment, schedule=LATER))

        said = at_once(
            lambda draft=draft: save(draft, title("(광고) 새 소식")),
            lambda draft=draft: launch.launch_campaign(campaign=draft, actor=None, now=NOW, base_version=1, segment_version=1),
        )

        draft = Campaign.objects.get(pk=draft.pk)
        found = (said, draft.state, draft.version, draft.document["MessageConfiguration"]["EmailMessage"]["Title"])
        assert found in [
            (["done", "refused"], "DRAFT", 2, "(광고) 새 소식"),
            (["refused", "done"], "SCHEDULED", 1, "(광고) 소식"),
        ]


@pytest.mark.django_db(transaction=True)
def test_a_launch_that_waits_for_a_save_is_refused_when_it_comes(project: Project, campaign: Campaign) -> None:
    is_saved, said = threading.Event(), []

    def launch_it(campaign: Campaign) -> None:
        is_saved.wait(30)
        try:
            launch.launch_campaign(campaign=campaign, actor=None, now=NOW, base_version=1)
        except launch.CampaignChanged as changed:
            said.append(changed.message)
        finally:
            connection.close()

    read_before = Campaign.objects.select_related("project").get(pk=campaign.pk)
    thread = threading.Thread(target=launch_it, args=[read_before])
    thread.start()
    with transaction.atomic():
        save(campaign, title("(광고) 새 소식"))
        is_saved.set()
        wait_for_a_lock()
    thread.join(30)

    assert len(said) == 1
    assert nothing_happened(campaign)
    assert campaign.document["MessageConfiguration"]["EmailMessage"]["Title"] == "(광고) 새 소식"
