"""The 84 indicators: 48 of a project, 18 of a campaign, 18 of a journey (reference, sections 10.2 and 10.3).

The formulas are Pinpoint's: a delivery rate is delivered by sent, an open rate opened by *delivered*; a campaign's successful deliveries
are what was sent without hard bounces, a transactional mail is delivered when it neither bounced nor was rejected.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from analytics.kpis.measures import PUSH_CHANNELS, Events, Measure, Messages, Ratio, Sms, Sum, Unique
from analytics.models import EventKind as K
from analytics.models import SourceKind


class Scope(enum.Enum):
    APPLICATION = "GetApplicationDateRangeKpi"
    CAMPAIGN = "GetCampaignDateRangeKpi"
    JOURNEY = "GetJourneyDateRangeKpi"


class Grain(enum.Enum):
    """By what the rows are: the value is the ``Key`` of Pinpoint's ``GroupedBys``, and the end of the indicator's name."""

    NONE = ("", "")
    DATE = ("Date", "-grouped-by-date")
    CAMPAIGN = ("CampaignId", "-grouped-by-campaign")
    CAMPAIGN_ACTIVITY = ("CampaignActivityId", "-grouped-by-campaign-activity")
    JOURNEY_ACTIVITY = ("JourneyActivityId", "-grouped-by-journey-activity")
    COUNTRY = ("Country", "-grouped-by-country")
    STATUS = ("RecordStatus", "")

    @property
    def key(self) -> str:
        return self.value[0]

    @property
    def suffix(self) -> str:
        return self.value[1]


class Unit(enum.Enum):
    COUNT = "count"
    RATIO = "ratio, 0 to 1"
    MILLICENTS = "thousandths of a US cent"


@dataclass(frozen=True, slots=True)
class Kpi:
    """``value_key`` is what the answer calls the value; ``sources``: whose events count."""

    name: str
    scope: Scope
    measure: Measure
    grain: Grain
    unit: Unit
    sources: tuple[SourceKind, ...]
    value_key: str


def _sum(*kinds: K) -> Sum:
    return Sum((Events(kinds),))


_SENT = Sum((Events((K.EMAIL_SEND,)), Sms((K.SMS_SUCCESS, K.SMS_FAILURE)), Messages(PUSH_CHANNELS)))
_ATTEMPTED = Sum((Events((K.EMAIL_SEND,)), Sms((K.SMS_SUCCESS, K.SMS_FAILURE)), Messages(PUSH_CHANNELS, statuses=())))
_DELIVERED = Sum(
    (Events((K.EMAIL_SEND,)), Sms((K.SMS_SUCCESS,)), Messages(PUSH_CHANNELS)), (Events((K.EMAIL_HARDBOUNCE,)),)
)  # fmt: skip
_EMAIL_DELIVERED = Sum((Events((K.EMAIL_SEND,)),), (Events((K.EMAIL_HARDBOUNCE, K.EMAIL_SOFTBOUNCE, K.EMAIL_REJECTED)),))
_EMAIL_OPENED = Sum((Unique((K.EMAIL_OPEN,), by_run=True),))
_PUSH_OPENED = _sum(K.CAMPAIGN_OPENED_NOTIFICATION)
_PUSH_SENT = Sum((Messages(PUSH_CHANNELS),))
_UNIQUE_DELIVERED = Sum((Unique((K.EMAIL_DELIVERED, K.SMS_SUCCESS)),))
_TXN_COMPLAINTS = _sum(K.EMAIL_COMPLAINT)
_TXN_SENT = _sum(K.EMAIL_SEND)
_SMS_SENT = Sum((Sms((K.SMS_SUCCESS, K.SMS_FAILURE)),))
_SMS_DELIVERED = Sum((Sms((K.SMS_SUCCESS,)),))
_SMS_PRICE = Sum((Sms((K.SMS_SUCCESS, K.SMS_FAILURE, K.SMS_BUFFERED), "millicents"),))
_SMS_SENT_PARTS = Sum((Sms((K.SMS_SUCCESS, K.SMS_FAILURE), "parts"),))
_SMS_DELIVERED_PARTS = Sum((Sms((K.SMS_SUCCESS,), "parts"),))

_DIRECT, _CAMPAIGN, _JOURNEY = (SourceKind.DIRECT,), (SourceKind.CAMPAIGN,), (SourceKind.JOURNEY,)


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _kpis(
    scope: Scope, name: str, measure: Measure, *grains: Grain, sources: tuple[SourceKind, ...], unit: Unit | None = None
) -> list[Kpi]:
    """The indicator ``name`` by each grain."""
    found = unit or (Unit.RATIO if isinstance(measure, Ratio) else Unit.COUNT)
    return [Kpi(f"{name}{grain.suffix}", scope, measure, grain, found, sources, camel(name)) for grain in grains]


def _application() -> list[Kpi]:
    scope, n, date, campaign = Scope.APPLICATION, Grain.NONE, Grain.DATE, Grain.CAMPAIGN
    found = [
        *_kpis(scope, "successful-delivery-rate", Ratio(_DELIVERED, _SENT), n, date, sources=_CAMPAIGN),
        *_kpis(scope, "email-open-rate", Ratio(_EMAIL_OPENED, _EMAIL_DELIVERED), n, campaign, sources=_CAMPAIGN),
        *_kpis(scope, "unique-deliveries", _UNIQUE_DELIVERED, n, campaign, date, sources=_CAMPAIGN),
        *_kpis(scope, "successful-deliveries", _DELIVERED, campaign, sources=_CAMPAIGN),
        *_kpis(scope, "push-open-rate", Ratio(_PUSH_OPENED, _PUSH_SENT), n, campaign, sources=_CAMPAIGN),
    ]
    mails: dict[str, Measure] = {
        "clicked": _sum(K.EMAIL_CLICK),
        "complaint-rate": Ratio(_TXN_COMPLAINTS, _TXN_SENT),
        "with-complaints": _TXN_COMPLAINTS,
        "delivered": _EMAIL_DELIVERED,
        "delivery-rate": Ratio(_EMAIL_DELIVERED, _TXN_SENT),
        "hard-bounced": _sum(K.EMAIL_HARDBOUNCE),
        "opened": _sum(K.EMAIL_OPEN),
        "sent": _TXN_SENT,
        "soft-bounced": _sum(K.EMAIL_SOFTBOUNCE),
        "unique-clicks": Sum((Unique((K.EMAIL_CLICK,)),)),
        "unique-opens": Sum((Unique((K.EMAIL_OPEN,)),)),
    }
    for name, measure in mails.items():
        found += _kpis(scope, f"txn-emails-{name}", measure, n, date, sources=_DIRECT)
    country, money = Grain.COUNTRY, Unit.MILLICENTS
    return [
        *found,
        *_kpis(scope, "txn-sms-average-price", Ratio(_SMS_PRICE, _SMS_SENT), country, sources=_DIRECT, unit=money),
        *_kpis(scope, "txn-sms-average-price-by-parts", Ratio(_SMS_PRICE, _SMS_SENT_PARTS), country, sources=_DIRECT, unit=money),
        *_kpis(scope, "txn-sms-delivered", _SMS_DELIVERED, n, country, date, sources=_DIRECT),
        *_kpis(scope, "txn-sms-error-distribution", Sum((Sms((K.SMS_FAILURE,)),)), Grain.STATUS, sources=_DIRECT),
        *_kpis(scope, "txn-sms-delivery-rate", Ratio(_SMS_DELIVERED, _SMS_SENT), n, date, sources=_DIRECT),
        *_kpis(scope, "txn-sms-delivered-by-parts", _SMS_DELIVERED_PARTS, n, country, sources=_DIRECT),
        *_kpis(scope, "txn-sms-sent-by-parts", _SMS_SENT_PARTS, n, country, sources=_DIRECT),
        *_kpis(scope, "txn-sms-sent", _SMS_SENT, n, country, date, sources=_DIRECT),
        *_kpis(scope, "txn-sms-total-price", _SMS_PRICE, country, sources=_DIRECT, unit=money),
    ]


def _campaign() -> list[Kpi]:
    scope, n, date, activity = Scope.CAMPAIGN, Grain.NONE, Grain.DATE, Grain.CAMPAIGN_ACTIVITY
    hard = Ratio(_sum(K.EMAIL_HARDBOUNCE), _TXN_SENT)
    return [
        *_kpis(scope, "hard-bounce-rate", hard, n, activity, sources=_CAMPAIGN),
        *_kpis(scope, "successful-delivery-rate", Ratio(_DELIVERED, _SENT), n, activity, date, sources=_CAMPAIGN),
        *_kpis(scope, "email-open-rate", Ratio(_EMAIL_OPENED, _EMAIL_DELIVERED), n, activity, sources=_CAMPAIGN),
        *_kpis(scope, "direct-email-opens", _EMAIL_OPENED, activity, sources=_CAMPAIGN),
        *_kpis(scope, "unique-deliveries", _UNIQUE_DELIVERED, n, activity, date, sources=_CAMPAIGN),
        *_kpis(scope, "clicks", _sum(K.EMAIL_CLICK), activity, sources=_CAMPAIGN),
        *_kpis(scope, "successful-deliveries", _DELIVERED, activity, sources=_CAMPAIGN),
        *_kpis(scope, "attempted-deliveries", _ATTEMPTED, activity, sources=_CAMPAIGN),
        *_kpis(scope, "push-open-rate", Ratio(_PUSH_OPENED, _PUSH_SENT), n, activity, sources=_CAMPAIGN),
        *_kpis(scope, "direct-push-opens", _PUSH_OPENED, activity, sources=_CAMPAIGN),
        *_kpis(scope, "sms-spend", _SMS_PRICE, n, sources=_CAMPAIGN, unit=Unit.MILLICENTS),
    ]


def _journey() -> list[Kpi]:
    mails: dict[str, Measure] = {
        "clicked": _sum(K.EMAIL_CLICK),
        "complained": _sum(K.EMAIL_COMPLAINT),
        "delivered": _EMAIL_DELIVERED,
        "hardbounced": _sum(K.EMAIL_HARDBOUNCE),
        "opened": _sum(K.EMAIL_OPEN),
        "rejected": _sum(K.EMAIL_REJECTED),
        "sent": _TXN_SENT,
        "softbounced": _sum(K.EMAIL_SOFTBOUNCE),
        "unsubscribed": _sum(K.EMAIL_UNSUBSCRIBE),
    }
    found = []
    for name, measure in mails.items():
        found += _kpis(Scope.JOURNEY, f"journey-emails-{name}", measure, Grain.NONE, sources=_JOURNEY)
        found += _kpis(Scope.JOURNEY, f"emails-{name}", measure, Grain.JOURNEY_ACTIVITY, sources=_JOURNEY)
    return found


KPIS: dict[Scope, dict[str, Kpi]] = {
    scope: {one.name: one for one in found}
    for scope, found in ((Scope.APPLICATION, _application()), (Scope.CAMPAIGN, _campaign()), (Scope.JOURNEY, _journey()))
}
