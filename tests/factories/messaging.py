from __future__ import annotations

import datetime

from messaging.models import Sender
from projects.models import Project


def make_sender(*, project: Project, address: str = "shop@example.com", is_verified: bool = True, name: str = "상점") -> Sender:
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) if is_verified else None
    return Sender.objects.create(project=project, address=address, name=name, verified_at=at)
