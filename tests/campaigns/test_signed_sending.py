"""What a run sends from a verified domain is signed, and each message has a return path of its own."""

from __future__ import annotations

import dkim as dkimpy
import pytest

from campaigns.models import Slice
from campaigns.sending import freezing, worker
from campaigns.services import launch, occurrences, test_send
from core.audience import Audience
from messaging.delivery.pacing import Slot
from messaging.domains.return_path import Returned, read_return_path
from messaging.models import SenderDomain
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport, launched
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.messaging import key_pair, make_domain, make_relay
from tests.factories.projects import make_project
from tests.messaging.smtp_server import ScriptedServer

pytestmark = pytest.mark.django_db


def verifies(message: bytes) -> bool:
    return bool(dkimpy.verify(message, dnsfunc=lambda _name, timeout=5: f"v=DKIM1; k=rsa; p={key_pair().public}".encode()))


def test_every_message_of_a_run_verifies_and_its_bounce_would_find_it() -> None:
    clock, transport = Clock(), RecordingTransport()
    project = make_project()
    make_domain(project=project, name="example.com", return_path_at=NOW)
    run = launched(30, project=project, clock=clock)

    worker.send_run(run_id=run.pk, owner="test", clock=clock, transport=transport)

    assert len(transport.messages) == 30
    for message in transport.messages:
        assert verifies(message.data)
        assert read_return_path(message.envelope_from) == Returned(run_id=run.pk, endpoint_id=message.endpoint_id)
        assert message.envelope_from.endswith("@bounces.example.com")


def test_without_a_domain_nothing_is_signed_and_the_senders_address_gets_the_bounces() -> None:
    clock, transport = Clock(), RecordingTransport()
    project = make_project()
    make_domain(project=project, name="example.com", is_verified=False, return_path_at=NOW)
    run = launched(2, project=project, clock=clock)

    worker.send_run(run_id=run.pk, owner="test", clock=clock, transport=transport)

    assert {message.envelope_from for message in transport.messages} == {"shop@example.com"}
    assert not any(b"DKIM-Signature" in message.data for message in transport.messages)


def test_a_test_send_is_signed_too(settings: object) -> None:
    server = ScriptedServer()
    settings.MAILBOX_PORT = server.port  # type: ignore[attr-defined]
    run = launched(1, clock=Clock())
    make_domain(project=run.project, name="example.com")

    test_send.send_test(campaign=run.campaign, actor=run.project.created_by, addresses=["kim@example.org"], document={}, now=NOW)

    server.close()
    ((recipient, data),) = server.bodies
    assert recipient == "kim@example.org"
    assert verifies(data)


def test_a_run_whose_domain_was_broken_since_the_launch_fails_at_the_freeze_and_says_why(settings: object) -> None:
    settings.EMAIL_URL = "smtp://mail.example:25"  # type: ignore[attr-defined]
    project = make_project(mode="LIVE")
    domain = make_domain(project=project, name="example.com")
    clock = Clock()

    segment = make_import_segment(project=project, members=Audience(make_members(project=project, count=2)))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment))
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    (run_id,) = occurrences.claim_due(now=clock())
    SenderDomain.objects.filter(pk=domain.pk).update(broken_since=NOW)

    freezing.freeze_run(run_id=run_id, clock=clock)

    run = campaign.runs.get()
    assert run.state == "FAILED"
    assert "shop@example.com" in run.failure["params"]["reason"]


def test_a_run_leaves_by_the_relay_of_its_sender(settings: object, clean_redis: object) -> None:
    settings.EMAIL_URL = "smtp://mail.example:25"  # type: ignore[attr-defined]
    settings.RELAY_PRIVATE_HOSTS, settings.RELAY_PORTS = ["127.0.0.1"], range(1, 65_536)  # type: ignore[attr-defined]
    server = ScriptedServer()
    project = make_project(mode="LIVE")
    make_relay(project=project, port=server.port, senders=("example.com",))
    run = launched(20, project=project, clock=Clock())

    worker.send_run(run_id=run.pk, owner="test", clock=Clock())

    server.close()
    assert len({recipient for recipient, _body in server.bodies}) == len(server.bodies) == 20


def test_a_relay_whose_connections_are_all_in_use_is_no_trouble(settings: object, clean_redis: object) -> None:
    settings.EMAIL_URL = "smtp://mail.example:25"  # type: ignore[attr-defined]
    project = make_project(mode="LIVE")
    relay = make_relay(project=project, senders=("example.com",), max_connections=1)
    held = Slot(name=f"relay-{relay.pk}", limit=1)
    held.take()
    run = launched(3, project=project, clock=Clock())

    worker.send_run(run_id=run.pk, owner="test", clock=Clock())

    held.give_back()
    run.refresh_from_db()
    assert (run.state, run.server_failures) == ("RUNNING", 0)
    assert Slice.objects.get(run=run).intent_cursor == 0
