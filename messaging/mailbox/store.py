"""Keeping messages: many in one commit; the last 1,000 of a project are kept."""

from __future__ import annotations

import contextlib
import email.policy
import logging
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from django.db import Error, connection

from messaging.models import MailboxMessage
from projects.models import Project

KEPT = 1_000
_TOGETHER = 500  # messages a commit
_PRUNE_EVERY = 2_000  # messages

_PRUNE = """
    DELETE FROM messaging_mailboxmessage WHERE id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY project_id ORDER BY id DESC) AS place FROM messaging_mailboxmessage
        ) numbered WHERE place > %s)
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    mail_from: str
    recipient: str
    raw: bytes


class Store:
    """A thread that commits what is put, some hundred messages at a time; ``put`` gives a future of the commit."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Received, Future[None]] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="mailbox-store", daemon=True)
        self._projects: dict[str, int | None] = {}
        self._since_pruned = 0
        self._thread.start()

    def put(self, received: Received) -> Future[None]:
        future: Future[None] = Future()
        self._waiting.put((received, future))
        return future

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            while True:
                first = self._waiting.get()
                if first is None:
                    return
                batch = [first]
                with contextlib.suppress(queue.Empty):
                    while len(batch) < _TOGETHER:
                        more = self._waiting.get_nowait()
                        if more is None:
                            self._waiting.put(None)
                            break
                        batch.append(more)
                self._keep(batch)
        finally:
            connection.close()

    def _keep(self, batch: list[tuple[Received, Future[None]]]) -> None:
        try:
            MailboxMessage.objects.bulk_create([self._row(received) for received, _future in batch])
            self._since_pruned += len(batch)
            if self._since_pruned >= _PRUNE_EVERY:
                self.prune()
        except Error as error:
            _log.warning("the mailbox can't keep %s messages: %s", len(batch), error)
            connection.close()
            for _received, future in batch:
                future.set_exception(error)
        else:
            for _received, future in batch:
                future.set_result(None)

    def prune(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_PRUNE, [KEPT])
        self._since_pruned = 0

    def _row(self, received: Received) -> MailboxMessage:
        headers = BytesHeaderParser(policy=email.policy.default).parsebytes(received.raw)
        return MailboxMessage(
            project_id=self._project(_text(headers, "X-Pabal-Project").strip()),
            recipient=_storable(received.recipient)[:254],
            mail_from=_storable(received.mail_from)[:320],
            subject=_text(headers, "Subject")[:998],
            raw=received.raw,
        )

    def _project(self, public_id: str) -> int | None:
        if public_id not in self._projects:
            found = Project.objects.filter(public_id=public_id).values_list("pk", flat=True).first()
            if found is None:
                return None  # it may be made a moment later: not remembered
            self._projects[public_id] = found
        return self._projects[public_id]


def _text(headers: Message, name: str) -> str:
    try:
        return _storable(str(headers.get(name, "")))
    except (ValueError, LookupError, AttributeError, TypeError):
        return ""  # some malformed headers are too much for the standard library


def _storable(text: str) -> str:
    """What PostgreSQL can keep: no NUL, and a mark for each byte that was no UTF-8 (the parser gives half surrogates)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
