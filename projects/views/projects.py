"""Projects and their members."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock, keyset
from core.errors import Refusal
from projects import queries, zones
from projects.access import project_or_404
from projects.forms import AuditForm, InviteForm, ProjectForm, RoleForm
from projects.models import Invitation, Member, Project, Role, User
from projects.services import members, projects

_AUDIT_PAGE = 50


@login_required
def list_projects(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    mine = Member.objects.filter(user=request.user, project__deleted_at=None).select_related("project").order_by("-project_id")
    return render(request, "projects/list.html", {"members": mine})


@login_required
def create_project(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    form = ProjectForm(request.POST or None)
    if form.is_valid():
        project = projects.create_project(actor=request.user, now=clock.now(), **form.cleaned_data)
        messages.success(request, _("The project is ready. It is in practice mode until you go live."))
        return redirect("console:show-overview", project.public_id)
    return render(request, "projects/create.html", {"form": form})


def edit_project(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER if request.method == "POST" else Role.VIEWER)
    project = access.project
    initial = {"name": project.name, "description": project.description, "time_zone": project.time_zone}
    form = ProjectForm(request.POST or None, initial=initial)
    if form.is_valid():
        projects.update_project(project=project, actor=access.user, now=clock.now(), **form.cleaned_data)
        messages.success(request, _("The project is saved."))
        return redirect("projects:edit-project", project.public_id)
    lines = queries.audit_lines(project=project) if access.can_administer else []
    context = {
        "form": form, "zone_label": zones.label(project.time_zone), "lines": lines,
        "launchers": queries.launchers(project=project).count() if access.can_administer else None,
    }  # fmt: skip
    return render(request, "projects/edit.html", context)


def list_audit(request: HttpRequest, project_id: str) -> HttpResponse:
    """Who did what, for owners."""
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    form = AuditForm(request.GET, people=queries.audit_people(project=access.project), kinds=queries.KINDS)
    chosen = queries.AuditFilter(**form.chosen()) if form.is_valid() else queries.AuditFilter()
    before = keyset.position(request.GET.get("before", ""))
    lines = queries.audit_lines(project=access.project, chosen=chosen, before=before, limit=_AUDIT_PAGE + 1)
    more = request.GET.copy()
    if len(lines) > _AUDIT_PAGE:
        more["before"] = str(lines[_AUDIT_PAGE - 1].id)
    context = {"form": form, "lines": lines[:_AUDIT_PAGE], "older": more.urlencode() if len(lines) > _AUDIT_PAGE else ""}
    return render(request, "projects/audit.html", context)


@require_POST
def set_mode(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    mode = Project.Mode.LIVE if request.POST.get("mode") == Project.Mode.LIVE else Project.Mode.PRACTICE
    try:
        projects.set_mode(project=access.project, actor=access.user, mode=mode, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("projects:edit-project", project_id)


@require_POST
def allow_raw_values(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    is_allowed = request.POST.get("allow") == "1"
    projects.allow_raw_values(project=access.project, actor=access.user, is_allowed=is_allowed, now=clock.now())
    return redirect("projects:edit-project", project_id)


@require_POST
def set_approval(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    is_needed = request.POST.get("approval") == "needed"
    projects.set_approval(project=access.project, actor=access.user, is_needed=is_needed, now=clock.now())
    return redirect("projects:edit-project", project_id)


@require_POST
def delete_project(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    try:
        projects.delete_project(project=access.project, actor=access.user, name=request.POST.get("name", ""), now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("projects:edit-project", project_id)
    messages.success(request, _("The project is deleted."))
    return redirect("projects:list-projects")


def list_members(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER if request.method == "POST" else Role.VIEWER)
    form = InviteForm(request.POST or None)
    if form.is_valid():
        try:
            members.invite(
                project=access.project, actor=access.user, email=form.cleaned_data["email"], role=Role(form.cleaned_data["role"]),
                now=clock.now(),
            )  # fmt: skip
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The invitation is mailed."))
            return redirect("projects:list-members", project_id)
    context = {
        "form": form,
        "members": Member.objects.filter(project=access.project).select_related("user").order_by("user__email"),
        "invitations": Invitation.objects.filter(project=access.project, accepted_at=None).order_by("email"),
        "roles": Role.choices,
        "to_mailbox": settings.MAILS_TO_MAILBOX,
    }
    return render(request, "projects/members.html", context)


@require_POST
def change_member(request: HttpRequest, project_id: str, member_id: int) -> HttpResponse:
    """Set a role, or remove: oneself anybody may, others an owner."""
    access = project_or_404(request, project_id)
    member = get_object_or_404(Member.objects.select_related("user", "project"), pk=member_id, project=access.project)
    is_leaving = "remove" in request.POST and member.user_id == access.user.pk
    if not is_leaving:
        project_or_404(request, project_id, at_least=Role.OWNER)
    try:
        if "remove" in request.POST:
            members.remove_member(member=member, actor=access.user, now=clock.now())
        else:
            form = RoleForm(request.POST)
            if form.is_valid():
                members.set_role(member=member, actor=access.user, role=Role(form.cleaned_data["role"]), now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("projects:list-members", project_id)
    return redirect("projects:list-projects") if is_leaving else redirect("projects:list-members", project_id)


@require_POST
def withdraw_invitation(request: HttpRequest, project_id: str, invitation_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.OWNER)
    invitation = get_object_or_404(Invitation, pk=invitation_id, project=access.project, accepted_at=None)
    members.withdraw_invitation(invitation=invitation, actor=access.user, now=clock.now())
    return redirect("projects:list-members", project_id)
