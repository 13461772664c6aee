"""Reads of senders, templates and the mailbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from endpoints import catalogue
from endpoints.models import AttributeKind
from messaging import template_uses
from messaging.delivery import routing
from messaging.domains import doctor, names, wording
from messaging.domains.doctor import Check, Level
from messaging.message_templates.documents import email_content
from messaging.models import (
    BounceMailbox,
    ChannelKind,
    DkimKey,
    MailboxMessage,
    MessageTemplate,
    ProjectChannel,
    Relay,
    Sender,
    SenderDomain,
    Suppression,
    TemplateType,
)
from messaging.rendering import MessageContent
from projects.models import Project

_PREFIX = {
    AttributeKind.ATTRIBUTE: "Attributes.",
    AttributeKind.USER_ATTRIBUTE: "User.UserAttributes.",
    AttributeKind.METRIC: "Metrics.",
}


def senders(*, project: Project) -> QuerySet[Sender]:
    return Sender.objects.filter(project=project).order_by("address")


def default_sender(*, project: Project) -> str:
    """Who sends what names nobody: the FromAddress of the e-mail channel, as the API set it; empty when it did not."""
    found = ProjectChannel.objects.filter(project=project, kind=ChannelKind.EMAIL, is_enabled=True).first()
    return str(found.document.get("FromAddress") or "") if found else ""


def domains(*, project: Project) -> QuerySet[SenderDomain]:
    return SenderDomain.objects.filter(project=project).order_by("name")


def domains_with_keys(*, project: Project) -> QuerySet[SenderDomain]:
    return domains(project=project).prefetch_related(Prefetch("keys", DkimKey.objects.order_by("pk")))


def verified_domains(*, project: Project) -> set[str]:
    """Domains any address of which may send."""
    return set(domains(project=project).filter(verified_at__isnull=False, broken_since=None).values_list("name", flat=True))


def usable_senders(*, project: Project) -> list[Sender]:
    """Senders that a campaign may use: in practice all, live those that are verified, or whose domain is."""
    found = list(senders(project=project))
    if project.is_practice:
        return found
    verified = verified_domains(project=project)
    return [sender for sender in found if sender.is_verified or names.domain_of(sender.address) in verified]


def may_send_from(*, project: Project, address: str) -> bool:
    """Practice sends from any address (all of it goes to the mailbox), live from a verified one, or one of a verified domain."""
    if project.is_practice or senders(project=project).filter(address=address, verified_at__isnull=False).exists():
        return True
    return names.domain_of(address) in verified_domains(project=project)


def relays(*, project: Project) -> QuerySet[Relay]:
    return Relay.objects.filter(project=project).select_related("project").prefetch_related("routes").order_by("name")


@dataclass(frozen=True, slots=True)
class SenderFinding:
    """What there is to say about an address before a campaign goes out from it. An error forbids the launch; ``url`` mends it."""

    is_error: bool
    code: str
    message: str
    url: str = ""


def sender_findings(*, project: Project, address: str) -> list[SenderFinding]:
    """Whether a live project may send from an address, and what DNS said about its domain the last time."""
    if project.is_practice:
        return []
    name = names.domain_of(address)
    given = {"address": address, "name": names.shown(name)}
    domain = domains(project=project).filter(name=name).first()
    its_page = reverse("messaging:show-domain", args=[project.public_id, domain.pk]) if domain else ""
    all_domains = reverse("messaging:list-domains", args=[project.public_id])
    if domain is not None and domain.broken_since is not None:
        return [SenderFinding(True, "domain_broken", _(
            "DNS no longer has the signature's key of %(name)s, so what is sent from it would be taken for forged."
            " Put its record back, or choose another sender."
        ) % given, its_page)]  # fmt: skip
    if not may_send_from(project=project, address=address):
        return [SenderFinding(True, "sender_unusable", _("The sender %(address)s is not verified.") % given)]
    if not settings.EMAIL_URL and routing.relay_for(project=project, sender=address) is None:
        return [SenderFinding(True, "no_way_out", _(
            "No mail server takes messages from %(address)s. An owner of the project can add a relay under “Senders”."
        ) % given)]  # fmt: skip
    if name in names.FREE_MAIL:
        return [SenderFinding(False, "free_mail", _(
            "%(address)s belongs to a mail provider: Gmail, Naver and the others refuse bulk mail that only bears such a name."
            " Use an address of your own domain."
        ) % given, all_domains)]  # fmt: skip
    if domain is None or domain.verified_at is None:
        return [SenderFinding(False, "no_domain", _(
            "What is sent from %(address)s is not signed (DKIM); Gmail, Naver and the others ask bulk senders for that."
            " Add and verify the domain %(name)s under “Senders”."
        ) % given, its_page or all_domains)]  # fmt: skip
    return [
        SenderFinding(False, f"dns_{finding.code}", wording.sentence(finding), its_page)
        for finding in map(doctor.restored, domain.checks)
        if finding.level == Level.BAD and finding.check not in (Check.DKIM, Check.RETURN_PATH)
    ]


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


def suppressions(*, project: Project | None, search: str, reason: str, before: int | None, limit: int) -> list[Suppression]:
    """A page of a suppression list (None: the installation's), newest first. ``search``: how an address begins, or what is in it."""
    found = Suppression.objects.filter(project=project).select_related("actor").order_by("-id")
    if reason:
        found = found.filter(reason=reason)
    if search:
        found = found.filter(address__icontains=search)
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found[:limit])


def exported_suppressions(*, project: Project | None) -> Iterator[Suppression]:
    """All that can be read of a list, in the order in which it grew; of erased people there is nothing to read."""
    return Suppression.objects.filter(project=project).exclude(address="").order_by("id").iterator(chunk_size=2_000)


def bounce_mailbox(*, project: Project | None) -> BounceMailbox | None:
    """A project's mailbox (None: the installation's)."""
    return BounceMailbox.objects.filter(project=project).first()


def email_template(*, project: Project, name: str, version: int | str | None = None) -> tuple[int, MessageContent] | None:
    """A version (None: the active one) of an e-mail template that the project sees, and what it says; None: there is none such.

    The sender is left empty.
    """
    template = template_uses.visible(project=project).filter(template_type=TemplateType.EMAIL, name=name).first()
    if template is None:
        return None
    wanted = str(template.active_version if version is None else version)
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10):
        return None
    found = template.versions.filter(version=int(wanted)).first()
    return (found.version, email_content(found.document)) if found else None


def template_choices(*, project: Project, template_type: str) -> list[MessageTemplate]:
    """The templates that a message of the project may be made from, those saved last first."""
    return list(template_uses.visible(project=project).filter(template_type=template_type).order_by("-updated_at", "-pk")[:500])


def variable_names(*, project: Project) -> list[str]:
    """The custom variables that the project's data has."""
    return [_PREFIX[AttributeKind(name.kind)] + name.name for name in catalogue.names(project=project)]
