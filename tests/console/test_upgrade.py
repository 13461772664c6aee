"""An upgrade of a running installation: back to the first release's tables and forward again, in the middle of a run."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from campaigns.models import Campaign, CampaignState, Outcome, RunState, Slice, SliceOutcome
from campaigns.services import occurrences
from console.health import invariants
from console.models import Invariant
from messaging.delivery import Delivery, OutgoingMessage
from tests.campaigns.test_sending import Clock, RecordingTransport, launched, outcomes, send
from tests.factories.campaigns import make_campaign
from tests.other_database import copied_database

PEOPLE = 1_500
# The first tables of each app; those of endpoints before the index of values, which the upgrade makes.
FIRST = {
    "campaigns": "0001_initial", "messaging": "0001_initial", "segments": "0001_initial", "analytics": "0002_event_table",
    "projects": "0001_initial", "endpoints": "0005_line_hash",
}  # fmt: skip


class Killed(BaseException):
    """The worker is gone."""


class DyingTransport(RecordingTransport):
    """Sends a few small batches, and one more of which nobody hears."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        said = super().send_batch(messages)
        self.batches += 1
        if self.batches == 4:
            raise Killed
        return said


@pytest.fixture
def own_database() -> Iterator[None]:
    """A copy of the test's empty database, to be changed at will."""
    with copied_database():
        yield


def columns(table: str) -> set[str]:
    with connection.cursor() as cursor:
        return {column.name for column in connection.introspection.get_table_description(cursor, table)}


def waiting() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_being_sent_goes_on_after_the_upgrade_and_nobody_gets_it_twice(own_database: None) -> None:
    clock, dying, transport = Clock(), DyingTransport(), RecordingTransport()
    run = launched(PEOPLE, clock=clock)
    waits = make_campaign(project=run.project, document={}, state=CampaignState.PENDING_APPROVAL)
    with pytest.raises(Killed):
        send(run, dying, clock)
    decided = sum(outcomes(run).values())
    lost = len(dying.sent) - decided
    assert 0 < decided < len(dying.sent) < PEOPLE
    assert 0 < lost <= 200

    # The first release's tables, with what it would hold: later ones are dropped with their columns.
    executor = MigrationExecutor(connection)
    executor.migrate(list(FIRST.items()))
    assert waiting() > 20
    assert "expires_at" not in columns("campaigns_run")
    assert not {"endpoints_facetchunk", "campaigns_winnertest"} & set(connection.introspection.table_names())
    connection.close()

    call_command("migrate", verbosity=0, interactive=False)

    assert waiting() == 0
    assert "expires_at" in columns("campaigns_run")
    assert Campaign.objects.get(pk=waits.pk).is_draft  # the first release knew no other state for it
    clock.pass_(minutes=5)  # the dead worker's lease has run out
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    assert occurrences.claim_due(now=clock()) == []
    send(run, transport, clock)

    run.refresh_from_db()
    assert (run.state, Campaign.objects.get(pk=run.campaign_id).state) == (RunState.COMPLETED, "COMPLETED")
    assert outcomes(run) == {Outcome.SUCCESS: PEOPLE - lost, Outcome.UNKNOWN: lost}
    assert not Slice.objects.exclude(state=Slice.State.DONE).exists()
    assert set((dying.sent + transport.sent).values()) == {1}
    assert len(dying.sent + transport.sent) == PEOPLE
    ends: collections.Counter[int] = collections.Counter()
    for row in SliceOutcome.objects.filter(run=run):
        ends.update(row.members)
    assert set(ends.values()) == {1}
    for invariant in (Invariant.RUNS, Invariant.FACETS):
        assert invariants.check(invariant=invariant, project_id=run.project_id).broken == [], invariant
