"""What tests of campaigns begin with: a project that may send, a segment of one person, a draft that goes to it."""

from __future__ import annotations

import pytest

from campaigns.models import Campaign
from core.audience import Audience
from projects.models import Project
from segments.models import Segment
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def segment(project: Project) -> Segment:
    make_sender(project=project)
    return make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]))


@pytest.fixture
def campaign(project: Project, segment: Segment) -> Campaign:
    return make_campaign(project=project, document=campaign_document(segment=segment))
