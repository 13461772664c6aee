"""An event as it is written: one flat row, or many that differ in their endpoint alone."""

from __future__ import annotations

import datetime
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class EventRow:
    """A fact about an endpoint. ``id`` and ``occurred_at`` are made where it happens, so that writing it twice is seen.

    ``kind``, ``hit_class`` and ``source_kind`` are the numbers of ``analytics.models``; ``data`` must be JSON. ``domain``: of a mail, the
    number of where it went (``analytics.services.mail_domains``); ``client``: of a hit (``analytics.hits.clients``).
    """

    id: uuid.UUID | str  # or its 32 digits
    occurred_at: datetime.datetime
    project_id: int
    endpoint_id: int
    kind: int
    hit_class: int = 0
    source_kind: int = 0
    source_id: int | None = None
    run_id: int | None = None
    treatment: int = 0
    link_number: int | None = None
    data: dict[str, Any] | None = None
    domain: int | None = None
    client: int | None = None

    @property
    def digits(self) -> str:
        return self.id if isinstance(self.id, str) else self.id.hex


@dataclass(frozen=True, slots=True)
class EventBlock:
    """The same fact about many endpoints at one moment, of which the caller's cursor tells that it is written once.

    ``domains``: of mails, where each endpoint's went (in their order); None where that is not known.
    """

    occurred_at: datetime.datetime
    project_id: int
    endpoint_ids: Sequence[int]
    kind: int
    source_kind: int = 0
    source_id: int | None = None
    run_id: int | None = None
    treatment: int = 0
    data: dict[str, Any] | None = None
    hit_class: int = 0
    link_number: int | None = None
    domains: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Sms:
    """What an event of a text message tells of it beside the rest. ``millicents``: thousandths of a US cent, of all its parts."""

    country: str
    status: str
    parts: int
    millicents: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Sms:
        return cls(
            country=str(data.get("country") or "")[:2].upper(), status=str(data.get("status") or "")[:60],
            parts=int(data.get("parts") or 1), millicents=round(float(data.get("millicents") or 0)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Send:
    """What ``_campaign.send`` and ``_journey.send`` tell beside the rest. ``channel``: Pinpoint's delivery_type; unsaid it is EMAIL."""

    channel: str
    status: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Send:
        return cls(channel=str(data.get("channel") or "EMAIL")[:30], status=str(data.get("status") or "")[:60])


@dataclass(frozen=True, slots=True)
class Purchase:
    """What ``_monetization.purchase`` tells (reference, section 8.4). ``amount``: price by quantity; a return's is negative.

    Kept with four decimals. What can be no price or quantity counts as none, and as one piece.
    """

    currency: str  # ISO 4217, or empty
    product: str
    quantity: Decimal
    amount: Decimal

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Purchase:
        attributes, metrics = data.get("attributes"), data.get("metrics")
        said = attributes if isinstance(attributes, Mapping) else {}
        numbers = metrics if isinstance(metrics, Mapping) else {}
        currency, product = (str(one) if isinstance(one := said.get(name), str) else "" for name in ("_currency", "_product_id"))
        price, quantity = _decimal(numbers.get("_item_price"), Decimal(0)), _decimal(numbers.get("_quantity"), Decimal(1))
        if not 0 < quantity < MOST_PIECES:
            quantity = Decimal(1)
        amount = _EXACT.multiply(price, quantity) if abs(price) < MOST_MONEY else Decimal(0)
        return cls(
            currency=currency.upper() if re.fullmatch("[A-Za-z]{3}", currency) else "",
            product=product.replace("\0", "")[:PRODUCT_LENGTH], quantity=_rounded(quantity),
            amount=_rounded(amount if abs(amount) < MOST_MONEY else Decimal(0)),
        )  # fmt: skip


MOST_MONEY, MOST_PIECES = 10**12, 10**9  # of one purchase; more is a mistake
PRODUCT_LENGTH = 200
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)


def _decimal(value: Any, otherwise: Decimal) -> Decimal:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return Decimal(repr(value)) if is_number else otherwise


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.0001"), context=_EXACT)
