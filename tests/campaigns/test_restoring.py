"""A backup made while a campaign is sent, the installation lost, the backup restored: nobody gets a message twice unasked."""

from __future__ import annotations

import collections
import datetime
import io
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from campaigns import queries, review
from campaigns.models import Campaign, CampaignState, Outcome, Run, RunState, Slice, SliceOutcome, Treatment, WinnerTest
from campaigns.sending import freezing, worker
from campaigns.services import launch, occurrences, restored, restoring, winners
from console.embedded.postgres import binaries
from console.health import status
from core.audience import Audience
from core.errors import Refusal
from endpoints.models import Endpoint
from messaging.delivery import Server, SmtpTransport
from projects.models import AuditEntry, Installation, Member, Project, Role, User
from projects.services import installation, projects
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport, launched, outcomes, send
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member, make_project, make_user
from tests.messaging.smtp_server import ScriptedServer
from tests.waiting import wait_until

RECIPIENTS = 1_500
DAILY = {"StartTime": "2026-11-25T00:00:00Z", "Frequency": "DAILY"}


def postgres(program: str, *arguments: str) -> None:
    """One of PostgreSQL's own programs, on the test's server."""
    given = connection.get_connection_params()
    command = [str(binaries() / program), "-h", given["host"], "-U", given["user"], *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={"PGPORT": str(given.get("port") or 5432)})
    assert done.returncode == 0, done.stderr


def back_up(to: Path) -> None:
    """As docs/operating.md says."""
    postgres("pg_dump", "-Fc", "-f", str(to), connection.settings_dict["NAME"])


@contextmanager
def restored_from(backup: Path) -> Iterator[None]:
    """An empty database that the backup was restored into, as docs/operating.md says; everything in here is done there."""
    lost = connection.settings_dict["NAME"]
    found = f"{lost}_restored"
    postgres("createdb", "-T", "template0", found)
    try:
        postgres("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", "-d", found, str(backup))
        connection.close()
        connection.settings_dict["NAME"] = found
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = lost
        postgres("dropdb", "--force", found)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    made = ScriptedServer(seconds_each=0.002)  # long enough for a backup in the middle
    yield made
    made.close()


def received(server: ScriptedServer) -> collections.Counter[str]:
    return collections.Counter(recipient for recipient, _body in server.bodies)


def work(run: Run, server: ScriptedServer, clock: Clock) -> None:
    """A worker, until there is nothing that it may do; over real SMTP."""
    transport = SmtpTransport(server=Server(host="127.0.0.1", port=server.port))
    try:
        worker.send_run(run_id=run.pk, owner="test", clock=clock, transport=transport)
    finally:
        transport.close()
        connection.close()


def sent_while_backed_up(server: ScriptedServer, clock: Clock, backup: Path) -> Run:
    """A run of which the backup was made in the middle, and which then went on to its end."""
    run = launched(RECIPIENTS, clock=clock)
    installation.note_alive(now=clock())
    thread = threading.Thread(target=work, args=(run, server, clock))
    thread.start()
    try:
        wait_until(lambda: len(server.bodies) > RECIPIENTS // 4)
        back_up(backup)
    finally:
        thread.join(60)
    assert len(received(server)) == RECIPIENTS
    return run


@pytest.mark.django_db(transaction=True)
def test_what_was_sent_after_the_backup_is_not_sent_again_and_everybody_has_one_outcome(
    server: ScriptedServer, tmp_path: Path
) -> None:
    clock = Clock()
    run = sent_while_backed_up(server, clock, tmp_path / "pabal.dump")

    with restored_from(tmp_path / "pabal.dump"):
        run.refresh_from_db()
        assert run.state == RunState.RUNNING
        assert 0 < sum(outcomes(run).values()) < RECIPIENTS
        clock.pass_(hours=3)
        work(run, server, clock)  # a worker that is quicker than the first tick
        assert occurrences.claim_due(now=clock()) == []
        work(run, server, clock)
        assert len(server.bodies) == RECIPIENTS

        campaign = Campaign.objects.get()
        doubt = queries.in_doubt(campaign=campaign)
        decided = sum(outcomes(run).values())  # by the backup, and the small batch that was out when it was made
        assert campaign.state == CampaignState.PAUSED
        assert doubt is not None
        assert (doubt.since, doubt.people, doubt.missed_at) == (NOW, RECIPIENTS - decided, None)
        with pytest.raises(Refusal, match="Choose first"):
            launch.resume_campaign(campaign=campaign, actor=None, now=clock())

        restored.leave_out(campaign=campaign, actor=None, now=clock())
        work(run, server, clock)

        run.refresh_from_db()
        campaign.refresh_from_db()
        assert (run.state, campaign.state, campaign.restored_from) == (RunState.COMPLETED, CampaignState.COMPLETED, None)
        ends: collections.Counter[int] = collections.Counter()
        for row in SliceOutcome.objects.filter(run=run):
            ends.update(row.members)
        assert run.audience is not None
        assert set(ends) == set(run.audience)
        assert set(ends.values()) == {1}
        assert set(outcomes(run)) == {Outcome.SUCCESS, Outcome.UNKNOWN}
    assert set(received(server).values()) == {1}


@pytest.mark.django_db(transaction=True)
def test_who_knows_that_nothing_was_sent_after_the_backup_goes_on_where_it_stood(server: ScriptedServer, tmp_path: Path) -> None:
    clock = Clock()
    run = launched(RECIPIENTS, clock=clock)
    transport = RecordingTransport()
    batches = iter(range(100))
    send(run, transport, clock, should_stop=lambda: next(batches) > 7)
    assert 0 < len(transport.sent) < RECIPIENTS
    back_up(tmp_path / "pabal.dump")

    with restored_from(tmp_path / "pabal.dump"):
        occurrences.claim_due(now=clock())
        restored.send_again(campaign=Campaign.objects.get(), actor=None, now=clock())
        send(run, transport, clock)

        run.refresh_from_db()
        assert (run.state, outcomes(run)) == (RunState.COMPLETED, {"SUCCESS": RECIPIENTS})
    assert set(transport.sent.values()) == {1}


@pytest.mark.django_db(transaction=True)
def test_ids_of_the_lost_time_are_given_to_nobody_else(tmp_path: Path) -> None:
    project = make_project()
    make_endpoint(project=project)
    restoring.hold_if_restored(now=NOW)
    back_up(tmp_path / "pabal.dump")
    lost = make_endpoint(project=project).pk  # a link in a mail of the lost time carries this number

    with restored_from(tmp_path / "pabal.dump"):
        restoring.hold_if_restored(now=NOW)

        assert make_endpoint(project=project).pk > lost + 900_000_000
        assert not Endpoint.objects.filter(pk=lost).exists()


# -- what is held, and what a choice does ------------------------------------------------------------------------------


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


# -- pages -------------------------------------------------------------------------------------------------------------


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
