"""A mail server that is the trouble pauses the campaign, and costs nobody the message."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import tasks
from campaigns.models import CampaignState, Outcome, Run, RunState, Slice, SliceOutcome
from campaigns.sending import breaker, worker
from campaigns.services import launch
from messaging.delivery import Delivery, DeliveryStatus, OutgoingMessage, TransportDown
from projects.models import AuditEntry
from tests.campaigns.test_sending import Clock, RecordingTransport, launched, outcomes, send

pytestmark = pytest.mark.django_db(transaction=True)


class Unreachable:
    def __init__(self) -> None:
        self.asked = 0

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        self.asked += 1
        raise TransportDown("mail.example.com:587: connection refused")

    def close(self) -> None:
        pass


class Answering:
    """Answers every message alike."""

    def __init__(self, status: DeliveryStatus, code: str, reply: str) -> None:
        self._answer = (status, code, reply)
        self.messages = 0

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        self.messages += len(messages)
        return [Delivery(message.endpoint_id, *self._answer) for message in messages]

    def close(self) -> None:
        pass


def refusing(reply: str, code: str = "550") -> Answering:
    return Answering(DeliveryStatus.FAILURE_PERMANENT, code, reply)


def try_(run: Run, clock: Clock, transport: Unreachable) -> None:
    worker.send_run(run_id=run.pk, owner="w", clock=clock, transport=transport)


def test_a_server_that_stays_away_is_asked_each_half_minute_and_then_the_campaign_is_paused() -> None:
    clock = Clock()
    run, away = launched(3, clock=clock), Unreachable()

    for _turn in range(3):
        try_(run, clock, away)
    assert away.asked == 1  # it rests
    assert worker.runs_with_work(now=clock()) == []
    begun = clock()
    while Run.objects.get(pk=run.pk).campaign.state == CampaignState.EXECUTING:
        clock.pass_(seconds=31)
        assert worker.runs_with_work(now=clock()) == [run.pk]
        try_(run, clock, away)

    run.refresh_from_db()
    assert run.campaign.state == CampaignState.PAUSED
    assert run.campaign.pause_reason is not None
    assert run.campaign.pause_reason["said"] == "mail.example.com:587: connection refused"
    assert away.asked >= 10
    assert clock() - begun >= datetime.timedelta(minutes=5)
    assert outcomes(run) == {}
    assert AuditEntry.objects.filter(verb="campaign.stopped", actor=None).count() == 1


def test_resuming_sends_to_everybody_and_forgets_the_trouble() -> None:
    clock = Clock()
    run, away = launched(3, clock=clock), Unreachable()
    while Run.objects.get(pk=run.pk).campaign.state == CampaignState.EXECUTING:
        try_(run, clock, away)
        clock.pass_(seconds=31)

    campaign = Run.objects.get(pk=run.pk).campaign
    launch.resume_campaign(campaign=campaign, actor=campaign.created_by, now=clock())  # type: ignore[arg-type]
    clock.pass_(seconds=31)
    send(run, RecordingTransport(), clock)

    run.refresh_from_db()
    assert (run.state, outcomes(run)) == (RunState.COMPLETED, {"SUCCESS": 3})
    assert (run.server_failures, run.not_before, run.campaign.pause_reason) == (0, None, None)


def test_a_server_that_comes_back_in_time_pauses_nothing() -> None:
    clock = Clock()
    run = launched(3, clock=clock)
    try_(run, clock, Unreachable())
    clock.pass_(seconds=31)

    send(run, RecordingTransport(), clock)

    run.refresh_from_db()
    assert (run.state, run.server_failures, run.server_failing_since) == (RunState.COMPLETED, 0, None)


@pytest.mark.parametrize(
    "server",
    [
        refusing("5.7.1 relaying denied"),
        refusing("Authentication required", "530"),
        Answering(DeliveryStatus.UNKNOWN, "", "the server closed the connection"),
    ],
    ids=["policy", "authentication", "lost"],
)
def test_a_server_that_takes_nobody_is_left_before_everybody_has_failed(server: Answering) -> None:
    clock = Clock()
    run = launched(1_500, clock=clock)

    send(run, server, clock)  # type: ignore[arg-type]

    run.refresh_from_db()
    assert run.campaign.state == CampaignState.PAUSED
    assert 100 <= server.messages <= 100 + worker.SMALL_BATCH
    assert sum(outcomes(run).values()) == server.messages
    assert Slice.objects.filter(run=run, lease_until__isnull=False, state="OPEN").count() == 0


def test_people_whose_mailboxes_are_gone_pause_nothing() -> None:
    clock = Clock()
    run = launched(300, clock=clock)

    send(run, refusing("5.1.1 no such user"), clock)  # type: ignore[arg-type]

    run.refresh_from_db()
    assert (run.state, outcomes(run)) == (RunState.COMPLETED, {"FAILURE_PERMANENT": 300})


@pytest.mark.parametrize(
    ("code", "reply", "expected"),
    [
        ("550", "5.1.1 no such user", True),
        ("550", "5.2.1 mailbox disabled", True),
        ("550", "no such user", True),
        ("553", "5.7.1 sender rejected", False),
        ("550", "5.7.26 unauthenticated mail", False),
        ("552", "5.3.4 message too big", False),
        ("535", "authentication failed", False),
        ("554", "transaction failed", False),
    ],
)
def test_what_a_refusal_is_about(code: str, reply: str, expected: bool) -> None:
    assert breaker.is_about_the_person(Delivery(1, DeliveryStatus.FAILURE_PERMANENT, code, reply)) is expected


def test_the_page_says_what_the_campaign_waits_for(client: Client) -> None:
    clock = Clock()
    run = launched(3, clock=clock)
    owner = run.project.created_by
    assert owner is not None
    client.force_login(owner)
    page = reverse("campaigns:show-campaign", args=[run.project.public_id, run.campaign.public_id])

    try_(run, clock, Unreachable())
    assert "mail server can&#x27;t be reached (mail.example.com:587: connection refused)" in client.get(page).content.decode()

    while Run.objects.get(pk=run.pk).campaign.state == CampaignState.EXECUTING:
        clock.pass_(seconds=31)
        try_(run, clock, Unreachable())
    assert "Sending was paused by itself" in client.get(page).content.decode()


def test_a_worker_on_a_slow_server_is_alone_there() -> None:
    clock = Clock()
    run = launched(1_500, clock=clock)
    Run.objects.filter(pk=run.pk).update(is_slow=True)
    Slice.objects.filter(run=run, number=0).update(
        lease_until=clock() + datetime.timedelta(seconds=20), lease_owner="other", epoch=1
    )
    transport = RecordingTransport()

    send(run, transport, clock)

    assert not SliceOutcome.objects.filter(run=run).exists()
    clock.pass_(seconds=21)  # the other worker is dead
    send(run, transport, clock)
    assert outcomes(run) == {Outcome.SUCCESS.value: 1_500}
    assert not Run.objects.get(pk=run.pk).is_slow


def test_a_turn_ends_only_when_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    first = launched(3, clock=clock)
    monkeypatch.setattr(tasks, "_TURN_SECONDS", 0.0)

    alone = tasks._Turn(first.pk)
    assert not alone.is_over()
    launched(3, clock=clock)
    assert alone.is_over()
    assert alone.has_passed_on
