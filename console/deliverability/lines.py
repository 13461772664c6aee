"""The receiving domains that most mails went to, each with its numbers; the others together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from analytics.models import DEFERRED, EventKind
from analytics.services import mail_domains
from analytics.statistics import by_detail
from analytics.statistics.by_detail import Looked

K = EventKind
KINDS = (
    K.EMAIL_SEND, K.EMAIL_HARDBOUNCE, K.EMAIL_SOFTBOUNCE, K.EMAIL_COMPLAINT, K.EMAIL_OPEN, K.EMAIL_CLICK, K.EMAIL_UNSUBSCRIBE, DEFERRED,
)  # fmt: skip
SHOWN = 20  # domains with a line of their own


@dataclass(frozen=True, slots=True)
class DomainLine:
    """``values`` are the domain's numbers: several where domains are counted together. ``tried``: what a server took or refused."""

    name: str
    values: tuple[int, ...]
    is_rest: bool
    tried: int
    deferred: int
    hard: int
    soft: int
    complained: int
    opens: int
    clicks: int
    unsubscribed: int

    @property
    def delivered(self) -> int:
        return max(0, self.tried - self.hard - self.soft)

    @property
    def delivered_rate(self) -> float | None:
        return _rate(self.delivered, self.tried)

    @property
    def deferred_rate(self) -> float | None:
        return _rate(self.deferred, self.tried)

    @property
    def hard_rate(self) -> float | None:
        return _rate(self.hard, self.tried)

    @property
    def soft_rate(self) -> float | None:
        return _rate(self.soft, self.tried)

    @property
    def complained_rate(self) -> float | None:
        return _rate(self.complained, self.delivered)

    @property
    def open_rate(self) -> float | None:
        return _rate(self.opens, self.delivered)

    @property
    def click_rate(self) -> float | None:
        return _rate(self.clicks, self.delivered)


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def domain_lines(*, looked: Looked) -> list[DomainLine]:
    """Those that most were sent to, then all others in one line. Two queries."""
    found = by_detail.totals(looked=looked, kinds=KINDS)
    most = sorted((one for one in found if one != mail_domains.RARE), key=lambda one: (-found[one][K.EMAIL_SEND], one))
    names = mail_domains.names_of(project_id=looked.project_id, numbers=most[:SHOWN])
    lines = [_line(names.get(one, str(one)), (one,), found[one]) for one in most[:SHOWN]]
    rest = [one for one in found if one not in most[:SHOWN]]
    if rest:
        together = {kind: sum(found[one][kind] for one in rest) for kind in KINDS}
        lines.append(_line(_("Others"), tuple(rest), together, is_rest=True))
    return lines


def _line(name: str, values: tuple[int, ...], totals: Mapping[int, int], *, is_rest: bool = False) -> DomainLine:
    return DomainLine(
        name=name, values=values, is_rest=is_rest, tried=totals[K.EMAIL_SEND], deferred=totals[DEFERRED],
        hard=totals[K.EMAIL_HARDBOUNCE], soft=totals[K.EMAIL_SOFTBOUNCE], complained=totals[K.EMAIL_COMPLAINT],
        opens=totals[K.EMAIL_OPEN], clicks=totals[K.EMAIL_CLICK], unsubscribed=totals[K.EMAIL_UNSUBSCRIBE],
    )  # fmt: skip


def all_together(lines: list[DomainLine]) -> DomainLine:
    """The sum of the lines."""
    parts = ("tried", "deferred", "hard", "soft", "complained", "opens", "clicks", "unsubscribed")
    return DomainLine(
        name=_("All"), values=(), is_rest=True, **{part: sum(getattr(line, part) for line in lines) for part in parts}
    )
