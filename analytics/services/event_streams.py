"""A project's event stream: saved, paused, resumed, replayed, tried out, deleted. Secrets are sealed at once.

Each of these takes the stream from the worker that has it (its epoch moves): what that one is putting may arrive, and then again.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.carrying import aws, destinations, turn
from analytics.carrying.parcel import DestinationFailed, Line
from analytics.carrying.transform import target_of
from analytics.models import EventStream
from analytics.stream.horizon import settled_position
from core import outbound, secretbox, standard_webhooks
from core.errors import Refusal
from core.transitions import transition
from projects.models import Project, User
from projects.services import audit

_D, _S = EventStream.Destination, EventStream.State
_STATES: dict[str, frozenset[str]] = {_S.PAUSED: frozenset({_S.RUNNING}), _S.RUNNING: frozenset({_S.PAUSED})}
_REFUSALS = {
    _S.PAUSED: gettext_lazy("The event stream is paused already."),
    _S.RUNNING: gettext_lazy("The event stream is running already."),
}
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,128}")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_TEST = (
    b'{"event_type":"_test","event_timestamp":%d,"arrival_timestamp":%d,"event_version":"3.1","application":{"app_id":"%s",'
    b'"sdk":{}},"client":{"client_id":"test"},"device":{"platform":{}},"session":{},"attributes":{}}\n'
)
# The first position of an event that happened at that instant or later: all of them come after it.
_FIRST_SINCE = "SELECT min(position) FROM analytics_event WHERE project_id = %s AND occurred_at >= %s"


class StreamRefused(Refusal):
    """The event stream was not saved, or does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamValues:
    """What a stream is. ``secret_access_key``: empty keeps the one that is there. ``transform``: a URL or a Lambda function."""

    kind: str
    target: str
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    role_arn: str = ""
    transform: str = ""
    on_transform_failure: str = EventStream.OnFailure.DELIVER


def save_stream(*, project: Project, actor: User | None, values: StreamValues, now: datetime.datetime) -> EventStream:
    """Make the project's stream, from now on, or change it where it is. Raises ``StreamRefused`` and ``TargetRefused``."""
    _check_target(values)
    if values.kind in (_D.KINESIS, _D.FIREHOSE, _D.S3):
        _check_account(values)
    if values.transform:
        target_of(values.transform).check(by_form=True)
    with transaction.atomic():
        held = EventStream.objects.select_for_update().filter(project=project).first()
        made = held or EventStream(project=project, position=settled_position(), created_at=now)
        _check_secret(made, values)
        for name in ("kind", "target", "region", "access_key_id", "role_arn", "transform", "on_transform_failure"):
            setattr(made, name, getattr(values, name))
        if values.secret_access_key:
            made.sealed_secret_access_key = secretbox.seal(values.secret_access_key)
        elif not values.access_key_id:
            made.sealed_secret_access_key = ""
        if made.is_https and not made.sealed_signing_secret:
            made.sealed_signing_secret = secretbox.seal(standard_webhooks.new_secret())
        made.updated_by, made.updated_at = actor, now
        made.until, made.not_before, made.failures, made.last_error, made.last_error_at = 0, None, 0, "", None
        made.transform_error, made.transform_error_at = "", None
        made.epoch, made.lease_until = made.epoch + 1, None
        made.save()
        verb = "event_stream.changed" if held else "event_stream.added"
        audit.record(project=project, actor=actor, verb=verb, target=made, now=now, name=made.target)
    return made


def _check_target(values: StreamValues) -> None:
    if values.kind == _D.HTTPS:
        try:
            outbound.check_form(values.target, allow_private=settings.WEBHOOK_PRIVATE_HOSTS)
        except outbound.OutboundRefused as refused:
            raise StreamRefused(
                _("%(url)s can't be called: %(reason)s.") % {"url": values.target[:200], "reason": refused}
            ) from None
        return
    if values.kind == _D.FOLDER:
        if not destinations.FOLDER_NAME.fullmatch(values.target):
            raise StreamRefused(_("A folder's name is made of letters, digits, dots, dashes and underscores."))
        return
    try:
        if values.kind == _D.S3:
            destinations.bucket_and_prefix(values.target)
        elif aws.region_and_name(values.target)[0] != values.kind.lower():
            raise ValueError(values.target)
    except ValueError:
        raise StreamRefused(_FORMS[values.kind]) from None


_FORMS: dict[str, Any] = {
    _D.KINESIS: gettext_lazy("Enter the data stream's ARN: arn:aws:kinesis:REGION:ACCOUNT:stream/NAME."),
    _D.FIREHOSE: gettext_lazy("Enter the Firehose stream's ARN: arn:aws:firehose:REGION:ACCOUNT:deliverystream/NAME."),
    _D.S3: gettext_lazy("Enter a bucket and a prefix: s3://bucket/events/."),
}


def _check_account(values: StreamValues) -> None:
    if not (values.access_key_id or values.role_arn):
        raise StreamRefused(_("Enter a role, an access key, or both."))
    if values.role_arn and not _ROLE.fullmatch(values.role_arn):
        raise StreamRefused(_("Enter the role's ARN: arn:aws:iam::ACCOUNT:role/NAME."))
    if values.kind == _D.S3 and not _REGION.fullmatch(values.region):
        raise StreamRefused(_("Enter the bucket's region, such as ap-northeast-2."))


def _check_secret(stream: EventStream, values: StreamValues) -> None:
    """A secret that is kept belongs to the key that it came with."""
    if values.access_key_id and not values.secret_access_key and values.access_key_id != stream.access_key_id:
        raise StreamRefused(_("Enter the secret access key."))


def signing_secret(stream: EventStream) -> str:
    """What an owner gives to the program that takes the calls; empty for other destinations, and when it can't be opened."""
    try:
        return secretbox.unseal(stream.sealed_signing_secret) if stream.is_https else ""
    except InvalidToken:
        return ""


def pause_stream(*, stream: EventStream, actor: User, now: datetime.datetime) -> None:
    """Carry nothing more until it is resumed; what happens meanwhile waits. Raises ``TransitionRefused``."""
    _move(stream, _S.PAUSED, actor, "event_stream.paused", now)


def resume_stream(*, stream: EventStream, actor: User, now: datetime.datetime) -> None:
    """Go on where it was paused, at once. Raises ``TransitionRefused``."""
    _move(stream, _S.RUNNING, actor, "event_stream.resumed", now)


def _move(stream: EventStream, to: EventStream.State, actor: User, verb: str, now: datetime.datetime) -> None:
    with transaction.atomic():
        transition(
            queryset=EventStream.objects.filter(pk=stream.pk), table=_STATES, to=to, refusal=_REFUSALS[to], epoch=F("epoch") + 1,
            lease_until=None, not_before=None, failures=0,
        )  # fmt: skip
        audit.record(project=stream.project, actor=actor, verb=verb, target=stream, now=now, name=stream.target)


def replay_stream(*, stream: EventStream, actor: User, since: datetime.datetime, now: datetime.datetime) -> None:
    """Carry again everything that happened since an instant, and what was written after that."""
    if since > now:
        raise StreamRefused(_("Choose an instant in the past."))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_FIRST_SINCE, [stream.project_id, since])
            (first,) = cursor.fetchone()
        rows = EventStream.objects.filter(pk=stream.pk)
        held = rows.select_for_update().get()
        rows.update(
            position=min(held.position, first - 1) if first is not None else held.position, until=0, epoch=F("epoch") + 1,
            lease_until=None, not_before=None, failures=0,
        )  # fmt: skip
        audit.record(
            project=stream.project, actor=actor, verb="event_stream.replayed", target=stream, now=now, name=stream.target,
            since=since.isoformat(),
        )  # fmt: skip


def delete_stream(*, stream: EventStream, actor: User, now: datetime.datetime) -> None:
    with transaction.atomic():
        audit.record(
            project=stream.project, actor=actor, verb="event_stream.deleted", target=stream, now=now, name=stream.target
        )  # fmt: skip
        stream.delete()


def try_stream(*, stream: EventStream, actor: User, clock: Callable[[], datetime.datetime]) -> bool:
    """Put one record of the type ``_test``; False when the transform drops it. Raises ``StreamRefused``."""
    now = clock()
    millis = int(now.timestamp() * 1_000)
    line = Line(key="test", at=now, data=_TEST % (millis, millis, stream.project.public_id.encode()))
    try:
        put = turn.try_out(stream, line, clock=clock)
    except DestinationFailed as failed:
        raise StreamRefused(_("The test record could not be delivered: %(reason)s.") % {"reason": failed}) from failed
    audit.record(project=stream.project, actor=actor, verb="event_stream.tested", target=stream, now=now, name=stream.target)
    return bool(put)
