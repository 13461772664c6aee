"""Domains of a project: added, their records shown to copy, looked up in DNS, given another key, deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refusal
from messaging import queries
from messaging.domains import doctor, names, wording
from messaging.forms import DomainForm
from messaging.models import DkimKey, SenderDomain
from messaging.services import domains
from projects.access import Access, project_or_404
from projects.models import Role


def list_domains(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER if request.method == "POST" else Role.VIEWER)
    form = DomainForm(request.POST or None)
    if form.is_valid():
        try:
            domain = domains.add_domain(project=access.project, actor=access.user, now=clock.now(), **form.cleaned_data)
        except Refusal as refusal:
            form.add_error("name", refusal.message)
        else:
            return redirect("messaging:show-domain", project_id, domain.pk)
    lines = [
        {"domain": domain, "shown": names.shown(domain.name), "worst": _worst(domain)}
        for domain in queries.domains(project=access.project)
    ]
    return render(request, "messaging/domains.html", {"form": form, "lines": lines, "tab": "domains"})


def show_domain(request: HttpRequest, project_id: str, domain_id: int) -> HttpResponse:
    access = project_or_404(request, project_id)
    domain = get_object_or_404(queries.domains_with_keys(project=access.project), pk=domain_id)
    signing = domains.signing_key(domain=domain)
    context: dict[str, Any] = {
        "domain": domain,
        "shown": names.shown(domain.name),
        "tab": "domains",
        "records": [
            {"record": record, "purpose": wording.PURPOSES[record.purpose]} for record in domains.wanted_records(domain=domain)
        ],
        "findings": [_line(finding) for finding in map(doctor.restored, domain.checks)],
        "keys": [{"key": key, "signs": signing is not None and key.pk == signing.pk} for key in domain.keys.all()],
        "can_add_key": len(domain.keys.all()) < domains.KEYS_LIMIT,
    }
    return render(request, "messaging/domain.html", context)


def _line(finding: doctor.Finding) -> dict[str, Any]:
    return {
        "check": wording.CHECKS[finding.check],
        "level": wording.LEVELS[finding.level],
        "colour": wording.COLOURS[finding.level],
        "sentence": wording.sentence(finding),
    }


def _worst(domain: SenderDomain) -> dict[str, Any] | None:
    """The gravest of what the last check found."""
    order = list(wording.COLOURS)
    found = [doctor.restored(one).level for one in domain.checks]
    known = [level for level in found if level != doctor.Level.UNKNOWN] or found
    if not known:
        return None
    level = max(known, key=order.index)
    return {"level": wording.LEVELS[level], "colour": wording.COLOURS[level]}


def _domain(request: HttpRequest, project_id: str, domain_id: int) -> tuple[Access, SenderDomain]:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    found = queries.domains(project=access.project).select_related("project")
    return access, get_object_or_404(found, pk=domain_id)


@require_POST
def check_domain(request: HttpRequest, project_id: str, domain_id: int) -> HttpResponse:
    _access, domain = _domain(request, project_id, domain_id)
    domains.check_domain(domain=domain, now=clock.now())
    if domain.is_usable:
        messages.success(request, _("%(name)s is verified: any address of it may send.") % {"name": names.shown(domain.name)})
    else:
        messages.warning(request, _("%(name)s is not verified: see below what is missing.") % {"name": names.shown(domain.name)})
    return redirect("messaging:show-domain", project_id, domain_id)


@require_POST
def add_key(request: HttpRequest, project_id: str, domain_id: int) -> HttpResponse:
    access, domain = _domain(request, project_id, domain_id)
    try:
        domains.add_key(domain=domain, actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("A second key is made. Add its record; it signs as soon as DNS has it."))
    return redirect("messaging:show-domain", project_id, domain_id)


@require_POST
def remove_key(request: HttpRequest, project_id: str, domain_id: int, key_id: int) -> HttpResponse:
    access, domain = _domain(request, project_id, domain_id)
    key = get_object_or_404(DkimKey.objects.select_related("domain__project"), pk=key_id, domain=domain)
    try:
        domains.remove_key(key=key, actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(
            request, _("The key is removed. Leave its record in DNS for a week: mail that is on its way is checked by it.")
        )
    return redirect("messaging:show-domain", project_id, domain_id)


@require_POST
def delete_domain(request: HttpRequest, project_id: str, domain_id: int) -> HttpResponse:
    access, domain = _domain(request, project_id, domain_id)
    domains.delete_domain(domain=domain, actor=access.user, now=clock.now())
    return redirect("messaging:list-domains", project_id)
