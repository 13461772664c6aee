"""Which way a sender's messages take."""

from __future__ import annotations

from messaging.domains import names
from messaging.domains.dkim import REWRITTEN_BY_SES
from messaging.models import Relay, RelayRoute
from projects.models import Project


def relay_for(*, project: Project, sender: str) -> Relay | None:
    """The relay of an address, else of its domain, else of all the project's senders; None: the installation's way."""
    if project.is_practice:
        return None
    wanted = [sender.lower(), names.domain_of(sender), ""]
    routes = RelayRoute.objects.filter(project=project, sender__in=wanted).select_related("relay__project")
    by_sender = {route.sender: route.relay for route in routes}
    return next((by_sender[key] for key in wanted if key in by_sender), None)


def ways_of(*, project: Project, domain: str) -> list[Relay]:
    """Every relay that messages of a domain may take when the project is live; none: the installation's way."""
    routes = RelayRoute.objects.filter(project=project).select_related("relay").order_by("pk")
    own = [route for route in routes if route.sender == domain or route.sender.endswith(f"@{domain}")]
    if not any(route.sender == domain for route in own):
        own += [route for route in routes if route.sender == ""]
    return list({route.relay_id: route.relay for route in own}.values())


def rewritten_headers(*, project: Project, sender: str) -> frozenset[str]:
    """The headers that a sender's relay writes anew, so that a signature must not cover them."""
    relay = relay_for(project=project, sender=sender)
    return REWRITTEN_BY_SES if relay is not None and relay.is_ses else frozenset()
