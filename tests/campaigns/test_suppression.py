"""The suppression lists at the freeze and when messages are made: who is on one gets nothing, and everything adds up."""

from __future__ import annotations

import collections

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import Event, EventKind
from campaigns.models import Run, RunExclusion
from campaigns.sending import freezing
from campaigns.services import launch, occurrences
from core.audience import Audience
from endpoints.eligibility import eligibility
from endpoints.models import Endpoint, FacetSubject
from messaging import suppression
from messaging.delivery import Delivery, DeliveryStatus, OutgoingMessage
from messaging.models import Suppression
from messaging.services import suppressions
from projects.models import Project
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport, launched, outcomes, send
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db


def listed(project: Project | None, *addresses: str, **fields: object) -> None:
    actor = project.created_by if project else make_user(is_superuser=True, is_staff=True)
    suppressions.add(project=project, actor=actor, lines=addresses, now=NOW, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("by_facets", [True, False])
def test_the_freeze_leaves_out_who_is_on_a_list_and_all_add_up(by_facets: bool) -> None:
    clock, transport = Clock(), RecordingTransport()
    project, other = make_project(), make_project()
    mine = make_endpoint(project=project, address="Mine@example.com")
    twin = make_endpoint(project=project, address="mine@example.com")
    everywhere = make_endpoint(project=project, address="everywhere@example.com")
    opted_out = make_endpoint(project=project, address="out@example.com", opt_out="ALL")
    free = make_endpoint(project=project, address="theirs@example.com")
    phone = make_endpoint(project=project, channel_type="SMS", address="+821012345678")
    members = Audience([one.pk for one in (mine, twin, everywhere, opted_out, free, phone)])
    listed(project, "MINE@example.com", "out@example.com")
    listed(None, "everywhere@example.com")
    listed(other, "theirs@example.com")
    if not by_facets:
        FacetSubject.objects.filter(project=project).update(state="TOO_MANY")
    make_sender(project=project)
    segment = make_import_segment(project=project, members=members)
    launch.launch_campaign(
        campaign=make_campaign(project=project, document=campaign_document(segment=segment)), actor=None, now=clock()
    )
    (run_id,) = occurrences.claim_due(now=clock())

    freezing.freeze_run(run_id=run_id, clock=clock)
    run = Run.objects.get()
    send(run, transport, clock)

    assert dict(RunExclusion.objects.values_list("reason", "total")) == {
        "ENDPOINT_SUPPRESSED": 3, "ENDPOINT_OPT_OUT": 1, "ENDPOINT_CHANNEL_MISMATCH": 1,
    }  # fmt: skip
    assert list(transport.sent) == [free.pk]
    assert run.targeted == 6 == 5 + sum(outcomes(run).values())


def test_who_comes_onto_a_list_after_the_freeze_gets_nothing() -> None:
    clock, transport = Clock(), RecordingTransport()
    run = launched(4, clock=clock)
    first, second, *_others = Endpoint.objects.filter(project=run.project).order_by("pk")
    listed(run.project, first.address)
    listed(None, second.address)

    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": 2, "SUPPRESSED": 2}
    assert not {first.pk, second.pk} & set(transport.sent)


def test_one_who_is_released_between_freeze_and_sending_stays_left_out_and_gets_the_next_run() -> None:
    project = make_project()
    endpoint = make_endpoint(project=project)
    listed(project, endpoint.address)
    members = Audience([endpoint.pk])
    assert not eligibility(project_id=project.pk, members=members, channels=["EMAIL"]).eligible

    released = suppressions.release(project=project, actor=project.created_by, ids=[Suppression.objects.get().pk], now=NOW)

    assert released == 1
    assert eligibility(project_id=project.pk, members=members, channels=["EMAIL"]).eligible == members


def asked(check: suppression.Check, keys: set[str]) -> tuple[set[str], int]:
    with CaptureQueriesContext(connection) as queries:
        found = check.among(keys)
    return found, sum("messaging_suppression" in query["sql"] or "EXECUTE" in query["sql"] for query in queries)


def test_a_small_batch_costs_one_statement_and_none_while_the_lists_are_empty() -> None:
    project, seconds = make_project(), [100.0]
    check = suppression.Check(project_id=project.pk, clock=lambda: seconds[0])
    keys = {"a@example.com", "b@example.com"}
    check.among(keys)  # the look, and the statement's plan

    assert asked(check, keys) == (set(), 0)
    seconds[0] += 4.9
    listed(project, "a@example.com")
    assert asked(check, keys) == (set(), 0)
    seconds[0] += 0.2  # five seconds since the list was looked at
    assert asked(check, keys) == ({"a@example.com"}, 1)
    assert asked(check, {"b@example.com"}) == (set(), 1)


def test_an_erased_persons_address_is_known_by_its_hash_alone() -> None:
    clock, transport = Clock(), RecordingTransport()
    project = make_project()
    listed(project, "gone@example.com")
    Suppression.objects.update(address="", address_key=suppression.erased_key("gone@example.com"))
    run = launched(2, project=project, clock=clock)
    again = make_endpoint(project=project, address="Gone@example.com")
    members = Audience([again.pk])

    found = eligibility(project_id=project.pk, members=members, channels=["EMAIL"]).excluded
    first = Endpoint.objects.filter(project=project).order_by("pk")[0]
    listed(project, "gone@example.com")  # known already
    Endpoint.objects.filter(pk=first.pk).update(address="gone@example.com", address_key="gone@example.com")
    send(run, transport, clock)

    assert found == {"ENDPOINT_SUPPRESSED": members}
    assert Suppression.objects.count() == 1
    assert outcomes(run) == {"SUCCESS": 1, "SUPPRESSED": 1}


class Refusing(RecordingTransport):
    """Answers each message by the words for its recipient's place."""

    def __init__(self, *replies: tuple[str, str]) -> None:
        super().__init__()
        self._replies = list(replies)

    def send_batch(self, messages: list[OutgoingMessage]) -> list[Delivery]:  # type: ignore[override]
        return [
            Delivery(message.endpoint_id, DeliveryStatus.FAILURE_PERMANENT, code, text)
            for message, (code, text) in zip(messages, self._replies, strict=True)
        ]


def test_a_refusal_is_a_hard_bounce_only_when_there_is_no_such_mailbox_and_only_plain_words_fill_the_list() -> None:
    clock = Clock()
    run = launched(4, clock=clock)
    replies = (
        ("550", "550 5.1.1 user unknown"), ("552", "552 5.2.2 mailbox full"), ("550", "550 no"), ("554", "554 5.7.1 blocked as spam"),
    )  # fmt: skip
    first = Endpoint.objects.filter(project=run.project).order_by("pk")[0]

    send(run, Refusing(*replies), clock)

    kinds = collections.Counter(Event.objects.exclude(kind=EventKind.CAMPAIGN_SEND).values_list("kind", flat=True))
    assert kinds == {EventKind.EMAIL_SEND: 4, EventKind.EMAIL_HARDBOUNCE: 2, EventKind.EMAIL_SOFTBOUNCE: 2}
    assert list(Suppression.objects.values_list("project", "address", "reason", "source")) == [
        (run.project_id, first.address, "HARD_BOUNCE", "SENDING")
    ]


def test_a_project_that_wants_no_hard_bounces_on_its_list_has_none_and_the_installation_may_want_them() -> None:
    clock = Clock()
    run = launched(1, clock=clock)
    suppressions.save_rules(project=run.project, actor=run.project.created_by, hard_bounces=False, complaints=True, now=NOW)
    suppressions.save_rules(project=None, actor=run.project.created_by, hard_bounces=True, complaints=False, now=NOW)

    send(run, Refusing(("550", "550 5.1.1 user unknown")), clock)

    assert list(Suppression.objects.values_list("project", "reason")) == [(None, "HARD_BOUNCE")]
