"""What relays tell of messages by calling: Amazon SES through SNS, and signed callbacks."""

from __future__ import annotations

import base64
import datetime
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from analytics import signing_keys
from analytics.models import Event, EventKind
from core import clock
from endpoints.models import OptOutEntry
from messaging.models import OutcomeNotice, Relay, RelayCallback, Suppression
from messaging.outcomes import doors, sns
from messaging.services import notices, relay_callbacks
from projects.models import AuditEntry
from tests.factories.messaging import make_relay
from tests.messaging.sent import NOW, Sent, make_sent
from tests.messaging.sns_server import TOPIC, SnsServer, make_certificate

pytestmark = pytest.mark.django_db


@pytest.fixture
def aws(settings: Any) -> Iterator[SnsServer]:
    sns.forget_certificates()
    server = SnsServer()
    settings.SNS_ENDPOINT_URL = server.url
    yield server
    server.close()
    sns.forget_certificates()


@pytest.fixture
def sent() -> Sent:
    return make_sent(count=3)


@pytest.fixture
def relay(sent: Sent) -> Relay:
    return make_relay(project=sent.project, kind="SES", region="ap-northeast-2", access_key_id="AKIA")


def post_sns(relay: Relay, body: bytes) -> int:
    door = relay_callbacks.door_of(relay=relay)
    answer = Client().post(reverse("messaging:take-sns", args=[door.token]), body, content_type="application/octet-stream")
    return answer.status_code


def post_signed(
    relay: Relay, document: object, *, key: bytes | None = None, at: datetime.datetime | None = None, notice: str = "w-1"
) -> Any:
    door = relay_callbacks.door_of(relay=relay)
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    stamp = str(int((at or clock.now()).timestamp()))
    mac = hmac.digest(key or door.key, f"{notice}.{stamp}.".encode() + body, "sha256")
    headers = {
        "webhook-id": notice,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(b'old').decode()} v1,{base64.b64encode(mac).decode()}",
    }
    return Client().post(
        reverse("messaging:take-callback", args=[door.token]), body, content_type="application/json", headers=headers
    )


def event(
    sent: Sent, kind: str, place: int = 0, *, tagged: bool = True, headers: list[dict[str, str]] | None = None, **detail: Any
) -> str:
    """What SES publishes, by its developer guide."""
    address = sent.endpoints[place].address
    mail: dict[str, Any] = {
        "timestamp": "2026-11-26T00:58:00.000Z", "source": "shop@shop.example", "messageId": f"ses-{place}", "destination": [address],
        "headersTruncated": False, "headers": headers or [],
    }  # fmt: skip
    if tagged:
        mail["tags"] = {"ses:configuration-set": ["pabal"], "pabal-message": [sent.token(place)]}
    details = {
        "Bounce": ("bounce", {
            "bounceType": "Permanent", "bounceSubType": "General", "feedbackId": f"fb-{place}", "timestamp": "2026-11-26T00:59:00.123Z",
            "reportingMTA": "dsn; mx.ses.example",
            "bouncedRecipients": [
                {"emailAddress": address, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 unknown"}
            ],
        }),
        "Complaint": ("complaint", {
            "complainedRecipients": [{"emailAddress": address}], "feedbackId": f"fc-{place}", "timestamp": "2026-11-26T00:59:00.000Z",
            "complaintFeedbackType": "abuse", "userAgent": "Yahoo!-Mail-Feedback/1.0",
        }),
        "Delivery": ("delivery", {
            "timestamp": "2026-11-26T00:58:02.000Z", "smtpResponse": "250 ok", "reportingMTA": "a8-53.smtp-out.amazonses.com",
            "processingTimeMillis": 1310,
        }),
        "Reject": ("reject", {"reason": "Bad content"}),
        "Rendering Failure": ("failure", {"errorMessage": "Attribute 'x' is not present", "templateName": "t"}),
        "DeliveryDelay": ("deliveryDelay", {"delayType": "MailboxFull"}),
        "Open": ("open", {"ipAddress": "192.0.2.1"}),
    }  # fmt: skip
    name, values = details[kind]
    return json.dumps({"eventType": kind, "mail": mail, name: values | detail})


def told(sent: Sent, relay: Relay, aws: SnsServer, *messages: str) -> RelayCallback:
    for number, message in enumerate(messages):
        assert post_sns(relay, aws.notification(message, number=number)) == 200
    notices.drain(now=NOW)
    return RelayCallback.objects.get(relay=relay)


def kinds() -> list[tuple[str, int]]:
    return [
        (EventKind(kind).label, endpoint)
        for kind, endpoint in Event.objects.order_by("endpoint_id", "kind").values_list("kind", "endpoint_id")
    ]


def numbers(callback: RelayCallback) -> tuple[int, int, int, int, int]:
    return callback.taken, callback.repeated, callback.ignored, callback.unmatched, callback.refused


def test_what_ses_tells_becomes_events_with_what_pinpoints_stream_needs(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    callback = told(
        sent, relay, aws, event(sent, "Bounce", 0), event(sent, "Complaint", 1), event(sent, "Delivery", 2), event(sent, "Open", 2),
        event(sent, "DeliveryDelay", 2),
    )  # fmt: skip

    first, second, third = (one.pk for one in sent.endpoints)
    assert kinds() == [("_email.hardbounce", first), ("_email.complaint", second), ("_email.delivered", third)]
    bounce, complaint, delivery = Event.objects.order_by("endpoint_id")
    assert (bounce.occurred_at, bounce.run_id, bounce.source_id, bounce.project_id) == (
        datetime.datetime(2026, 11, 26, 0, 59, 0, 123_000, datetime.UTC), sent.run.pk, sent.campaign.pk, sent.project.pk,
    )  # fmt: skip
    assert bounce.data == {
        "bounce_type": "Permanent", "bounce_sub_type": "General", "status": "5.1.1", "action": "failed", "class": "HARD",
        "diagnostic_code": "smtp; 550 5.1.1 unknown", "feedback_id": "fb-0", "reporting_mta": "dsn; mx.ses.example", "via": "SES",
    }  # fmt: skip
    assert complaint.data == {
        "complaint_feedback_type": "abuse", "feedback_id": "fc-1", "user_agent": "Yahoo!-Mail-Feedback/1.0", "via": "SES",
    }  # fmt: skip
    assert delivery.data == {
        "smtp_response": "250 ok", "reporting_mta": "a8-53.smtp-out.amazonses.com", "processing_time_millis": 1310, "via": "SES",
    }  # fmt: skip
    assert list(OptOutEntry.objects.values_list("endpoint_id", "source")) == [(second, "COMPLAINT")]
    assert list(Suppression.objects.order_by("id").values_list("address", "reason", "source")) == [
        (sent.endpoints[0].address, "HARD_BOUNCE", "SES"), (sent.endpoints[1].address, "COMPLAINT", "SES"),
    ]  # fmt: skip
    assert numbers(callback) == (3, 0, 2, 0, 0)
    assert not OutcomeNotice.objects.exists()


@pytest.mark.parametrize(
    ("detail", "kind", "is_listed"),
    [
        ({"bounceType": "Permanent", "bounceSubType": "NoEmail"}, "_email.hardbounce", True),
        ({"bounceType": "Permanent", "bounceSubType": "Suppressed"}, "_email.hardbounce", True),
        ({"bounceType": "Permanent", "bounceSubType": "UnsubscribedRecipient"}, "_email.softbounce", False),
        ({"bounceType": "Transient", "bounceSubType": "MailboxFull"}, "_email.softbounce", False),
        ({"bounceType": "Transient", "bounceSubType": "General"}, "_email.softbounce", False),
        ({"bounceType": "Undetermined", "bounceSubType": "Undetermined"}, "_email.hardbounce", True),  # its code says 5.1.1
        ({"bounceType": "Undetermined", "bounceSubType": "Undetermined", "bouncedRecipients": []}, "_email.softbounce", False),
    ],
)
def test_ses_own_kinds_of_bounces(
    sent: Sent, relay: Relay, aws: SnsServer, detail: dict[str, Any], kind: str, is_listed: bool
) -> None:
    told(sent, relay, aws, event(sent, "Bounce", **detail))

    assert kinds() == [(kind, sent.endpoints[0].pk)]
    assert Suppression.objects.exists() is is_listed


def test_other_ends_that_ses_knows(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    on_list = event(sent, "Complaint", 2, complaintSubType="OnAccountSuppressionList")
    callback = told(
        sent, relay, aws, event(sent, "Reject", 0), event(sent, "Rendering Failure", 1), on_list,
        event(sent, "Complaint", 2, complaintFeedbackType="not-spam"), "Successfully validated SNS topic for Amazon SES event publishing.",
        "{}", '{"eventType": "Bounce", "mail": 1}', "[]",
        '{"eventType": "Bounce", "mail": {"tags": {"pabal-message": "\\ud800"}}, "bounce": {}}',
    )  # fmt: skip

    first, second, third = (one.pk for one in sent.endpoints)
    assert kinds() == [("_email.rejected", first), ("_email.rendering_failure", second), ("_email.softbounce", third)]
    assert not OptOutEntry.objects.exists()
    assert numbers(callback) == (3, 0, 2, 1, 3)
    assert callback.last_error


@pytest.mark.parametrize("way", ["message-id", "unsubscribe"])
def test_notifications_without_tags_are_matched_by_the_headers_that_they_repeat(
    sent: Sent, relay: Relay, aws: SnsServer, way: str
) -> None:
    header = {
        "message-id": {"name": "Message-ID", "value": sent.message_id(1)},
        "unsubscribe": {"name": "List-Unsubscribe", "value": sent.unsubscribe(1)},
    }[way]  # fmt: skip
    document = json.loads(event(sent, "Bounce", 1, tagged=False, headers=[header]))
    document["notificationType"] = document.pop("eventType")

    callback = told(sent, relay, aws, json.dumps(document))

    assert kinds() == [("_email.hardbounce", sent.endpoints[1].pk)]
    assert numbers(callback) == (1, 0, 0, 0, 0)


def test_a_notification_delivered_twice_counts_once_also_after_the_address_was_released(
    sent: Sent, relay: Relay, aws: SnsServer
) -> None:
    told(sent, relay, aws, event(sent, "Bounce"), event(sent, "Bounce"))
    Suppression.objects.all().delete()

    callback = told(sent, relay, aws, event(sent, "Bounce"), event(sent, "Bounce", feedbackId="another name"))

    assert kinds() == [("_email.hardbounce", sent.endpoints[0].pk)]
    assert numbers(callback) == (1, 3, 0, 0, 0)
    assert not Suppression.objects.exists()


def test_a_delivery_that_is_known_is_no_second_one(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    told(sent, relay, aws, event(sent, "Delivery"))

    assert numbers(told(sent, relay, aws, event(sent, "Delivery"))) == (1, 1, 0, 0, 0)


def test_a_relay_tells_of_its_own_projects_messages_alone(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    theirs = make_sent()

    callback = told(sent, relay, aws, event(theirs, "Complaint"))

    assert numbers(callback) == (0, 0, 0, 1, 0)
    assert not Event.objects.exists()
    assert not OptOutEntry.objects.exists()


def test_nothing_is_written_of_an_erased_person(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO analytics_erasedendpoint (endpoint_id) VALUES (%s)", [sent.endpoints[0].pk])
    told(sent, relay, aws, event(sent, "Bounce"))

    assert not Event.objects.exists()


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_subscription_is_confirmed_and_its_topic_remembered(sent: Sent, relay: Relay, aws: SnsServer, version: str) -> None:
    assert post_sns(relay, aws.confirmation(version=version)) == 200
    assert post_sns(relay, aws.confirmation(version=version)) == 200

    callback = RelayCallback.objects.get()
    assert aws.confirmed == ["t-1", "t-1"]
    assert callback.topic_arn == TOPIC
    assert callback.confirmed_at is not None
    assert list(AuditEntry.objects.values_list("verb", flat=True)) == ["relay.topic_confirmed"]
    assert post_sns(relay, aws.notification(event(sent, "Bounce"), version=version)) == 200


def test_another_topic_is_neither_confirmed_nor_heard(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    other = TOPIC.replace("123456789012", "999999999999")
    post_sns(relay, aws.confirmation())

    assert post_sns(relay, aws.confirmation(topic=other)) == 403
    assert post_sns(relay, aws.notification(event(sent, "Bounce"), topic=other)) == 200  # SNS has done its part
    notices.drain(now=NOW)

    callback = RelayCallback.objects.get()
    assert len(aws.confirmed) == 1
    assert (callback.topic_arn, numbers(callback)) == (TOPIC, (0, 0, 0, 0, 1))
    assert other in callback.last_error
    relay_callbacks.forget_topic(relay=relay, actor=sent.project.created_by, now=NOW)
    assert post_sns(relay, aws.confirmation(topic=other)) == 200
    assert RelayCallback.objects.get().topic_arn == other


def test_what_comes_before_any_topic_is_confirmed_is_heard_as_its_topic_is_not_known_yet(
    sent: Sent, relay: Relay, aws: SnsServer
) -> None:
    """The address alone is the secret until then; a notification can overtake the confirmation."""
    assert numbers(told(sent, relay, aws, event(sent, "Bounce"))) == (1, 0, 0, 0, 0)


def test_a_subscription_that_ends_is_said_and_not_renewed(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    post_sns(relay, aws.confirmation())

    assert post_sns(relay, aws.confirmation(kind="UnsubscribeConfirmation")) == 200

    callback = RelayCallback.objects.get()
    assert (callback.topic_arn, callback.confirmed_at) == (TOPIC, None)
    assert len(aws.confirmed) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.ap-northeast-2.amazonaws.com/x.pem", "https://sns.ap-northeast-2.amazonaws.com.evil.example/x.pem",
        "https://evil.example/sns.ap-northeast-2.amazonaws.com/x.pem", "https://sns.ap-northeast-2.amazonaws.com:8443/x.pem",
        "https://sns.ap-northeast-2.amazonaws.com@evil.example/x.pem", "https://s3.ap-northeast-2.amazonaws.com/x.pem",
        "https://evil.example\\@sns.ap-northeast-2.amazonaws.com/x.pem", "https://sns.ap-northeast-2.amazonaws.co/x.pem",
        "https://169.254.169.254/x.pem", "file:///etc/passwd", "",
    ],
)  # fmt: skip
def test_a_certificate_from_anywhere_else_is_not_even_asked_for(sent: Sent, relay: Relay, aws: SnsServer, url: str) -> None:
    assert post_sns(relay, aws.notification(event(sent, "Bounce"), SigningCertURL=url)) == 403
    assert aws.asked == []
    assert not OutcomeNotice.objects.exists()


def test_only_an_address_of_sns_is_called_to_confirm(relay: Relay, aws: SnsServer) -> None:
    assert post_sns(relay, aws.confirmation(SubscribeURL="https://evil.example/?Action=ConfirmSubscription&Token=t-1")) == 403
    assert aws.confirmed == []
    assert RelayCallback.objects.get().confirmed_at is None


def test_a_wrong_signature_is_refused_counted_and_said(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    post_sns(relay, aws.confirmation())
    good = json.loads(aws.notification(event(sent, "Bounce")))
    changed = json.dumps(good | {"Message": event(sent, "Complaint", 1)}).encode()

    for wrong in (
        changed,
        json.dumps(good | {"SignatureVersion": "3"}).encode(),
        json.dumps(good | {"Signature": "%%"}).encode(),
        b"{}",
        b"\xff",
        event(sent, "Bounce").encode(),
    ):
        assert post_sns(relay, wrong) == 403

    assert not OutcomeNotice.objects.exists()
    callback = RelayCallback.objects.get()
    assert callback.refused == 6
    assert "raw message delivery" in callback.last_error


def test_a_certificate_is_asked_for_once_and_one_that_is_out_of_date_is_none(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    for number in range(3):
        post_sns(relay, aws.notification(event(sent, "Bounce", number), number=number))
    assert len(aws.asked) == 1

    sns.forget_certificates()
    aws.certificate = make_certificate(aws.key, until=2021)
    assert post_sns(relay, aws.notification(event(sent, "Bounce"))) == 403


def test_while_sns_can_not_be_asked_it_is_told_to_try_again(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    aws.is_down = True

    assert post_sns(relay, aws.notification(event(sent, "Bounce"))) == 503


def test_an_address_that_was_not_made_here_does_not_exist(relay: Relay, aws: SnsServer) -> None:
    token = relay_callbacks.door_of(relay=relay).token
    for wrong in (token[:-1], token[:-1] + ("a" if token[-1] != "a" else "b"), token.upper(), "x" * 500, "한글"):
        for name in ("messaging:take-sns", "messaging:take-callback"):
            assert Client().post(reverse(name, args=[wrong]), b"{}", content_type="application/json").status_code == 404
    assert Client().get(reverse("messaging:take-sns", args=[token])).status_code == 405


def test_an_address_that_was_replaced_is_refused(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    old = relay_callbacks.door_of(relay=relay)
    body = aws.notification(event(sent, "Bounce"))
    relay_callbacks.replace_address(relay=relay, actor=sent.project.created_by, now=NOW)

    Client().post(reverse("messaging:take-sns", args=[old.token]), body, content_type="text/plain")
    notices.drain(now=NOW)

    assert relay_callbacks.door_of(relay=relay).token != old.token
    assert relay_callbacks.door_of(relay=relay).key != old.key
    assert not Event.objects.exists()
    assert RelayCallback.objects.get().refused == 1


def test_an_address_outlives_the_rotation_of_the_keys(sent: Sent, relay: Relay) -> None:
    old = relay_callbacks.door_of(relay=relay)
    signing_keys.rotate()

    assert relay_callbacks.door_of(relay=relay).token != old.token
    assert doors.read_door(old.token).key == old.key


def test_a_notice_of_a_relay_that_is_gone_goes_too(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    post_sns(relay, aws.notification(event(sent, "Bounce")))
    relay.delete()

    assert notices.drain(now=NOW) == 1
    assert not OutcomeNotice.objects.exists()
    assert not Event.objects.exists()


# -- the signed callback -----------------------------------------------------------------------------------------------------


def test_a_signed_callback_tells_of_many_messages(sent: Sent) -> None:
    relay = make_relay(project=sent.project)
    answer = post_signed(relay, {"events": [
        {"id": "e1", "type": "bounce", "timestamp": "2026-11-26T00:59:00Z", "message_id": sent.message_id(0),
         "recipient": sent.endpoints[0].address, "status": "5.1.1", "diagnostic": "550 5.1.1 user unknown", "reporting_mta": "mx.example"},
        {"id": "e2", "type": "complaint", "timestamp": "2026-11-26T00:59:00Z", "return_path": sent.path(1), "feedback_type": "abuse"},
        {"id": "e3", "type": "bounce", "message_id": sent.message_id(2), "bounce_class": "soft", "diagnostic": "mailbox full"},
    ]})  # fmt: skip
    assert answer.status_code == 202

    notices.drain(now=NOW)

    first, second, third = (one.pk for one in sent.endpoints)
    assert kinds() == [("_email.hardbounce", first), ("_email.complaint", second), ("_email.softbounce", third)]
    assert Event.objects.get(endpoint_id=first).data == {
        "status": "5.1.1", "diagnostic_code": "550 5.1.1 user unknown", "reporting_mta": "mx.example", "class": "HARD",
        "bounce_type": "Permanent", "via": "CALLBACK",
    }  # fmt: skip
    assert set(Suppression.objects.values_list("address", "source")) == {
        (sent.endpoints[0].address, "CALLBACK"), (sent.endpoints[1].address, "CALLBACK"),
    }  # fmt: skip
    assert numbers(RelayCallback.objects.get()) == (3, 0, 0, 0, 0)


def test_a_callback_that_is_not_signed_right_or_not_now_is_refused(sent: Sent) -> None:
    relay = make_relay(project=sent.project)
    document = {"type": "bounce", "message_id": sent.message_id(), "bounce_class": "hard"}
    late = clock.now() - datetime.timedelta(minutes=6)
    early = clock.now() + datetime.timedelta(minutes=6)

    assert [post_signed(relay, document, **wrong).status_code for wrong in (
        {"key": b"another"}, {"at": late}, {"at": early}, {"notice": ""}, {"notice": "x" * 201},
    )] == [403] * 5  # fmt: skip
    url = reverse("messaging:take-callback", args=[relay_callbacks.door_of(relay=relay).token])
    assert Client().post(url, b"{}", content_type="application/json").status_code == 403
    assert not OutcomeNotice.objects.exists()


@pytest.mark.parametrize(
    "document",
    [b"no", b"\xff", [], {"events": [1]}, {"events": "x"}, {"type": "opened"}, {"events": [{"type": "bounce"}] * 1_001}, b"null"],
)
def test_a_callback_that_says_nothing_readable_is_told_so_at_once(sent: Sent, document: object) -> None:
    relay = make_relay(project=sent.project)

    answer = post_signed(relay, document)

    assert answer.status_code == (202 if document == [] else 400)
    notices.drain(now=NOW)
    assert not Event.objects.exists()


def test_a_callback_that_is_repeated_counts_once(sent: Sent) -> None:
    relay = make_relay(project=sent.project)
    for notice in ("w-1", "w-1", "w-2"):
        post_signed(relay, {"type": "bounce", "message_id": sent.message_id(), "bounce_class": "hard"}, notice=notice)

    notices.drain(now=NOW)

    assert kinds() == [("_email.hardbounce", sent.endpoints[0].pk)]
    assert numbers(RelayCallback.objects.get()) == (1, 2, 0, 0, 0)


def test_what_is_told_of_another_time_happened_now(sent: Sent) -> None:
    relay = make_relay(project=sent.project)
    for place, at in enumerate(("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday")):
        post_signed(relay, {"type": "delivered", "message_id": sent.message_id(place), "timestamp": at}, notice=f"w-{place}")

    notices.drain(now=NOW)

    assert set(Event.objects.values_list("occurred_at", flat=True)) == {NOW}


# -- outages -----------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_notices_are_kept_on_disk(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    token = relay_callbacks.door_of(relay=relay).token
    body = aws.notification(event(sent, "Bounce"))
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "no-such-database"
    try:
        answer = Client().post(reverse("messaging:take-sns", args=[token]), body, content_type="text/plain")
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name

    assert answer.status_code == 200
    assert len(list(notices.spool_folder().glob("*.json"))) == 1
    notices.drain(now=NOW)
    assert kinds() == [("_email.hardbounce", sent.endpoints[0].pk)]
    assert not list(notices.spool_folder().glob("*"))


class Killed(BaseException):
    """As by SIGKILL: nothing after it runs."""


@pytest.mark.django_db(transaction=True)
def test_killed_between_any_two_statements_every_notice_is_written_once(sent: Sent, relay: Relay, aws: SnsServer) -> None:
    for place, kind in enumerate(("Bounce", "Complaint", "Delivery")):
        post_sns(relay, aws.notification(event(sent, kind, place), number=place))

    for fatal in range(200):
        left = [fatal]

        def statement(execute: Any, sql: str, params: Any, many: bool, context: Any, left: list[int] = left) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(statement):
                notices.drain(now=NOW)
        except Killed:
            assert OutcomeNotice.objects.count() == 3
            continue
        break

    first, second, third = (one.pk for one in sent.endpoints)
    assert fatal > 10
    assert kinds() == [("_email.hardbounce", first), ("_email.complaint", second), ("_email.delivered", third)]
    assert numbers(RelayCallback.objects.get()) == (3, 0, 0, 0, 0)
    assert Suppression.objects.count() == 2
