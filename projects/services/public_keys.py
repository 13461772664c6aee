"""Public keys: made, changed and revoked by owners. Which key allows what is asked of ``known_keys``."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Collection
from dataclasses import asdict, dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from core import secretbox
from core.errors import Refusal
from projects.models import Project, PublicKey, User
from projects.public_keys import clean_origin
from projects.services import audit, known_keys

KEYS_LIMIT = 50  # of a project, revoked ones not counted
ORIGINS_LIMIT = 50
_MINUTE = datetime.timedelta(minutes=1)


class KeyRefused(Refusal):
    """The key is not made or changed."""


@dataclass(frozen=True, slots=True)
class KeyValues:
    """What an owner may choose. ``origins`` in any spelling."""

    name: str
    origins: tuple[str, ...]
    needs_consent: bool = False
    trusts_pages: bool = False
    takes_new_names: bool = True


def make_key(*, project: Project, actor: User, values: KeyValues, now: datetime.datetime) -> PublicKey:
    """Raises ``KeyRefused``. Every process knows the key at once."""
    chosen = _checked(values)
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two at once: one after the other, for the limit
        if PublicKey.objects.filter(project=project, revoked_at=None).count() >= KEYS_LIMIT:
            raise KeyRefused(
                _("A project has %(limit)s keys at most. Revoke one that no page uses any more.") % {"limit": KEYS_LIMIT}
            )
        key = PublicKey.objects.create(
            project=project, token=f"pk_{secrets.token_hex(16)}", sealed_secret=secretbox.seal(f"sk_{secrets.token_hex(32)}"),
            created_by=actor, created_at=now, **asdict(chosen),
        )  # fmt: skip
        audit.record(project=project, actor=actor, verb="public_key.made", target=key, now=now, name=key.name)
        transaction.on_commit(known_keys.forget)
    return key


def change_key(*, key: PublicKey, actor: User, values: KeyValues, now: datetime.datetime) -> None:
    """It holds for every process within seconds. Raises ``KeyRefused``."""
    chosen = _checked(values)
    with transaction.atomic():
        if not PublicKey.objects.filter(pk=key.pk, revoked_at=None).update(**asdict(chosen)):
            raise KeyRefused(_("The key is revoked. Make a new one."))
        audit.record(project=key.project, actor=actor, verb="public_key.changed", target=key, now=now, name=chosen.name)
        transaction.on_commit(known_keys.forget)


def revoke_key(*, key: PublicKey, actor: User, now: datetime.datetime) -> None:
    """For good: within seconds nothing is taken with it any more. Revoked again: nothing happens."""
    with transaction.atomic():
        if PublicKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
            audit.record(project=key.project, actor=actor, verb="public_key.revoked", target=key, now=now, name=key.name)
        transaction.on_commit(known_keys.forget)


def note_used(*, key_ids: Collection[int], now: datetime.datetime) -> None:
    """That events were taken with these keys; written once a minute."""
    idle = PublicKey.objects.filter(pk__in=key_ids).exclude(used_at__gt=now - _MINUTE)
    for pk in idle.order_by("pk").values_list("pk", flat=True):
        PublicKey.objects.filter(pk=pk).update(used_at=now)


def secret_of(key: PublicKey) -> str:
    """What the project's own server signs with."""
    return secretbox.unseal(key.sealed_secret)


def _checked(values: KeyValues) -> KeyValues:
    origins = {one: clean_origin(one) for one in values.origins if one.strip()}
    if wrong := [one for one, clean in origins.items() if not clean]:
        raise KeyRefused(
            _(
                "“%(origin)s” is not an origin. Write https://shop.example.com, or https://*.example.com for all of its subdomains."
            )
            % {"origin": wrong[0][:100]}
        )
    if not origins:
        raise KeyRefused(_("Write at least one origin whose pages may use the key."))
    if len(origins) > ORIGINS_LIMIT:
        raise KeyRefused(_("A key has %(limit)s origins at most.") % {"limit": ORIGINS_LIMIT})
    return KeyValues(
        name=values.name, origins=tuple(dict.fromkeys(origins.values())), needs_consent=values.needs_consent,
        trusts_pages=values.trusts_pages, takes_new_names=values.takes_new_names,
    )  # fmt: skip
