"""What projects ask of higher floors."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from core.ports import Port
from projects.models import Project

# project → sentences that say what is missing before it can send real mail
live_requirements: Port[[Project], list[str]] = Port("live requirements")


@dataclass(frozen=True, slots=True)
class Thing:
    """What an audit entry is about and is still known: its name, and its page's path, empty when it has none (any more)."""

    name: str
    url: str = ""


# → what was done (an audit entry's verb) to a sentence: %(who)s, %(what)s and the keys of the entry's data
audit_sentences: Port[[], dict[str, str]] = Port("audit sentences")
# project, a model's label, ids as the audit trail keeps them → those that the app knows
audit_things: Port[[Project, str, Collection[str]], dict[str, Thing]] = Port("audit things")
