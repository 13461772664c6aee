"""The signature of an address's domain, where the project has its key and DNS has it, too."""

from __future__ import annotations

from cryptography.fernet import InvalidToken
from django.utils.translation import gettext as _

from core import secretbox
from core.errors import Refusal
from messaging.domains import dkim, keys, names
from messaging.models import DkimKey
from projects.models import Project


class KeyUnreadable(Refusal):
    """The key was sealed with another ``SECRETS_KEY``."""


def signer_for(*, project: Project, address: str, without: frozenset[str] = frozenset()) -> dkim.Signer | None:
    """Signs with the newest key that DNS has; None for an address whose domain has none. Raises ``KeyUnreadable``."""
    seen = DkimKey.objects.filter(domain__project=project, domain__name=names.domain_of(address), seen_at__isnull=False)
    key = seen.select_related("domain").order_by("-pk").first()
    if key is None:
        return None
    try:
        private = keys.load(secretbox.unseal(key.sealed_private_key))
    except InvalidToken:
        given = {"name": key.domain.name}
        raise KeyUnreadable(
            _("The key of %(name)s can't be opened: SECRETS_KEY was changed. Make another key.") % given
        ) from None
    return dkim.Signer(domain=key.domain.name, selector=key.selector, key=private, without=without)
