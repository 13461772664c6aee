"""The page of revenue: purchases by day, product and campaign, one currency at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from analytics.models import EventKind
from analytics.statistics import revenue
from analytics.statistics.daily import Days
from analytics.statistics.revenue import Bought, Revenue
from campaigns.models import Campaign
from console.statistics.charts import Chart, Series, day_labels
from console.statistics.frame import asked as days_asked
from console.statistics.frame import linked, show_page
from console.statistics.live import live
from console.statistics.pictures import Points
from console.statistics.points import Asked, Point, acted, between, of_chart, unknown
from projects.access import project_or_404
from projects.models import Project

_MOST_PRODUCTS = 15
_MOST_CAMPAIGNS = 15
_KINDS = (EventKind.MONETIZATION_PURCHASE,)


@dataclass(frozen=True, slots=True)
class CurrencyLine:
    """A currency beside others. ``code`` is empty for purchases that name none."""

    code: str
    bought: Bought
    is_chosen: bool


@login_required
@live
def show_revenue(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    form, days = days_asked(request, access)
    of: dict[str, Any] = {"project_id": access.project.pk, "days": days}
    found = revenue.revenue(**of)
    code = request.GET.get("currency")
    chosen = code if code is not None and code in found.total else next(iter(found.total), "")
    lines = [CurrencyLine(one, bought, one == chosen) for one, bought in found.total.items()]
    context: dict[str, Any] = {"currencies": lines, "currency": chosen, "currency_name": _named(chosen)}
    if found.total:
        each, buyers = revenue.buyers(project_id=access.project.pk, first=days.first, last=days.last)
        points = linked(access, days, currency=chosen)
        context |= {
            "bought": found.total[chosen], "buyers": buyers,
            "charts": [
                revenue_by_day(found, chosen, days, points), _purchases(found, chosen, days, each, points),
                _products(revenue.by_product(currency=chosen, limit=_MOST_PRODUCTS, **of), chosen, points),
                _campaigns(access.project, revenue.by_campaign(currency=chosen, **of), chosen, points),
            ],
        }  # fmt: skip
    return show_page(request, access, "revenue", form, days, **context)


def _named(currency: str) -> str:
    return currency or _("no currency")


def _money(amounts: Sequence[Decimal | None]) -> list[float | None]:
    return [None if one is None else float(one) for one in amounts]


def revenue_by_day(found: Revenue, currency: str, days: Days, points: Points) -> Chart:
    each = found.by_day[currency]
    amounts = _money([one.amount for one in each])
    series = [Series(_("Revenue"), amounts, key="revenue", total=float(found.total[currency].amount))]
    title = _("Revenue by day (%(currency)s)") % {"currency": _named(currency)}
    return Chart("revenue", title, "bar", day_labels(days.all), series, corner=_("Day"), points=points("revenue"))


def _purchases(found: Revenue, currency: str, days: Days, buyers: Sequence[int], points: Points) -> Chart:
    each = found.by_day[currency]
    series = [
        Series(_("Purchases"), [one.purchases for one in each], key="purchases", total=found.total[currency].purchases),
        Series(_("Average purchase"), _money([one.average for one in each]), is_drawn=False),
        Series(_("Buyers"), list(buyers), key="buyers"),
    ]  # fmt: skip
    note = _("The average is of a purchase in %(currency)s. Buyers are distinct endpoints of all currencies, by days of UTC.")
    return Chart(
        "purchases", _("Purchases and buyers"), "line", day_labels(days.all), series, corner=_("Day"), points=points("purchases"),
        note=note % {"currency": _named(currency)},
    )  # fmt: skip


def _products(found: Sequence[tuple[str, Bought]], currency: str, points: Points) -> Chart:
    labels = [product or _("Without a product") for product, _bought in found]
    series = [
        Series(_("Revenue"), _money([bought.amount for _product, bought in found]), key="product"),
        Series(_("Units sold"), _money([bought.quantity for _product, bought in found]), is_drawn=False),
        Series(_("Purchases"), [bought.purchases for _product, bought in found], is_drawn=False),
    ]  # fmt: skip
    title = _("Products with most revenue (%(currency)s)") % {"currency": _named(currency)}
    return Chart(
        "products", title, "ranks", labels, series, corner=_("Product"), points=points("products"),
        label_keys=[product for product, _bought in found],
    )  # fmt: skip


def _campaigns(project: Project, found: Mapping[int, Bought], currency: str, points: Points) -> Chart:
    """The one query names the campaigns."""
    most = [one for one in found if one][:_MOST_CAMPAIGNS] + ([0] if 0 in found else [])
    names = dict(Campaign.objects.filter(project=project, pk__in=most).values_list("pk", "name"))
    labels = [names.get(one, str(one)) if one else _("No campaign") for one in most]
    series = [
        Series(_("Revenue"), _money([found[one].amount for one in most]), key="campaign"),
        Series(_("Purchases"), [found[one].purchases for one in most], is_drawn=False),
    ]  # fmt: skip
    note = _(
        "A purchase is put down to the campaign that it names (campaign_activity_id), or else to the last message that its person "
        "clicked or opened from a notification within seven days before."
    )
    title = _("Revenue by campaign (%(currency)s)") % {"currency": _named(currency)}
    return Chart(
        "revenue-campaigns", title, "ranks", labels, series, corner=_("Campaign"), points=points("revenue-campaigns"), note=note,
        label_keys=[str(one) for one in most],
    )  # fmt: skip


# -- who the points are -------------------------------------------------------------------------------------------------


def _of_currency(asked: Asked) -> dict[str, Any]:
    code = asked.query.get("currency", "")
    return {"attributes": [("_currency", (code.upper(), code.lower(), code.title()))]} if code else {}


@of_chart("revenue", "purchases")
def buyers_of_day(asked: Asked) -> Point:
    if asked.series not in ("revenue", "purchases", "buyers"):
        raise unknown()
    if asked.series == "buyers":  # by days of UTC, as the picture has them
        members = revenue.buyers_of(project_id=asked.project.pk, day=asked.day)
    else:
        members = acted(asked, _KINDS, [asked.span], **_of_currency(asked))
    return Point(_("Bought on %(day)s") % {"day": asked.day}, members)


@of_chart("products")
def buyers_of_product(asked: Asked) -> Point:
    conditions = _of_currency(asked)
    if asked.label:
        conditions["attributes"] = [*conditions.get("attributes", []), ("_product_id", (asked.label,))]
    else:
        conditions["without"] = "_product_id"
    name = _("Bought %(product)s (%(days)s)") % {"product": asked.label or _("without a product"), "days": between(asked.days)}
    return Point(name, acted(asked, _KINDS, [asked.whole], **conditions))


@of_chart("revenue-campaigns")
def buyers_of_campaign(asked: Asked) -> Point:
    number = int(asked.label) if asked.label.isascii() and asked.label.isdecimal() else -1
    campaign = Campaign.objects.filter(project=asked.project, pk=number).first() if number > 0 else None
    if campaign is None and number != 0:
        raise unknown()
    members = acted(asked, _KINDS, [asked.whole], campaign_id=number, **_of_currency(asked))
    name = _("Bought after %(campaign)s (%(days)s)") if campaign else _("Bought without a campaign (%(days)s)")
    return Point(name % {"campaign": campaign.name if campaign else "", "days": between(asked.days)}, members)
