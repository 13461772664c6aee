"""What two versions say differently, line by line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LINES_LIMIT = 1_500  # of a part; longer ones are compared as a whole, or two hostile ones would keep a worker busy
_CONTEXT = 3  # lines around a difference


@dataclass(frozen=True, slots=True)
class Line:
    """``kind``: "same", "gone", "new" or "skip" (lines that are left out); the numbers are those of the older and the newer text."""

    kind: str
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A member that changed. ``lines`` is empty for texts that are too long to be compared."""

    part: str
    lines: list[Line]


def differences(older: Mapping[str, Any], newer: Mapping[str, Any]) -> list[Difference]:
    """The members that differ. What is compiled from a design is left out where the design itself is shown."""
    first, second = _flat(older), _flat(newer)
    if "Pabal.Mjml" in first and "Pabal.Mjml" in second:
        first.pop("HtmlPart", None)
        second.pop("HtmlPart", None)
    found = []
    for part in dict.fromkeys([*first, *second]):
        before, after = first.get(part, ""), second.get(part, "")
        if before != after:
            found.append(Difference(part, list(_lines(before.splitlines(), after.splitlines()))))
    return found


def _flat(document: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in document.items():
        if isinstance(value, str):
            found[name] = value
        elif name == "Pabal":
            found |= {f"Pabal.{part}": text for part, text in _flat(value).items()}
        else:
            found[name] = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return found


def _lines(before: list[str], after: list[str]) -> Iterator[Line]:
    if max(len(before), len(after)) > _LINES_LIMIT:
        return
    end = 0
    for number, group in enumerate(difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(_CONTEXT)):
        if number or group[0][1]:
            yield Line("skip", "⋯")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (Line("same", before[i], i + 1, j1 + i - i1 + 1) for i in range(i1, i2))
            else:
                yield from (Line("gone", before[i], i + 1, None) for i in range(i1, i2))
                yield from (Line("new", after[j], None, j + 1) for j in range(j1, j2))
            end = i2
    if end < len(before):
        yield Line("skip", "⋯")
