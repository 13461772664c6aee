"""Opting out, and in again: written at once, with who and when."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from endpoints import facets
from endpoints.models import Endpoint, OptOut, OptOutEntry


def set_opt_out(
    *,
    project_id: int,
    endpoint_id: int,
    opt_out: OptOut,
    source: OptOutEntry.Source,
    now: datetime.datetime,
    campaign_id: int | None = None,
    run_id: int | None = None,
    actor_id: int | None = None,
) -> bool:
    """Set an endpoint's OptOut; False when it was so already (then nothing is written) or there is no such endpoint."""
    with transaction.atomic(), facets.tracked(project_id=project_id, endpoint_ids=[endpoint_id]):
        changed = (
            Endpoint.objects.filter(project_id=project_id, pk=endpoint_id)
            .exclude(opt_out=opt_out)
            .update(opt_out=opt_out, updated_at=Greatest(Value(now), F("updated_at") + datetime.timedelta(microseconds=1)))
        )
        if changed:
            OptOutEntry.objects.create(
                project_id=project_id,
                endpoint_id=endpoint_id,
                opt_out=opt_out,
                source=source,
                campaign_id=campaign_id,
                run_id=run_id,
                actor_id=actor_id,
                at=now,
            )
    return bool(changed)
