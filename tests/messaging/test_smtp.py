from __future__ import annotations

import collections

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.delivery import Delivery, DeliveryStatus, OutgoingMessage, Server, SmtpTransport, TransportDown, smtp
from tests.messaging.smtp_server import ScriptedServer

OK, FAILED, DEFERRED, UNKNOWN = (
    DeliveryStatus.SUCCESS, DeliveryStatus.FAILURE_PERMANENT, DeliveryStatus.DEFERRED, DeliveryStatus.UNKNOWN,
)  # fmt: skip
EXPECTED = {"ok": OK, "450": DEFERRED, "550": FAILED, "552": FAILED, "drop_body": UNKNOWN}


def messages(count: int) -> list[OutgoingMessage]:
    return [OutgoingMessage(n, f"member{n}@example.com", "a@example.com", b"Subject: x\r\n\r\n.dot\r\nend") for n in range(count)]


def deliver(
    script: list[str], count: int, *, pipelining: bool = True, connections: int = 1
) -> tuple[list[Delivery], ScriptedServer]:
    server = ScriptedServer(script, pipelining=pipelining)
    transport = SmtpTransport(server=Server(host="127.0.0.1", port=server.port, connections=connections))
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


def test_a_slow_server_is_sent_to_over_several_sessions_and_a_near_one_over_few(pipelining: bool) -> None:
    slow, near = ScriptedServer(pipelining=pipelining, seconds_each=0.01), ScriptedServer(pipelining=pipelining)

    for server, least, most in ((slow, 3, 4), (near, 1, 2)):
        transport = SmtpTransport(server=Server(host="127.0.0.1", port=server.port, connections=4))
        for _batch in range(2):
            assert {delivery.status for delivery in transport.send_batch(messages(20))} == {OK}
        transport.close()
        server.close()
        assert least <= server.sessions <= most
        assert sorted(collections.Counter(recipient for recipient, _body in server.bodies).values()) == [2] * 20


def test_a_server_that_takes_no_second_session_is_sent_to_over_one() -> None:
    server = ScriptedServer(seconds_each=0.005, most_sessions=1)
    transport = SmtpTransport(server=Server(host="127.0.0.1", port=server.port))

    for _batch in range(3):
        assert {delivery.status for delivery in transport.send_batch(messages(20))} == {OK}

    transport.close()
    server.close()
    assert server.refused_sessions <= 20  # it was asked once, and then left alone for a while


def test_messages_larger_than_what_a_socket_takes_at_once_arrive_whole(pipelining: bool) -> None:
    server = ScriptedServer(pipelining=pipelining)
    transport = SmtpTransport(server=Server(host="127.0.0.1", port=server.port))
    data = b"Subject: x\r\n\r\n" + b"0123456789abcdef" * 500_000

    (delivery,) = transport.send_batch([OutgoingMessage(1, "a@example.com", "b@example.com", data)])

    transport.close()
    server.close()
    assert delivery.status == OK
    assert server.bodies == [("a@example.com", data + b"\r\n")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    script=st.lists(st.sampled_from(["ok", "ok", "450", "550", "552", "drop_body", "drop_envelope"]), max_size=30),
    connections=st.sampled_from([1, 3]),
)
def test_whatever_the_server_does_nobody_gets_two(pipelining: bool, script: list[str], connections: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smtp, "_NEAR", 0.0)  # as if the server were far away
        deliveries, server = deliver(script, 16, pipelining=pipelining, connections=connections)

    assert [delivery.endpoint_id for delivery in deliveries] == list(range(16))
    arrived = collections.Counter(recipient for recipient, _body in server.bodies)
    assert max(arrived.values(), default=0) <= 1
    for delivery in deliveries:
        has_body = arrived[f"member{delivery.endpoint_id}@example.com"] == 1
        assert has_body or delivery.status != OK
        assert not (has_body and delivery.status == DEFERRED)
