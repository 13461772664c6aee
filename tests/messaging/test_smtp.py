from __future__ import annotations

import collections

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.delivery import Delivery, DeliveryStatus, OutgoingMessage, Server, SmtpTransport, TransportDown
from tests.messaging.smtp_server import ScriptedServer

OK, FAILED, DEFERRED, UNKNOWN = (
    DeliveryStatus.SUCCESS, DeliveryStatus.FAILURE_PERMANENT, DeliveryStatus.DEFERRED, DeliveryStatus.UNKNOWN,
)  # fmt: skip
EXPECTED = {"ok": OK, "450": DEFERRED, "550": FAILED, "552": FAILED, "drop_body": UNKNOWN}


def messages(count: int) -> list[OutgoingMessage]:
    return [OutgoingMessage(n, f"member{n}@example.com", "a@example.com", b"Subject: x\r\n\r\n.dot\r\nend") for n in range(count)]


def deliver(script: list[str], count: int, *, pipelining: bool = True) -> tuple[list[Delivery], ScriptedServer]:
    server = ScriptedServer(script, pipelining=pipelining)
    transport = SmtpTransport(server=Server(host="127.0.0.1", port=server.port))
    try:
        return transport.send_batch(messages(count)), server
    finally:
        transport.close()
        server.close()


@pytest.fixture(params=[True, False], ids=["pipelining", "stepwise"])
def pipelining(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_each_message_has_its_own_answer(pipelining: bool) -> None:
    deliveries, server = deliver(["ok", "550", "ok", "450", "552", "ok"], 6, pipelining=pipelining)

    assert [delivery.status for delivery in deliveries] == [OK, FAILED, OK, DEFERRED, FAILED, OK]
    assert [delivery.code for delivery in deliveries] == ["250", "550", "250", "450", "552", "250"]
    assert [recipient for recipient, _body in server.bodies] == [f"member{n}@example.com" for n in (0, 2, 4, 5)]
    assert server.bodies[0][1] == b"Subject: x\r\n\r\n.dot\r\nend\r\n"


def test_a_connection_lost_after_the_body_is_unknown_and_the_rest_goes_on(pipelining: bool) -> None:
    deliveries, server = deliver(["ok", "drop_body", "ok"], 3, pipelining=pipelining)

    assert [delivery.status for delivery in deliveries] == [OK, UNKNOWN, OK]
    assert len(server.bodies) == 3


def test_a_connection_lost_before_the_body_was_not_begun(pipelining: bool) -> None:
    deliveries, server = deliver(["drop_envelope"] * 5, 2, pipelining=pipelining)

    assert [delivery.status for delivery in deliveries] == [DEFERRED, DEFERRED]
    assert server.bodies == []


def test_no_server_at_all_begins_nothing() -> None:
    server = ScriptedServer()
    server.close()

    with pytest.raises(TransportDown):
        SmtpTransport(server=Server(host="127.0.0.1", port=server.port)).send_batch(messages(1))


def test_a_second_batch_takes_a_new_connection_when_the_first_was_closed() -> None:
    server = ScriptedServer(["drop_body"])
    transport = SmtpTransport(server=Server(host="127.0.0.1", port=server.port))

    first = transport.send_batch(messages(1))
    second = transport.send_batch(messages(1))

    transport.close()
    server.close()
    assert [first[0].status, second[0].status] == [UNKNOWN, OK]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(st.sampled_from(["ok", "ok", "450", "550", "552", "drop_body", "drop_envelope"]), max_size=12))
def test_whatever_the_server_does_nobody_gets_two(pipelining: bool, script: list[str]) -> None:
    deliveries, server = deliver(script, 6, pipelining=pipelining)

    assert [delivery.endpoint_id for delivery in deliveries] == list(range(6))
    arrived = collections.Counter(recipient for recipient, _body in server.bodies)
    assert max(arrived.values(), default=0) <= 1
    for delivery in deliveries:
        has_body = arrived[f"member{delivery.endpoint_id}@example.com"] == 1
        assert has_body or delivery.status not in (OK,)
        assert not (has_body and delivery.status == DEFERRED)
