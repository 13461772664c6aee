"""A project's sending settings: saved whole, over the version that the person saw."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import Refusal
from projects.models import Project, SendingSettings, User
from projects.services import audit


class SettingsChanged(Refusal):
    """Somebody else saved them since."""


def save_sending_settings(
    *,
    project: Project,
    actor: User | None,
    document: dict[str, Any],
    now: datetime.datetime,
    base: datetime.datetime | None = None,
    is_new: bool = False,
) -> None:
    """Save the settings (their members were read by who calls). ``base``: when what was changed had been saved; ``is_new``: it
    never had. Raises ``SettingsChanged`` when that is not so any more; two at once: one waits, and is refused.
    """  # fmt: skip
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        held = SendingSettings.objects.filter(project=project).first()
        if (is_new and held is not None) or (base is not None and (held is None or held.updated_at != base)):
            raise SettingsChanged(_("Somebody else saved these settings meanwhile. Load the page again and look at them first."))
        SendingSettings.objects.update_or_create(project=project, defaults={"document": document, "updated_at": now})
        audit.record(project=project, actor=actor, verb="project.sending_settings_saved", target=project, now=now)
