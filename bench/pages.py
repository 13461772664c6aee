"""The pages that marketers open most, through all middleware, beside a page that does nothing."""

from __future__ import annotations

import statistics
import time
from urllib.parse import quote

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bench import hits
from bench.report import Figure, Report
from campaigns.models import Campaign, Run
from endpoints.models import Endpoint
from projects.models import Project

EVENTS = 5_000_000


def measure(*, report: Report, project: Project, segment_id: str, campaign: Campaign | None, rows: int) -> None:
    client = Client()
    client.force_login(project.created_by)
    addresses = {
        "overview": reverse("console:show-overview", args=[project.public_id]),
        "segments": reverse("segments:list-segments", args=[project.public_id]),
        "a segment": reverse("segments:show-segment", args=[project.public_id, segment_id]),
        "the segment builder": reverse("segments:create-segment", args=[project.public_id]) + f"?base={segment_id}",
        "campaigns": reverse("campaigns:list-campaigns", args=[project.public_id]),
    }
    somebody = Endpoint.objects.filter(project=project).order_by("-pk").first()
    if somebody is not None:
        people = reverse("endpoints:list-people", args=[project.public_id])
        addresses |= {
            "people": people,
            "people, in the middle": f"{people}?after={somebody.pk - rows // 2}",
            "people, opted out": f"{people}?opt_out=ALL&after={somebody.pk - rows}",
            "people, by how an address begins": f"{people}?q={quote(somebody.address[:3])}",
            "people, by an address": f"{people}?q={quote(somebody.address)}",
            "a person": reverse("endpoints:show-person", args=[project.public_id, somebody.pk]),
        }
    if campaign is not None:
        _with_many_events(report, client, campaign)
        addresses["a campaign"] = reverse("campaigns:show-campaign", args=[project.public_id, campaign.public_id])
        addresses["the people behind a number"] = reverse(
            "campaigns:list-people", args=[project.public_id, campaign.public_id, "outcome-SUCCESS"]
        )
    nothing, _queries = _open(client, reverse("console:healthz"))
    for name, address in addresses.items():
        milliseconds, queries = _open(client, address)
        report.add(
            Figure(
                figure=f"page: {name} ({queries} queries)", value=milliseconds, unit="ms", rows=rows, yardstick=nothing,
                yardstick_name="an empty page",
            )
        )  # fmt: skip


def _open(client: Client, address: str) -> tuple[float, int]:
    """Milliseconds, the median of ten, after one to warm up; and the queries of that one."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answers {answer.status_code}")
    queries = len(captured)  # the next request empties the log
    return statistics.median(_times(client, address, 10)), queries


def _times(client: Client, address: str, turns: int) -> list[float]:
    times = []
    for _turn in range(turns):
        begun = time.perf_counter()
        client.get(address)
        times.append(1000 * (time.perf_counter() - begun))
    return times


def _with_many_events(report: Report, client: Client, campaign: Campaign) -> None:
    events = hits.add_hits(Run.objects.get(campaign=campaign), until=EVENTS)
    pages = {
        "the campaign": reverse("campaigns:show-campaign", args=[campaign.project.public_id, campaign.public_id]),
        "the campaigns": reverse("campaigns:list-campaigns", args=[campaign.project.public_id]),
        "overview": reverse("console:show-overview", args=[campaign.project.public_id]),
    }
    for name, address in pages.items():
        times = _times(client, address, 40)
        report.add(
            Figure(
                figure=f"page, {EVENTS:,} events: {name}, p95",
                value=sorted(times)[37],
                unit="ms",
                rows=events,
                goal=50,
                floor=150,
            )
        )
