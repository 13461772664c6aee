"""Erasing a person from the practice mailbox."""

from __future__ import annotations

from django.db.models.functions import Lower

from endpoints.ports import Erased, ErasedPerson
from messaging.models import MailboxMessage


def erase_messages(person: ErasedPerson, after: int) -> Erased:
    """The messages to the person's addresses."""
    addresses = [address.lower() for address in person.addresses]
    messages = MailboxMessage.objects.annotate(to=Lower("recipient"))
    deleted, _tables = messages.filter(project_id=person.project_id, to__in=addresses).delete()
    return Erased(rows=deleted)
