"""Execution metrics: every member of a run is in one of them, for a run, a treatment and a campaign."""

from __future__ import annotations

import pytest

from campaigns import execution_metrics
from campaigns.execution_metrics import COUNTED, METRICS, PRODUCED
from campaigns.models import Campaign, ExclusionReason, Run
from core.audience import Audience
from messaging.models import Suppression
from projects.models import Project
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport
from tests.campaigns.test_treatments import with_treatments, work
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
PINPOINT = {  # section 10.4 of the reference, those of campaigns
    "ENDPOINT_PRODUCED", "ENDPOINTS_FROM_USER", "ENDPOINT_OPT_OUT", "ENDPOINT_INACTIVE", "FILTERED_OUT_BY_SEGMENT",
    "ENDPOINT_MISSING_ADDRESS", "ENDPOINT_MISSING_CHANNEL", "ENDPOINT_MISSING_TIMEZONE", "ENDPOINT_TIMEZONE_MISMATCH",
    "ENDPOINT_CHANNEL_MISMATCH", "DUPLICATE_ENDPOINT", "DUPLICATE_USER", "TREATMENT_HOLDOUT",
}  # fmt: skip


@pytest.fixture
def shop() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


@pytest.fixture
def campaign(shop: Project) -> Campaign:
    members = [
        make_endpoint(project=shop, address="kim@example.com"),
        make_endpoint(project=shop, address="KIM@example.com"),
        make_endpoint(project=shop),
        make_endpoint(project=shop, opt_out="ALL"),
        make_endpoint(project=shop, opt_out="ALL"),
        make_endpoint(project=shop, status="INACTIVE"),
        make_endpoint(project=shop, address=""),
        make_endpoint(project=shop, channel_type="SMS", address="+821012345678"),
        make_endpoint(project=shop, address="gone@example.com"),
    ]
    Suppression.objects.create(
        project=shop, address="gone@example.com", address_key="gone@example.com", reason="MANUAL", source="CONSOLE", at=NOW
    )
    return with_treatments(project=shop, members=Audience([one.pk for one in members]))


def test_every_name_of_pinpoints_is_declared_and_every_reason_is_counted() -> None:
    assert {one.name for one in METRICS if not one.is_ours} == PINPOINT
    assert {*ExclusionReason.values, PRODUCED} == {*COUNTED}


def test_a_runs_members_are_each_in_one_metric(campaign: Campaign) -> None:
    work(clock=Clock(), transport=RecordingTransport())
    run = Run.objects.get()
    found = execution_metrics.of_run(run=run, now=NOW).metrics

    assert {name: number for name, number in found.items() if number != "0"} == {
        "ENDPOINT_PRODUCED": "2", "ENDPOINT_OPT_OUT": "2", "ENDPOINT_INACTIVE": "1", "ENDPOINT_MISSING_ADDRESS": "1",
        "ENDPOINT_CHANNEL_MISMATCH": "1", "ENDPOINT_SUPPRESSED": "1", "DUPLICATE_ENDPOINT": "1",
    }  # fmt: skip
    assert sum(map(int, found.values())) == run.targeted == 9
    assert execution_metrics.of_campaign(campaign=campaign, now=NOW).metrics == found
    assert execution_metrics.of_campaign(campaign=campaign, now=NOW).evaluated_at == NOW


def test_before_the_freeze_there_are_none(campaign: Campaign, shop: Project) -> None:
    segment = make_import_segment(project=shop, members=Audience([1]))
    draft = make_campaign(project=shop, document=campaign_document(segment=segment))
    waiting = Run.objects.create(
        project=shop, campaign=campaign, state="PENDING", occurrence_at=NOW, due_at=NOW, campaign_version=1
    )

    assert execution_metrics.of_campaign(campaign=draft, now=NOW).metrics == {}
    assert execution_metrics.of_run(run=waiting, now=NOW).metrics == {}


def test_treatments_are_told_apart_and_add_up(shop: Project) -> None:
    members = [make_endpoint(project=shop).pk for _number in range(200)]
    campaign = with_treatments(
        project=shop, members=Audience(members), HoldoutPercent=20,
        AdditionalTreatments=[{"TreatmentName": "B", "SizePercent": 30}],
    )  # fmt: skip
    work(clock=Clock(), transport=RecordingTransport())
    whole = execution_metrics.of_campaign(campaign=campaign, now=NOW).metrics
    parts = [execution_metrics.of_campaign(campaign=campaign, now=NOW, treatment=one).metrics for one in (0, 1)]

    assert {name: sum(int(part[name]) for part in parts) for name in whole} == {name: int(one) for name, one in whole.items()}
    assert int(whole["TREATMENT_HOLDOUT"]) > 0
    assert all(int(part[PRODUCED]) > 0 for part in parts)
    by_run = execution_metrics.of_runs(runs=list(Run.objects.all()), now=NOW)
    assert sum(int(one.metrics[PRODUCED]) for one in by_run.values()) == int(whole[PRODUCED])
