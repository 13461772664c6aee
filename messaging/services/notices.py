"""What relays tell: kept word by word when it comes, and written as outcomes by a tick.

Whoever told it may forget it once it is answered, so it is in the database by then, or synced to a spool while the database is away.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
import logging
import os
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from messaging.models import OutcomeNotice, Relay, RelayCallback, Suppression
from messaging.outcomes import Report, ses, signed
from messaging.services import outcomes

BATCH = 500  # notices a transaction
_ADVISORY_LOCK = 0x7061_6264  # one reader at a time
_SOURCES = {OutcomeNotice.Kind.SES: Suppression.Source.SES, OutcomeNotice.Kind.SIGNED: Suppression.Source.CALLBACK}

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """As ``OutcomeNotice``."""

    relay_id: int
    generation: int
    kind: str
    notice_id: str
    body: str
    topic_arn: str = ""

    def as_row(self, received_at: datetime.datetime) -> OutcomeNotice:
        return OutcomeNotice(received_at=received_at, **{
            field.name: getattr(self, field.name) for field in dataclasses.fields(self)
        })  # fmt: skip


def keep(*, notice: Notice, now: datetime.datetime) -> None:
    """Keep a notice; when this returns, it is safe. Raises ``OSError`` when neither the database nor the disk takes it."""
    try:
        notice.as_row(now).save(force_insert=True)
    except (OperationalError, InterfaceError):
        connection.close()
        _spool(notice, now)


def drain(*, now: datetime.datetime) -> int:
    """Write what waits; returns how many notices were read."""
    _drain_spool()
    read = 0
    while True:
        with transaction.atomic():
            if not _locked():
                return read
            batch = list(OutcomeNotice.objects.order_by("pk")[:BATCH])
            for relay_id, some in itertools.groupby(
                sorted(batch, key=lambda one: (one.relay_id, one.pk)), lambda one: one.relay_id
            ):
                _read(relay_id, list(some), now)
            OutcomeNotice.objects.filter(pk__in=[one.pk for one in batch]).delete()
        read += len(batch)
        if len(batch) < BATCH:
            return read


def _locked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
        return bool(cursor.fetchone()[0])


def _read(relay_id: int, notices: list[OutcomeNotice], now: datetime.datetime) -> None:
    """One relay's notices: its messages alone, by its newest address alone."""
    relay = Relay.objects.filter(pk=relay_id).first()
    if relay is None:
        _log.warning("%s notices of the relay %s, which is gone", len(notices), relay_id)
        return
    callback, _made = RelayCallback.objects.get_or_create(relay=relay)
    ignored, refused, error = 0, 0, ""
    taken = []
    for kind, source in _SOURCES.items():
        reports: list[Report] = []
        for notice in (one for one in notices if one.kind == kind):
            try:
                found = _reports(notice, callback)
            except ses.Unreadable as unreadable:
                refused, error = refused + 1, str(unreadable)
                continue
            reports += found
            ignored += not found
        taken.append(outcomes.take(reports=reports, project_id=relay.project_id, source=source, now=now))
    told = {"last_error": error[:500], "last_error_at": now} if error else {}
    RelayCallback.objects.filter(pk=callback.pk).update(
        last_at=now, ignored=F("ignored") + ignored, refused=F("refused") + refused,
        taken=F("taken") + sum(one.written for one in taken), repeated=F("repeated") + sum(one.repeated for one in taken),
        unmatched=F("unmatched") + sum(one.unmatched for one in taken), **told,
    )  # fmt: skip


def _reports(notice: OutcomeNotice, callback: RelayCallback) -> Iterable[Report]:
    """Raises ``Unreadable``."""
    if notice.generation != callback.generation:
        raise ses.Unreadable(_("It came to an address that was replaced. Give the new one to whoever calls."))
    if notice.kind == OutcomeNotice.Kind.SIGNED:
        return signed.read(notice.body, notice_id=notice.notice_id)
    if callback.topic_arn and notice.topic_arn != callback.topic_arn:
        given = {"topic": notice.topic_arn[:200]}
        raise ses.Unreadable(
            _("It came from another topic: %(topic)s. Forget the old topic first if this is the new one.") % given
        )
    found = ses.read(notice.body)
    return [] if found is None else [found]


def spool_folder() -> Path:
    return Path(settings.VAR_DIR) / "spool" / "outcomes"


def _spool(notice: Notice, now: datetime.datetime) -> None:
    """One file a notice, complete before it gets its name."""
    folder = spool_folder()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{uuid.uuid4().hex}"
    unfinished = folder / f".{name}"
    with unfinished.open("w") as out:
        json.dump({"at": now.isoformat(), "notice": dataclasses.asdict(notice)}, out)
        out.flush()
        os.fsync(out.fileno())
    unfinished.rename(folder / f"{name}.json")
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _drain_spool() -> None:
    """Killed between the row and the file, a notice is read twice, and counts once."""
    for file in sorted(spool_folder().glob("*.json")):
        try:
            held = json.loads(file.read_text())
        except FileNotFoundError:  # another worker was quicker
            continue
        Notice(**held["notice"]).as_row(datetime.datetime.fromisoformat(held["at"])).save(force_insert=True)
        file.unlink(missing_ok=True)
