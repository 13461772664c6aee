"""Targeted = excluded + outcomes, for every run."""

from __future__ import annotations

from django.db import connection

from core.invariants import Broken, Finding

# One statement, hence one moment. A run that is not over yet may only have fewer outcomes than people who were frozen.
_RUNS = """
    SELECT r.public_id, c.name, r.targeted, r.frozen, coalesce(e.total, 0), coalesce(o.total, 0), r.completed_at IS NOT NULL
      FROM campaigns_run r JOIN campaigns_campaign c ON c.id = r.campaign_id
      LEFT JOIN LATERAL (SELECT sum(total) AS total FROM campaigns_runexclusion WHERE run_id = r.id) e ON true
      LEFT JOIN LATERAL (SELECT sum(total) AS total FROM campaigns_sliceoutcome WHERE run_id = r.id) o ON true
     WHERE r.project_id = %s AND r.state <> 'FREEZING' ORDER BY r.id
"""


def runs(*, project_id: int) -> Finding:
    """The project's runs of which a member is neither excluded nor frozen, or one who was frozen has not exactly one outcome."""
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, [project_id])
        rows = cursor.fetchall()
    broken = []
    for run, campaign, targeted, frozen, excluded, outcomes, is_over in rows:
        names = {"run": run, "campaign": campaign, "frozen": frozen}
        if targeted != excluded + frozen:
            broken.append(Broken("run_members", names | {"targeted": targeted, "excluded": int(excluded)}))
        if outcomes > frozen or (is_over and outcomes < frozen):
            broken.append(Broken("run_outcomes", names | {"outcomes": int(outcomes)}))
    return Finding(checked=len(rows), broken=broken)
