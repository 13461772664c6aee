"""What a transaction changes of who carries which value."""

from __future__ import annotations

from collections.abc import Iterable

from endpoints.facets.subjects import Subject


class Changes:
    """Gathered by the writers, recorded once at the end of their transaction."""

    def __init__(self) -> None:
        self.added: list[tuple[Subject, str, Iterable[int]]] = []
        self.removed: list[tuple[Subject, str, Iterable[int]]] = []

    def add(self, subject: Subject, value: str, ids: Iterable[int]) -> None:
        self.added.append((subject, value, ids))

    def remove(self, subject: Subject, value: str, ids: Iterable[int]) -> None:
        self.removed.append((subject, value, ids))

    def record(self, *, project_id: int) -> None:
        """Filters read the tables themselves so far: nothing is kept beside them."""
