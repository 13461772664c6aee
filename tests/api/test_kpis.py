"""Indicators, by boto3."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from analytics.kpis import KPIS, Scope
from analytics.models import Counter, EventKind, SourceKind
from projects.models import Project
from tests.factories.campaigns import make_campaign
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
START, END = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC), datetime.datetime(2026, 11, 30, 23, 59, 59, tzinfo=datetime.UTC)


@pytest.fixture
def project() -> Project:
    return make_project()


def count(project: Project, kind: EventKind, total: int, *, campaign_id: int = 0, day: int = 24) -> None:
    source = SourceKind.CAMPAIGN if campaign_id else SourceKind.DIRECT
    Counter.objects.create(
        project_id=project.pk, source_kind=source, source_id=campaign_id, run_id=1 if campaign_id else 0, kind=kind, total=total,
        hour=datetime.datetime(2026, 11, day, 3, tzinfo=datetime.UTC),
    )  # fmt: skip


@pytest.mark.parametrize("name", KPIS[Scope.APPLICATION])
def test_every_indicator_of_a_project_is_answered(name: str, pinpoint: Any, project: Project) -> None:
    answer = pinpoint.get_application_date_range_kpi(ApplicationId=project.public_id, KpiName=name, StartTime=START, EndTime=END)[
        "ApplicationDateRangeKpiResponse"
    ]
    assert answer["KpiName"] == name
    assert answer["KpiResult"] == {"Rows": []}
    assert (answer["StartTime"], answer["EndTime"]) == (START, END)


@pytest.mark.parametrize("name", KPIS[Scope.CAMPAIGN])
def test_every_indicator_of_a_campaign_is_answered(name: str, pinpoint: Any, project: Project) -> None:
    campaign = make_campaign(project=project, document={}, state="DELETED")  # numbers outlive it
    answer = pinpoint.get_campaign_date_range_kpi(ApplicationId=project.public_id, CampaignId=campaign.public_id, KpiName=name)[
        "CampaignDateRangeKpiResponse"
    ]
    assert (answer["CampaignId"], answer["KpiName"]) == (campaign.public_id, name)


def test_numbers_have_pinpoints_form(pinpoint: Any, project: Project) -> None:
    count(project, EventKind.EMAIL_SEND, 7, day=23)
    count(project, EventKind.EMAIL_SEND, 3)
    ids = {"ApplicationId": project.public_id, "StartTime": START, "EndTime": END}

    total = pinpoint.get_application_date_range_kpi(**ids, KpiName="txn-emails-sent")
    by_day = pinpoint.get_application_date_range_kpi(**ids, KpiName="txn-emails-sent-grouped-by-date")

    def value(number: str) -> list[dict[str, str]]:
        return [{"Key": "TxnEmailsSent", "Type": "Double", "Value": number}]

    assert total["ApplicationDateRangeKpiResponse"]["KpiResult"]["Rows"] == [{"GroupedBys": [], "Values": value("10.0")}]
    assert by_day["ApplicationDateRangeKpiResponse"]["KpiResult"]["Rows"] == [
        {"GroupedBys": [{"Key": "Date", "Type": "String", "Value": f"2026-11-{day}"}], "Values": value(number)}
        for day, number in ((23, "7.0"), (24, "3.0"))
    ]


def test_what_is_no_indicator_or_no_range_is_refused(pinpoint: Any, project: Project) -> None:
    day = datetime.timedelta(days=1)
    for given in (
        {"KpiName": "none"},
        {"KpiName": "hard-bounce-rate"},
        {"KpiName": "txn-emails-sent", "StartTime": END, "EndTime": START},
        {"KpiName": "txn-emails-sent", "StartTime": START, "EndTime": START + 33 * day},
    ):
        with pytest.raises(pinpoint.exceptions.BadRequestException):
            pinpoint.get_application_date_range_kpi(ApplicationId=project.public_id, **given)
    other = make_campaign(project=make_project(), document={})
    with pytest.raises(pinpoint.exceptions.NotFoundException):
        pinpoint.get_campaign_date_range_kpi(
            ApplicationId=project.public_id, CampaignId=other.public_id, KpiName="unique-deliveries"
        )
