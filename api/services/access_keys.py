"""Access keys: made (the secret is shown once), revoked."""

from __future__ import annotations

import base64
import datetime
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from api.models import AccessKey, Right
from core import secretbox
from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit

LIMIT = 100  # keys of a project, or of the account, that are not revoked
_PREFIX = "PABAL"


class AccessKeyRefused(Refusal):
    """The key is not made, or is gone already."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """The only moment at which the secret is known to anybody but its owner."""

    key: AccessKey
    secret: str


def create_access_key(
    *, project: Project | None, actor: User, name: str, rights: Collection[str], now: datetime.datetime
) -> NewKey:
    """Make a key for a project, or (None) for the account. Raises ``AccessKeyRefused``."""
    wanted = sorted({str(Right(right)) for right in rights})
    if not wanted:
        raise AccessKeyRefused(_("Choose at least one right."))
    if Right.APP in wanted and (len(wanted) > 1 or project is None):
        raise AccessKeyRefused(_("A key for apps and browsers is one project's, and may do nothing else."))
    secret = secrets.token_urlsafe(30)
    with transaction.atomic():
        if AccessKey.objects.filter(project=project, revoked_at=None).count() >= LIMIT:
            raise AccessKeyRefused(_("There are %(limit)s keys. Revoke one first.") % {"limit": LIMIT})
        key = AccessKey.objects.create(
            project=project, name=name, access_key_id=_new_id(), sealed_secret=secretbox.seal(secret), rights=wanted,
            created_by=actor, created_at=now,
        )  # fmt: skip
        audit.record(
            project=project, actor=actor, verb="access_key.created", target=key, now=now, name=name, rights=wanted,
            access_key_id=key.access_key_id,
        )  # fmt: skip
    return NewKey(key, secret)


def revoke_access_key(*, key: AccessKey, actor: User, now: datetime.datetime) -> None:
    """From now on nothing that it signs is accepted. Raises ``AccessKeyRefused`` when it was revoked already."""
    with transaction.atomic():
        if not AccessKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
            raise AccessKeyRefused(_("The key is revoked already."))
        audit.record(
            project=key.project, actor=actor, verb="access_key.revoked", target=key, now=now, name=key.name,
            access_key_id=key.access_key_id,
        )  # fmt: skip


def _new_id() -> str:
    """Twenty letters and digits, as AWS's are, that nobody takes for one of AWS's."""
    return _PREFIX + base64.b32encode(secrets.token_bytes(10)).decode()[:15]
