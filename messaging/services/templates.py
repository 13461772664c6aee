"""Message templates: made, saved as versions, activated, copied, deleted. What is saved can be sent."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import tags as tags_of
from messaging import template_uses
from messaging.message_templates.documents import prepared
from messaging.message_templates.refusals import TemplateRefused
from messaging.models import MessageTemplate, MessageTemplateVersion
from messaging.ports import TemplateUser
from projects.models import Installation, Project, User
from projects.services import audit

TEMPLATES_LIMIT = 20_000  # of the installation (reference, section 12)
VERSIONS_LIMIT = 5_000  # of a template
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class TemplateChanged(TemplateRefused):
    """Somebody saved the template since. ``version``: its revision, to save over knowingly."""

    def __init__(self, message: object, version: int) -> None:
        super().__init__(message)
        self.version = version


class TemplateInUse(TemplateRefused):
    """Campaigns need it; ``users`` says which."""

    def __init__(self, message: object, users: list[TemplateUser]) -> None:
        super().__init__(message)
        self.users = users


class NoSuchVersion(TemplateRefused):
    """The template has no such version (any more)."""


def create_template(
    *,
    project: Project | None,
    actor: User | None,
    template_type: str,
    name: str,
    document: Mapping[str, Any],
    now: datetime.datetime,
    tags: Mapping[str, str] | None = None,
) -> MessageTemplate:
    """Make a template; its version 1 is active. ``project`` None: the installation's, for every project.

    Raises ``TemplateRefused`` and ``TemplateError``.
    """
    if not _NAME.fullmatch(name):
        raise TemplateRefused(
            _("A template's name begins with a letter or digit and has at most 128 letters (A–Z, a–z), digits, “_” and “-”.")
        )
    stored = prepared(template_type, document, allow_unescaped=_allows_raw_values(project))
    with transaction.atomic():
        Installation.objects.get_or_create(singleton=True)
        Installation.objects.select_for_update().get(singleton=True)  # two at once must not pass the limit together
        if MessageTemplate.objects.count() >= TEMPLATES_LIMIT:
            raise TemplateRefused(_("There are %(limit)s templates. Delete one first.") % {"limit": f"{TEMPLATES_LIMIT:,}"})
        try:
            with transaction.atomic():
                template = MessageTemplate.objects.create(
                    project=project, template_type=template_type, name=name, tags=dict(tags or {}), created_by=actor,
                    created_at=now, updated_at=now,
                )  # fmt: skip
        except IntegrityError:
            raise TemplateRefused(
                _(
                    "There is a template with the name “%(name)s” already. Names are one for the whole installation: choose another."
                )
                % {"name": name}
            ) from None
        _keep(template, 1, stored, actor, now)
        _audit(template, actor, "template.created", now)
    return template


def update_template(
    *,
    template: MessageTemplate,
    actor: User | None,
    document: Mapping[str, Any],
    now: datetime.datetime,
    create_new_version: bool,
    version: int | None = None,
    base_revision: int | None = None,
) -> MessageTemplateVersion:
    """Save a new version, which is not active before it is activated, or save over the latest one.

    ``version``: which one is meant to be saved over; refused when it is not the latest. ``base_revision``: the template's revision
    that the change was made from (None: whichever). Raises ``TemplateChanged``, ``TemplateInUse`` when a campaign was launched
    with the latest version pinned, ``TemplateRefused`` and ``TemplateError``.
    """
    if create_new_version and version is not None:
        raise TemplateRefused(_("Either a new version is saved, or a version is named to be saved over; not both."))
    stored = prepared(template.template_type, document, allow_unescaped=_allows_raw_values(template.project))
    with transaction.atomic():
        held = _held(template)
        latest = latest_version(held)
        if base_revision is not None and base_revision != held.revision:
            raise _changed(held, latest, actor)
        if version is not None and version != latest.version:
            raise TemplateRefused(
                _("Version %(version)s is not the latest one (%(latest)s). Load the template again.")
                % {"version": version, "latest": latest.version}
            )
        saved = _add_version(held, stored, actor, now) if create_new_version else _save_over(held, latest, stored, actor, now)
        _audit(held, actor, "template.saved", now, version=saved.version)
    template.refresh_from_db()
    return saved


def activate_version(
    *, template: MessageTemplate, actor: User | None, version: int | str, now: datetime.datetime
) -> MessageTemplateVersion:
    """Make a version (or "latest") the active one: campaigns that follow the template send it from their next run on."""
    with transaction.atomic():
        held = _held(template)
        chosen = latest_version(held) if version == "latest" else version_of(held, version)
        if held.active_version != chosen.version:
            held.active_version = chosen.version
            held.updated_at = now
            held.save(update_fields=["active_version", "updated_at"])
            _audit(held, actor, "template.activated", now, version=chosen.version)
    template.refresh_from_db()
    return chosen


def change_tags(
    *, template: MessageTemplate, actor: User | None, add: Mapping[str, str], remove: Collection[str], now: datetime.datetime
) -> None:
    """Raises ``TagsRefused``, and ``TemplateRefused`` when it was deleted."""
    with transaction.atomic():
        held = _held(template)
        held.tags = tags_of.changed(held.tags, add=add, remove=remove)
        held.save(update_fields=["tags"])
        _audit(held, actor, "template.tagged", now, tags=held.tags)
    template.refresh_from_db()


def restore_version(
    *, template: MessageTemplate, actor: User | None, version: int, now: datetime.datetime
) -> MessageTemplateVersion:
    """What an older version says as a new one."""
    with transaction.atomic():
        held = _held(template)
        old = version_of(held, version)
        saved = _add_version(
            held, prepared(held.template_type, old.document, allow_unescaped=_allows_raw_values(held.project)), actor, now
        )
        _audit(held, actor, "template.restored", now, version=saved.version, of=old.version)
    template.refresh_from_db()
    return saved


def copy_template(
    *,
    template: MessageTemplate,
    project: Project | None,
    actor: User | None,
    name: str,
    now: datetime.datetime,
    version: int | None = None,
) -> MessageTemplate:
    """A new template that says what a version (None: the active one) says; it belongs to ``project``."""
    source = version_of(template, template.active_version if version is None else version)
    return create_template(
        project=project, actor=actor, template_type=template.template_type, name=name, document=source.document, now=now
    )


def delete_template(*, template: MessageTemplate, actor: User | None, now: datetime.datetime) -> None:
    """Delete a template with all its versions. Raises ``TemplateInUse`` while a campaign that is not finished uses it.

    A launch holds the template, so that either the launch is refused or this.
    """
    with transaction.atomic():
        held = MessageTemplate.objects.select_for_update(of=("self",)).filter(pk=template.pk).first()
        if held is None:
            return  # somebody else was quicker
        _check_unused([user for user in template_uses.users_of(template=held) if not user.is_finished])
        _audit(held, actor, "template.deleted", now, name=held.name)
        held.delete()


def delete_version(*, template: MessageTemplate, actor: User | None, version: int | str, now: datetime.datetime) -> None:
    """Delete one version, whose number is never given again; the only one goes with the template.

    Raises ``NoSuchVersion``, ``TemplateInUse`` while a campaign that is not finished pins it, ``TemplateRefused`` for the active one.
    """
    with transaction.atomic():
        held = _held(template)
        chosen = version_of(held, version)
        if held.versions.count() == 1:
            delete_template(template=held, actor=actor, now=now)
            return
        if chosen.version == held.active_version:
            raise TemplateRefused(
                _("Version %(version)s is the active one. Make another one active first.") % {"version": chosen.version}
            )
        _check_unused([u for u in template_uses.users_of(template=held) if u.version == chosen.version and not u.is_finished])
        _audit(held, actor, "template.version_deleted", now, version=chosen.version)
        chosen.delete()
        _touch(held, now)


def hold_template(*, project: Project, template_type: str, name: str) -> MessageTemplate | None:
    """The template that a project uses under this name, kept from being deleted or changed until the transaction ends."""
    found = template_uses.visible(project=project).filter(template_type=template_type, name=name)
    return found.select_for_update(of=("self",), no_key=True).first()


def latest_version(template: MessageTemplate) -> MessageTemplateVersion:
    return template.versions.select_related("created_by").order_by("-version")[:1].get()


def version_of(template: MessageTemplate, version: int | str) -> MessageTemplateVersion:
    """Raises ``NoSuchVersion``."""
    is_number = isinstance(version, int) or (version.isascii() and version.isdecimal() and len(version) < 10)
    found = template.versions.filter(version=int(version)).first() if is_number else None
    if found is None:
        raise NoSuchVersion(_("The template has no version %(version)s.") % {"version": str(version)[:20]})
    return found


def _allows_raw_values(project: Project | None) -> bool:
    """The installation's templates may be sent by every project, so by those that forbid it as well."""
    return project is not None and project.allows_raw_values


def _held(template: MessageTemplate) -> MessageTemplate:
    held = MessageTemplate.objects.select_for_update(of=("self",)).filter(pk=template.pk).first()
    if held is None:
        raise TemplateRefused(_("The template was deleted."))
    return held


def _add_version(
    held: MessageTemplate, document: dict[str, Any], actor: User | None, now: datetime.datetime
) -> MessageTemplateVersion:
    if held.versions.count() >= VERSIONS_LIMIT:
        raise TemplateRefused(
            _("The template has %(limit)s versions. Save over the latest one, or copy the template.")
            % {"limit": f"{VERSIONS_LIMIT:,}"}
        )
    held.last_version += 1
    _touch(held, now)
    return _keep(held, held.last_version, document, actor, now)


def _check_unused(users: list[TemplateUser]) -> None:
    if users:
        names = ", ".join(f"“{user.name}”" for user in users[:5])
        raise TemplateInUse(
            _("It is used by %(names)s. Choose another message there, or delete what uses it, first.") % {"names": names}, users
        )


def _save_over(
    held: MessageTemplate, latest: MessageTemplateVersion, document: dict[str, Any], actor: User | None, now: datetime.datetime
) -> MessageTemplateVersion:
    pinning = [
        user for user in template_uses.users_of(template=held) if user.is_launched and user.version == latest.version
    ]  # what was launched is what was reviewed
    if pinning:
        raise TemplateInUse(
            _("Version %(version)s is what the campaign “%(name)s” was launched with. Save a new version instead.")
            % {"version": latest.version, "name": pinning[0].name},
            pinning,
        )
    _touch(held, now)
    latest.document, latest.updated_at, latest.created_by = document, now, actor
    latest.save(update_fields=["document", "updated_at", "created_by"])
    return latest


def _touch(held: MessageTemplate, now: datetime.datetime) -> None:
    held.revision += 1
    held.updated_at = now
    held.save(update_fields=["last_version", "revision", "updated_at"])


def _keep(
    template: MessageTemplate, version: int, document: dict[str, Any], actor: User | None, now: datetime.datetime
) -> MessageTemplateVersion:
    return MessageTemplateVersion.objects.create(
        template=template, version=version, document=document, created_by=actor, created_at=now, updated_at=now
    )


def _changed(held: MessageTemplate, latest: MessageTemplateVersion, actor: User | None) -> TemplateChanged:
    given = {"at": f"{timezone.localtime(latest.updated_at):%Y-%m-%d %H:%M}", "who": str(latest.created_by)}
    if latest.created_by is None:
        message = _("The template was saved on %(at)s, after this page was loaded.") % given
    elif latest.created_by == actor:
        message = _("You saved the template in another window on %(at)s, after this page was loaded.") % given
    else:
        message = _("%(who)s saved the template on %(at)s, after this page was loaded.") % given
    return TemplateChanged(message, held.revision)


def _audit(template: MessageTemplate, actor: User | None, verb: str, now: datetime.datetime, **data: Any) -> None:
    audit.record(project=template.project, actor=actor, verb=verb, target=template, now=now, **{"name": template.name, **data})
