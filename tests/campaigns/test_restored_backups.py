"""A backup made while a campaign is sent, the installation lost, the backup restored: nobody gets a message twice unasked."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from campaigns import queries
from campaigns.models import Campaign, CampaignState, Outcome, Run, RunState, SliceOutcome
from campaigns.sending import worker
from campaigns.services import launch, occurrences, restored, restoring
from console.backup import making
from console.backup.restoring import restore
from core.errors import Refusal
from endpoints.models import Endpoint
from messaging.delivery import Server, SmtpTransport
from projects.services import installation
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport, launched, outcomes, send
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project
from tests.messaging.smtp_server import ScriptedServer
from tests.other_database import empty_database
from tests.waiting import wait_until

RECIPIENTS = 1_500


def back_up(to: Path) -> None:
    """As docs/operating.md says."""
    making.make_backup(folder=to, now=NOW)


@contextmanager
def restored_from(backup: Path) -> Iterator[None]:
    """An empty database that the backup was restored into, as docs/operating.md says; everything in here is done there."""
    with empty_database():
        assert restore(backup=making.backups(backup)[-1]).waiting == 0
        yield


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    made = ScriptedServer(seconds_each=0.01)  # long enough for a backup in the middle
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
