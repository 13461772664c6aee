"""Erasing a person from the practice mailbox, the suppression lists and what relays told."""

from __future__ import annotations

import dataclasses

from django.db import IntegrityError, transaction
from django.db.models.functions import Lower

from endpoints.ports import Erased, ErasedPerson
from messaging.models import MailboxMessage, OutcomeNotice, Relay, Suppression
from messaging.suppression import erased_key, key_of


def erase_messages(person: ErasedPerson, after: int) -> Erased:
    """The messages to the person's addresses."""
    addresses = [address.lower() for address in person.addresses]
    messages = MailboxMessage.objects.annotate(to=Lower("recipient"))
    deleted, _tables = messages.filter(project_id=person.project_id, to__in=addresses).delete()
    return Erased(rows=deleted)


def erase_suppressions(person: ErasedPerson, after: int) -> Erased:
    """The entries of the project go on working, and nobody can read any more whom they are about: a hash is left.

    The installation's entries are nobody's of this project: an operator releases them.
    """
    rows = 0
    for address in person.addresses:
        held = Suppression.objects.filter(project_id=person.project_id, address_key=key_of(address))
        try:
            with transaction.atomic():
                rows += held.update(address="", address_key=erased_key(key_of(address)))
        except IntegrityError:  # erased before, and listed again since: the hash stands for both
            rows += held.delete()[0]
    return Erased(rows=rows)


def erase_notices(person: ErasedPerson, after: int) -> Erased:
    """What the project's relays told and nobody has read yet; seconds later it would be events, which are not written of the erased."""
    by_address = dataclasses.replace(person, names=())
    relays = Relay.objects.filter(project_id=person.project_id).values("pk")
    waiting = OutcomeNotice.objects.filter(relay_id__in=relays).order_by("pk")
    gone = [notice.pk for notice in waiting.iterator(chunk_size=500) if by_address.is_named_in(notice.body)]
    return Erased(rows=OutcomeNotice.objects.filter(pk__in=gone).delete()[0])
