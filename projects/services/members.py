"""Members: invited by mail, given roles, removed. A project always keeps an owner."""

from __future__ import annotations

import datetime
import hashlib
import secrets

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from core.errors import Refusal
from projects.models import Invitation, Member, Project, Role, User
from projects.services import audit

INVITATION_VALID = datetime.timedelta(days=7)


class MemberRefused(Refusal):
    """The invitation or the change of a role was not made."""


def invite(*, project: Project, actor: User, email: str, role: Role, now: datetime.datetime) -> Invitation:
    """Mail an invitation; one that is open for the address already is replaced. Raises ``MemberRefused``."""
    email = email.lower()
    if Member.objects.filter(project=project, user__email=email).exists():
        raise MemberRefused(_("%(email)s is a member of the project already.") % {"email": email})
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        Invitation.objects.filter(project=project, email=email, accepted_at=None).delete()
        invitation = Invitation.objects.create(
            project=project, email=email, role=role, token_hash=_hash(token), invited_by=actor, created_at=now,
            expires_at=now + INVITATION_VALID,
        )  # fmt: skip
        audit.record(project=project, actor=actor, verb="member.invited", target=invitation, now=now, email=email, role=role)
    _mail(invitation, token)
    return invitation


def _mail(invitation: Invitation, token: str) -> None:
    link = settings.PUBLIC_URL + reverse("projects:accept-invitation", args=[token])
    values = {"name": str(invitation.invited_by), "project": invitation.project.name, "link": link}
    message = EmailMessage(
        subject=" ".join(
            (_("%(name)s invites you to the project “%(project)s”") % values).split()
        ),  # one line, whatever the names
        body=_("%(name)s invites you to work on “%(project)s” in Pabal.\n\nOpen this link within 7 days:\n%(link)s") % values,
        to=[invitation.email],  # without the project's header: its members must not read a link that makes an account
    )
    try:
        message.send()
    except OSError as error:
        raise MemberRefused(_("The invitation could not be mailed (%(reason)s). Try again.") % {"reason": error}) from error


def find_invitation(*, token: str, now: datetime.datetime) -> Invitation | None:
    """An open invitation, or None when it was accepted, withdrawn, or is out of date."""
    found = Invitation.objects.select_related("project", "invited_by").filter(
        token_hash=_hash(token), accepted_at=None, expires_at__gt=now, project__deleted_at=None
    )
    return found.first()


def accept_invitation(*, invitation: Invitation, user: User, now: datetime.datetime) -> None:
    """Join; only the address that was invited may. Raises ``MemberRefused``."""
    if user.email != invitation.email:
        raise MemberRefused(_("This invitation is for %(email)s. Log in with that address.") % {"email": invitation.email})
    with transaction.atomic():
        mine = Invitation.objects.filter(pk=invitation.pk, accepted_at=None)
        if not mine.update(accepted_at=now):
            raise MemberRefused(_("This invitation was used already."))
        Member.objects.get_or_create(project=invitation.project, user=user, defaults={"role": invitation.role})
        audit.record(project=invitation.project, actor=user, verb="member.joined", target=user, now=now, role=invitation.role)


def create_account(*, invitation: Invitation, name: str, password: str, now: datetime.datetime) -> User:
    """A new person's account for the address that was invited, and the membership with it."""
    with transaction.atomic():
        user = User.objects.create_user(invitation.email, password, name=name)
        accept_invitation(invitation=invitation, user=user, now=now)
    return user


def withdraw_invitation(*, invitation: Invitation, actor: User, now: datetime.datetime) -> None:
    with transaction.atomic():
        audit.record(
            project=invitation.project,
            actor=actor,
            verb="invitation.withdrawn",
            target=invitation,
            now=now,
            email=invitation.email,
        )
        invitation.delete()


def set_role(*, member: Member, actor: User, role: Role, now: datetime.datetime) -> None:
    """Change a role; the last owner stays one. Raises ``MemberRefused``."""
    with transaction.atomic():
        _keep_an_owner(member, role)
        Member.objects.filter(pk=member.pk).update(role=role)
        audit.record(project=member.project, actor=actor, verb="member.role_changed", target=member.user, now=now, role=role)


def remove_member(*, member: Member, actor: User, now: datetime.datetime) -> None:
    """Remove a member (or leave); the last owner can't go. Raises ``MemberRefused``."""
    with transaction.atomic():
        _keep_an_owner(member, None)
        audit.record(project=member.project, actor=actor, verb="member.removed", target=member.user, now=now)
        member.delete()


def _keep_an_owner(member: Member, role: Role | None) -> None:
    owners = Member.objects.select_for_update().filter(project=member.project, role=Role.OWNER).order_by("pk")
    if role != Role.OWNER and [owner.pk for owner in owners] == [member.pk]:
        raise MemberRefused(_("A project needs an owner. Make somebody else an owner first."))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
