"""Webhooks: told once or more of each chosen event, signed, retried for a day, logged, sent again; the dead hold up nobody."""

from __future__ import annotations

import base64
import datetime
import http.server
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from analytics.models import EventKind, Webhook, WebhookDelivery
from analytics.services import webhooks
from analytics.services.erasing import erase_events
from analytics.services.event_types import kinds_of
from analytics.webhooks import log, turn
from core import clock as real_clock
from messaging.outcomes import signed
from projects.models import AuditEntry, Project, Role
from tests.analytics.test_streams_out import Clock, people
from tests.console.world import logged_in
from tests.core.test_outbound import said, serving
from tests.factories.analytics import AT, settle, write_events
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db(transaction=True)


class Program:
    """What a project's own program on loopback was told; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.refuses: set[str] = set()  # ids of endpoints
        self.calls: list[tuple[dict[str, str], bytes]] = []

    def __call__(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        self.calls.append(({name.lower(): value for name, value in handler.headers.items()}, body))
        client = json.loads(body)["data"].get("client", {}).get("client_id")
        said(handler, b"thanks", 500 if client in self.refuses else self.status)

    @property
    def told(self) -> list[tuple[str, str]]:
        bodies = [json.loads(body) for _headers, body in self.calls]
        return sorted((one["type"], one["data"]["client"]["client_id"]) for one in bodies)


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def url(program: Program, settings: Any) -> Iterator[str]:
    settings.WEBHOOK_PRIVATE_HOSTS = True
    with serving(program) as address:
        yield address + "/hook"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def project() -> Project:
    return make_project()


def make_webhook(project: Project, url: str, *types: str) -> Webhook:
    values = webhooks.WebhookValues(url=url, types=types or ("_email.open",))
    return webhooks.save_webhook(project=project, actor=project.created_by, webhook=None, values=values, now=AT)


def tell(webhook: Webhook, clock: Clock) -> int:
    found = turn.tell(webhook_id=webhook.pk, clock=clock)
    webhook.refresh_from_db()
    return found


def test_a_program_is_told_of_the_chosen_types_signed(project: Project, program: Program, url: str, clock: Clock) -> None:
    ids = people(project, 2)
    write_events(project=project, endpoint_ids=ids)  # before there was a webhook
    webhook = make_webhook(project, url, "_email.open", "_email.hardbounce")
    write_events(project=project, endpoint_ids=ids)
    write_events(project=project, endpoint_ids=ids, kind=EventKind.EMAIL_SEND)
    (bounced,) = write_events(project=project, endpoint_ids=ids[:1], kind=EventKind.EMAIL_HARDBOUNCE)

    assert tell(webhook, clock) == 3

    assert [kind for kind, _client in program.told] == ["_email.hardbounce", "_email.open", "_email.open"]
    headers, body = next(call for call in program.calls if b"hardbounce" in call[1])
    assert headers["webhook-id"] == f"evt_{webhook.pk}_{bounced.hex}"
    assert json.loads(body)["timestamp"] == "2026-11-24T01:30:00.000Z"
    key = base64.b64decode(webhooks.signing_secret(webhook).removeprefix("whsec_"))
    signed.check(
        body=body, key=key, notice_id=headers["webhook-id"], timestamp=headers["webhook-timestamp"],
        signature=headers["webhook-signature"], now=clock.now,
    )  # fmt: skip
    assert (webhook.delivered, webhook.last_error, webhook.lease_until) == (3, "", None)
    assert {one.state for one in webhook.deliveries.all()} == {"DELIVERED"}
    assert tell(webhook, clock) == 0
    assert len(program.calls) == 3


def test_a_type_of_the_projects_own_can_be_chosen(project: Project, program: Program, url: str, clock: Clock) -> None:
    kind = kinds_of(project_id=project.pk, names=["order.paid"])["order.paid"]
    webhook = make_webhook(project, url, "order.paid")
    write_events(project=project, endpoint_ids=people(project, 1), kind=kind)

    assert tell(webhook, clock) == 1
    assert program.told[0][0] == "order.paid"


def test_what_is_not_taken_is_tried_again_for_a_day_with_growing_pauses(
    project: Project, program: Program, url: str, clock: Clock
) -> None:
    webhook = make_webhook(project, url)
    bad, good = people(project, 2)
    write_events(project=project, endpoint_ids=[bad, good])
    from endpoints.models import Endpoint

    program.refuses = {Endpoint.objects.get(pk=bad).endpoint_id}
    began = clock.now
    tell(webhook, clock)
    waits = []
    while (delivery := webhook.deliveries.get(status=500)).next_attempt_at is not None:
        waits.append((delivery.next_attempt_at - clock.now).total_seconds())
        clock.now = max(delivery.next_attempt_at, webhook.not_before or delivery.next_attempt_at)
        tell(webhook, clock)

    assert (delivery.state, delivery.attempts, delivery.error) == ("FAILED", 11, "the answer was 500")
    assert waits == [5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800]
    assert datetime.timedelta(hours=23) < clock.now - began < datetime.timedelta(hours=25)
    ids = {
        headers["webhook-id"]
        for headers, body in program.calls
        if json.loads(body)["data"]["client"]["client_id"] in program.refuses
    }
    assert len(ids) == 1
    assert webhook.state == "RUNNING"


def test_a_dead_program_is_probed_by_one_call_ever_more_seldom_and_loses_nothing(
    project: Project, program: Program, url: str, clock: Clock
) -> None:
    program.status = 503
    webhook = make_webhook(project, url)
    ids = people(project, 40)
    write_events(project=project, endpoint_ids=ids)

    tell(webhook, clock)
    assert len(program.calls) == 32
    pauses = []
    for _ in range(8):
        assert webhook.not_before is not None
        pauses.append((webhook.not_before - clock.now).total_seconds())
        assert turn.due(now=clock.now, settled=settle()) == []
        clock.now = webhook.not_before
        before = len(program.calls)
        tell(webhook, clock)
        assert len(program.calls) - before <= 1
    assert pauses[:4] == [5, 10, 20, 40]
    assert max(pauses) == 300
    assert webhook.deliveries.filter(state="WAITING").count() == 40

    program.status = 200
    for _ in range(20):
        clock.pass_(hours=1)
        tell(webhook, clock)
    assert webhook.delivered == 40
    assert (webhook.failures, webhook.failing_since) == (0, None)


def test_after_three_days_it_is_disabled_and_resumed_it_goes_on(
    project: Project, program: Program, url: str, clock: Clock
) -> None:
    program.status = 500
    webhook = make_webhook(project, url)
    write_events(project=project, endpoint_ids=people(project, 1))
    tell(webhook, clock)
    clock.pass_(days=3, minutes=1)
    tell(webhook, clock)

    assert (webhook.state, webhook.disabled_at) == ("DISABLED", clock.now)
    assert AuditEntry.objects.filter(verb="webhook.disabled", actor=None).count() == 1
    write_events(project=project, endpoint_ids=people(project, 1))
    assert turn.due(now=clock.now, settled=settle()) == []
    program.status = 200
    webhooks.resume_webhook(webhook=webhook, actor=project.created_by, now=clock.now)
    clock.pass_(hours=9)
    assert tell(webhook, clock) == 2


def test_a_program_that_says_it_is_gone_is_disabled_at_once(project: Project, program: Program, url: str, clock: Clock) -> None:
    program.status = 410
    webhook = make_webhook(project, url)
    write_events(project=project, endpoint_ids=people(project, 1))

    tell(webhook, clock)
    assert webhook.state == "DISABLED"


def test_killed_between_call_and_outcome_it_is_told_again_with_the_same_id(
    project: Project, program: Program, url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = make_webhook(project, url)
    write_events(project=project, endpoint_ids=people(project, 1))

    class Killed(BaseException):
        pass

    def die(*_args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(turn, "_outcome", die)
        with pytest.raises(Killed):
            tell(webhook, clock)
    assert tell(webhook, clock) == 0
    clock.pass_(seconds=91)
    assert tell(webhook, clock) == 1

    first, second = (headers["webhook-id"] for headers, _body in program.calls)
    assert first == second
    assert webhook.delivered == 1


def test_a_private_address_is_never_called_unless_the_operator_allows_it(
    project: Project, program: Program, url: str, clock: Clock, settings: Any
) -> None:
    webhook = make_webhook(project, url)
    write_events(project=project, endpoint_ids=people(project, 1))
    settings.WEBHOOK_PRIVATE_HOSTS = False

    assert tell(webhook, clock) == 0
    assert program.calls == []
    assert webhook.last_error
    for address in ("https://127.0.0.1/", "https://10.0.0.1/", "http://example.com/", "ftp://example.com", "nonsense"):
        with pytest.raises(webhooks.WebhookRefused):
            make_webhook(project, address)


def test_there_is_a_limit_to_what_waits_and_the_rest_stays_where_it_is(
    project: Project, program: Program, url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "WAITING_LIMIT", 5)
    monkeypatch.setattr(turn, "_READ", 4)
    program.status = 500
    webhook = make_webhook(project, url)
    ids = people(project, 30)
    write_events(project=project, endpoint_ids=ids)

    tell(webhook, clock)
    assert webhook.deliveries.count() == 8
    program.status = 200
    for _ in range(20):
        clock.pass_(hours=1)
        tell(webhook, clock)
    assert webhook.delivered == 30


def test_a_person_who_was_erased_is_not_told_of(project: Project, program: Program, url: str, clock: Clock) -> None:
    program.status = 500
    webhook = make_webhook(project, url)
    ids = people(project, 2)
    write_events(project=project, endpoint_ids=ids)
    tell(webhook, clock)
    erase_events(project_id=project.pk, endpoint_ids=ids[:1])
    program.status = 200
    program.calls.clear()
    clock.pass_(hours=1)

    tell(webhook, clock)
    assert len(program.calls) == 1
    assert webhook.deliveries.count() == 1


def test_old_deliveries_are_forgotten_and_those_that_wait_are_not(project: Project, url: str, clock: Clock) -> None:
    webhook = make_webhook(project, url)
    write_events(project=project, endpoint_ids=people(project, 2))
    tell(webhook, clock)
    old = clock.now - datetime.timedelta(days=15)
    first, _second = webhook.deliveries.order_by("pk")
    WebhookDelivery.objects.update(created_at=old, attempted_at=old)
    WebhookDelivery.objects.filter(pk=first.pk).update(state="WAITING")

    assert turn.drop_old(now=clock.now) == 1
    assert list(webhook.deliveries.all()) == [first]


# -- pages -------------------------------------------------------------------------------------------------------------


def page(name: str, project: Project, *ids: int) -> str:
    return reverse(f"analytics:{name}", args=[project.public_id, *ids])


def test_an_owner_makes_tries_changes_and_deletes_a_webhook(project: Project, program: Program, url: str) -> None:
    owner = logged_in(project.created_by)

    assert owner.post(page("create-webhook", project), {"url": url, "types": []}).status_code == 200
    assert owner.post(page("create-webhook", project), {"url": "https://10.0.0.1", "types": ["_nonsense"]}).status_code == 200
    answer = owner.post(page("create-webhook", project), {"url": url, "types": ["_email.click", "_email.open"]})
    webhook = Webhook.objects.get()
    assert answer.headers["Location"] == page("show-webhook", project, webhook.pk)
    owner.post(page("test-webhook", project, webhook.pk))
    assert json.loads(program.calls[0][1])["type"] == "_test"
    secret = webhooks.signing_secret(webhook)
    assert secret in owner.get(page("edit-webhook", project, webhook.pk)).content.decode()
    owner.post(page("replace-webhook-secret", project, webhook.pk))
    owner.post(page("edit-webhook", project, webhook.pk), {"url": url + "2", "types": ["_email.open"]})
    owner.post(page("pause-webhook", project, webhook.pk))
    webhook.refresh_from_db()
    assert (webhook.url, webhook.types, webhook.state) == (url + "2", ["_email.open"], "PAUSED")
    assert webhooks.signing_secret(webhook) != secret
    owner.post(page("resume-webhook", project, webhook.pk))
    owner.post(page("delete-webhook", project, webhook.pk))

    assert not Webhook.objects.exists()
    assert [*AuditEntry.objects.order_by("pk").values_list("verb", flat=True)] == [
        f"webhook.{deed}" for deed in ("added", "tested", "secret_replaced", "changed", "paused", "resumed", "deleted")
    ]


def test_failed_messages_are_sent_again_one_by_one_or_all(project: Project, program: Program, url: str, clock: Clock) -> None:
    webhook = make_webhook(project, url)
    write_events(project=project, endpoint_ids=people(project, 3))
    tell(webhook, clock)
    WebhookDelivery.objects.update(state="FAILED", status=500, error="the answer was 500")
    clock.now = real_clock.now() + datetime.timedelta(hours=1)
    owner = logged_in(project.created_by)

    html = owner.get(page("show-webhook", project, webhook.pk), headers={"accept-language": "en"}).content.decode()
    assert html.count("the answer was 500") == 3
    owner.post(page("resend-delivery", project, webhook.pk, webhook.deliveries.order_by("pk")[0].pk))
    assert tell(webhook, clock) == 1
    owner.post(page("resend-failed", project, webhook.pk))
    assert tell(webhook, clock) == 2
    assert len(program.calls) == 6
    assert len({headers["webhook-id"] for headers, _body in program.calls}) == 3
    assert [entry.data["count"] for entry in AuditEntry.objects.filter(verb="webhook.resent").order_by("pk")] == [1, 2]


def test_an_error_is_no_alarm_any_more_once_messages_are_taken_again(project: Project, url: str) -> None:
    webhook = make_webhook(project, url)
    owner, at = logged_in(project.created_by), real_clock.now()
    of = Webhook.objects.filter(pk=webhook.pk)

    def shown() -> str:
        return str(owner.get(page("show-webhook", project, webhook.pk), headers={"accept-language": "en"}).content.decode())

    of.update(last_error="the answer was 500", last_error_at=at, delivered_at=at - datetime.timedelta(minutes=1))
    assert "alert-warning" in shown()
    of.update(delivered_at=at + datetime.timedelta(minutes=1))
    assert "alert-warning" not in shown()
    assert "Last error" in shown()


def test_the_log_has_pages_and_can_be_narrowed(project: Project, url: str, clock: Clock) -> None:
    webhook = make_webhook(project, url)
    write_events(project=project, endpoint_ids=people(project, 1) * 60)
    tell(webhook, clock)
    tell(webhook, clock)
    viewer = logged_in(make_member(project=project, role=Role.VIEWER))

    first = viewer.get(page("show-webhook", project, webhook.pk)).context["log"]
    second = viewer.get(page("show-webhook", project, webhook.pk), {"before": str(first.after)}).context["log"]
    assert (len(first.lines), len(second.lines), second.after) == (50, 10, 0)
    assert log.log(webhook=webhook, state="FAILED").lines == []
    assert viewer.get(page("show-webhook", project, webhook.pk), {"before": "9" * 40, "state": "nonsense"}).status_code == 200


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MARKETER])
def test_whoever_is_no_owner_changes_nothing(project: Project, url: str, role: Role) -> None:
    webhook = make_webhook(project, url)
    member = logged_in(make_member(project=project, role=role))

    assert member.get(page("list-webhooks", project)).status_code == 200
    for name in (
        "edit-webhook",
        "pause-webhook",
        "resume-webhook",
        "test-webhook",
        "replace-webhook-secret",
        "resend-failed",
        "delete-webhook",
    ):
        assert member.post(page(name, project, webhook.pk), {"url": url, "types": ["_email.send"]}).status_code == 403
    assert member.post(page("create-webhook", project), {"url": url, "types": ["_email.send"]}).status_code == 403
    assert list(Webhook.objects.values_list("types", "state", "epoch")) == [(["_email.open"], "RUNNING", 0)]
