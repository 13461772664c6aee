"""The template of a page, or 404."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from messaging import template_uses
from messaging.models import MessageTemplate
from projects.access import Access, project_or_404
from projects.models import Role


def template_or_404(request: HttpRequest, project_id: str, template_id: int) -> tuple[Access, MessageTemplate]:
    """For looking at it: the project's own, and the installation's."""
    access = project_or_404(request, project_id)
    return access, get_object_or_404(template_uses.visible(project=access.project), pk=template_id)


def own_template_or_404(request: HttpRequest, project_id: str, template_id: int) -> tuple[Access, MessageTemplate]:
    """For changing it: a project's is its marketers', the installation's the superusers'."""
    access, template = template_or_404(request, project_id, template_id)
    project_or_404(request, project_id, at_least=Role.MARKETER)
    if not may_change(access, template):
        raise PermissionDenied(
            _("This template belongs to all projects: an operator changes it. Copy it, and the copy is your project's own.")
        )
    return access, template


def may_change(access: Access, template: MessageTemplate) -> bool:
    if template.project_id is None:
        return access.user.is_superuser
    return access.can_edit and template.project_id == access.project.pk
