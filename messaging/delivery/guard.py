"""What a project's relay may be: a public address at one of the usual ports, so that nobody reaches the server's own network.

An installation allows more by ``RELAY_PORTS`` and ``RELAY_PRIVATE_HOSTS``.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection

from django.conf import settings
from django.utils.translation import gettext as _

from core.errors import Refusal

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind a gateway (RFC 6052)


class TargetRefused(Refusal):
    """No connection may be made there."""


def checked_address(*, host: str, port: int, ports: Collection[int] | None = None) -> str:
    """An address of the host, looked up now and meant to be connected to as it is (a second look-up may say another).

    ``ports``: those that are allowed, if not the relays'. Raises ``TargetRefused``.
    """
    allowed = settings.RELAY_PORTS if ports is None else ports
    if port not in allowed:
        given = {"port": port, "ports": ", ".join(map(str, allowed))}
        raise TargetRefused(_("Port %(port)s is not allowed. Use one of these: %(ports)s.") % given)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TargetRefused(_("The server %(host)s is not known in DNS.") % {"host": host}) from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not (_is_public(address) or is_allowed(host=host, address=address)):
            raise TargetRefused(
                _("%(host)s is an address of this server's own network, which relays may not use.") % {"host": host}
            )
    return addresses[0]


def is_allowed(*, host: str, address: str = "") -> bool:
    """Whether the installation names a host, or the network of its address, as one that may be private."""
    for one in settings.RELAY_PRIVATE_HOSTS:
        if one.lower() == host.lower():
            return True
        try:
            if address and ipaddress.ip_address(address.partition("%")[0]) in ipaddress.ip_network(one):
                return True
        except ValueError:  # a name
            continue
    return False


def _is_public(text: str) -> bool:
    ip = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None or ip in _TRANSLATED:
            return False  # an address inside an address
    return ip.is_global and not ip.is_multicast
