"""What is wrong with a definition, in a sentence that says which filter."""

from __future__ import annotations

from core.errors import Refusal


class DefinitionRefused(Refusal):
    """The document is not a definition that can be evaluated. ``group`` and ``filter`` count from 1; None where neither is at fault."""

    def __init__(self, message: object, *, group: int | None = None, filter: int | None = None) -> None:
        super().__init__(message)
        self.group = group
        self.filter = filter


class SourceRefused(DefinitionRefused):
    """A base segment does not exist here, is deleted, leads back to itself, or stands too deep."""
