"""A definition as a sentence, in the present language: from the same tree that is evaluated."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from segments.evaluation.tree import (
    SIGNS,
    Action,
    ActiveWithin,
    Anniversary,
    AnyOf,
    Combine,
    Comparison,
    Contains,
    Criterion,
    Dated,
    Definition,
    Did,
    DidEvent,
    Group,
    Limit,
    Near,
    Numeric,
    Present,
    Relation,
    Relative,
    Span,
    Subject,
    SubjectKind,
    Test,
)
from segments.ports import CampaignLink

_SHOWN = 5  # values of a filter that a sentence names
_SHOWN_ADDRESS = 120  # characters of a link's address


def explain(
    *,
    definition: Definition,
    segment_names: Mapping[str, str],
    campaign_names: Mapping[str, str],
    campaign_links: Mapping[str, Sequence[CampaignLink]],
    zone: datetime.tzinfo,
    zone_label: str,
) -> str:
    """Who belongs to the segment. Instants are shown in the project's zone; names, and links by number, are by public id."""
    teller = _Teller(segment_names, campaign_names, campaign_links, zone, zone_label)
    if not definition.groups:
        return _("Everyone in the project.")
    kept = [teller.group(group) for group in definition.groups if not group.is_excluded]
    taken = [teller.group(group) for group in definition.groups if group.is_excluded]
    joiner = _(" and, of these, ") if definition.include is Combine.ALL else _("; or ")
    whole = joiner.join(kept) or _("everyone in the project")
    if definition.include is Combine.NONE and kept:
        whole = _("everyone in the project, without: %(who)s") % {"who": whole}
    for group in taken:
        whole = _("%(whole)s; without: %(who)s") % {"whole": whole, "who": group}
    return whole + "."


class _Teller:
    def __init__(
        self,
        segment_names: Mapping[str, str],
        campaign_names: Mapping[str, str],
        campaign_links: Mapping[str, Sequence[CampaignLink]],
        zone: datetime.tzinfo,
        zone_label: str,
    ) -> None:
        self._names, self._campaigns, self._links = segment_names, campaign_names, campaign_links
        self._zone, self._zone_label = zone, zone_label

    def group(self, group: Group) -> str:
        names = [f"“{self._names.get(source.segment_id, source.segment_id)}”" for source in group.sources]
        joiner = _(" and ") if group.source_type is Combine.ALL else _(" or ")
        base = _("the members of %(segments)s") % {"segments": joiner.join(names)} if names else _("everyone in the project")
        if names and group.source_type is Combine.NONE:
            base = _("whoever is not among %(who)s") % {"who": base}
        whole = self._filtered(group, base)
        return self._limited(group.limit, whole) if group.limit else whole

    def _limited(self, limit: Limit, who: str) -> str:
        given = {"count": limit.count, "who": who, "metric": limit.metric}
        if not limit.metric:
            return _("%(count)s at random of %(who)s") % given
        if limit.is_ascending:
            return _("the %(count)s with the lowest %(metric)s of %(who)s") % given
        return _("the %(count)s with the highest %(metric)s of %(who)s") % given

    def _filtered(self, group: Group, base: str) -> str:
        if not group.dimensions:
            return base
        conditions = []
        for dimension in group.dimensions:
            text = _(" and ").join(self.criterion(criterion) for criterion in dimension.criteria)
            conditions.append(_("not (%(condition)s)") % {"condition": text} if dimension.is_negated else text)
        joiner = {Combine.ALL: _(" and "), Combine.ANY: _(" or "), Combine.NONE: _(" nor ")}[group.match]
        whole = joiner.join(conditions)
        if group.match is Combine.NONE:
            whole = _("none of this holds: %(conditions)s") % {"conditions": whole}
        return _("%(base)s for whom %(conditions)s") % {"base": base, "conditions": whole}

    def criterion(self, criterion: Criterion) -> str:
        return self._test(criterion.test, criterion.is_negated)

    def _test(self, test: Test, is_negated: bool) -> str:
        match test:
            case Near():
                given = {"distance": f"{test.kilometres:g}", "latitude": f"{test.latitude:g}", "longitude": f"{test.longitude:g}"}
                if is_negated:
                    return _("the place is not within %(distance)s km of %(latitude)s, %(longitude)s") % given
                return _("the place is within %(distance)s km of %(latitude)s, %(longitude)s") % given
            case ActiveWithin():
                return _recency(test, is_negated)
            case Did():
                return self._did(test)
            case DidEvent():
                return self._did_event(test)
        name = subject_label(test.subject)
        match test:
            case AnyOf():
                given = {"name": name, "values": self._values(test.values)}
                return _("%(name)s is not %(values)s") % given if is_negated else _("%(name)s is %(values)s") % given
            case Contains():
                return _("%(name)s contains %(values)s") % {"name": name, "values": self._values(test.values)}
            case Dated():
                return self._dated(test, name)
            case Numeric():
                return _numeric(test, name)
            case Relative():
                return _relative(test, name)
            case Anniversary():
                if not test.days:
                    return _("%(name)s has its anniversary today") % {"name": name}
                return _("%(name)s has its anniversary within the next %(days)s days") % {"name": name, "days": test.days}
            case Present():
                return _("%(name)s is empty") % {"name": name} if is_negated else _("%(name)s is set") % {"name": name}

    def _dated(self, test: Dated, name: str) -> str:
        times = [self._shown(instant) for instant in test.instants]
        given = {"name": name, "first": times[0], "last": times[-1], "times": _(" or ").join(times), "zone": self._zone_label}
        sentences = {
            Relation.BEFORE: _("%(name)s is before %(times)s (%(zone)s)"),
            Relation.AFTER: _("%(name)s is after %(times)s (%(zone)s)"),
            Relation.ON: _("%(name)s is on the UTC day of %(times)s (%(zone)s)"),
            Relation.BETWEEN: _("%(name)s is between %(first)s and %(last)s (%(zone)s)"),
        }
        return sentences[test.relation] % given

    def _did(self, test: Did) -> str:
        given = {"campaign": self._campaigns.get(test.campaign_id, test.campaign_id)}
        anything = {
            Action.RECEIVED: _("received a message"),
            Action.OPENED: _("opened a message"),
            Action.CLICKED: _("clicked a link"),
            Action.UNSUBSCRIBED: _("unsubscribed"),
        }
        of_campaign = {
            Action.RECEIVED: _("received the campaign “%(campaign)s”"),
            Action.OPENED: _("opened the campaign “%(campaign)s”"),
            Action.CLICKED: _("clicked a link in the campaign “%(campaign)s”"),
            Action.UNSUBSCRIBED: _("unsubscribed from the campaign “%(campaign)s”"),
        }
        said = of_campaign[test.action] % given if test.campaign_id else anything[test.action]
        if test.link is not None:
            said = self._clicked(test.campaign_id, test.link, test.treatment)
        return _("%(what)s within the last %(days)s days") % {"what": said, "days": test.days} if test.days else said

    def _did_event(self, test: DidEvent) -> str:
        said = _("did “%(event)s”") % {"event": test.event_type}
        if test.at_least > 1:
            said = _("did “%(event)s” at least %(count)s times") % {"event": test.event_type, "count": test.at_least}
        with_ = [_("%(name)s is %(values)s") % {"name": name, "values": self._values(values)} for name, values in test.attributes]
        with_ += [f"{name} {SIGNS[comparison]} {value.normalize():f}" for name, comparison, value in test.metrics]
        if with_:
            said = _("%(what)s with %(conditions)s") % {"what": said, "conditions": _(" and ").join(with_)}
        return _("%(what)s within the last %(days)s days") % {"what": said, "days": test.days} if test.days else said

    def _clicked(self, campaign_id: str, link: int, treatment: int | None) -> str:
        of_campaign = self._links.get(campaign_id, [])
        offered = [one for one in of_campaign if one.treatment == treatment]
        given = {"campaign": self._campaigns.get(campaign_id, campaign_id), "link": link}
        shown = {one.number: one.address[:_SHOWN_ADDRESS] + "…" * (len(one.address) > _SHOWN_ADDRESS) for one in offered}
        if link not in shown:
            said = _("clicked link %(link)s in the campaign “%(campaign)s”") % given
        elif list(shown.values()).count(shown[link]) > 1:
            said = _("clicked %(address)s (link %(link)s) in the campaign “%(campaign)s”") % (given | {"address": shown[link]})
        else:
            said = _("clicked %(address)s in the campaign “%(campaign)s”") % (given | {"address": shown[link]})
        if treatment is None:
            return said
        name = next((one.name for one in offered), "") or str(treatment)
        return _("%(what)s, treatment “%(name)s”") % {"what": said, "name": name}

    def _shown(self, instant: datetime.datetime) -> str:
        with contextlib.suppress(OverflowError):  # a zone can push the calendar's first and last day over its end
            instant = instant.astimezone(self._zone)
        return instant.strftime("%Y-%m-%d %H:%M")

    @staticmethod
    def _values(values: tuple[str, ...]) -> str:
        shown = _(" or ").join(f"“{value}”" for value in values[:_SHOWN])
        if len(values) > _SHOWN:
            shown = _("%(values)s or %(count)s more") % {"values": shown, "count": len(values) - _SHOWN}
        return shown


def _recency(test: ActiveWithin, is_negated: bool) -> str:
    if test.hours == 24:
        return _("was not active in the last 24 hours") if is_negated else _("was active in the last 24 hours")
    given = {"days": test.hours // 24}
    return (
        _("was not active in the last %(days)s days") % given if is_negated else _("was active in the last %(days)s days") % given
    )


def _relative(test: Relative, name: str) -> str:
    sentences = {
        Span.TODAY: _("%(name)s is today"),
        Span.WITHIN_LAST: _("%(name)s is within the last %(days)s days"),
        Span.MORE_THAN_AGO: _("%(name)s is more than %(days)s days ago"),
        Span.WITHIN_NEXT: _("%(name)s is within the next %(days)s days"),
        Span.MORE_THAN_AHEAD: _("%(name)s is more than %(days)s days ahead"),
    }
    return sentences[test.span] % {"name": name, "days": test.days}


def _numeric(test: Numeric, name: str) -> str:
    given = {"name": name, "value": f"{test.value:f}", "upper": "" if test.upper is None else f"{test.upper:f}"}
    sentences = {
        Comparison.EQUAL: _("%(name)s is %(value)s"),
        Comparison.GREATER_THAN: _("%(name)s is greater than %(value)s"),
        Comparison.LESS_THAN: _("%(name)s is less than %(value)s"),
        Comparison.GREATER_THAN_OR_EQUAL: _("%(name)s is %(value)s or more"),
        Comparison.LESS_THAN_OR_EQUAL: _("%(name)s is %(value)s or less"),
        Comparison.BETWEEN: _("%(name)s is from %(value)s to %(upper)s"),
    }
    return sentences[test.comparison] % given


def subject_label(subject: Subject) -> str:
    """The name of an attribute as it is; of a standard one, a word."""
    labels = {
        "Location.Country": _("country"),
        "Location.City": _("city"),
        "Demographic.Channel": _("channel"),
        "Demographic.Timezone": _("time zone"),
        "Demographic.Locale": _("language setting"),
        "Demographic.Platform": _("platform"),
        "Demographic.AppVersion": _("app version"),
        "Demographic.DeviceType": _("device type"),
        "Demographic.Make": _("maker of the device"),
        "Demographic.Model": _("model of the device"),
        "Demographic.ModelVersion": _("version of the model"),
        "Demographic.PlatformVersion": _("version of the platform"),
        "Location.Region": _("region"),
        "Location.PostalCode": _("postal code"),
        "OptOut": _("opt-out"),
        "EndpointStatus": _("endpoint status"),
        "User.UserId": _("user id"),
    }
    return labels.get(subject.name, subject.name) if subject.kind is SubjectKind.STANDARD else subject.name
