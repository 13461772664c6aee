"""Opens and clicks of a run, by the hundred thousand, so that its campaign has as many events as a large one."""

from __future__ import annotations

import datetime
import itertools

import numpy as np
from django.db import transaction
from django.db.models import Sum

from analytics.events import EventBlock
from analytics.models import Counter, EventKind, HitClass, SourceKind
from analytics.services import reach
from analytics.services.partitions import ensure_partitions
from analytics.services.record import record_events
from campaigns.models import Run
from core import clock

LINKS = 5
_HOURS = 72  # over which they come
_AT_ONCE = 20_000
_DATA = {"user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15"}


def add_hits(run: Run, *, until: int) -> int:
    """Add opens and clicks (three to one) until the campaign has so many events; returns how many it has then."""
    assert run.audience is not None
    ensure_partitions(now=clock.now())
    ids = np.fromiter(run.audience, dtype=np.int64)
    chance = np.random.default_rng(7)
    have = int(Counter.objects.filter(run_id=run.pk).aggregate(sum=Sum("total"))["sum"] or 0)
    first = clock.now() - datetime.timedelta(hours=_HOURS)
    for turn in itertools.count():
        if have >= until:
            break
        count = min(_AT_ONCE, until - have, len(ids))
        is_click = turn % 4 == 3
        block = EventBlock(
            occurred_at=first + datetime.timedelta(hours=turn % _HOURS), project_id=run.project_id,
            endpoint_ids=chance.choice(ids, count, replace=False).tolist(),
            kind=EventKind.EMAIL_CLICK if is_click else EventKind.EMAIL_OPEN, source_kind=SourceKind.CAMPAIGN,
            source_id=run.campaign_id, run_id=run.pk, treatment=run.treatment, data=_DATA,
            hit_class=HitClass.PERSON if turn % 3 else HitClass.PROXY, link_number=turn % LINKS if is_click else None,
        )  # fmt: skip
        with transaction.atomic():
            have += record_events(events=(), blocks=[block])
    while reach.fold_reach():
        pass
    return have
