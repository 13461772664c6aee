"""The checks of the invariants, each over one project."""

from __future__ import annotations

from collections.abc import Callable

from analytics import invariants as of_analytics
from campaigns import invariants as of_campaigns
from console.models import Invariant
from core.invariants import Broken, Finding
from endpoints.facets import rebuilding
from endpoints.models import Endpoint, ErasureRequest
from segments import invariants as of_segments


def check(*, invariant: Invariant, project_id: int) -> Finding:
    """Look whether it holds. May take minutes: facets and rollups read every endpoint and every event."""
    return _CHECKS[invariant](project_id)


def _runs(project_id: int) -> Finding:
    return of_campaigns.runs(project_id=project_id)


def _imports(project_id: int) -> Finding:
    return of_segments.imports(project_id=project_id)


def _rollups(project_id: int) -> Finding:
    return of_analytics.rollups(
        project_id=project_id, has_erased=ErasureRequest.objects.filter(project_id=project_id).exists()
    )  # fmt: skip


def _facets(project_id: int) -> Finding:
    broken = [
        Broken("facet", {
            "subject": f"{one.subject.kind} {one.subject.name}", "value": one.value, "missing": one.missing, "extra": one.extra,
        })
        for one in rebuilding.verify(project_id=project_id)
    ]  # fmt: skip
    return Finding(checked=Endpoint.objects.filter(project_id=project_id).count(), broken=broken)


_CHECKS: dict[Invariant, Callable[[int], Finding]] = {
    Invariant.RUNS: _runs,
    Invariant.FACETS: _facets,
    Invariant.IMPORTS: _imports,
    Invariant.ROLLUPS: _rollups,
}
