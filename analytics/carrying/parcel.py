"""What is put at once, and the order in which its lines may go."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


class DestinationFailed(Exception):
    """It did not take (all of) a parcel; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One record. ``key``: whose order it keeps, empty for nobody's; ``data`` ends with a newline."""

    key: str
    at: datetime.datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Parcel:
    """A project's events after one position and up to another. ``name`` is the same whenever these are put again."""

    project: str  # its public id
    name: str
    lines: Sequence[Line]


def waves(lines: Iterable[Line]) -> list[list[Line]]:
    """Lines in groups of which none has two of one key: a wave may go side by side, the next one goes after it.

    So what is refused of a wave can be put again without overtaking anything of its endpoint.
    """
    found: list[list[Line]] = []
    seen: collections.Counter[str] = collections.Counter()
    for line in lines:
        number = 0
        if line.key:
            number = seen[line.key]
            seen[line.key] += 1
        if number == len(found):
            found.append([])
        found[number].append(line)
    return found


def within(lines: Sequence[Line], *, most_of_a_key: int) -> int:
    """How many of the lines may go together so that they make no more waves than that."""
    seen: collections.Counter[str] = collections.Counter()
    for place, line in enumerate(lines):
        if line.key:
            seen[line.key] += 1
            if seen[line.key] > most_of_a_key:
                return place
    return len(lines)


def batches(lines: Iterable[Line], *, count: int, size: int) -> Iterator[list[Line]]:
    """In their order, at most ``count`` lines and ``size`` bytes each, their keys among these."""
    some: list[Line] = []
    held = 0
    for line in lines:
        own = len(line.data) + len(line.key)
        if some and (len(some) == count or held + own > size):
            yield some
            some, held = [], 0
        some.append(line)
        held += own
    if some:
        yield some


def by_hour(lines: Iterable[Line]) -> dict[datetime.datetime, list[bytes]]:
    """The lines of each hour (UTC), in their order."""
    found: dict[datetime.datetime, list[bytes]] = {}
    for line in lines:
        hour = line.at.astimezone(datetime.UTC).replace(minute=0, second=0, microsecond=0)
        found.setdefault(hour, []).append(line.data)
    return found


def file_name(parcel: Parcel, hour: datetime.datetime) -> str:
    """Below the prefix: the hour's folder, and a name made of the positions in it, so that a repetition overwrites."""
    return f"{hour:%Y/%m/%d/%H}/{parcel.project}-{parcel.name}.jsonl.gz"
