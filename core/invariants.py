"""What a check of an invariant comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Broken:
    """One thing of which an invariant does not hold: a code, and what its sentence is filled with (fit for JSON)."""

    code: str
    params: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Finding:
    """How many things were looked at, and those that are broken."""

    checked: int
    broken: list[Broken] = field(default_factory=list)
