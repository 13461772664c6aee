"""The first line of each view: the project, or 404 for a stranger."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from projects.models import Member, Project, Role, User

RANKS = {Role.VIEWER: 0, Role.MARKETER: 1, Role.OWNER: 2}


@dataclass(frozen=True)
class Access:
    """What a logged-in member may do in a project."""

    project: Project
    user: User
    role: Role

    @property
    def can_edit(self) -> bool:
        return RANKS[self.role] >= RANKS[Role.MARKETER]

    @property
    def can_administer(self) -> bool:
        return self.role == Role.OWNER


def project_or_404(request: HttpRequest, project_id: str, *, at_least: Role = Role.VIEWER) -> Access:
    """The project with this public id, for the logged-in member who asks.

    Raises ``Http404`` for whoever is no member (so that a stranger can't tell whether it exists) and ``PermissionDenied``
    for a member whose role does not suffice. The access is kept on the request for the navigation,
    and the project's time zone is the page's.
    """
    if not isinstance(request.user, User):
        raise Http404
    member = (
        Member.objects.select_related("project")
        .filter(project__public_id=project_id, project__deleted_at=None, user=request.user)
        .first()
    )
    if member is None:
        raise Http404
    access = Access(project=member.project, user=request.user, role=Role(member.role))
    request.access = access  # type: ignore[attr-defined]
    timezone.activate(access.project.time_zone)
    if RANKS[access.role] < RANKS[at_least]:
        raise PermissionDenied(_("Your role in this project allows looking, not changing. Ask an owner for another role."))
    return access


def operator_or_404(request: HttpRequest) -> User:
    """The logged-in operator of the installation (``is_staff``). Raises ``Http404`` for everybody else."""
    if not isinstance(request.user, User) or not (request.user.is_active and request.user.is_staff):
        raise Http404
    return request.user


def superuser_or_404(request: HttpRequest) -> User:
    """The logged-in superuser, who may set anybody's password anyway. Raises ``Http404`` for everybody else."""
    user = operator_or_404(request)
    if not user.is_superuser:
        raise Http404
    return user
