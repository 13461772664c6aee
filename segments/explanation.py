"""A definition as a sentence, in the present language: from the same tree that is evaluated."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping

from django.utils.translation import gettext as _

from segments.evaluation.tree import (
    AnyOf,
    Combine,
    Comparison,
    Contains,
    Criterion,
    Dated,
    Definition,
    Group,
    Numeric,
    Present,
    Relation,
    Subject,
    Test,
)

_SHOWN = 5  # values of a filter that a sentence names


def explain(*, definition: Definition, segment_names: Mapping[str, str], zone: datetime.tzinfo, zone_label: str) -> str:
    """Who belongs to the segment. Instants are shown in the project's zone."""
    teller = _Teller(segment_names, zone, zone_label)
    if not definition.groups:
        return _("Everyone in the project.")
    parts = [teller.group(group) for group in definition.groups]
    joiner = _(" and, of these, ") if definition.include is Combine.ALL else _("; or ")
    return joiner.join(parts) + "."


class _Teller:
    def __init__(self, segment_names: Mapping[str, str], zone: datetime.tzinfo, zone_label: str) -> None:
        self._names, self._zone, self._zone_label = segment_names, zone, zone_label

    def group(self, group: Group) -> str:
        names = [f"“{self._names.get(source.segment_id, source.segment_id)}”" for source in group.sources]
        joiner = _(" and ") if group.source_type is Combine.ALL else _(" or ")
        base = _("the members of %(segments)s") % {"segments": joiner.join(names)} if names else _("everyone in the project")
        if group.is_excluded:
            base = _("not %(who)s") % {"who": base}
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
        "OptOut": _("opt-out"),
        "EndpointStatus": _("endpoint status"),
        "User.UserId": _("user id"),
    }
    return labels.get(subject.name, subject.name)
