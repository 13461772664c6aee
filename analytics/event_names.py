"""What the types of events are called: Pinpoint's own, and those of a project's programs."""

from __future__ import annotations

from analytics.models import EventKind, EventType

_NAMES = {int(kind): str(kind.label) for kind in EventKind}


def names_of(*, project_id: int) -> dict[int, str]:
    """The name of each number that the project's events can have."""
    return _NAMES | dict(EventType.objects.filter(project_id=project_id).values_list("number", "name"))
