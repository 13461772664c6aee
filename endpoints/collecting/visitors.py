"""Visitors of web pages as endpoints.

A browser makes a random number once and keeps it. The endpoint's Id is made of that number and can't be turned back into it: who reads
the Id in an export can't write to the endpoint, only the browser that made it can.
"""

from __future__ import annotations

import hashlib
import re

from endpoints.writing.rules import VISITOR_PREFIX

_NUMBER = re.compile(r"[0-9a-f]{32}\Z")


def is_number(text: object) -> bool:
    """Whether it is a visitor's random number: 128 bits."""
    return isinstance(text, str) and _NUMBER.match(text) is not None


def endpoint_id(*, project_public_id: str, number: str) -> str:
    """The endpoint's Id. A number makes another endpoint in each project."""
    text = f"pabal visitor\n{project_public_id}\n{number}"
    return VISITOR_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:32]
