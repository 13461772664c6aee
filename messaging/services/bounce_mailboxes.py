"""Bounce mailboxes: saved, looked into by a tick, deleted. The installation's comes from ``BOUNCE_MAILBOX_URL``."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from core import secretbox
from core.errors import Refusal
from messaging.delivery import guard
from messaging.models import BounceMailbox, Suppression
from messaging.outcomes import Report, imap, mails
from messaging.services import outcomes
from projects.models import Project, User
from projects.services import audit

BATCH = 50  # mails a transaction
_LEASE = datetime.timedelta(minutes=10)  # renewed with each batch
_LONGEST_PAUSE = 60  # times as long as usual, after failures

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime.datetime]


class MailboxRefused(Refusal):
    """The mailbox was not saved, or can't be read."""


class _LeaseLost(Exception):
    """Another worker is at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxValues:
    """``password``: empty keeps the one that is there."""

    host: str
    port: int
    security: str
    user: str
    password: str = ""
    folder: str = "INBOX"


def save_mailbox(*, project: Project, actor: User, values: MailboxValues, now: datetime.datetime) -> BounceMailbox:
    """Make or change a project's mailbox, once it could be opened. Raises ``MailboxRefused``, and ``TargetRefused``."""
    held = BounceMailbox.objects.filter(project=project).first()
    is_elsewhere = held is not None and (held.host, held.user) != (values.host, values.user)
    if not values.password and (held is None or is_elsewhere):
        raise MailboxRefused(_("Enter the password."))  # one that is kept goes nowhere else than before
    address = guard.checked_address(host=values.host, port=values.port, ports=settings.BOUNCE_MAILBOX_PORTS)
    if values.security == BounceMailbox.Security.NONE and not guard.is_allowed(host=values.host, address=address):
        raise MailboxRefused(_("A password is never sent in the clear. Choose STARTTLS or TLS."))
    made = held or BounceMailbox(project=project, created_at=now)
    moved = is_elsewhere or (held is not None and held.folder != values.folder)
    for name in ("host", "port", "security", "user", "folder"):
        setattr(made, name, getattr(values, name))
    if values.password:
        made.sealed_password = secretbox.seal(values.password)
    if moved:
        made.uid_validity = made.last_uid = 0
    _try(made)
    made.next_look_at, made.failures, made.last_error, made.last_error_at = now, 0, "", None
    made.epoch += 1  # a worker that reads the old one writes nothing more
    made.lease_until = None
    with transaction.atomic():
        made.save()
        audit.record(project=project, actor=actor, verb="mailbox.saved", target=made, now=now, name=str(made))
    return made


def _try(mailbox: BounceMailbox) -> None:
    try:
        imap.Mailbox(_server_of(mailbox)).close()
    except imap.ImapFailed as failed:
        given = {"place": f"{mailbox.host}:{mailbox.port}", "reason": failed}
        raise MailboxRefused(_("%(place)s can't be read: %(reason)s") % given) from failed


def delete_mailbox(*, mailbox: BounceMailbox, actor: User, now: datetime.datetime) -> None:
    """Look into it no more. What was written stays, and so do the mails."""
    with transaction.atomic():
        audit.record(project=mailbox.project, actor=actor, verb="mailbox.deleted", target=mailbox, now=now, name=str(mailbox))
        mailbox.delete()


def ask(*, mailbox: BounceMailbox, now: datetime.datetime) -> None:
    """The next tick has somebody look into it."""
    BounceMailbox.objects.filter(pk=mailbox.pk).update(next_look_at=now)


def ensure_installations(*, now: datetime.datetime) -> None:
    """The installation's mailbox is what the setting says: made, changed, or gone."""
    held = BounceMailbox.objects.filter(project=None).first()
    if not settings.BOUNCE_MAILBOX_URL:
        if held is not None:
            held.delete()
        return
    server = installations_server()
    security = (
        BounceMailbox.Security.TLS
        if server.tls
        else BounceMailbox.Security.STARTTLS
        if server.starttls
        else BounceMailbox.Security.NONE
    )
    wanted = {"host": server.host, "port": server.port, "user": server.user, "folder": server.folder, "security": security}
    if held is not None and all(getattr(held, name) == value for name, value in wanted.items()):
        return
    if held is not None and (held.host, held.user, held.folder) != (server.host, server.user, server.folder):
        wanted |= {"uid_validity": 0, "last_uid": 0}
    BounceMailbox.objects.update_or_create(project=None, defaults=wanted | {"next_look_at": now})


def installations_server() -> imap.ImapServer:
    """``imaps://user:password@host:993/folder``, or ``imap+tls://`` for STARTTLS, ``imap://`` without TLS."""
    parts = urlsplit(settings.BOUNCE_MAILBOX_URL)
    return imap.ImapServer(
        host=parts.hostname or "", port=parts.port or (993 if parts.scheme == "imaps" else 143), user=unquote(parts.username or ""),
        password=unquote(parts.password or ""), folder=unquote(parts.path.strip("/")) or "INBOX", tls=parts.scheme == "imaps",
        starttls=parts.scheme == "imap+tls",
    )  # fmt: skip


def _server_of(mailbox: BounceMailbox) -> imap.ImapServer:
    """Raises ``TargetRefused`` and ``MailboxRefused``."""
    if mailbox.project_id is None:
        return installations_server()
    try:
        password = secretbox.unseal(mailbox.sealed_password)
    except InvalidToken:
        raise MailboxRefused(_("The password can't be opened any more: enter it again.")) from None
    return imap.ImapServer(
        host=mailbox.host, port=mailbox.port, user=mailbox.user, password=password, folder=mailbox.folder,
        tls=mailbox.security == BounceMailbox.Security.TLS, starttls=mailbox.security == BounceMailbox.Security.STARTTLS,
        address=guard.checked_address(host=mailbox.host, port=mailbox.port, ports=settings.BOUNCE_MAILBOX_PORTS),
    )  # fmt: skip


def due(*, now: datetime.datetime) -> list[int]:
    """Mailboxes that somebody should look into now."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    return list(
        BounceMailbox.objects.filter(free, Q(project=None) | Q(project__deleted_at=None), next_look_at__lte=now)
        .order_by("next_look_at")
        .values_list("pk", flat=True)[:50]
    )


def look(*, mailbox_id: int, clock: Clock, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Read what is new in a mailbox, if nobody else is at it. Killed anywhere, the next one goes on after what was written."""
    now = clock()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    if not BounceMailbox.objects.filter(free, pk=mailbox_id).update(epoch=F("epoch") + 1, lease_until=now + _LEASE):
        return
    mailbox = BounceMailbox.objects.get(pk=mailbox_id)
    mine = BounceMailbox.objects.filter(pk=mailbox_id, epoch=mailbox.epoch)
    pause = datetime.timedelta(seconds=settings.BOUNCE_MAILBOX_SECONDS)
    try:
        opened = imap.Mailbox(_server_of(mailbox))
        try:
            _read_new(mailbox, opened, clock, should_stop)
        finally:
            opened.close()
    except _LeaseLost:
        return
    except (imap.ImapFailed, Refusal) as failed:
        _log.warning("the bounce mailbox %s: %s", mailbox, failed)
        now, longer = clock(), min(_LONGEST_PAUSE, 2 ** min(mailbox.failures, 10))
        mine.update(
            lease_until=None,
            next_look_at=now + pause * longer,
            failures=F("failures") + 1,
            last_error=str(failed)[:500],
            last_error_at=now,
        )
        return
    now = clock()
    mine.update(lease_until=None, next_look_at=now + pause, looked_at=now, failures=0, last_error="", last_error_at=None)


def _read_new(mailbox: BounceMailbox, opened: imap.Mailbox, clock: Clock, should_stop: Callable[[], bool]) -> None:
    if (
        mailbox.uid_validity != opened.uid_validity
    ):  # its mails have other numbers now: all are looked at, and what is known is known
        mailbox.last_uid = 0
    for uids in opened.newer(mailbox.last_uid):
        for start in range(0, max(1, len(uids)), BATCH):
            if should_stop():
                return
            some = uids[start : start + BATCH]
            read = [mail for mail in map(opened.mail, some) if mail is not None]
            _write(mailbox, opened.uid_validity, some[-1] if some else mailbox.last_uid, read, clock())


def _write(mailbox: BounceMailbox, uid_validity: int, last_uid: int, read: Sequence[bytes], now: datetime.datetime) -> None:
    """What some mails say, and that they were read, in one transaction. Raises ``_LeaseLost``."""
    found = list(map(_reports, read))
    reports = [report for some in found for report in some or ()]
    with transaction.atomic():
        mine = BounceMailbox.objects.filter(pk=mailbox.pk, epoch=mailbox.epoch, lease_until__isnull=False)
        if not mine.update(uid_validity=uid_validity, last_uid=last_uid, lease_until=now + _LEASE):
            raise _LeaseLost
        taken = outcomes.take(reports=reports, project_id=mailbox.project_id, source=Suppression.Source.MAILBOX, now=now)
        mine.update(
            taken=F("taken") + taken.written, repeated=F("repeated") + taken.repeated, unmatched=F("unmatched") + taken.unmatched,
            ignored=F("ignored") + sum(not one for one in found),
        )  # fmt: skip
    mailbox.last_uid = last_uid


def _reports(raw: bytes) -> list[Report] | None:
    """What a mail reports; one that breaks the parser is no report."""
    try:
        return mails.read(raw)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        _log.warning("a mail in a bounce mailbox can't be read: %r", error)
        return None
