"""What the columns of a header are, remembered for the next file with the same names."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from projects.models import Project
from segments.files.mapping import Mapping, header_key
from segments.models import ColumnMapping


def remember(*, project: Project, names: Sequence[str], mapping: Mapping, now: datetime.datetime) -> None:
    """The last choice for a header's names is the one that holds."""
    ColumnMapping.objects.update_or_create(
        project=project, header_key=header_key(names), defaults={"mapping": mapping.to_json(), "updated_at": now}
    )


def remembered(*, project: Project, names: Sequence[str]) -> Mapping | None:
    found = ColumnMapping.objects.filter(project=project, header_key=header_key(names)).first()
    return Mapping.from_json(found.mapping) if found else None
