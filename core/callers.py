"""Who calls: the address that limits are counted by."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from django.conf import settings

_HOME = 64  # bits of an IPv6 address that one household has


def caller_address(environ: Mapping[str, Any]) -> str:
    """The caller's address; behind a proxy the one that the proxy noted last, for all before it anybody can write."""
    noted = environ.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_PROXY else ""
    return noted.rpartition(",")[2].strip()[:45] or str(environ.get("REMOTE_ADDR", ""))


def household(address: str) -> str:
    """What is counted as one: an IPv4 address, or the network that an IPv6 address is one of many of."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:45]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _HOME), strict=False).network_address)
    return str(found)
