"""Projects: created, changed, gone live, deleted."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from core import tags as tags_of
from core.errors import Refusal
from projects import ports
from projects.models import Member, Project, Role, User
from projects.services import audit


@dataclass(frozen=True, slots=True)
class Moved:
    """What comes along from another place: the public id, and when it was made there."""

    public_id: str
    created_at: datetime.datetime


class NotReady(Refusal):
    """The project can't go live; the sentence says what is missing."""


def create_project(
    *,
    actor: User,
    name: str,
    description: str,
    time_zone: str,
    now: datetime.datetime,
    tags: Mapping[str, str] | None = None,
    moved: Moved | None = None,
) -> Project:
    """Make a project in practice mode, with the actor as its owner. ``moved``: one that was elsewhere, and keeps its id."""
    kept = {"public_id": moved.public_id, "created_at": moved.created_at} if moved else {"created_at": now}
    with transaction.atomic():
        project = Project.objects.create(
            name=name, description=description, time_zone=time_zone, created_by=actor, tags=dict(tags or {}), **kept
        )
        Member.objects.create(project=project, user=actor, role=Role.OWNER)
        audit.record(project=project, actor=actor, verb="project.created", target=project, now=now, name=name)
    return project


def update_project(*, project: Project, actor: User, name: str, description: str, time_zone: str, now: datetime.datetime) -> None:
    with transaction.atomic():
        project.name, project.description, project.time_zone = name, description, time_zone
        project.save(update_fields=["name", "description", "time_zone"])
        audit.record(project=project, actor=actor, verb="project.updated", target=project, now=now, name=name)


def change_tags(
    *, project: Project, actor: User, add: Mapping[str, str], remove: Collection[str], now: datetime.datetime
) -> None:
    """Raises ``TagsRefused``."""
    with transaction.atomic():
        held = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        held.tags = tags_of.changed(held.tags, add=add, remove=remove)
        held.save(update_fields=["tags"])
        audit.record(project=held, actor=actor, verb="project.tagged", target=held, now=now, tags=held.tags)


def set_mode(*, project: Project, actor: User, mode: Project.Mode, now: datetime.datetime) -> None:
    """Go live, or back to practice. Raises ``NotReady`` when something is missing for real mail."""
    if mode == Project.Mode.LIVE:
        problems = [problem for some in ports.live_requirements.call(project) for problem in some]
        if problems:
            raise NotReady(" ".join(problems))
    with transaction.atomic():
        Project.objects.filter(pk=project.pk).update(mode=mode)
        audit.record(project=project, actor=actor, verb="project.mode_changed", target=project, now=now, mode=mode)


def allow_raw_values(*, project: Project, actor: User, is_allowed: bool, now: datetime.datetime) -> None:
    """Whether ``{{{ }}}`` may put values into a page as they are. What is being sent goes on as it was checked."""
    with transaction.atomic():
        Project.objects.filter(pk=project.pk).update(allows_raw_values=is_allowed)
        verb = "project.raw_values_allowed" if is_allowed else "project.raw_values_refused"
        audit.record(project=project, actor=actor, verb=verb, target=project, now=now)


def set_approval(*, project: Project, actor: User, is_needed: bool, now: datetime.datetime) -> None:
    """From now on a campaign is launched by somebody else than its authors, or by anybody who may launch. Said again: nothing happens.

    What was launched stays launched; a request that is open can be approved still, and without the demand its campaign be launched.
    """
    with transaction.atomic():
        changed = Project.objects.filter(pk=project.pk, needs_approval=not is_needed).update(needs_approval=is_needed)
        if changed:
            verb = "project.approval_demanded" if is_needed else "project.approval_dropped"
            audit.record(project=project, actor=actor, verb=verb, target=project, now=now)


def delete_project(*, project: Project, actor: User, name: str, now: datetime.datetime) -> None:
    """Delete a project whose name was typed correctly: it disappears for everybody and sends nothing more."""
    if name != project.name:
        raise Refusal(_("The name does not match. Nothing was deleted."))
    with transaction.atomic():
        Project.objects.filter(pk=project.pk).update(deleted_at=now)
        audit.record(project=project, actor=actor, verb="project.deleted", target=project, now=now, name=project.name)
