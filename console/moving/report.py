"""What became of each thing in the folder: for the screen, and as JSON."""

from __future__ import annotations

import collections
import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_SHOWN = 200  # lines of one fate on the screen; the file has them all


class Fate(enum.Enum):
    """The words are those of the report file."""

    TAKEN = "taken"
    THERE = "there already"
    LEFT = "left"  # this version has no such thing, or it is nothing to take: no fault of the folder's
    FAULT = "not taken"


@dataclass(frozen=True, slots=True)
class Entry:
    """``what`` is a kind ("segment"), ``where`` the file and the place in it; ``why`` says for all but the taken ones what to do."""

    fate: Fate
    what: str
    id: str
    name: str
    project: str
    where: str
    why: str


@dataclass(slots=True)
class Report:
    """``endpoints``: how many, by project: {"taken": …, "there already": …, "not taken": …}."""

    entries: list[Entry] = field(default_factory=list)
    endpoints: dict[str, collections.Counter[str]] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)

    def add(
        self, fate: Fate, what: str, id: str = "", *, name: str = "", project: str = "", where: str = "", why: str = ""
    ) -> None:  # fmt: skip
        self.entries.append(Entry(fate, what, id[:200], name[:200], project[:64], where[:400], why))

    def count(self, project: str, what: str, number: int = 1) -> None:
        self.endpoints.setdefault(project, collections.Counter())[what] += number

    def advise(self, sentence: str) -> None:
        if sentence not in self.advice:
            self.advice.append(sentence)

    def of(self, fate: Fate) -> list[Entry]:
        return [entry for entry in self.entries if entry.fate is fate]

    @property
    def has_faults(self) -> bool:
        return bool(self.of(Fate.FAULT)) or any(counted["not taken"] for counted in self.endpoints.values())

    def lines(self) -> Iterator[str]:
        """As text: how many of each kind, everything that was not taken with its reason, what to do next."""
        kinds = list(dict.fromkeys(entry.what for entry in self.entries))
        fates = {kind: collections.Counter(entry.fate for entry in self.entries if entry.what == kind) for kind in kinds}
        yield f"{'':24}{''.join(f'{fate.value:>16}' for fate in Fate)}"
        for kind in kinds:
            yield f"{kind:24}{''.join(f'{fates[kind][fate]:>16,}' for fate in Fate)}"
        for project, counted in self.endpoints.items():
            numbers = [counted["taken"], counted["there already"], 0, counted["not taken"]]
            yield f"{'endpoints ' + project[:13]:24}{''.join(f'{number:>16,}' for number in numbers)}"
        yield from _listed("Taken, but look at them:", [entry for entry in self.of(Fate.TAKEN) if entry.why])
        for fate, title in ((Fate.FAULT, "Not taken:"), (Fate.LEFT, "Left, because this version has no place for it:")):
            yield from _listed(title, self.of(fate))
        if self.advice:
            yield ""
            yield "What to do next:"
            yield from (_printable(f"  {number}. {sentence}") for number, sentence in enumerate(self.advice, start=1))

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "entries": [
                {
                    "result": entry.fate.value, "kind": entry.what, "id": entry.id, "name": entry.name, "project": entry.project,
                    "file": entry.where, "reason": entry.why,
                }
                for entry in self.entries
            ],
            "endpoints": {project: dict(counted) for project, counted in self.endpoints.items()},
            "advice": self.advice,
        }  # fmt: skip


def _listed(title: str, entries: list[Entry]) -> Iterator[str]:
    if not entries:
        return
    yield ""
    yield title
    for entry in entries[:_SHOWN]:
        named = " ".join(filter(None, (entry.what, entry.id, f"“{entry.name}”" if entry.name and entry.name != entry.id else "")))
        yield _printable(f"  {named}{f' ({entry.where})' if entry.where else ''}: {entry.why}")
    if len(entries) > _SHOWN:
        yield f"  … and {len(entries) - _SHOWN:,} more, which are in the report file."


def _printable(text: str) -> str:
    """Without what would move a terminal's cursor or change its colours: names come from files."""
    return "".join(one if one.isprintable() else "�" for one in text)
