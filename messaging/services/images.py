"""Pictures for messages: kept in the default storage, under addresses that nobody guesses."""

from __future__ import annotations

import datetime
import secrets
from pathlib import PurePath

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from messaging.message_templates import pictures
from messaging.message_templates.refusals import TemplateRefused
from messaging.models import MessageImage
from projects.models import Project, User
from projects.services import audit

IMAGES_LIMIT = 2_000  # of a project


def add_image(*, project: Project, actor: User | None, name: str, data: bytes, now: datetime.datetime) -> MessageImage:
    """Keep a picture for the project's messages. Raises ``TemplateRefused`` for what is no picture that mail programs show.

    The file is written before its row: killed between the two, a file is left that nobody knows.
    """
    picture = pictures.recognised(data)
    if MessageImage.objects.filter(project=project).count() >= IMAGES_LIMIT:
        raise TemplateRefused(_("The project has %(limit)s pictures. Delete some first.") % {"limit": f"{IMAGES_LIMIT:,}"})
    token = secrets.token_hex(16)
    kind = picture.content_type.rpartition("/")[2]
    file = default_storage.save(f"images/{project.public_id}/{token}.{kind}", ContentFile(data))
    with transaction.atomic():
        image = MessageImage.objects.create(
            project=project, token=token, name=PurePath(name).name[:200] or f"{token}.{kind}", content_type=picture.content_type,
            width=picture.width, height=picture.height, size=len(data), file=file, created_by=actor, created_at=now,
        )  # fmt: skip
        audit.record(project=project, actor=actor, verb="image.added", target=image, now=now, name=image.name)
    return image


def delete_image(*, image: MessageImage, actor: User | None, now: datetime.datetime) -> None:
    """Delete a picture; mails that were sent with it show a gap from then on.

    The row goes first: killed between the two, a file is left that nobody knows, and no address without a file.
    """
    with transaction.atomic():
        audit.record(project=image.project, actor=actor, verb="image.deleted", target=image, now=now, name=image.name)
        MessageImage.objects.filter(pk=image.pk).delete()
    default_storage.delete(image.file)


def visible_images(*, project: Project, limit: int = 200) -> list[MessageImage]:
    """The pictures that a project's messages may have, newest first."""
    return list(MessageImage.objects.filter(Q(project=project) | Q(project=None)).order_by("-pk")[:limit])
