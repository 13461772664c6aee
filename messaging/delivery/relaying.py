"""A project's own relay as a transport: looked up and opened when the first message goes, its limits kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from cryptography.fernet import InvalidToken
from django.utils.translation import gettext as _
from redis import RedisError

from core import secretbox
from core.errors import Refusal
from messaging.delivery import guard
from messaging.delivery.pacing import Rate, Slot, free_slots
from messaging.delivery.ses import Account, SesTransport
from messaging.delivery.session import Server
from messaging.delivery.smtp import SmtpTransport
from messaging.delivery.transport import Delivery, DeliveryStatus, OutgoingMessage, TransportBusy, TransportDown
from messaging.models import Relay


class RelayTransport:
    """What was not begun is DEFERRED, or ``TransportDown`` when nothing was begun at all. ``sleep`` waits for the pace."""

    def __init__(self, *, relay: Relay, sleep: Callable[[float], None] = time.sleep) -> None:
        self._relay = relay
        self._sleep = sleep
        self._inner: SmtpTransport | SesTransport | None = None
        self._held: list[Slot] = []
        self._own_rates = (
            [Rate(name=f"relay-{relay.pk}", per_second=relay.messages_per_second)] if relay.messages_per_second else []
        )

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        done: list[Delivery] = []
        try:
            inner = self._opened()
            for piece in self._pieces(messages):
                self._hold_limits(len(piece))
                done += inner.send_batch(piece)
        except (TransportDown, RedisError) as error:
            down = error if isinstance(error, TransportDown) else TransportDown(f"Redis: {error}")
            if not done:
                raise down from error
            return done + [
                Delivery(message.endpoint_id, DeliveryStatus.DEFERRED, "", str(down)) for message in messages[len(done) :]
            ]
        return done

    def check(self) -> None:
        """Connect and log in, and send nothing. Raises ``TransportDown``."""
        try:
            self._opened().check()
        except RedisError as error:
            raise TransportDown(f"Redis: {error}") from error

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()
        self._inner = None
        try:
            for slot in self._held:
                slot.give_back()
        except RedisError:
            return  # they run out by themselves
        finally:
            self._held = []

    def _opened(self) -> SmtpTransport | SesTransport:
        self._hold_slots()
        if self._inner is None:
            self._inner = self._made()
        return self._inner

    def _made(self) -> SmtpTransport | SesTransport:
        relay = self._relay
        try:
            secret = secretbox.unseal(relay.sealed_secret) if relay.sealed_secret else ""
            if relay.is_ses:
                return SesTransport(account=Account(
                    region=relay.region, access_key_id=relay.access_key_id, secret_access_key=secret, role_arn=relay.role_arn,
                    external_id=relay.project.public_id, configuration_set=relay.configuration_set,
                ), connections=len(self._held))  # fmt: skip
            address = guard.checked_address(host=relay.host, port=relay.port)
        except InvalidToken:
            raise TransportDown(_("The password of %(name)s can't be opened: enter it again.") % {"name": relay.name}) from None
        except Refusal as refusal:
            raise TransportDown(refusal.message) from refusal
        return SmtpTransport(server=Server(
            host=relay.host, port=relay.port, address=address, user=relay.user, password=secret,
            starttls=relay.security == Relay.Security.STARTTLS, implicit_tls=relay.security == Relay.Security.TLS,
            connections=len(self._held),
        ))  # fmt: skip

    def _rates(self) -> list[Rate]:
        theirs = self._inner.rate() if isinstance(self._inner, SesTransport) else None
        return self._own_rates + ([theirs] if theirs else [])

    def _pieces(self, messages: Sequence[OutgoingMessage]) -> Iterator[Sequence[OutgoingMessage]]:
        size = min((rate.piece for rate in self._rates()), default=len(messages) or 1)
        for start in range(0, len(messages), size):
            yield messages[start : start + size]

    def _hold_limits(self, count: int) -> None:
        wait = max((rate.reserve(count) for rate in self._rates()), default=0.0)
        if wait > 0:
            self._sleep(wait)
        self._hold_slots()

    def _hold_slots(self) -> None:
        wanted = self._held
        if self._inner is None:
            name, limit = f"relay-{self._relay.pk}", self._relay.max_connections
            count = max(1, (free_slots(name=name, limit=limit) + 1) // 2)  # half of what is left is for the next worker
            wanted = [Slot(name=name, limit=limit) for _ in range(count)]
        self._held = [slot for slot in wanted if slot.take()]
        if not self._held:
            given = {"count": self._relay.max_connections, "name": self._relay.name}
            raise TransportBusy(_("All %(count)s connections of %(name)s are in use.") % given)
