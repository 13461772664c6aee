"""From a signed request to its key: looked up, its signature checked, its use noted."""

from __future__ import annotations

import datetime
import functools
import re

from cryptography.fernet import InvalidToken
from django.db.models import Q

from api.identity import held, sigv4
from api.models import AccessKey
from api.protocol.errors import Forbidden
from core import secretbox
from projects.models import Role

_ID = re.compile(r"[A-Z0-9]{1,20}\Z")
_NOTED = datetime.timedelta(minutes=1)  # a key's last use is written once in a minute


def authenticate(request: sigv4.SignedRequest, *, now: datetime.datetime) -> tuple[AccessKey, Role]:
    """The key that signed the request, and what its maker is where it is used. Raises ``Forbidden``.

    A key does nothing that its maker may not do now. It is refused from its revocation on, as from the day when its maker leaves.
    """
    claim = sigv4.read_claim(request)
    key = held.access_key(claim.access_key_id) if _ID.match(claim.access_key_id) else None
    if key is None:
        raise Forbidden("The access key ID you provided does not exist in this installation.")
    sigv4.verify(request, claim, secret=_secret(key), now=now)
    if key.revoked_at is not None:
        raise Forbidden("The access key was revoked.")
    if key.project is not None and key.project.deleted_at is not None:
        raise Forbidden("The project of this access key was deleted.")
    role = _role(key)
    _note_use(key, now)
    return key, role


def _role(key: AccessKey) -> Role:
    """Raises ``Forbidden`` when whoever made the key may do nothing here any more."""
    maker = key.created_by
    if key.is_for_apps:  # it is the project's, whoever made it, and can hardly do anything
        return Role.VIEWER
    if maker.is_active and maker.is_superuser:
        return Role.OWNER
    role: str | None = key.role  # type: ignore[attr-defined]  # annotated
    if not maker.is_active or role is None:
        raise Forbidden("Whoever made this access key has no access any more. Make a new one.")
    return Role(role)


def _secret(key: AccessKey) -> str:
    try:
        return _unsealed(key.sealed_secret)
    except InvalidToken:
        raise Forbidden("The secret of this access key can't be read: SECRETS_KEY is another one. Make a new key.") from None


@functools.lru_cache(maxsize=1_024)
def _unsealed(sealed: str) -> str:
    return secretbox.unseal(sealed)


def _note_use(key: AccessKey, now: datetime.datetime) -> None:
    if key.last_used_at is None or key.last_used_at < now - _NOTED:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _NOTED)
        AccessKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
