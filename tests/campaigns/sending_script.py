"""A process of its own for the tests that kill everything: ``prepare COUNT`` makes a campaign to so many and launches it."""

from __future__ import annotations

import sys

import django

django.setup()

from campaigns.services import launch  # noqa: E402
from core import clock  # noqa: E402
from core.audience import Audience  # noqa: E402
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment  # noqa: E402
from tests.factories.endpoints import make_members  # noqa: E402
from tests.factories.messaging import make_sender  # noqa: E402
from tests.factories.projects import make_project  # noqa: E402


def prepare(count: int) -> None:
    project = make_project(mode="LIVE")
    make_sender(project=project)
    segment = make_import_segment(project=project, members=Audience(make_members(project=project, count=count)))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment))
    launch.launch_campaign(campaign=campaign, actor=None, now=clock.now())


if __name__ == "__main__":
    prepare(int(sys.argv[2]))
