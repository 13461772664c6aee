"""Due occurrences, claimed by several ticks at once."""

from __future__ import annotations

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from campaigns.models import Campaign, CampaignState, Run, Treatment
from campaigns.services import launch, occurrences
from core.audience import Audience
from projects.models import Project
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)


def launched(project: Project) -> Campaign:
    segment = make_import_segment(project=project, members=Audience(make_members(project=project, count=3)))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment))
    launch.launch_campaign(campaign=campaign, actor=None, now=NOW)
    return campaign


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


@pytest.mark.django_db(transaction=True)
def test_four_ticks_at_once_make_one_run_of_each_occurrence(project: Project) -> None:
    campaigns = [launched(project) for _number in range(12)]
    together = threading.Barrier(4)

    def tick() -> list[int]:
        try:
            together.wait(10)
            return occurrences.claim_due(now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        claimed = [run for found in [pool.submit(tick) for _number in range(4)] for run in found.result(30)]

    assert len(claimed) == len(set(claimed)) == 12
    assert sorted(Run.objects.values_list("campaign_id", flat=True)) == sorted(campaign.pk for campaign in campaigns)
    assert not Treatment.objects.filter(next_run_at__isnull=False).exists()


@pytest.mark.django_db
def test_a_schedule_that_cannot_be_read_does_not_stand_in_the_others_way(project: Project) -> None:
    broken, sound = launched(project), launched(project)
    Campaign.objects.filter(pk=broken.pk).update(document=broken.document | {"Schedule": {"StartTime": "some day"}})
    Treatment.objects.filter(campaign=broken).update(next_run_at=NOW - datetime.timedelta(minutes=1))

    occurrences.claim_due(now=NOW)

    assert [run.campaign_id for run in Run.objects.all()] == [sound.pk]
    broken.refresh_from_db()
    assert broken.state == CampaignState.INVALID
    assert occurrences.claim_due(now=NOW) == []


@pytest.mark.django_db
def test_a_paused_campaign_is_not_claimed(project: Project) -> None:
    paused = launched(project)
    launch.pause_campaign(campaign=paused, actor=None, now=NOW)

    assert occurrences.claim_due(now=NOW) == []
    assert not Run.objects.exists()
