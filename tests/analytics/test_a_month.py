"""A random month of events: raw, rollups, lake and indicators say the same."""

from __future__ import annotations

import datetime
import random
import uuid
from collections import Counter as Tally
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum

from analytics.event_names import names_of
from analytics.events import EventRow
from analytics.kpis import Scope, kpi_result
from analytics.lake import sql, writing
from analytics.models import Counter, Event, EventKind, HitClass, SourceKind
from analytics.rollups import recount
from analytics.services.event_types import kinds_of
from analytics.services.reach import fold_reach
from analytics.services.record import record_events
from campaigns.models import Campaign, Run
from projects.models import Project
from tests.analytics.lake import settle
from tests.factories.campaigns import make_campaign, make_run
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)

MONTH = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2026, 11, 30, 23, 59, 59, tzinfo=datetime.UTC)
MINUTES = 30 * 24 * 60
SENT = [EventKind.EMAIL_SEND, EventKind.EMAIL_DELIVERED, EventKind.EMAIL_SOFTBOUNCE, EventKind.EMAIL_HARDBOUNCE]
HITS = [EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK, EventKind.EMAIL_UNSUBSCRIBE]
COUNTED = "coalesce(hit_class, '') <> 'scanner'"
# The same indicators, asked of the files: by what, what, of which types of events.
ACTIVITY = "campaign_activity_id"
CAMPAIGN = {
    "clicks-grouped-by-campaign-activity": (ACTIVITY, "count(*)", "_email.click"),
    "unique-deliveries": ("NULL", "count(DISTINCT endpoint_id)", "_email.delivered"),
    "unique-deliveries-grouped-by-date": (
        "strftime(arrival_timestamp, '%Y-%m-%d')", "count(DISTINCT endpoint_id)", "_email.delivered",
    ),
    "direct-email-opens-grouped-by-campaign-activity": (ACTIVITY, "count(DISTINCT endpoint_id)", "_email.open"),
    "hard-bounce-rate": (
        "NULL", "count(*) FILTER (event_type = '_email.hardbounce') / count(*) FILTER (event_type = '_email.send')", "_email.%",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def lake(settings: Any, tmp_path: Path) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")


def month_of(project: Project, runs: list[Run], chance: random.Random) -> list[EventRow]:
    own = list(kinds_of(project_id=project.pk, names=["cart.viewed", "order.placed"]).values())
    rows = []
    for _number in range(3_000):
        kind = chance.choice([*SENT, *HITS, *HITS, EventKind.SMS_SUCCESS, EventKind.SESSION_START, *own])
        given: dict[str, Any] = {"hit_class": chance.choice(list(HitClass)) if kind in HITS else HitClass.NONE}
        if kind in (*SENT, *HITS) and chance.random() < 0.9:
            run = chance.choice(runs)
            given |= {"source_kind": SourceKind.CAMPAIGN, "source_id": run.campaign_id, "run_id": run.pk}
        if kind == EventKind.SMS_SUCCESS:
            given["data"] = {"country": chance.choice(["KR", "US"]), "status": "DELIVERED", "parts": 1, "millicents": 645}
        if kind == EventKind.EMAIL_CLICK:
            given["link_number"] = chance.randrange(4)
        rows.append(EventRow(
            id=uuid.uuid4(), occurred_at=MONTH + datetime.timedelta(minutes=chance.randrange(MINUTES)), project_id=project.pk,
            endpoint_id=chance.randrange(1, 300), kind=kind, **given,
        ))  # fmt: skip
    return rows


def asked(project: Project, query: str) -> dict[Any, float]:
    return {tuple(group) if group else None: value for *group, value in sql.run(project_id=project.pk, sql=query).rows if value}


def of_indicator(project: Project, campaign: Campaign, name: str) -> dict[Any, float]:
    result = kpi_result(
        project_id=project.pk, scope=Scope.CAMPAIGN, name=name, now=END, start=MONTH, end=END, source_id=campaign.pk
    )
    return {(row.group,): row.value for row in result.rows if row.value}


def test_raw_events_rollups_lake_and_indicators_say_the_same() -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    project = make_project()
    campaigns = [make_campaign(project=project, document={}) for _number in range(2)]
    runs = [make_run(campaign=chance.choice(campaigns), at=MONTH + datetime.timedelta(days=day)) for day in range(6)]
    rows = month_of(project, runs, chance)
    while rows:
        size = chance.randrange(1, 700)
        some, rows = rows[:size], rows[size:]
        with transaction.atomic():
            record_events(events=some)
        if chance.random() < 0.5:
            fold_reach()
        settle()
        writing.write_events(now=END)

    assert [
        one for day in recount.days(project_id=project.pk) for one in recount.differences(project_id=project.pk, day=day)
    ] == []

    names = names_of(project_id=project.pk)
    raw = Tally(
        (names[kind], at.date().isoformat())
        for kind, at in Event.objects.filter(project_id=project.pk).values_list("kind", "occurred_at")
    )
    rolled: Tally[tuple[str, str]] = Tally()
    hours = Counter.objects.filter(project_id=project.pk).values_list("kind", "hour").annotate(sum=Sum("total"))
    for kind, hour, total in hours:
        rolled[names[kind], hour.date().isoformat()] += total
    stored = asked(project, "SELECT event_type, strftime(arrival_timestamp, '%Y-%m-%d'), count(*) FROM all_events GROUP BY ALL")
    assert raw == rolled == stored

    for campaign in campaigns:
        who = f"campaign_id = '{campaign.public_id}' AND ({COUNTED})"
        for name, (group, what, kind) in CAMPAIGN.items():
            found = asked(project, f"SELECT {group}, {what} FROM all_events WHERE event_type LIKE '{kind}' AND {who} GROUP BY 1")
            assert of_indicator(project, campaign, name) == pytest.approx(found), name
    spent = asked(project, "SELECT NULL, sum(price_in_millicents_usd) FROM sms_success")
    result = kpi_result(
        project_id=project.pk,
        scope=Scope.APPLICATION,
        name="txn-sms-total-price-grouped-by-country",
        now=END,
        start=MONTH,
        end=END,
    )
    assert sum(row.value for row in result.rows) == spent[(None,)]
