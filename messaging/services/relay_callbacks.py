"""Where a relay tells outcomes: its SNS topic confirmed and remembered, its address and key replaced."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import F

from messaging.models import Relay, RelayCallback
from messaging.outcomes import doors, sns
from projects.models import User
from projects.services import audit


class TopicRefused(Exception):
    """The subscription is not confirmed, and why."""


def door_of(*, relay: Relay) -> doors.Door:
    generation = RelayCallback.objects.filter(relay=relay).values_list("generation", flat=True).first() or 1
    return doors.door(relay_id=relay.pk, generation=generation)


def confirm_topic(*, door: doors.Door, message: sns.SnsMessage, now: datetime.datetime) -> None:
    """Confirm the subscription of a relay's first topic (or of the same one again). Raises ``TopicRefused`` and ``SnsAway``.

    The topic is remembered first: killed before it is confirmed, SNS asks again.
    """
    relay = Relay.objects.filter(pk=door.relay_id, kind=Relay.Kind.SES).first()
    if relay is None:
        raise TopicRefused("there is no such relay")
    callback, _made = RelayCallback.objects.get_or_create(relay=relay)
    mine = RelayCallback.objects.filter(pk=callback.pk, generation=door.generation)
    if not mine.filter(topic_arn__in=["", message.topic_arn]).update(topic_arn=message.topic_arn):
        mine.update(last_error=f"{message.topic_arn}: another topic, or an old address"[:500], last_error_at=now)
        raise TopicRefused("another topic is confirmed already, or the address is an old one")
    try:
        sns.confirm(message)
    except (sns.SnsAway, sns.NotFromSns) as error:
        mine.update(last_error=str(error)[:500], last_error_at=now)
        raise
    with transaction.atomic():
        if mine.filter(confirmed_at=None).update(confirmed_at=now, last_error="", last_error_at=None):
            audit.record(
                project=relay.project, actor=None, verb="relay.topic_confirmed", target=relay, now=now, name=relay.name,
                topic=message.topic_arn,
            )  # fmt: skip


def note_unsubscribed(*, door: doors.Door, message: sns.SnsMessage) -> None:
    """SNS says that the subscription is over: nothing comes any more. It is not renewed by itself."""
    held = RelayCallback.objects.filter(relay_id=door.relay_id, generation=door.generation, topic_arn=message.topic_arn)
    held.update(confirmed_at=None)


def note_refused(*, door: doors.Door, why: str, now: datetime.datetime) -> None:
    """Something came to the right address that was not signed as it should be."""
    held = RelayCallback.objects.filter(relay_id=door.relay_id, generation=door.generation)
    held.update(refused=F("refused") + 1, last_error=why[:500], last_error_at=now)


def forget_topic(*, relay: Relay, actor: User, now: datetime.datetime) -> None:
    """The next topic that subscribes at the relay's address is its topic."""
    with transaction.atomic():
        RelayCallback.objects.filter(relay=relay).update(topic_arn="", confirmed_at=None, last_error="", last_error_at=None)
        audit.record(project=relay.project, actor=actor, verb="relay.topic_forgotten", target=relay, now=now, name=relay.name)


def replace_address(*, relay: Relay, actor: User, now: datetime.datetime) -> None:
    """A new address and a new key: what still comes by the old ones is refused."""
    with transaction.atomic():
        callback, _made = RelayCallback.objects.get_or_create(relay=relay)
        RelayCallback.objects.filter(pk=callback.pk).update(generation=F("generation") + 1, topic_arn="", confirmed_at=None)
        audit.record(project=relay.project, actor=actor, verb="relay.address_replaced", target=relay, now=now, name=relay.name)
