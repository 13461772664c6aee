"""The 84 indicators, against a recount of the events by hand."""

from __future__ import annotations

import datetime
import re
import uuid
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.events import EventRow
from analytics.kpis import KPIS, KpiRefused, Scope, kpi_result
from analytics.kpis.documentation import metrics_document
from analytics.models import Event, EventKind, HitClass, SourceKind
from analytics.rollups import recount
from analytics.services.reach import fold_reach
from analytics.services.record import record_events
from campaigns.models import Campaign, Run
from projects.models import Project
from tests.factories.campaigns import make_campaign, make_run
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

MONTH = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2026, 11, 30, 23, 59, 59, tzinfo=datetime.UTC)
COUNTED = {*HitClass} - {HitClass.SCANNER}
K = EventKind
MAIL = [K.EMAIL_SEND, K.EMAIL_DELIVERED, K.EMAIL_HARDBOUNCE, K.EMAIL_SOFTBOUNCE, K.EMAIL_REJECTED, K.EMAIL_COMPLAINT]
HITS = [K.EMAIL_OPEN, K.EMAIL_CLICK, K.EMAIL_UNSUBSCRIBE]
SMS = [K.SMS_BUFFERED, K.SMS_SUCCESS, K.SMS_FAILURE]
PUSH = [K.CAMPAIGN_SEND, K.CAMPAIGN_OPENED_NOTIFICATION]


class Crowd:
    """Some events, and plain ways to count them."""

    def __init__(self, events: list[Event]) -> None:
        self.events = [one for one in events if one.hit_class in COUNTED]

    def of(self, *kinds: int) -> int:
        return sum(one.kind in kinds for one in self.events)

    def people(self, *kinds: int) -> int:
        return len({one.endpoint_id for one in self.events if one.kind in kinds})

    def mails(self, *kinds: int) -> int:
        return len({(one.run_id, one.endpoint_id) for one in self.events if one.kind in kinds})

    def push(self, *statuses: str) -> int:
        found = [one.data or {} for one in self.events if one.kind == K.CAMPAIGN_SEND]
        return sum(one.get("channel") == "GCM" and (not statuses or one["status"] in statuses) for one in found)

    def sms(self, name: str, *kinds: int) -> int:
        return sum((one.data or {})[name] for one in self.events if one.kind in kinds)

    @property
    def sent(self) -> int:
        return self.of(K.EMAIL_SEND, K.SMS_SUCCESS, K.SMS_FAILURE) + self.push("SUCCESS")

    @property
    def delivered(self) -> int:
        return max(self.of(K.EMAIL_SEND, K.SMS_SUCCESS) + self.push("SUCCESS") - self.of(K.EMAIL_HARDBOUNCE), 0)

    @property
    def mails_delivered(self) -> int:
        return max(self.of(K.EMAIL_SEND) - self.of(K.EMAIL_HARDBOUNCE, K.EMAIL_SOFTBOUNCE, K.EMAIL_REJECTED), 0)


def ratio(one: float, other: float) -> float | None:
    return one / other if other else None


SMS_ALL, SMS_END = (K.SMS_SUCCESS, K.SMS_FAILURE, K.SMS_BUFFERED), (K.SMS_SUCCESS, K.SMS_FAILURE)
NAIVE: dict[str, Callable[[Crowd], float | None]] = {
    "successful-delivery-rate": lambda c: ratio(c.delivered, c.sent),
    "email-open-rate": lambda c: ratio(c.mails(K.EMAIL_OPEN), c.mails_delivered),
    "unique-deliveries": lambda c: c.people(K.EMAIL_DELIVERED, K.SMS_SUCCESS),
    "successful-deliveries": lambda c: c.delivered,
    "attempted-deliveries": lambda c: c.of(K.EMAIL_SEND, K.SMS_SUCCESS, K.SMS_FAILURE) + c.push(),
    "push-open-rate": lambda c: ratio(c.of(K.CAMPAIGN_OPENED_NOTIFICATION), c.push("SUCCESS")),
    "direct-push-opens": lambda c: c.of(K.CAMPAIGN_OPENED_NOTIFICATION),
    "direct-email-opens": lambda c: c.mails(K.EMAIL_OPEN),
    "hard-bounce-rate": lambda c: ratio(c.of(K.EMAIL_HARDBOUNCE), c.of(K.EMAIL_SEND)),
    "clicks": lambda c: c.of(K.EMAIL_CLICK),
    "sms-spend": lambda c: c.sms("millicents", *SMS_ALL),
    "txn-emails-complaint-rate": lambda c: ratio(c.of(K.EMAIL_COMPLAINT), c.of(K.EMAIL_SEND)),
    "txn-emails-with-complaints": lambda c: c.of(K.EMAIL_COMPLAINT),
    "txn-emails-delivery-rate": lambda c: ratio(c.mails_delivered, c.of(K.EMAIL_SEND)),
    "txn-emails-unique-clicks": lambda c: c.people(K.EMAIL_CLICK),
    "txn-emails-unique-opens": lambda c: c.people(K.EMAIL_OPEN),
    "txn-sms-average-price": lambda c: ratio(c.sms("millicents", *SMS_ALL), c.of(*SMS_END)),
    "txn-sms-average-price-by-parts": lambda c: ratio(c.sms("millicents", *SMS_ALL), c.sms("parts", *SMS_END)),
    "txn-sms-delivered": lambda c: c.of(K.SMS_SUCCESS),
    "txn-sms-error-distribution": lambda c: c.of(K.SMS_FAILURE),
    "txn-sms-delivery-rate": lambda c: ratio(c.of(K.SMS_SUCCESS), c.of(*SMS_END)),
    "txn-sms-delivered-by-parts": lambda c: c.sms("parts", K.SMS_SUCCESS),
    "txn-sms-sent-by-parts": lambda c: c.sms("parts", *SMS_END),
    "txn-sms-sent": lambda c: c.of(*SMS_END),
    "txn-sms-total-price": lambda c: c.sms("millicents", *SMS_ALL),
}
OF_MAIL: dict[str, Callable[[Crowd], float]] = {
    "clicked": lambda c: c.of(K.EMAIL_CLICK),
    "complained": lambda c: c.of(K.EMAIL_COMPLAINT),
    "delivered": lambda c: c.mails_delivered,
    "hard-bounced": lambda c: c.of(K.EMAIL_HARDBOUNCE),
    "opened": lambda c: c.of(K.EMAIL_OPEN),
    "rejected": lambda c: c.of(K.EMAIL_REJECTED),
    "sent": lambda c: c.of(K.EMAIL_SEND),
    "soft-bounced": lambda c: c.of(K.EMAIL_SOFTBOUNCE),
    "unsubscribed": lambda c: c.of(K.EMAIL_UNSUBSCRIBE),
}
for word, way in OF_MAIL.items():
    plain = word.replace("-", "")
    NAIVE |= {f"txn-emails-{word}": way, f"journey-emails-{plain}": way, f"emails-{plain}": way}

GROUPS: dict[str, Callable[[Event], Any]] = {
    "date": lambda one: one.occurred_at.date().isoformat(),
    "campaign": lambda one: Campaign.objects.get(pk=one.source_id).public_id,
    "campaign-activity": lambda one: Run.objects.get(pk=one.run_id).public_id,
    "journey-activity": lambda one: str(one.run_id),
    "country": lambda one: (one.data or {}).get("country"),
}


def naive(name: str, events: list[Event]) -> dict[Any, float]:
    base, _by, grain = name.partition("-grouped-by-")
    way = NAIVE[base]
    groups: dict[Any, list[Event]] = defaultdict(list)
    for one in events:
        if base == "txn-sms-error-distribution":
            groups[(one.data or {}).get("status")].append(one)
        else:
            groups[GROUPS[grain](one) if grain else None].append(one)
    found = {group: way(Crowd(some)) for group, some in groups.items()}
    return {group: value for group, value in found.items() if value}


def computed(project: Project, scope: Scope, name: str, source_id: int | None = None) -> dict[Any, float]:
    result = kpi_result(project_id=project.pk, scope=scope, name=name, now=END, start=MONTH, end=END, source_id=source_id)
    return {row.group: row.value for row in result.rows if row.value}


drawn_events = st.lists(
    st.tuples(
        st.sampled_from([*MAIL, *MAIL, *HITS, *SMS, *PUSH]), st.sampled_from(["direct", "first", "second", "other", "journey"]),
        st.integers(1, 4), st.integers(0, 3 * 24 * 60), st.sampled_from(list(HitClass)), st.sampled_from(["KR", "US"]),
        st.sampled_from(["SUCCESS", "FAILURE"]), st.integers(1, 3),
    ), max_size=60,
)  # fmt: skip


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(drawn_events, st.booleans())
def test_raw_events_rollups_and_indicators_tell_the_same(drawn: list[tuple[Any, ...]], folds: bool) -> None:
    project = make_project()
    campaigns = [make_campaign(project=project, document={}) for _number in range(2)]
    runs = {
        "first": make_run(campaign=campaigns[0], at=MONTH),
        "second": make_run(campaign=campaigns[0], at=MONTH + datetime.timedelta(hours=1)),
        "other": make_run(campaign=campaigns[1], at=MONTH),
    }
    rows = []
    for kind, where, endpoint_id, minutes, hit_class, country, status, parts in drawn:
        source: dict[str, Any] = {}
        if where == "journey":
            source = {"source_kind": SourceKind.JOURNEY, "source_id": 9, "run_id": 77}
        elif where != "direct":
            source = {"source_kind": SourceKind.CAMPAIGN, "source_id": runs[where].campaign_id, "run_id": runs[where].pk}
        data: dict[str, Any] | None = None
        if kind in SMS:
            data = {"country": country, "status": status, "parts": parts, "millicents": 645 * parts}
        elif kind == K.CAMPAIGN_SEND:
            data = {"status": status, "channel": "GCM"}
        rows.append(EventRow(
            id=uuid.uuid4(), occurred_at=MONTH + datetime.timedelta(minutes=minutes), project_id=project.pk,
            endpoint_id=endpoint_id, kind=kind, hit_class=hit_class if kind in HITS else HitClass.NONE, data=data, **source,
        ))  # fmt: skip
    with transaction.atomic():
        record_events(events=rows)
    if folds:
        fold_reach()

    for day in recount.days(project_id=project.pk):
        assert recount.differences(project_id=project.pk, day=day) == []
    events = list(Event.objects.filter(project_id=project.pk))
    sources = {SourceKind.DIRECT: [], SourceKind.CAMPAIGN: [], SourceKind.JOURNEY: []}  # type: dict[SourceKind, list[Event]]
    for one in events:
        sources[SourceKind(one.source_kind)].append(one)
    for name, kpi in KPIS[Scope.APPLICATION].items():
        assert computed(project, Scope.APPLICATION, name) == naive(name, sources[kpi.sources[0]]), name
    for name in KPIS[Scope.CAMPAIGN]:
        mine = [one for one in sources[SourceKind.CAMPAIGN] if one.source_id == campaigns[0].pk]
        assert computed(project, Scope.CAMPAIGN, name, campaigns[0].pk) == naive(name, mine), name
    for name in KPIS[Scope.JOURNEY]:
        assert computed(project, Scope.JOURNEY, name, 9) == naive(name, sources[SourceKind.JOURNEY]), name


def test_there_are_as_many_indicators_as_pinpoint_had() -> None:
    assert {scope: len(found) for scope, found in KPIS.items()} == {Scope.APPLICATION: 48, Scope.CAMPAIGN: 18, Scope.JOURNEY: 18}
    assert KPIS[Scope.APPLICATION]["txn-sms-sent-grouped-by-date"].value_key == "TxnSmsSent"
    assert KPIS[Scope.APPLICATION]["unique-deliveries-grouped-by-campaign"].value_key == "UniqueDeliveries"


def test_the_document_is_made_from_the_declarations(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == metrics_document(), "run “manage.py metrics --write”"
    call_command("metrics")
    assert len(re.findall(r"^\| `[a-z]", capsys.readouterr().out, re.MULTILINE)) == 84


def test_without_events_there_are_no_rows_and_other_projects_count_for_nothing() -> None:
    project, other = make_project(), make_project()
    with transaction.atomic():
        record_events(events=[
            EventRow(id=uuid.uuid4(), occurred_at=MONTH, project_id=other.pk, endpoint_id=1, kind=K.EMAIL_SEND)
        ])  # fmt: skip
    for scope, found in KPIS.items():
        for name in found:
            assert computed(project, scope, name, source_id=1) == {}
    assert computed(other, Scope.APPLICATION, "txn-emails-sent") == {None: 1}


@pytest.mark.parametrize(("name", "start", "end"), [("no-such-thing", MONTH, END), ("txn-emails-sent", END, MONTH)])
def test_what_is_asked_wrongly_is_refused(name: str, start: datetime.datetime, end: datetime.datetime) -> None:
    with pytest.raises(KpiRefused):
        kpi_result(project_id=1, scope=Scope.APPLICATION, name=name, now=END, start=start, end=end)
