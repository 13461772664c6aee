"""Very many endpoints and 500 segments, and the pages that must not grow with them.

``BENCH_PAGE_ROWS`` (1 million) says how many endpoints. They are made by SQL, with the facets that say the same of them: what an
import makes is measured by ``bench.imports``.
"""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from django.db import connection
from django.test import Client
from django.urls import reverse

from bench.facets import make_facet
from bench.report import Figure, Report
from core import clock
from core.audience import Audience
from endpoints import facets
from endpoints.models import AttributeKind, Endpoint
from endpoints.services import catalogue
from projects.models import Project
from projects.services.projects import create_project
from segments.services import segments

SEGMENTS = 500
STORES, GRADES, DAYS = 5_000, 6, 4_000  # values of three attributes
_FIRST_DAY = datetime.date(2015, 1, 1)
_TURNS = 20

_USERS = """
    INSERT INTO endpoints_endpointuser (id, project_id, user_id, attributes, created_at, updated_at)
    SELECT n, %(project)s, 'crowd-' || n, jsonb_build_object('grade', jsonb_build_array(chr(65 + (n %% %(grades)s)::int))), now(), now()
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
_ENDPOINTS = """
    INSERT INTO endpoints_endpoint
           (id, project_id, endpoint_id, endpoint_key, channel_type, address, address_key, opt_out, status, user_id, attributes,
            metrics, demographic, location, cohort_id, request_id, effective_at, created_at, updated_at)
    SELECT n, %(project)s, 'crowd-' || n, 'crowd-' || n, 'EMAIL', 'crowd' || n || '@example.com', 'crowd' || n || '@example.com',
           CASE WHEN n %% 50 = 0 THEN 'ALL' ELSE 'NONE' END, 'ACTIVE', n,
           jsonb_build_object('store', jsonb_build_array('매장-' || n %% %(stores)s),
                              'signup', jsonb_build_array(to_char(%(day)s::date + (n %% %(days)s)::int, 'YYYY-MM-DD"T00:00:00Z"'))),
           '{}', '{}', '{}', n %% 100, '', now(), now(), now()
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
_AT_ONCE = 1_000_000  # rows of one statement


def measure(*, report: Report, owner_of: Project) -> None:
    rows = int(os.environ.get("BENCH_PAGE_ROWS", "1000000"))
    assert owner_of.created_by is not None
    project = create_project(actor=owner_of.created_by, name="crowd", description="", time_zone="Asia/Seoul", now=clock.now())
    ids = _people(project, rows)
    some = _segments(project, ids)
    client = Client()
    client.force_login(owner_of.created_by)
    people = reverse("endpoints:list-people", args=[project.public_id])
    middle = int(ids[len(ids) // 2])
    pages: dict[str, Callable[[int], str]] = {
        "the segment list": lambda _turn: reverse("segments:list-segments", args=[project.public_id]),
        "the segment builder": lambda turn: reverse("segments:edit-segment", args=[project.public_id, some[turn]]),
        "a segment": lambda turn: reverse("segments:show-segment", args=[project.public_id, some[turn]]),
        "members": lambda turn: f"{people}?after={middle + 997 * turn}",
        "a member": lambda turn: reverse("endpoints:show-person", args=[project.public_id, middle + 997 * turn]),
        f"a member's segments, of {SEGMENTS}": lambda turn: reverse(
            "segments:list-person-segments", args=[project.public_id, middle + 997 * turn]
        ),
    }
    for name, address in pages.items():
        _open(client, address(_TURNS))
        times = [_open(client, address(turn)) for turn in range(_TURNS)]
        report.add(
            Figure(figure=f"page with {SEGMENTS} segments: {name}, p95", value=sorted(times)[-2], unit="ms", rows=rows, goal=100,
                   floor=250)
        )  # fmt: skip


def _open(client: Client, address: str) -> float:
    begun = time.perf_counter()
    answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answers {answer.status_code}")
    return 1000 * (time.perf_counter() - begun)


def _people(project: Project, rows: int) -> np.ndarray:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest((SELECT max(id) FROM endpoints_endpoint), (SELECT max(id) FROM endpoints_endpointuser), 0)"
        )
        first = int(cursor.fetchone()[0]) + 1
        for begin in range(first, first + rows, _AT_ONCE):
            given: dict[str, Any] = {
                "project": project.pk, "first": begin, "last": min(begin + _AT_ONCE, first + rows) - 1, "day": _FIRST_DAY,
                "stores": STORES, "grades": GRADES, "days": DAYS,
            }  # fmt: skip
            cursor.execute(_USERS, given)
            cursor.execute(_ENDPOINTS, given)
        for table in ("endpoints_endpoint", "endpoints_endpointuser"):
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), %s)", [first + rows])
        cursor.execute("VACUUM ANALYZE endpoints_endpoint, endpoints_endpointuser")
    ids = np.arange(first, first + rows)
    standard, attribute, of_user = (
        facets.SubjectKind.STANDARD, facets.SubjectKind.ATTRIBUTE, facets.SubjectKind.USER_ATTRIBUTE,
    )  # fmt: skip
    days = [f"{_FIRST_DAY + datetime.timedelta(days=day)}T00:00:00Z" for day in range(DAYS)]
    make_facet(project, facets.EVERYONE, [""], ids % 1, ids)
    make_facet(project, facets.ADDRESS, ["set"], ids % 1, ids)
    make_facet(project, facets.Subject(standard, "Demographic.Channel"), ["EMAIL"], ids % 1, ids)
    make_facet(project, facets.Subject(standard, "EndpointStatus"), ["ACTIVE"], ids % 1, ids)
    make_facet(project, facets.Subject(standard, "OptOut"), ["NONE", "ALL"], ids % 50 == 0, ids)
    make_facet(project, facets.Subject(of_user, "grade"), [chr(65 + n) for n in range(GRADES)], ids % GRADES, ids)
    make_facet(project, facets.Subject(attribute, "store"), [f"매장-{n}" for n in range(STORES)], ids % STORES, ids)
    make_facet(project, facets.Subject(attribute, "signup"), days, ids % DAYS, ids)
    names = {AttributeKind.USER_ATTRIBUTE: {"grade": False}, AttributeKind.ATTRIBUTE: {"store": False, "signup": True}}
    catalogue.note_names(project=project, names=names)
    if (
        Endpoint.objects.filter(project=project, pk=ids[rows // 2], attributes__store=[f"매장-{ids[rows // 2] % STORES}"]).count()
        != 1
    ):
        raise RuntimeError("the rows are not what their facets say")
    return ids


def _segments(project: Project, ids: np.ndarray) -> list[str]:
    """Dynamic segments on one imported half of all, each with three filters; their public ids."""
    base = segments.create_import_segment(
        project=project, actor=project.created_by, name="half", members=Audience(ids[::2].tolist()), import_definition={},
        now=clock.now(),
    )  # fmt: skip
    made = []
    for number in range(SEGMENTS - 1):
        stores = [f"매장-{(number * 7 + n) % STORES}" for n in range(90)]
        since = _FIRST_DAY + datetime.timedelta(days=number)
        dimensions = [
            {"Attributes": {"store": {"AttributeType": "INCLUSIVE", "Values": stores}}},
            {"UserAttributes": {"grade": {"AttributeType": "INCLUSIVE", "Values": ["A", "B"]}}},
            {"Attributes": {"signup": {"AttributeType": "AFTER", "Values": [f"{since}T00:00:00Z"]}}},
        ]
        group = {"SourceSegments": [{"Id": base.public_id}], "Type": "ALL", "Dimensions": dimensions}
        document = {"SegmentGroups": {"Include": "ALL", "Groups": [group]}}
        segment = segments.create_segment(
            project=project, actor=project.created_by, name=f"{number}번", document=document, now=clock.now()
        )
        made.append(segment.public_id)
    return made
