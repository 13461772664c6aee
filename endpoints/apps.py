from __future__ import annotations

from django.apps import AppConfig


class EndpointsConfig(AppConfig):
    name = "endpoints"

    def ready(self) -> None:
        from endpoints import ports
        from endpoints.services import erasers

        ports.register_eraser("analytics.Event", erasers.erase_events)
        ports.register_eraser("analytics.Reach", erasers.erase_reach)
        ports.register_eraser("endpoints.FacetChunk", erasers.erase_values)
        ports.register_eraser("analytics.ReachAddition", erasers.erase_reach_additions)
