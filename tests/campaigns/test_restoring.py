"""What is held in a database that comes from a backup, and what each choice does."""

from __future__ import annotations

import datetime
import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from campaigns import queries
from campaigns.models import Campaign, CampaignState, Run, RunState, Slice, Treatment, WinnerTest
from campaigns.sending import freezing
from campaigns.services import launch, occurrences, restored, restoring, winners
from core.audience import Audience
from endpoints.models import Endpoint
from projects.models import AuditEntry, Installation, Project
from projects.services import projects
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport, launched, outcomes, send
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

DAILY = {"StartTime": "2026-11-25T00:00:00Z", "Frequency": "DAILY"}


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


def planned(project: Project, schedule: dict[str, Any], at: datetime.datetime = NOW) -> Campaign:
    segment = make_import_segment(project=project, members=Audience(make_members(project=project, count=3)))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment, schedule=schedule))
    launch.launch_campaign(campaign=campaign, actor=None, now=at)
    return campaign


def elsewhere(*, alive_at: datetime.datetime) -> None:
    """As if the database had been restored here from another place."""
    Installation.objects.update_or_create(singleton=True, defaults={"place": "1/1/1/1", "alive_at": alive_at})


@pytest.mark.django_db
def test_an_occurrence_that_came_due_after_the_backup_is_skipped_and_the_next_one_is_sent(project: Project) -> None:
    campaign = planned(project, DAILY)
    elsewhere(alive_at=datetime.datetime(2026, 11, 24, 20, tzinfo=datetime.UTC))
    now = datetime.datetime(2026, 11, 25, 3, tzinfo=datetime.UTC)

    assert occurrences.claim_due(now=now) == []

    campaign.refresh_from_db()
    doubt = queries.in_doubt(campaign=campaign)
    assert doubt is not None
    assert (doubt.people, doubt.missed_at) == (0, datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC))
    restored.leave_out(campaign=campaign, actor=None, now=now)
    assert (campaign.state, Treatment.objects.get().next_run_at) == (
        CampaignState.SCHEDULED, datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC),
    )  # fmt: skip
    assert occurrences.claim_due(now=now) == []
    assert len(occurrences.claim_due(now=datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC))) == 1


@pytest.mark.django_db
def test_sending_again_catches_the_missed_occurrence_up(project: Project) -> None:
    campaign = planned(project, {"StartTime": "2026-11-25T00:00:00Z", "Frequency": "ONCE"})
    elsewhere(alive_at=NOW)
    now = datetime.datetime(2026, 11, 25, 3, tzinfo=datetime.UTC)
    occurrences.claim_due(now=now)

    restored.send_again(campaign=campaign, actor=None, now=now)

    assert len(occurrences.claim_due(now=now)) == 1


@pytest.mark.django_db
def test_a_campaign_whose_only_run_came_due_after_the_backup_ends_when_it_is_left_out(project: Project) -> None:
    campaign = planned(project, {"StartTime": "2026-11-25T00:00:00Z", "Frequency": "ONCE"})
    elsewhere(alive_at=NOW)
    now = datetime.datetime(2026, 11, 25, 3, tzinfo=datetime.UTC)
    occurrences.claim_due(now=now)

    restored.leave_out(campaign=campaign, actor=None, now=now)

    assert campaign.state == CampaignState.COMPLETED
    assert occurrences.claim_due(now=now + datetime.timedelta(days=1)) == []


@pytest.mark.django_db
def test_a_run_whose_audience_was_being_computed_is_given_up(project: Project) -> None:
    campaign = planned(project, DAILY)
    now = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)
    (run_id,) = occurrences.claim_due(now=now)
    elsewhere(alive_at=now)
    restoring.hold_if_restored(now=now)

    restored.leave_out(campaign=campaign, actor=None, now=now)
    freezing.freeze_run(run_id=run_id, clock=lambda: now)

    run = Run.objects.get()
    assert (run.state, run.failure) == (RunState.FAILED, {"code": "restored", "params": {}})
    assert campaign.state == CampaignState.PENDING_NEXT_RUN
    assert not Slice.objects.exists()


@pytest.mark.django_db
def test_what_was_to_come_only_after_the_restore_is_in_no_doubt(project: Project) -> None:
    for zone in ("Asia/Seoul", "America/Los_Angeles"):
        make_endpoint(project=project, demographic={"Timezone": zone})
    segment = make_import_segment(
        project=project, members=Audience(Endpoint.objects.filter(project=project).values_list("pk", flat=True))
    )
    schedule = {"StartTime": "2026-11-26T09:00:00", "Frequency": "ONCE", "IsLocalTime": True}
    campaign = make_campaign(project=project, document=campaign_document(segment=segment, schedule=schedule))
    clock, transport = Clock(), RecordingTransport()
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    clock.now = datetime.datetime(2026, 11, 25, 19, tzinfo=datetime.UTC)
    (run_id,) = occurrences.claim_due(now=clock())
    freezing.freeze_run(run_id=run_id, clock=clock)
    elsewhere(alive_at=clock())
    clock.now = datetime.datetime(2026, 11, 26, 3, tzinfo=datetime.UTC)  # past in Seoul, to come in Los Angeles
    restoring.hold_if_restored(now=clock())

    restored.leave_out(campaign=campaign, actor=None, now=clock())
    clock.now = datetime.datetime(2026, 11, 26, 17, tzinfo=datetime.UTC)
    freezing.start_waves(now=clock())
    for run in Run.objects.order_by("pk"):
        send(run, transport, clock)

    assert outcomes(Run.objects.get(zone_wave="Asia/Seoul")) == {"UNKNOWN": 1}
    assert outcomes(Run.objects.get(zone_wave="America/Los_Angeles")) == {"SUCCESS": 1}
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.COMPLETED


@pytest.mark.django_db
def test_a_restore_is_noticed_once_and_holds_all_that_may_send_paused_ones_too(project: Project) -> None:
    running, paused, draft = planned(project, DAILY), planned(project, DAILY), planned(project, DAILY)
    launch.pause_campaign(campaign=paused, actor=None, now=NOW)
    Campaign.objects.filter(pk=draft.pk).update(state=CampaignState.DRAFT)
    elsewhere(alive_at=NOW)

    assert restoring.hold_if_restored(now=NOW)
    assert not restoring.hold_if_restored(now=NOW)

    held = Campaign.objects.filter(restored_from=NOW, state=CampaignState.PAUSED)
    assert set(held) == {running, paused}
    assert AuditEntry.objects.filter(verb="campaign.restored").count() == 2
    assert AuditEntry.objects.filter(verb="installation.restored").count() == 1


@pytest.mark.django_db
def test_a_new_installation_is_no_restored_one(project: Project) -> None:
    campaign = planned(project, DAILY)

    assert not restoring.hold_if_restored(now=NOW)

    campaign.refresh_from_db()
    assert (campaign.state, campaign.restored_from) == (CampaignState.SCHEDULED, None)
    assert Installation.objects.get().restored_at is None


@pytest.mark.django_db
def test_the_command_lists_what_is_held_and_carries_the_choice_out(project: Project) -> None:
    campaign = planned(project, DAILY)
    out = io.StringIO()

    call_command("restored", "declare", "--since", "2026-11-24T00:00+09:00", stdout=out)
    call_command("restored", stdout=out)
    call_command("restored", "leave-out", campaign.public_id, stdout=out)

    assert "1 campaigns are held" in out.getvalue()
    assert f"{campaign.public_id} {project.name}: 가을 세일; backup of 2026-11-23 15:00:00 UTC" in out.getvalue()
    assert f"{campaign.public_id} 가을 세일: SCHEDULED" in out.getvalue()
    for wrong in (["declare"], ["declare", "--since", "2026-11-24T00:00"], ["leave-out"], ["send-again", campaign.public_id]):
        with pytest.raises(CommandError):
            call_command("restored", *wrong, stdout=out)


@pytest.mark.django_db
def test_a_deleted_project_sends_nothing_more_of_an_open_run() -> None:
    clock, transport = Clock(), RecordingTransport()
    run = launched(20, clock=clock)
    projects.delete_project(project=run.project, actor=run.project.created_by, name=run.project.name, now=NOW)

    send(run, transport, clock)

    assert not transport.sent


@pytest.mark.django_db
def test_a_winner_that_waited_may_have_been_chosen_and_is_not_chosen_again(project: Project) -> None:
    campaign = planned(project, DAILY)
    WinnerTest.objects.create(campaign=campaign, occurrence_at=NOW, decide_at=NOW)
    restoring.hold_everything(since=NOW, actor=None, now=NOW)

    restored.leave_out(campaign=campaign, actor=None, now=NOW)

    assert winners.choose_due(now=NOW + datetime.timedelta(days=1)) == []
    assert WinnerTest.objects.get().why == "LOST"
