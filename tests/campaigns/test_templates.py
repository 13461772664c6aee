"""Campaigns whose message is a template: pinned, following, gone."""

from __future__ import annotations

import datetime
import email
import email.policy
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import template_use, treatments
from campaigns.clicks import messages
from campaigns.models import Campaign, CampaignState, Run, RunState
from campaigns.sending import freezing, message
from campaigns.services import launch, occurrences, test_send
from campaigns.template_use import TemplateGone
from core.audience import Audience
from messaging.models import MailboxMessage, MessageTemplateVersion
from messaging.services import templates
from projects.models import Project
from segments.models import Segment
from segments.ports import CampaignLink
from tests.campaigns.test_sending import Clock, RecordingTransport, send
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project
from tests.messaging.test_templates import make, save

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def segment(project: Project) -> Segment:
    make_sender(project=project)
    return make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]))


def campaign_with(segment: Segment, **template: str) -> Campaign:
    document = campaign_document(segment=segment, schedule={"StartTime": "IMMEDIATE", "Frequency": "DAILY", "Timezone": "UTC+09"})
    document["MessageConfiguration"] = {"EmailMessage": {"FromAddress": "상점 <shop@example.com>"}}
    document["TemplateConfiguration"] = {"EmailTemplate": template}
    return make_campaign(project=segment.project, document=document)


def run_of(campaign: Campaign, clock: Clock) -> Run:
    (run_id,) = occurrences.claim_due(now=clock())
    freezing.freeze_run(run_id=run_id, clock=clock)
    return Run.objects.get(pk=run_id)


def sent(run: Run, clock: Clock) -> str:
    transport = RecordingTransport()
    send(run, transport, clock)
    (message,) = transport.messages
    return bytes(message.data).decode()


def test_a_campaign_that_follows_sends_what_is_active_when_each_run_begins(project: Project, segment: Segment) -> None:
    clock, template = Clock(), make(project)
    campaign = campaign_with(segment, Name="News")
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    first = run_of(campaign, clock)
    save(template, "two")
    unactivated = sent(first, clock)
    clock.pass_(days=1)
    templates.activate_version(template=template, actor=None, version=2, now=clock())

    second = run_of(campaign, clock)

    assert first.content["Message"]["Title"] == "(광고) 소식"
    assert first.content["Pabal"]["Template"] == {"Name": "News", "Version": 1}
    assert "Subject: two" not in unactivated
    assert second.content["Pabal"]["Template"] == {"Name": "News", "Version": 2}
    assert "Subject: two" in sent(second, clock)
    campaign.refresh_from_db()
    assert campaign.document["MessageConfiguration"] == {"EmailMessage": {"FromAddress": "상점 <shop@example.com>"}}


def test_a_pinned_version_stays_whatever_is_active(project: Project, segment: Segment) -> None:
    clock, template = Clock(), make(project)
    save(template, "two")
    templates.activate_version(template=template, actor=None, version=2, now=clock())
    campaign = campaign_with(segment, Name="News", Version="1")
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())

    assert run_of(campaign, clock).content["Message"]["Title"] == "(광고) 소식"


def test_what_is_frozen_is_sent_whatever_becomes_of_the_template(project: Project, segment: Segment) -> None:
    clock, template = Clock(), make(project)
    campaign = campaign_with(segment, Name="News")
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    run = run_of(campaign, clock)
    template.delete()

    assert "shop@example.com" in sent(run, clock)


@pytest.mark.parametrize("harm", ["deleted", "broken"])
def test_a_template_that_can_not_be_sent_fails_the_run_before_anybody_gets_anything(
    harm: str, project: Project, segment: Segment
) -> None:
    clock, template = Clock(), make(project)
    campaign = campaign_with(segment, Name="News")
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    if harm == "deleted":
        template.delete()  # past its service, which refuses
    else:
        MessageTemplateVersion.objects.update(document={"Subject": "x", "HtmlPart": "{{Nobody"})

    run = run_of(campaign, clock)

    assert (run.state, run.frozen) == (RunState.FAILED, 0)
    assert ("News" if harm == "deleted" else "Line 1") in run.failure["params"]["reason"]
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.INVALID
    assert not run.slices.exists()


def test_no_campaign_is_launched_with_a_template_that_is_gone_or_another_projects(project: Project, segment: Segment) -> None:
    make(make_project(), name="Theirs")
    make(project)

    for chosen in ({"Name": "Theirs"}, {"Name": "None"}, {"Name": "News", "Version": "7"}, {"Name": "news"}):
        campaign = campaign_with(segment, **chosen)
        with pytest.raises(launch.CampaignIncomplete) as refused:
            launch.launch_campaign(campaign=campaign, actor=None, now=Clock()())
        assert [finding.code for finding in refused.value.findings] == ["template_gone"]
        with pytest.raises(TemplateGone):
            test_send.send_test(
                campaign=campaign, actor=project.created_by, addresses=["a@example.com"], document={}, now=Clock()()
            )
    assert not MailboxMessage.objects.exists()


def step(project: Project, campaign: Campaign, name: str = "message") -> str:
    return reverse("campaigns:edit-campaign", args=[project.public_id, campaign.public_id, name])


def post(client: Client, address: str, **fields: Any) -> Any:
    return client.post(address, {"sender": "shop@example.com", "way": "template", **fields})


def test_the_wizard_takes_a_template_shows_it_and_gives_it_up_again(project: Project, segment: Segment) -> None:
    template = make(project)
    make(None, name="Shared")
    make(make_project(), name="Theirs")
    campaign = make_campaign(project=project, document=campaign_document(segment=segment, Preheader="old"))
    client = Client()
    client.force_login(project.created_by)

    page = client.get(step(project, campaign))
    assert [value for value, _label in page.context["form"].fields["template"].choices] == ["", "Shared", "News"]
    assert post(client, step(project, campaign), template="Theirs").context["form"].errors["template"]
    assert post(client, step(project, campaign), template="").context["form"].errors["template"]
    assert post(client, step(project, campaign), template="News", template_version="9").context["form"].errors["template_version"]
    post(client, step(project, campaign), template="News", template_version="1")
    campaign.refresh_from_db()
    pinned = campaign.document
    review = client.get(step(project, campaign, "review")).content.decode()
    preview = client.get(reverse("campaigns:preview-html", args=[project.public_id, campaign.public_id])).content.decode()
    post(client, step(project, campaign), template="News")
    campaign.refresh_from_db()
    following = campaign.document
    template.versions.all().delete()
    template.delete()
    gone = client.get(step(project, campaign, "review")).content.decode()
    client.post(step(project, campaign), {"sender": "shop@example.com", "way": "own", "subject": "s", "html": "h"})
    campaign.refresh_from_db()

    assert pinned["TemplateConfiguration"] == {"EmailTemplate": {"Name": "News", "Version": "1"}}
    assert pinned["MessageConfiguration"] == {"EmailMessage": {"FromAddress": "상점 <shop@example.com>"}}
    assert "Preheader" not in pinned["Pabal"]
    assert "News, version 1" in review
    assert "(광고) 소식" in review
    assert "수신 거부" in preview
    assert following["TemplateConfiguration"] == {"EmailTemplate": {"Name": "News"}}
    assert "was deleted" in gone
    assert "TemplateConfiguration" not in campaign.document
    assert campaign.document["MessageConfiguration"]["EmailMessage"]["Title"] == "s"


def test_of_a_launch_and_a_deletion_at_once_one_is_refused(project: Project, segment: Segment) -> None:
    template = make(project)
    campaign = campaign_with(segment, Name="News")
    launch.launch_campaign(campaign=campaign, actor=None, now=Clock()())

    with pytest.raises(templates.TemplateInUse):
        templates.delete_template(template=template, actor=None, now=datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC))


def test_of_two_treatments_each_sends_its_own_template_or_message(project: Project, segment: Segment) -> None:
    make(project, document={"Subject": "template", "HtmlPart": "t", "Pabal": {"Preheader": "its preheader"}})
    document = campaign_with(segment, Name="News").document
    other = {"SizePercent": 50, "TemplateConfiguration": {"EmailTemplate": {"Name": "News", "Version": "1"}}}
    own = {
        "SizePercent": 20,
        "MessageConfiguration": {"EmailMessage": {"FromAddress": "shop@example.com", "Title": "own", "HtmlBody": "h"}},
    }
    found = template_use.resolved(project=project, document=document | {"AdditionalTreatments": [other, own]})
    contents = [message.content_of(freezing.content_of(treatments.definition(found, number))) for number in range(3)]

    assert [(one.subject, one.preheader, one.from_address) for one in contents] == [
        *[("template", "its preheader", "shop@example.com")] * 2, ("own", "", "shop@example.com"),
    ]  # fmt: skip


def test_the_review_lists_each_topic_and_what_is_said_of_it_once(project: Project, segment: Segment) -> None:
    by_day = {"StartTime": "2099-06-01T10:00:00", "Frequency": "ONCE", "Timezone": "UTC+09"}  # at night there is more to say
    document = campaign_document(segment=segment, schedule=by_day)
    document["MessageConfiguration"]["EmailMessage"]["HtmlBody"] = "<p style='color:#eee'>글</p><a href='https://shop'>열기</a>"
    campaign = make_campaign(project=project, document=document)
    client = Client()
    client.force_login(project.created_by)

    page = client.get(step(project, campaign, "review"))

    topics = {topic.label: [finding.code for finding in topic.findings] for topic in page.context["checklist"]}
    assert topics == {
        "Links": ["bad_link"], "Pictures": [], "Contrast": ["contrast"], "Words and blanks": [], "Unsubscribe link": ["no_unsubscribe"],
        "Rules for advertisements (Korea)": ["ad_sender", "ad_refusal"], "Size": [], "Variables": [], "HTML": [],
        "The sender’s domain (DKIM, SPF, DMARC)": [],
    }  # fmt: skip
    assert page.context["others"] == []
    assert page.content.decode().count("leads nowhere") == 1


def test_a_templates_headers_are_sent_but_for_those_that_are_the_consoles(project: Project, segment: Segment) -> None:
    clock = Clock()
    names = ("X-Shop", "From", "list-unsubscribe", "Content-Type", "X-Pabal-Run", "X-Long")
    headers = [{"Name": name, "Value": "가을" if name == "X-Shop" else "v" * 800} for name in names]
    make(project, document={"Subject": "x", "HtmlPart": "y", "Headers": headers})
    campaign = campaign_with(segment, Name="News")
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())

    head = email.message_from_string(sent(run_of(campaign, clock), clock), policy=email.policy.default)

    assert head["X-Shop"] == "가을"
    assert len(head["X-Long"]) == 800
    for name in ("From", "List-Unsubscribe", "Content-Type", "X-Pabal-Run"):
        assert len(head.get_all(name)) == 1
        assert "vvv" not in head[name]


def test_links_of_a_campaign_that_follows_are_those_of_its_newest_run(project: Project, segment: Segment) -> None:
    clock = Clock()
    template = make(project, document={"Subject": "x", "HtmlPart": "<a href='https://shop.kr/1'>1</a>"})
    campaign = campaign_with(segment, Name="News")
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    run_of(campaign, clock)
    templates.update_template(
        template=template,
        actor=None,
        document={"HtmlPart": "<a href='https://shop.kr/2'>2</a>"},
        now=clock(),
        create_new_version=False,
    )

    found = messages.campaign_links(project.pk, [campaign.public_id])
    template.delete()

    assert found == {campaign.public_id: [CampaignLink(0, "https://shop.kr/1")]}
    assert messages.campaign_links(project.pk, [campaign.public_id]) == found


def test_what_is_launched_is_the_template_that_was_reviewed(project: Project, segment: Segment) -> None:
    template = make(project)
    campaign = campaign_with(segment, Name="News")
    client = Client()
    client.force_login(project.created_by)
    address = reverse("campaigns:launch-campaign", args=[project.public_id, campaign.public_id])
    reviewed = client.get(step(project, campaign, "review")).context["reviewed"]
    save(template, "changed")
    templates.activate_version(template=template, actor=None, version=2, now=Clock()())

    client.post(address, reviewed)
    campaign.refresh_from_db()
    refused = campaign.state
    client.post(address, client.get(step(project, campaign, "review")).context["reviewed"])
    campaign.refresh_from_db()

    assert len(reviewed["message"]) == 64
    assert (refused, campaign.state) == ("DRAFT", "SCHEDULED")
