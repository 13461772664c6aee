"""An audience: a set of endpoint ids, held as a 64-bit roaring bitmap and stored as ``bytea``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import models
from pyroaring import BitMap64


class Audience:
    """An immutable set of endpoint ids (0 … 2**63 − 1) with set algebra.

    The stored form is CRoaring's portable 64-bit serialisation (``bytes(audience)``); anything else
    raises ``ValueError`` when it is read back.
    """

    __slots__ = ("_ids",)

    def __init__(self, ids: Iterable[int] | BitMap64 = ()) -> None:
        self._ids = ids if isinstance(ids, BitMap64) else BitMap64(ids)

    @classmethod
    def from_bytes(cls, stored: bytes | memoryview | None) -> Audience:
        """Read the stored form; None is the empty audience."""
        if stored is None:
            return cls()
        return cls(BitMap64.deserialize(bytes(stored)))

    @classmethod
    def union(cls, audiences: Iterable[Audience]) -> Audience:
        total = BitMap64()
        for audience in audiences:
            total |= audience._ids
        return cls(total)

    def __bytes__(self) -> bytes:
        return bytes(self._ids.serialize())

    def __len__(self) -> int:
        return len(self._ids)

    def __bool__(self) -> bool:
        return bool(self._ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def __contains__(self, endpoint_id: int) -> bool:
        return endpoint_id in self._ids

    def __and__(self, other: Audience) -> Audience:
        return Audience(self._ids & other._ids)

    def __or__(self, other: Audience) -> Audience:
        return Audience(self._ids | other._ids)

    def __sub__(self, other: Audience) -> Audience:
        return Audience(self._ids - other._ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Audience) and self._ids == other._ids

    __hash__ = None  # type: ignore[assignment]  # a bitmap is not hashable, and neither is what wraps it

    def __repr__(self) -> str:
        return f"<Audience of {len(self)}>"

    def chunks(self, size: int) -> Iterator[list[int]]:
        """The ids in ascending order, ``size`` at a time."""
        chunk: list[int] = []
        for endpoint_id in self._ids:
            chunk.append(endpoint_id)
            if len(chunk) == size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def after(self, *, endpoint_id: int, limit: int) -> list[int]:
        """Up to ``limit`` ids greater than ``endpoint_id``, ascending: a keyset page."""
        page: list[int] = []
        start = self._ids.rank(endpoint_id)
        for position in range(start, min(start + limit, len(self._ids))):
            page.append(self._ids[position])
        return page

    def between(self, start: int, stop: int) -> list[int]:
        """The ids at the positions ``start`` … ``stop`` (exclusive) of the ascending order."""
        return list(self._ids[start:stop])


class AudienceField(models.BinaryField):  # type: ignore[type-arg]  # not subscriptable at run time
    """A ``bytea`` column that gives and takes ``Audience``."""

    description = "A set of endpoint ids as a roaring bitmap"

    def from_db_value(self, value: memoryview | bytes | None, expression: object, connection: object) -> Audience | None:
        return None if value is None else Audience.from_bytes(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, Audience):
            value = bytes(value)
        return super().get_db_prep_value(value, connection, prepared)

    def value_to_string(self, obj: models.Model) -> str:
        return bytes(self.value_from_object(obj)).hex()

    def to_python(self, value: Any) -> Any:
        return Audience.from_bytes(bytes.fromhex(value)) if isinstance(value, str) else value
