"""From a signed request to its key: looked up, its signature checked, its use noted."""

from __future__ import annotations

import datetime
import functools

from cryptography.fernet import InvalidToken
from django.db.models import Q

from api.identity import sigv4
from api.models import AccessKey
from api.protocol.errors import Forbidden
from core import secretbox

_NOTED = datetime.timedelta(minutes=1)  # a key's last use is written once in a minute


def authenticate(request: sigv4.SignedRequest, *, now: datetime.datetime) -> AccessKey:
    """The key that signed the request. Raises ``Forbidden``. A revoked key is refused from its revocation on: nothing is cached."""
    claim = sigv4.read_claim(request)
    key = AccessKey.objects.select_related("project").filter(access_key_id=claim.access_key_id[:20]).first()
    if key is None or key.access_key_id != claim.access_key_id:
        raise Forbidden("The access key ID you provided does not exist in this installation.")
    sigv4.verify(request, claim, secret=_secret(key), now=now)
    if key.revoked_at is not None:
        raise Forbidden("The access key was revoked.")
    if key.project is not None and key.project.deleted_at is not None:
        raise Forbidden("The project of this access key was deleted.")
    _note_use(key, now)
    return key


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
