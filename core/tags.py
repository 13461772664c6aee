"""Tags of a resource: changed key by key, as the API's TagResource and UntagResource do."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.utils.translation import gettext as _

from core.errors import Refusal

LIMIT = 50  # tags of a resource


class TagsRefused(Refusal):
    """There would be too many."""


def changed(held: Mapping[str, str], *, add: Mapping[str, str], remove: Collection[str]) -> dict[str, str]:
    """The tags without those that are removed, and with those that are added. Raises ``TagsRefused``."""
    tags = {key: value for key, value in held.items() if key not in remove} | dict(add)
    if len(tags) > LIMIT:
        raise TagsRefused(_("A resource has at most %(limit)s tags. Remove some first.") % {"limit": LIMIT})
    return tags
