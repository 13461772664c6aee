"""What the data holds: attribute names, and their most frequent values. What the segment builder offers."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from endpoints import facets
from endpoints.models import AttributeKind, AttributeName
from projects.models import Project

_SAMPLE = 200_000  # endpoints looked at where the facets can't answer; a suggestion need not be exact

_SOURCE = {
    AttributeKind.ATTRIBUTE: "SELECT jsonb_array_elements_text(attributes -> %(name)s) AS value FROM endpoint",
    AttributeKind.USER_ATTRIBUTE: (
        "SELECT jsonb_array_elements_text(u.attributes -> %(name)s) AS value "
        "FROM endpoint JOIN endpoints_endpointuser u ON u.id = endpoint.user_id"
    ),
}
_STANDARD = {
    "Country": "SELECT location ->> 'Country' AS value FROM endpoint",
    "City": "SELECT location ->> 'City' AS value FROM endpoint",
    "Channel": "SELECT channel_type AS value FROM endpoint",
    **{
        name: f"SELECT demographic ->> '{name}' AS value FROM endpoint"
        for name in ("AppVersion", "Locale", "Make", "Model", "Platform", "Timezone")
    },
}
_COUNTED = """
    WITH endpoint AS (
        SELECT user_id, attributes, location, demographic, channel_type
          FROM endpoints_endpoint WHERE project_id = %(project)s LIMIT %(sample)s
    ), held AS ({source})
    SELECT value, count(*) FROM held
     WHERE value IS NOT NULL AND (%(like)s = '' OR value ILIKE %(like)s)
     GROUP BY value ORDER BY count(*) DESC, value LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value and how many endpoints carry it: exactly, or of those looked at where the facets can't answer."""

    value: str
    endpoints: int


def names(*, project: Project) -> list[AttributeName]:
    """The attribute names that the project has seen, by kind and name."""
    return list(AttributeName.objects.filter(project=project).order_by("kind", "name"))


def values(*, project: Project, kind: str, name: str, like: str = "", limit: int = 50) -> list[ValueCount]:
    """The most frequent values of an attribute (kind ATTRIBUTE or USER_ATTRIBUTE) or of a standard one (kind STANDARD).

    ``like`` narrows to values that hold this text. An unknown kind or standard name has no values.
    """
    source = _STANDARD.get(name) if kind == "STANDARD" else _SOURCE.get(AttributeKind(kind)) if kind in AttributeKind else None
    if source is None:
        return []
    totals = _totals(project, _subject(kind, name))
    if totals is not None:
        part = like.lower()
        found = [ValueCount(value=value, endpoints=total) for value, total in totals.items() if part in value.lower()]
        return sorted(found, key=lambda one: (-one.endpoints, one.value))[:limit]
    return _sampled(project, source, name, like, limit)


def _subject(kind: str, name: str) -> facets.Subject:
    if kind == "STANDARD":
        name = f"{'Location' if name in ('Country', 'City') else 'Demographic'}.{name}"
    return facets.Subject(facets.SubjectKind(kind), name)


def _totals(project: Project, subject: facets.Subject) -> dict[str, int] | None:
    with facets.moment(project_id=project.pk):
        facet = facets.read(project_id=project.pk, subjects=[subject]).facet(subject)
        return None if facet is None else facet.totals()


def _sampled(project: Project, source: str, name: str, like: str, limit: int) -> list[ValueCount]:
    escaped = like.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNTED.format(source=source),
            {
                "project": project.pk,
                "name": name,
                "sample": _SAMPLE,
                "limit": limit,
                "like": f"%{escaped}%" if like else "",
            },
        )
        return [ValueCount(value=value, endpoints=total) for value, total in cursor.fetchall()]
