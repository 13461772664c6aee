"""Creating, changing and deleting segments. Each save is a version; a version never changes."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import tags as tags_of
from core.audience import Audience
from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit
from segments import ports, uses
from segments.evaluation import parse_document, sources
from segments.models import Segment, SegmentType, SegmentVersion


class SegmentNotEditable(Refusal):
    """The segment is an imported one, or deleted."""


class SegmentChanged(Refusal):
    """There is a newer version than the one that the change was made from. ``version``: the newest, to save over knowingly."""

    def __init__(self, message: object, version: int) -> None:
        super().__init__(message)
        self.version = version


class SegmentInUse(Refusal):
    """A campaign or another segment needs the segment. ``users`` are their names."""

    def __init__(self, message: object, users: list[str]) -> None:
        super().__init__(message)
        self.users = users


def create_segment(
    *,
    project: Project,
    actor: User | None,
    name: str,
    document: dict[str, Any],
    now: datetime.datetime,
    is_listed: bool = True,
) -> Segment:
    """A dynamic segment. ``is_listed=False``: made inside a campaign's wizard, shown only there. Raises ``DefinitionRefused``."""
    sources.check(project_id=project.pk, definition=parse_document(document))
    return _made(project, actor, name, document, now, is_listed=is_listed)


def copy_unlisted_segment(
    *, segment: Segment, version: int | None, name: str, actor: User | None, now: datetime.datetime
) -> Segment:
    """A new unlisted segment with the definition of a version (None: the newest), for a campaign that is copied.

    A definition that can't be evaluated any more is copied as it is: the review of the copy says what is wrong with it.
    """
    document = segment.versions.get(version=version or segment.version).document
    return _made(segment.project, actor, name, document, now, is_listed=False)


def _made(
    project: Project, actor: User | None, name: str, document: dict[str, Any], now: datetime.datetime, *, is_listed: bool
) -> Segment:
    with transaction.atomic():
        segment = Segment.objects.create(
            project=project,
            name=name,
            segment_type=SegmentType.DIMENSIONAL,
            is_listed=is_listed,
            created_by=actor,
            created_at=now,
            updated_at=now,
        )
        SegmentVersion.objects.create(segment=segment, version=1, document=document, created_by=actor, created_at=now)
        audit.record(project=project, actor=actor, verb="segment.created", target=segment, now=now, name=name)
    return segment


def update_segment(
    *,
    segment: Segment,
    actor: User | None,
    document: dict[str, Any],
    name: str,
    now: datetime.datetime,
    base_version: int | None = None,
) -> Segment:
    """The next version of a dynamic segment. Raises ``DefinitionRefused`` or ``SegmentNotEditable``.

    ``base_version``: the version that the change was made from (None: save over whatever is there). Raises ``SegmentChanged`` when
    there is a newer one that says something else; two at once: one waits for the other, and is refused.
    """
    definition = parse_document(document)
    with transaction.atomic():
        locked = Segment.objects.select_for_update(of=("self",)).select_related("project").get(pk=segment.pk)
        if locked.segment_type != SegmentType.DIMENSIONAL or locked.deleted_at is not None:
            raise SegmentNotEditable(
                _("An imported segment can't be edited. Make a dynamic segment that has it as its base segment.")
            )
        sources.check(project_id=locked.project_id, definition=definition, segment_id=locked.public_id)
        document = _with_tags(locked, document)
        _check_unchanged(locked, base_version, name, document, actor)
        locked.version += 1
        locked.name = name
        locked.updated_at = now
        locked.save(update_fields=["version", "name", "updated_at"])
        SegmentVersion.objects.create(segment=locked, version=locked.version, document=document, created_by=actor, created_at=now)
        audit.record(project=locked.project, actor=actor, verb="segment.changed", target=locked, now=now, version=locked.version)
    return locked


def _check_unchanged(locked: Segment, base_version: int | None, name: str, document: dict[str, Any], actor: User | None) -> None:
    if base_version is None or base_version == locked.version:
        return
    newest = locked.versions.select_related("created_by").get(version=locked.version)
    if (locked.name, newest.document) != (name, document):
        raise _changed(newest, actor)


def _changed(newest: SegmentVersion, actor: User | None) -> SegmentChanged:
    given = {"at": f"{timezone.localtime(newest.created_at):%Y-%m-%d %H:%M}", "who": str(newest.created_by)}
    if newest.created_by is None:
        sentence = _("The segment was changed on %(at)s, after this page was loaded.")
    elif newest.created_by == actor:
        sentence = _("You changed the segment in another window on %(at)s, after this page was loaded.")
    else:
        sentence = _("%(who)s changed the segment on %(at)s, after this page was loaded.")
    return SegmentChanged(sentence % given, newest.version)


def _with_tags(segment: Segment, document: dict[str, Any]) -> dict[str, Any]:
    """The document with the tags of the newest version: they are the segment's, and no new definition changes them."""
    newest = segment.versions.values_list("document", flat=True).get(version=segment.version)
    tags = {"tags": newest["tags"]} if "tags" in newest else {}
    return {key: value for key, value in document.items() if key != "tags"} | tags


def change_tags(
    *, segment: Segment, actor: User | None, add: Mapping[str, str], remove: Collection[str], now: datetime.datetime
) -> None:
    """Tags stand in the newest version's document, but are no part of what it defines: no version is made. Raises ``TagsRefused``."""
    with transaction.atomic():
        locked = Segment.objects.select_for_update(of=("self",)).select_related("project").get(pk=segment.pk)
        newest = locked.versions.defer("members").get(version=locked.version)
        tags = tags_of.changed(newest.document.get("tags", {}), add=add, remove=remove)
        newest.document = newest.document | {"tags": tags}
        newest.save(update_fields=["document"])
        audit.record(project=locked.project, actor=actor, verb="segment.tagged", target=locked, now=now, tags=tags)


def create_import_segment(
    *,
    project: Project,
    actor: User | None,
    name: str,
    members: Audience,
    import_definition: dict[str, Any],
    now: datetime.datetime,
) -> Segment:
    """A segment that is a fixed set of endpoints. ``import_definition`` is Pinpoint's SegmentImportResource."""
    with transaction.atomic():
        segment = Segment.objects.create(
            project=project, name=name, segment_type=SegmentType.IMPORT, created_by=actor, created_at=now, updated_at=now
        )
        SegmentVersion.objects.create(
            segment=segment,
            version=1,
            members=members,
            import_definition=import_definition,
            created_by=actor,
            created_at=now,
        )
        audit.record(project=project, actor=actor, verb="segment.imported", target=segment, now=now, size=len(members))
    return segment


def create_fixed_segment(
    *, project: Project, actor: User | None, name: str, members: Audience, now: datetime.datetime
) -> Segment:
    """A segment of endpoints that no file brought: what a query or a point of a chart comes to now. Its import names no place."""
    definition = {"Format": "CSV", "S3Url": "", "RoleArn": "", "ExternalId": "", "Size": len(members)}
    return create_import_segment(
        project=project, actor=actor, name=name, members=members, import_definition=definition, now=now
    )  # fmt: skip


def update_import_segment(
    *, segment: Segment, actor: User | None, members: Audience, import_definition: dict[str, Any], now: datetime.datetime
) -> Segment:
    """The next version of an imported segment, with other members. Raises ``SegmentNotEditable``."""
    with transaction.atomic():
        locked = Segment.objects.select_for_update(of=("self",)).select_related("project").get(pk=segment.pk)
        if locked.segment_type != SegmentType.IMPORT or locked.deleted_at is not None:
            raise SegmentNotEditable(_("Files can be imported into an imported segment only."))
        locked.version += 1
        locked.updated_at = now
        locked.save(update_fields=["version", "updated_at"])
        SegmentVersion.objects.create(
            segment=locked, version=locked.version, members=members, import_definition=import_definition, created_by=actor, created_at=now,
        )  # fmt: skip
        audit.record(
            project=locked.project,
            actor=actor,
            verb="segment.imported",
            target=locked,
            now=now,
            size=len(members),
            version=locked.version,
        )
    return locked


def restore_version(*, segment: Segment, version: int, actor: User | None, now: datetime.datetime) -> Segment:
    """A new version with what an older one held: its definition, or its members. The name stays as it is.

    Raises ``SegmentVersion.DoesNotExist``, ``SegmentNotEditable``, or ``DefinitionRefused`` for one that can't be evaluated any more.
    """
    with transaction.atomic():
        locked = Segment.objects.select_for_update(of=("self",)).select_related("project").get(pk=segment.pk)
        old = locked.versions.get(version=version)
        if locked.deleted_at is not None or version == locked.version:
            raise SegmentNotEditable(_("This version is the newest one already. Load the page again."))
        if locked.segment_type == SegmentType.DIMENSIONAL:
            definition = parse_document(old.document)
            sources.check(project_id=locked.project_id, definition=definition, segment_id=locked.public_id)
        document = _with_tags(locked, old.document)
        locked.version += 1
        locked.updated_at = now
        locked.save(update_fields=["version", "updated_at"])
        SegmentVersion.objects.create(
            segment=locked, version=locked.version, document=document, members=old.members,
            import_definition=old.import_definition, created_by=actor, created_at=now,
        )  # fmt: skip
        given = {"version": locked.version, "restored": version}
        audit.record(project=locked.project, actor=actor, verb="segment.restored", target=locked, now=now, **given)
    return locked


def copy_segment(*, segment: Segment, actor: User | None, now: datetime.datetime) -> Segment:
    """A new segment with the newest definition; of an imported one: with the members that it has now, whatever becomes of them there.

    Raises ``DefinitionRefused`` for a definition that can't be evaluated any more.
    """
    name = (_("Copy of %(name)s") % {"name": segment.name})[:128]
    newest = segment.versions.get(version=segment.version)
    if segment.segment_type == SegmentType.DIMENSIONAL:
        return create_segment(project=segment.project, actor=actor, name=name, document=newest.document, now=now)
    return create_import_segment(
        project=segment.project, actor=actor, name=name, members=newest.members or Audience(),
        import_definition=newest.import_definition or {}, now=now,
    )  # fmt: skip


def delete_segment(*, segment: Segment, actor: User | None, now: datetime.datetime, ending: Collection[str] = ()) -> None:
    """Delete a segment; its versions stay for the runs of the past.

    ``ending``: the keys of the ``SegmentUser``s that somebody agreed to delete with it. Raises ``SegmentInUse`` when others would
    have to end, or a segment is built on it; nothing is deleted then.
    """
    with transaction.atomic():
        if ending:  # before the segment is locked: campaigns come first in the order of locks
            pins = uses.segment_uses(segment=segment).pins
            ports.end_segment_users.call(segment.project_id, pins, ending, actor, now)
        locked = Segment.objects.select_for_update(of=("self",)).select_related("project").get(pk=segment.pk)
        if locked.deleted_at is not None:
            return
        used = uses.segment_uses(segment=locked)
        if used.built_on_it or used.ending:
            names = [*(one.name for one in used.built_on_it), *(user.name for user in used.ending)]
            raise SegmentInUse(
                _("This segment is used by %(users)s. Change or delete that first.") % {"users": ", ".join(names)}, names
            )
        locked.deleted_at = now
        locked.save(update_fields=["deleted_at"])
        audit.record(
            project=locked.project,
            actor=actor,
            verb="segment.deleted",
            target=locked,
            now=now,
            name=locked.name,
            ended=sorted(ending),
        )


def hold_segment(*, project: Project, segment_id: str, base_version: int | None = None, actor: User | None = None) -> Segment:
    """The segment, kept from being changed or deleted until the transaction ends.

    Raises ``Segment.DoesNotExist`` when it is deleted, and ``SegmentChanged`` when it says something else than in ``base_version``,
    which ``actor`` looked at (None: whatever it says).
    """
    held = Segment.objects.select_for_update(no_key=True).get(project=project, public_id=segment_id, deleted_at=None)
    if base_version is not None:
        check_unchanged(segment=held, base_version=base_version, actor=actor)
    return held


def check_unchanged(*, segment: Segment, base_version: int, actor: User | None) -> None:
    """Raises ``SegmentChanged`` when the segment says something else than in the version that ``actor`` looked at."""
    if base_version == segment.version:
        return
    newest = segment.versions.select_related("created_by").get(version=segment.version)
    seen = segment.versions.filter(version=base_version).first()
    if seen is None or (seen.document, seen.members) != (newest.document, newest.members):
        raise _changed(newest, actor)
