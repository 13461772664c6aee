"""What messaging asks of higher floors."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from core.ports import Port


@dataclass(frozen=True, slots=True)
class TemplateUser:
    """What uses a template: ``version`` is the one it pins (None: whichever is active when it sends).

    ``is_launched``: it may send by itself, and ``is_finished``: it never will again.
    """

    template: str
    version: int | None
    project_id: int
    key: str
    name: str
    kind: str
    state: str
    url: str
    is_launched: bool
    is_finished: bool


# (type, names of templates) → what uses one of them, in all projects, oldest first. Campaigns register.
template_users: Port[[str, Collection[str]], list[TemplateUser]] = Port("template_users")


@dataclass(frozen=True, slots=True)
class SentRun:
    """A run that sent messages, by what their return paths and Message-IDs say; ``source_kind`` and the rest are those of events."""

    run_id: int
    public_id: str
    project_id: int
    source_kind: int
    source_id: int
    treatment: int


# (ids, public ids) → the runs that have one of them. Campaigns register.
sent_runs: Port[[Collection[int], Collection[str]], list[SentRun]] = Port("sent_runs")
