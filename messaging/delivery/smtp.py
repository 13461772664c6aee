"""SMTP to one server over several sessions at once, kept over batches.

At most once: a message whose body was being written when its session broke is UNKNOWN; one of which only the envelope was sent was
not begun, and goes to another session or is DEFERRED.
"""

from __future__ import annotations

import collections
import concurrent.futures
import selectors
import time
from collections.abc import Iterable, Sequence

from messaging.delivery.session import REPLY_LIMIT, REPLY_SECONDS, Lost, Server, Session, Work
from messaging.delivery.transport import Delivery, DeliveryStatus, OutgoingMessage, TransportDown

_NEAR = 0.003  # seconds a message; a server that answers so soon is not sped up by more than a few sessions
_FEW = 2
_PER_SESSION = 5  # messages of a batch for which one more session is worth its greeting
_LOSSES = 2  # sessions in a row that were lost without one message sealed: the server has enough of us
_CROWDED_SECONDS = 60.0  # a server that refuses a further session is not asked again for so long


class SmtpTransport:
    """Sends batches; its sessions stay open between them."""

    def __init__(self, *, server: Server) -> None:
        self._server = server
        self._sessions: list[Session] = []
        self._pace = 0.0  # seconds a message took in one session, lately
        self._crowded_until = 0.0

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        self._drop([session for session in self._sessions if session.is_stale()])
        if not self._sessions:
            self._open(1)
        missing = self._wanted(len(messages)) - len(self._sessions)
        if missing > 0 and time.monotonic() > self._crowded_until:
            self._grow(missing)
        batch = _Batch(messages)
        begun = time.monotonic()
        while True:
            lost = batch.run(self._sessions)
            self._drop(lost)
            if not batch.is_open:
                break
            if batch.losses >= _LOSSES:
                batch.give_up("the connection was lost again and again")
                break
            try:
                self._open(1)
            except TransportDown as down:
                batch.give_up(str(down))
                break
        if messages:
            self._pace = (time.monotonic() - begun) / len(messages) * max(len(self._sessions), 1)
        return batch.deliveries()

    def check(self) -> None:
        """Connect and log in, and send nothing. Raises ``TransportDown``."""
        self._open(1)

    def close(self) -> None:
        self._drop(list(self._sessions))

    def _wanted(self, messages: int) -> int:
        worth = max(1, messages // _PER_SESSION)
        return min(self._server.connections, worth, _FEW if self._pace < _NEAR else worth)

    def _open(self, count: int) -> None:
        """Raises ``TransportDown`` when not one session could be opened."""
        opened, error = _opened(self._server, count)
        self._sessions += opened
        if not opened:
            raise TransportDown(f"{self._server.host}:{self._server.port}: {error}") from error

    def _grow(self, count: int) -> None:
        opened, _error = _opened(self._server, count)
        self._sessions += opened
        if len(opened) < count:
            self._crowded_until = time.monotonic() + _CROWDED_SECONDS

    def _drop(self, sessions: Iterable[Session]) -> None:
        for session in sessions:
            self._sessions.remove(session)
            session.close()


def _opened(server: Server, count: int) -> tuple[list[Session], Exception | None]:
    """Sessions opened side by side: each takes several round trips."""
    if count == 1:
        try:
            return [Session(server)], None
        except (OSError, Lost) as error:
            return [], error
    opened, last = [], None
    with concurrent.futures.ThreadPoolExecutor(count) as threads:
        for made in [threads.submit(Session, server) for _number in range(count)]:
            try:
                opened.append(made.result())
            except (OSError, Lost) as error:
                last = error
    return opened, last


class _Batch:
    """Messages on their way: those that wait, and how the others ended."""

    def __init__(self, messages: Sequence[OutgoingMessage]) -> None:
        self._waiting = collections.deque(Work(place, message) for place, message in enumerate(messages))
        self._ended: list[Delivery | None] = [None] * len(messages)
        self._left = len(messages)
        self.losses = 0

    @property
    def is_open(self) -> bool:
        return self._left > 0

    def deliveries(self) -> list[Delivery]:
        return [delivery for delivery in self._ended if delivery is not None]

    def give_up(self, why: str) -> None:
        """Those that wait were not begun."""
        while self._waiting:
            self._defer(self._waiting.popleft(), why)

    def run(self, sessions: Sequence[Session]) -> list[Session]:
        """Send over the sessions until all is sealed or none of them is left; returns those that were lost."""
        lost: list[Session] = []
        with selectors.DefaultSelector() as selector:
            heard: dict[Session, float] = {}
            for session in sessions:
                selector.register(session, selectors.EVENT_READ)
                heard[session] = time.monotonic()

            def lose(session: Session, why: str) -> None:
                selector.unregister(session)
                del heard[session]
                lost.append(session)
                self._take_back(session, why)

            def drive(session: Session, mask: int) -> None:
                was_writing = session.wants_to_write
                try:
                    if not mask:
                        session.join(take=self._take, seal=self._seal)
                    if mask & selectors.EVENT_WRITE:
                        session.write()
                    if mask & selectors.EVENT_READ:
                        session.read()
                except Lost as error:
                    lose(session, str(error))
                    return
                if session.wants_to_write != was_writing:
                    more = selectors.EVENT_WRITE if session.wants_to_write else 0
                    selector.modify(session, selectors.EVENT_READ | more)

            for session in sessions:
                drive(session, 0)
            while self._left and heard:
                ready = selector.select(timeout=1.0)
                now = time.monotonic()
                for key, mask in ready:
                    ready_session = key.fileobj
                    assert isinstance(ready_session, Session)  # nothing else is registered
                    heard[ready_session] = now
                    drive(ready_session, mask)
                if not ready:
                    for session in [one for one, since in heard.items() if now - since > REPLY_SECONDS and not one.is_idle]:
                        lose(session, "timed out")
                if lost and self._waiting:  # what a lost session had not begun goes to those that wait for work
                    for session in [one for one in heard if one.is_idle]:
                        drive(session, 0)
        return lost

    def _take(self) -> Work | None:
        return self._waiting.popleft() if self._waiting else None

    def _seal(self, work: Work, delivery: Delivery) -> None:
        self._ended[work.place] = delivery
        self._left -= 1
        self.losses = 0

    def _take_back(self, session: Session, why: str) -> None:
        self.losses += 1
        sent, waiting = session.sent, session.open
        session.sent = session.open = None
        if waiting is not None:
            waiting.losses += 1
            if waiting.losses < _LOSSES:
                self._waiting.appendleft(waiting)
            else:
                self._defer(waiting, why)
        if sent is not None:
            self._seal(sent, Delivery(sent.message.endpoint_id, DeliveryStatus.UNKNOWN, "", why[:REPLY_LIMIT]))

    def _defer(self, work: Work, why: str) -> None:
        self._ended[work.place] = Delivery(work.message.endpoint_id, DeliveryStatus.DEFERRED, "", why[:REPLY_LIMIT])
        self._left -= 1
