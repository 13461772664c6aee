from __future__ import annotations

import datetime
from collections.abc import Sequence

from api.services import access_keys
from api.services.access_keys import NewKey
from projects.models import Project, User
from tests.factories.projects import make_user

_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
EVERYTHING = ("READ", "WRITE", "SEND")


def make_access_key(
    *, project: Project | None = None, actor: User | None = None, rights: Sequence[str] = EVERYTHING, name: str = "tests"
) -> NewKey:
    """The account's, or a project's; it acts for the project's owner, or for a superuser."""
    actor = actor or (project.created_by if project else make_user(is_superuser=True))
    return access_keys.create_access_key(project=project, actor=actor, name=name, rights=rights, now=_AT)
