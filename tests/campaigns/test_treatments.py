"""Treatments as they are sent: each its own message or schedule, everybody in one of them, an address once."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.db.models import Sum

from campaigns.clicks import messages
from campaigns.models import Campaign, CampaignState, Run, RunExclusion, RunState, Treatment
from campaigns.sending import freezing, worker
from campaigns.services import launch, occurrences
from core.audience import Audience
from endpoints.models import Endpoint
from projects.models import Project
from segments.models import SegmentVersion
from segments.ports import CampaignLink
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport
from tests.factories.campaigns import HTML, campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import index, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project


def email(subject: str) -> dict[str, Any]:
    return {"EmailMessage": {"FromAddress": "shop@example.com", "Title": subject, "HtmlBody": HTML, "Body": ""}}


def with_treatments(*, project: Project, members: Audience, **document: Any) -> Campaign:
    """A launched campaign of these members."""
    segment = make_import_segment(project=project, members=members)
    campaign = make_campaign(project=project, document=campaign_document(segment=segment) | document)
    launch.launch_campaign(campaign=campaign, actor=None, now=NOW)
    return campaign


def work(*, clock: Clock, transport: RecordingTransport) -> list[int]:
    """Ticks, freezes and workers until nothing is left to do now; the runs that were made."""
    made = occurrences.claim_due(now=clock())
    for run_id in made:
        freezing.freeze_run(run_id=run_id, clock=clock)
    for run_id in made:
        worker.send_run(run_id=run_id, owner="w", clock=clock, transport=transport)
    return made


@pytest.fixture
def shop() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


THREE = [
    {"SizePercent": 25, "TreatmentName": "짧은 제목", "MessageConfiguration": email("둘째")},
    {"SizePercent": 15, "MessageConfiguration": email("셋째"), "Pabal": {"Preheader": "셋째의 머리말"}},
]


@pytest.mark.django_db
def test_everybody_gets_one_treatments_message_or_is_held_out(shop: Project) -> None:
    clock, transport = Clock(), RecordingTransport()
    members = Audience(make_members(project=shop, count=2_000))
    campaign = with_treatments(project=shop, members=members, HoldoutPercent=10, AdditionalTreatments=THREE)

    work(clock=clock, transport=transport)

    runs = {run.treatment: run for run in Run.objects.filter(campaign=campaign)}
    assert {number: run.frozen for number, run in runs.items()} == {
        0: pytest.approx(1_000, abs=90), 1: pytest.approx(500, abs=80), 2: pytest.approx(300, abs=65),
    }  # fmt: skip
    held = RunExclusion.objects.get(reason="TREATMENT_HOLDOUT")
    assert (held.run, held.total) == (runs[0], pytest.approx(200, abs=55))
    assert Audience.union([held.members, *(run.audience or Audience() for run in runs.values())]) == members
    assert sum(run.targeted for run in runs.values()) == 2_000
    assert set(transport.sent.values()) == {1}
    assert len(transport.sent) == 2_000 - held.total
    assert runs[2].content["Pabal"]["Preheader"] == "셋째의 머리말"
    assert [runs[number].content["Message"]["Title"] for number in range(3)] == ["(광고) 소식", "둘째", "셋째"]
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.COMPLETED


@pytest.mark.django_db
def test_each_stays_in_its_treatment_from_run_to_run_while_members_come_and_go(shop: Project) -> None:
    clock, transport = Clock(), RecordingTransport()
    everybody = make_members(project=shop, count=900)
    daily = {"StartTime": "2026-11-24T02:00:00Z", "Frequency": "DAILY", "Timezone": "UTC+09"}
    campaign = with_treatments(
        project=shop, members=Audience(everybody[:600]), Schedule=daily, HoldoutPercent=5, AdditionalTreatments=THREE
    )
    clock.pass_(hours=2)
    work(clock=clock, transport=transport)
    SegmentVersion.objects.update(members=Audience(everybody[300:]))
    clock.pass_(days=1)
    work(clock=clock, transport=transport)

    first, second = (
        {run.treatment: run.audience for run in Run.objects.filter(campaign=campaign, occurrence_at__day=day)} for day in (24, 25)
    )
    stayed = Audience(everybody[300:600])
    assert {number: audience & stayed for number, audience in first.items()} == {
        number: audience & stayed for number, audience in second.items()
    }
    assert all(len(audience - stayed) > 20 for audience in second.values())


@pytest.mark.django_db
def test_treatments_with_schedules_of_their_own_run_on_their_own(shop: Project) -> None:
    clock, transport = Clock(), RecordingTransport()
    members = Audience(make_members(project=shop, count=300))
    evening = {"StartTime": "2026-11-24T09:00:00Z", "Frequency": "ONCE", "Timezone": "UTC+09"}
    campaign = with_treatments(project=shop, members=members, AdditionalTreatments=[{"SizePercent": 50, "Schedule": evening}])

    assert list(Treatment.objects.order_by("number").values_list("next_run_at", flat=True)) == [NOW, NOW.replace(hour=9)]
    work(clock=clock, transport=transport)
    campaign.refresh_from_db()
    assert (campaign.state, len(transport.sent)) == (CampaignState.PENDING_NEXT_RUN, Run.objects.get().frozen)

    clock.pass_(hours=9)
    work(clock=clock, transport=transport)
    campaign.refresh_from_db()
    assert (campaign.state, set(transport.sent)) == (CampaignState.COMPLETED, set(members))


@pytest.mark.django_db
def test_an_address_gets_one_message_however_its_endpoints_are_divided(shop: Project) -> None:
    clock, transport = Clock(), RecordingTransport()
    firsts = make_members(project=shop, count=200)
    seconds = make_members(project=shop, count=200)
    for first, second in zip(firsts, seconds, strict=True):
        address = Endpoint.objects.get(pk=first).address
        Endpoint.objects.filter(pk=second).update(address=address, address_key=address)
    index(seconds)
    evening = {"StartTime": "2026-11-24T09:00:00Z", "Frequency": "ONCE", "Timezone": "UTC+09"}
    with_treatments(project=shop, members=Audience(seconds), AdditionalTreatments=[{"SizePercent": 50, "Schedule": evening}])
    work(clock=clock, transport=transport)
    morning = len(transport.sent)
    SegmentVersion.objects.update(members=Audience([*firsts, *seconds]))  # their twins joined meanwhile, with lower ids
    clock.pass_(hours=9)
    work(clock=clock, transport=transport)

    addresses = [message.recipient for message in transport.messages]
    assert len(addresses) == len(set(addresses)) > morning > 50
    for run in Run.objects.all():
        excluded = RunExclusion.objects.filter(run=run).aggregate(sum=Sum("total"))["sum"] or 0
        assert run.targeted == excluded + run.frozen
        assert run.state == RunState.COMPLETED


@pytest.mark.django_db
def test_a_treatment_whose_time_is_past_forbids_the_launch(shop: Project) -> None:
    past = {"StartTime": "2026-11-23T09:00:00Z", "Frequency": "ONCE", "Timezone": "UTC+09"}
    members = Audience(make_members(project=shop, count=3))

    with pytest.raises(launch.CampaignRefused):
        with_treatments(project=shop, members=members, AdditionalTreatments=[{"SizePercent": 50, "Schedule": past}])

    assert not Treatment.objects.exists()


@pytest.mark.django_db
def test_resuming_sets_each_treatment_to_its_own_next_time(shop: Project) -> None:
    members = Audience(make_members(project=shop, count=3))
    schedules = [{"StartTime": f"2026-11-24T0{hour}:00:00Z", "Frequency": "DAILY", "Timezone": "UTC+09"} for hour in (3, 5)]
    second = {"SizePercent": 50, "Schedule": schedules[1]}
    campaign = with_treatments(project=shop, members=members, Schedule=schedules[0], AdditionalTreatments=[second])
    owner = shop.created_by
    launch.pause_campaign(campaign=campaign, actor=owner, now=NOW)

    launch.resume_campaign(campaign=campaign, actor=owner, now=NOW + datetime.timedelta(hours=3))

    assert [one.next_run_at for one in Treatment.objects.order_by("number")] == [
        NOW.replace(day=25, hour=3), NOW.replace(hour=5),
    ]  # fmt: skip


@pytest.mark.django_db
def test_links_of_a_test_of_messages_are_listed_by_treatment_since_each_message_numbers_its_own(shop: Project) -> None:
    segment = make_import_segment(project=shop, members=Audience(make_members(project=shop, count=2)))
    alone = make_campaign(project=shop, document=campaign_document(segment=segment))
    tested = make_campaign(project=shop, document=campaign_document(segment=segment) | {"AdditionalTreatments": THREE})

    found = messages.campaign_links(shop.pk, [alone.public_id, tested.public_id])

    assert found == {
        alone.public_id: [CampaignLink(0, "https://shop.example.com/sale")],
        tested.public_id: [
            CampaignLink(0, "https://shop.example.com/sale", 0, "Treatment A"),
            CampaignLink(0, "https://shop.example.com/sale", 1, "짧은 제목"),
            CampaignLink(0, "https://shop.example.com/sale", 2, "Treatment C"),
        ],
    }
