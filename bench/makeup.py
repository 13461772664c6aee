"""How soon the page of demographics answers: of millions of endpoints, and of half of them in a segment."""

from __future__ import annotations

import array
import datetime
import time

import numpy as np
from django.test import Client
from django.urls import reverse
from pyroaring import BitMap64

from bench.facets import make_facet
from bench.report import Figure, Report
from core import clock
from core.audience import Audience
from endpoints import facets
from endpoints.models import ArrivalMonth
from projects.models import Project
from segments.services import segments

_FIRST = 1_000_000_001  # no rows behind them: sets are all that the page reads
_ENDPOINTS = 5_000_000
_MONTHS = 36
_TURNS = 40
_VALUES = {
    "Location.Country": 60, "Location.Region": 500, "Location.City": 5_000, "Demographic.Locale": 100, "Demographic.Channel": 5,
    "Demographic.Platform": 5, "Demographic.Make": 50, "Demographic.Model": 1_000, "Demographic.AppVersion": 100,
}  # fmt: skip


def measure(*, report: Report, project: Project) -> None:
    """``project`` has no endpoints yet."""
    ids = np.arange(_FIRST, _FIRST + _ENDPOINTS)
    chance = np.random.default_rng(1)
    make_facet(project, facets.EVERYONE, [""], ids % 1, ids)
    for name, count in _VALUES.items():
        which = np.minimum(chance.pareto(1.0, _ENDPOINTS) * 3, count - 1).astype(np.int64)
        values = [f"{name} {number}" for number in range(count)]
        make_facet(project, facets.Subject(facets.SubjectKind.STANDARD, name), values, which, ids)
    for number in range(_MONTHS):
        part = BitMap64(array.array("Q", ids[number * _ENDPOINTS // _MONTHS : (number + 1) * _ENDPOINTS // _MONTHS].tobytes()))
        part.run_optimize()
        month = datetime.date(2023 + number // 12, number % 12 + 1, 1)
        ArrivalMonth.objects.create(project=project, month=month, members=Audience(part))
    half = Audience(BitMap64(array.array("Q", ids[::2].tobytes())))
    segment = segments.create_fixed_segment(
        project=project, actor=project.created_by, name="half", members=half, now=clock.now()
    )  # fmt: skip
    address = reverse("console:show-demographics", args=[project.public_id])
    for name, page in (("all", address), ("half of them, a segment", f"{address}?segment={segment.public_id}")):
        report.add(Figure(
            figure=f"page of demographics, {_ENDPOINTS:,} endpoints: {name}, p95", value=_p95(project, page), unit="ms", rows=_ENDPOINTS,
            goal=50, floor=250,
        ))  # fmt: skip


def _p95(project: Project, address: str) -> float:
    client = Client()
    client.force_login(project.created_by)
    client.get(address)
    times = []
    for _turn in range(_TURNS):
        begun = time.perf_counter()
        answer = client.get(address)
        times.append(1000 * (time.perf_counter() - begun))
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answers {answer.status_code}")
    print(f"{address}: {sorted(times)[_TURNS // 2]:.1f} ms in the middle")
    return sorted(times)[int(0.95 * _TURNS)]
