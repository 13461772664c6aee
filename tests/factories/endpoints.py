from __future__ import annotations

import datetime
import itertools

from django.db import transaction
from django.db.models import Q

from endpoints import facets
from endpoints.facets.tracking import stored_values
from endpoints.models import Endpoint, EndpointUser, FacetSubject
from projects.models import Project

_number = itertools.count(1)


def make_endpoint(
    *, project: Project, user_attributes: dict[str, list[str]] | None = None, user_id: str = "", **fields: object
) -> Endpoint:
    """An active e-mail endpoint that has not opted out; ``user_attributes`` or ``user_id`` gives it a user."""
    number = next(_number)
    user = None
    if user_id or user_attributes is not None:
        user, _ = EndpointUser.objects.update_or_create(
            project=project, user_id=user_id or f"user-{number}", defaults={"attributes": user_attributes or {}}
        )
    values: dict[str, object] = {
        "endpoint_id": f"endpoint-{number}",
        "channel_type": "EMAIL",
        "address": f"member{number}@example.com",
        "cohort_id": number % 100,
        "effective_at": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    } | fields
    values.setdefault("endpoint_key", str(values["endpoint_id"]).lower())
    values.setdefault("address_key", str(values["address"]).lower())
    made = Endpoint.objects.create(project=project, user=user, **values)
    index([made.pk])
    return made


def index(endpoint_ids: list[int]) -> None:
    """Bring the facets of these endpoints to what the tables say of them and of their users' other endpoints."""
    users = Endpoint.objects.filter(pk__in=endpoint_ids).exclude(user=None).values("user")
    ids = list(Endpoint.objects.filter(Q(pk__in=endpoint_ids) | Q(user__in=users)).values_list("pk", flat=True))
    project_id = Endpoint.objects.values_list("project_id", flat=True).get(pk=endpoint_ids[0])
    with transaction.atomic():
        subjects = FacetSubject.objects.filter(project_id=project_id)
        known = [facets.Subject(facets.SubjectKind(one.kind), one.name) for one in subjects]
        wanted = stored_values(project_id=project_id, endpoint_ids=ids)
        snapshot = facets.read(project_id=project_id, subjects=known)
        changes = facets.Changes()
        for subject in known:
            facet = snapshot.facet(subject)
            for value in facet.values() if facet else ():
                stale = [pk for pk in facet.carrying([value]) if pk in wanted and (subject, value) not in wanted[pk]]
                if value != facets.SHARED and stale:
                    changes.remove(subject, value, stale)
        for pk, pairs in wanted.items():
            for subject, value in pairs:
                changes.add(subject, value, [pk])
        changes.record(project_id=project_id)
        with facets.tracked(project_id=project_id, endpoint_ids=ids):
            pass  # marks addresses that are held twice


def make_members(*, project: Project, count: int) -> list[int]:
    """Many active e-mail endpoints, each with a user who has a name; returns their ids."""
    first = next(_number) * 1_000_000
    numbers = range(first, first + count)
    users = EndpointUser.objects.bulk_create(
        EndpointUser(project=project, user_id=f"u{n}", attributes={"MBR_FULLNM": [f"회원{n}"]}) for n in numbers
    )
    made = Endpoint.objects.bulk_create(
        Endpoint(
            project=project, user=user, endpoint_id=f"m{n}", endpoint_key=f"m{n}", channel_type="EMAIL",
            address=f"m{n}@example.com", address_key=f"m{n}@example.com", cohort_id=n % 100,
            effective_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        )
        for n, user in zip(numbers, users, strict=True)
    )  # fmt: skip
    ids = [endpoint.pk for endpoint in made]
    if ids:
        index(ids)
    return ids
