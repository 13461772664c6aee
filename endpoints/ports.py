"""What endpoints ask of higher floors: erase a person from what they keep."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.audience import Audience
from core.ports import Port

# (project_id, channels) → the project's endpoints of these types whose address gets nothing. Messaging registers its suppression list.
suppressed_endpoints: Port[[int, Sequence[str]], Audience] = Port("suppressed_endpoints")


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """Whom to erase. The endpoints' rows are gone already; their ids and what they were called are all that is left."""

    project_id: int
    endpoint_ids: tuple[int, ...]
    user_pk: int | None
    addresses: tuple[str, ...]
    names: tuple[str, ...]  # the endpoints' Ids and the UserId
    asked_at: datetime.datetime

    @property
    def ids(self) -> Audience:
        return Audience(self.endpoint_ids)

    @property
    def needles(self) -> list[str]:
        """What a text may hold of the person, in lower case, longest first."""
        return sorted({text.lower() for text in (*self.addresses, *self.names) if text}, key=lambda text: (-len(text), text))

    def is_named_in(self, text: str) -> bool:
        """Whether a text holds an address, an Id or the UserId as a whole word: "1" is not named in "+8210"."""
        lower = text.lower()
        return any(
            re.search(rf"(?<![\w@.+-]){re.escape(needle)}(?![\w@+-]|\.\w)", lower) for needle in self.needles if needle in lower
        )


@dataclass(frozen=True, slots=True)
class Erased:
    """One step of an eraser: rows changed or deleted; where the next step goes on (None: the table is done).

    ``waits_for`` names what must end first, as a person may read it; it is then tried again from ``after`` later.
    """

    rows: int = 0
    after: int | None = None
    waits_for: str = ""


# Takes the person and where to go on (0 at first); does a bounded piece of work in the caller's transaction. The same step may be
# done again after a crash, and the whole table a second time: what is erased already is no fault.
Eraser = Callable[[ErasedPerson, int], Erased]

_erasers: dict[str, Eraser] = {}


def register_eraser(table: str, eraser: Eraser) -> None:
    """Register what erases a person from a table (``app.Model``), in ``AppConfig.ready``; again: replaced."""
    _erasers[table] = eraser


def erasers() -> dict[str, Eraser]:
    """By table, in the order in which they are asked."""
    return {table: _erasers[table] for table in sorted(_erasers)}
