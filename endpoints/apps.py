from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from analytics.ports import EndpointFacts


def _endpoint_facts(project_id: int, ids: Collection[int]) -> dict[int, EndpointFacts]:
    from analytics.ports import EndpointFacts
    from endpoints.queries import endpoint_rows

    rows = endpoint_rows(project_id=project_id, ids=sorted(ids))
    return {row.id: EndpointFacts(row.document["Id"], row.address, row.document) for row in rows}


def _endpoint_names(project_id: int, ids: Collection[int]) -> dict[int, str]:
    from endpoints.models import Endpoint

    return dict(Endpoint.objects.filter(project_id=project_id, pk__in=ids).values_list("pk", "endpoint_id"))


class EndpointsConfig(AppConfig):
    name = "endpoints"

    def ready(self) -> None:
        from analytics import ports as analytics_ports
        from core.remembering import forgotten_by
        from endpoints import audited, ports
        from endpoints.facets import changes, reading
        from endpoints.services import erasers
        from projects import ports as project_ports

        forgotten_by(changes.forget)
        forgotten_by(reading.forget)
        ports.register_eraser("analytics.Event", erasers.erase_events)
        ports.register_eraser("analytics.Reach", erasers.erase_reach)
        ports.register_eraser("endpoints.FacetChunk", erasers.erase_values)
        ports.register_eraser("endpoints.ArrivalMonth", erasers.erase_months)
        ports.register_eraser("analytics.ReachAddition", erasers.erase_reach_additions)
        ports.register_eraser("analytics.LakeFile", erasers.erase_lake)
        ports.register_eraser("analytics.LakeTransform", erasers.erase_transforms)
        ports.register_eraser("analytics.TransformFile", erasers.erase_tables)
        analytics_ports.endpoint_facts.register("endpoints", _endpoint_facts)
        analytics_ports.endpoint_names.register("endpoints", _endpoint_names)
        project_ports.audit_sentences.register("endpoints", lambda: audited.SENTENCES)
        project_ports.audit_things.register("endpoints", audited.things)
