"""Amazon SES: moto's server where it can answer, and a server of ours for what only the real one says."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from messaging.delivery import DeliveryStatus, OutgoingMessage, TransportBusy, TransportDown
from messaging.delivery.ses import Account, SesTransport
from tests.messaging.ses_server import SesServer

OK, FAILED, DEFERRED, UNKNOWN = (
    DeliveryStatus.SUCCESS, DeliveryStatus.FAILURE_PERMANENT, DeliveryStatus.DEFERRED, DeliveryStatus.UNKNOWN,
)  # fmt: skip
ACCOUNT = Account(region="ap-northeast-2", access_key_id="AKIA", secret_access_key="secret")
QUOTA = {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 10.0}


def messages(count: int, sender: str = "shop@example.com") -> list[OutgoingMessage]:
    data = f"From: {sender}\r\nTo: kim@example.org\r\nSubject: x\r\n\r\n본문\r\n".encode()
    return [OutgoingMessage(n, f"member{n}@example.org", sender, data, f"b-token{n}") for n in range(count)]


@pytest.fixture
def ses(settings: Any) -> Iterator[Callable[..., SesServer]]:
    made: list[SesServer] = []

    def make(*script: str, account: dict[str, float] | None = QUOTA) -> SesServer:
        server = SesServer(script, account=account)
        settings.SES_ENDPOINT_URL = server.url
        made.append(server)
        return server

    yield make
    for server in made:
        server.close()


@pytest.fixture
def moto(settings: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    settings.SES_ENDPOINT_URL = request.getfixturevalue("_s3_server")
    yield settings.SES_ENDPOINT_URL
    urllib.request.urlopen(urllib.request.Request(f"{settings.SES_ENDPOINT_URL}/moto-api/reset", method="POST")).close()


def transport(connections: int = 1, **options: Any) -> SesTransport:
    return SesTransport(account=ACCOUNT, connections=connections, **options)


def test_messages_arrive_whole_at_moto(moto: str) -> None:
    client = boto3.client(
        "sesv2", endpoint_url=moto, region_name="ap-northeast-2", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.create_email_identity(EmailIdentity="example.com")
    client.close()
    made = transport(connections=4)

    deliveries = made.send_batch(messages(6))
    made.close()

    with urllib.request.urlopen(f"{moto}/moto-api/data.json") as answer:
        stored = json.load(answer)["ses"]["RawMessage"]
    assert [delivery.status for delivery in deliveries] == [OK] * 6
    assert [delivery.endpoint_id for delivery in deliveries] == list(range(6))
    assert len({delivery.reply for delivery in deliveries}) == 6
    assert len(stored) == 6


def test_a_sender_that_moto_does_not_know_is_refused(moto: str) -> None:
    deliveries = transport().send_batch(messages(2, sender="nobody@unknown.example"))

    assert [delivery.status for delivery in deliveries] == [FAILED, FAILED]
    assert all("MessageRejected" in delivery.reply for delivery in deliveries)


def test_each_call_carries_the_message_the_recipient_and_the_endpoint(ses: Callable[..., SesServer]) -> None:
    server = ses()
    made = SesTransport(
        account=Account(region="us-east-1", access_key_id="x", secret_access_key="x", configuration_set="c"), connections=1
    )

    made.send_batch(messages(1))

    (call,) = server.sent
    assert call["Destination"] == {"ToAddresses": ["member0@example.org"]}
    assert base64.b64decode(call["Content"]["Raw"]["Data"]) == messages(1)[0].data
    assert call["ConfigurationSetName"] == "c"
    assert call["EmailTags"] == [{"Name": "pabal-message", "Value": "b-token0"}]
    assert "FromEmailAddress" not in call


@pytest.mark.parametrize(
    ("act", "status"),
    [
        ("400 MessageRejected Address blacklisted", FAILED),
        ("400 BadRequestException Invalid recipient", FAILED),
        ("429 TooManyRequestsException Maximum sending rate exceeded", DEFERRED),
        ("400 LimitExceededException Daily message quota exceeded", DEFERRED),
        ("400 ThrottlingException Rate exceeded", DEFERRED),
        ("500 InternalServiceErrorException x", DEFERRED),
        ("503 ServiceUnavailable x", DEFERRED),
        ("504 GatewayTimeout x", UNKNOWN),
        ("drop", UNKNOWN),
    ],
)
def test_an_answer_is_the_fate_of_its_message_alone(ses: Callable[..., SesServer], act: str, status: DeliveryStatus) -> None:
    server = ses("ok", act, "ok")

    deliveries = transport().send_batch(messages(3))

    assert [delivery.status for delivery in deliveries] == [OK, status, OK]
    assert len(server.sent) == 3  # nothing is repeated, whatever the answer


@pytest.mark.parametrize(
    "act",
    [
        "403 AccessDeniedException not authorized to perform: ses:SendEmail", "403 InvalidClientTokenId x",
        "400 SendingPausedException paused", "400 AccountSuspendedException suspended",
        "400 MailFromDomainNotVerifiedException x", "404 NotFoundException Configuration set c does not exist",
        "400 MessageRejected Email address is not verified. The following identities failed the check: shop@example.com",
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_account_fails_nobody(ses: Callable[..., SesServer], act: str) -> None:
    server = ses(act)
    with pytest.raises(TransportDown):
        transport().send_batch(messages(3))
    assert len(server.sent) == 1

    server = ses("ok", act)
    deliveries = transport().send_batch(messages(4))
    assert [delivery.status for delivery in deliveries] == [OK, DEFERRED, DEFERRED, DEFERRED]
    assert len(server.sent) == 2


def test_a_server_that_hangs_up_on_everybody_leaves_few_in_doubt(ses: Callable[..., SesServer]) -> None:
    ses(*["drop"] * 50)

    statuses = [delivery.status for delivery in transport().send_batch(messages(50))]

    assert statuses.count(UNKNOWN) == 3
    assert statuses.count(DEFERRED) == 47


def test_nobody_at_the_address_begins_nothing(settings: Any) -> None:
    settings.SES_ENDPOINT_URL = "http://127.0.0.1:9"

    with pytest.raises(TransportDown):
        transport().send_batch(messages(2))


def test_the_accounts_rate_and_quota_are_read_once_a_minute(ses: Callable[..., SesServer]) -> None:
    server = ses()
    now = [0.0]
    made = transport(clock=lambda: now[0])

    assert made.rate()._per_second == 14.0
    made.send_batch(messages(2))
    assert server.asked_for_account == 1
    server.account = QUOTA | {"SentLast24Hours": 50_000.0}
    now[0] = 61.0

    with pytest.raises(TransportBusy):
        made.send_batch(messages(1))
    assert server.asked_for_account == 2
    assert len(server.sent) == 2


def test_an_account_without_a_quota_and_one_that_may_not_be_read(ses: Callable[..., SesServer]) -> None:
    ses(account=QUOTA | {"Max24HourSend": -1.0})
    assert transport().send_batch(messages(1))[0].status == OK

    ses(account=None)
    made = transport()
    assert made.rate()._per_second == 1.0
    made.check()


def test_a_role_is_assumed_with_the_projects_own_id(moto: str) -> None:
    role = "arn:aws:iam::123456789012:role/mail"
    account = Account(region="ap-northeast-2", access_key_id="x", secret_access_key="x", role_arn=role, external_id="p" * 32)

    SesTransport(account=account, connections=1).check()

    assert account.name != ACCOUNT.name
