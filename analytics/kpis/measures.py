"""What a number is made of: events, messages by how they ended, text messages, and distinct endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analytics import hit_classes
from analytics.models import EventKind, HitClass

COUNTED = (HitClass.NONE, *hit_classes.COUNTED)
PUSH_CHANNELS = ("ADM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "BAIDU", "GCM", "PUSH")


@dataclass(frozen=True, slots=True)
class Events:
    """How many events of these kinds."""

    kinds: tuple[EventKind, ...]

    @property
    def source(self) -> str:
        found = " + ".join(f"`{kind.label}`" for kind in self.kinds)
        return found if len(self.kinds) == 1 else f"({found})"


@dataclass(frozen=True, slots=True)
class Messages:
    """How many attempts of these channels ended so; an empty ``statuses`` is any."""

    channels: tuple[str, ...]
    statuses: tuple[str, ...] = ("SUCCESS",)

    @property
    def source(self) -> str:
        return f"`_campaign.send` of push channels with status {', '.join(self.statuses) or 'any'}"


@dataclass(frozen=True, slots=True)
class Sms:
    """A column of the counters of text messages: messages, parts or millicents."""

    kinds: tuple[EventKind, ...]
    column: str = "messages"

    @property
    def source(self) -> str:
        return " + ".join(f"{self.column} of `{kind.label}`" for kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Unique:
    """Distinct endpoints that had one of these. ``by_run``: distinct within each run, added up: messages, not people."""

    kinds: tuple[EventKind, ...]
    by_run: bool = False

    @property
    def source(self) -> str:
        what = "distinct endpoints a run" if self.by_run else "distinct endpoints"
        return f"{what} of " + ", ".join(f"`{kind.label}`" for kind in self.kinds)


Part = Events | Messages | Sms | Unique


@dataclass(frozen=True, slots=True)
class Sum:
    """``plus`` without ``minus``; never less than nothing."""

    plus: tuple[Part, ...]
    minus: tuple[Part, ...] = ()

    @property
    def formula(self) -> str:
        return " + ".join(one.source for one in self.plus) + "".join(f" − {one.source}" for one in self.minus)


@dataclass(frozen=True, slots=True)
class Ratio:
    """``of`` ÷ ``by``; without a value where ``by`` is nothing."""

    of: Sum
    by: Sum

    @property
    def formula(self) -> str:
        return " ÷ ".join(f"({one.formula})" if " " in one.formula else one.formula for one in (self.of, self.by))


Measure = Sum | Ratio


def parts_of(measure: Measure) -> Sequence[Part]:
    sums = (measure,) if isinstance(measure, Sum) else (measure.of, measure.by)
    return list(dict.fromkeys(part for one in sums for part in (*one.plus, *one.minus)))
