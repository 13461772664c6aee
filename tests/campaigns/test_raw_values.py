"""``{{{ }}}`` puts a value into the page as it is, where the project's owner allowed that, and nowhere else."""

from __future__ import annotations

import datetime

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, Run, RunState
from campaigns.sending import freezing, worker
from campaigns.services import launch, occurrences
from messaging.rendering import TemplateError
from messaging.services import templates
from projects.models import AuditEntry, Project, Role
from projects.services import projects
from segments.models import Segment
from tests.campaigns.test_sending import RecordingTransport
from tests.factories.campaigns import campaign_document, make_campaign
from tests.factories.projects import make_member, make_user

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 26, 1, tzinfo=datetime.UTC)
HTML = "<p>{{{User.UserAttributes.MBR_FULLNM}}}</p><a href='{{UnsubscribeUrl}}'>수신 거부</a>"


@pytest.fixture
def campaign(project: Project, segment: Segment) -> Campaign:
    document = campaign_document(segment=segment)
    document["MessageConfiguration"]["EmailMessage"]["HtmlBody"] = HTML
    return make_campaign(project=project, document=document)


def allow(project: Project, is_allowed: bool) -> None:
    projects.allow_raw_values(project=project, actor=project.created_by, is_allowed=is_allowed, now=NOW)


def fresh(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_related("project").get(pk=campaign.pk)


def test_it_is_refused_until_the_project_allows_it(campaign: Campaign) -> None:
    with pytest.raises(launch.CampaignIncomplete, match="unescaped"):
        launch.launch_campaign(campaign=campaign, actor=None, now=NOW)
    allow(campaign.project, True)
    launch.launch_campaign(campaign=fresh(campaign), actor=None, now=NOW)
    assert AuditEntry.objects.filter(verb="project.raw_values_allowed").count() == 1


def test_forbidden_after_the_launch_no_run_begins(campaign: Campaign) -> None:
    allow(campaign.project, True)
    launch.launch_campaign(campaign=fresh(campaign), actor=None, now=NOW)
    allow(campaign.project, False)
    (run_id,) = occurrences.claim_due(now=NOW)

    freezing.freeze_run(run_id=run_id, clock=lambda: NOW)

    run = Run.objects.get(pk=run_id)
    assert run.state == RunState.FAILED
    assert "unescaped" in str(run.failure)


def test_forbidden_while_it_is_sent_the_run_goes_on(campaign: Campaign) -> None:
    allow(campaign.project, True)
    launch.launch_campaign(campaign=fresh(campaign), actor=None, now=NOW)
    (run_id,) = occurrences.claim_due(now=NOW)
    freezing.freeze_run(run_id=run_id, clock=lambda: NOW)
    allow(campaign.project, False)

    worker.send_run(run_id=run_id, owner="w", clock=lambda: NOW, transport=RecordingTransport())

    assert Run.objects.get(pk=run_id).state == RunState.COMPLETED


def test_templates_of_a_project_ask_it_and_those_of_the_installation_never_may(project: Project) -> None:
    given = {"actor": None, "template_type": "EMAIL", "document": {"Subject": "a", "HtmlPart": HTML}, "now": NOW}
    allow(project, True)
    templates.create_template(project=Project.objects.get(pk=project.pk), name="mine", **given)
    with pytest.raises(TemplateError, match="unescaped"):
        templates.create_template(project=None, name="ours", **given)
    allow(project, False)
    with pytest.raises(TemplateError, match="unescaped"):
        templates.create_template(project=Project.objects.get(pk=project.pk), name="other", **given)


def test_only_owners_allow_it(project: Project, client: Client) -> None:
    page = reverse("projects:allow-raw-values", args=[project.public_id])
    for person, status in ((make_user(), 404), (make_member(project=project, role=Role.MARKETER), 403)):
        client.force_login(person)
        assert client.post(page, {"allow": "1"}).status_code == status
    assert not Project.objects.get(pk=project.pk).allows_raw_values
    client.force_login(project.created_by)
    client.post(page, {"allow": "1"})
    assert Project.objects.get(pk=project.pk).allows_raw_values
    assert "Forbid them" in client.get(reverse("projects:edit-project", args=[project.public_id])).content.decode()
