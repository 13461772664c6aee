"""Reads of senders and the mailbox."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from messaging.models import MailboxMessage, Sender
from projects.models import Project


def senders(*, project: Project) -> QuerySet[Sender]:
    return Sender.objects.filter(project=project).order_by("address")


def usable_senders(*, project: Project) -> list[Sender]:
    """Senders that a campaign may use: in practice all, live the verified ones."""
    found = senders(project=project)
    return list(found if project.is_practice else found.filter(verified_at__isnull=False))


def may_send_from(*, project: Project, address: str) -> bool:
    """Practice sends from any address (all of it goes to the mailbox), live from a verified one."""
    return project.is_practice or senders(project=project).filter(address=address, verified_at__isnull=False).exists()


def mailbox(*, project: Project | None, search: str = "", before: int | None = None, limit: int = 50) -> list[MailboxMessage]:
    """The newest messages in a project's mailbox (None: the installation's), newest first, without their bodies.

    ``before`` is the last id of a page.
    """
    found = MailboxMessage.objects.filter(project=project).defer("raw").order_by("-id")
    if search:
        found = found.filter(Q(recipient__icontains=search) | Q(subject__icontains=search))
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found[:limit])
