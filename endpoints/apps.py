from __future__ import annotations

from django.apps import AppConfig


class EndpointsConfig(AppConfig):
    name = "endpoints"

    def ready(self) -> None:
        from endpoints import audited, ports
        from endpoints.services import erasers
        from projects import ports as project_ports

        ports.register_eraser("analytics.Event", erasers.erase_events)
        ports.register_eraser("analytics.Reach", erasers.erase_reach)
        ports.register_eraser("endpoints.FacetChunk", erasers.erase_values)
        ports.register_eraser("analytics.ReachAddition", erasers.erase_reach_additions)
        project_ports.audit_sentences.register("endpoints", lambda: audited.SENTENCES)
        project_ports.audit_things.register("endpoints", audited.things)
