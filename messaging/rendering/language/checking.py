"""A helper's arguments, checked when the template is saved: how many there are, and what those in plain sight say."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from messaging.rendering.language import dates
from messaging.rendering.language.nodes import Call, Expression, Literal, Source
from messaging.rendering.language.texts import WIDEST
from messaging.rendering.language.values import as_number


def check(call: Call, source: Source, places: dict[str | int, int]) -> None:
    """Raises ``TemplateError``. ``places``: the offsets of the arguments, by number and by the option's name."""
    helper, given = call.helper, len(call.params)
    if given < helper.needed:
        raise source.error(
            call.offset,
            _("“%(helper)s” needs %(needed)s values, and %(given)s are here. It is written: %(usage)s")
            % {"helper": helper.name, "needed": helper.needed, "given": given, "usage": helper.usage},
        )
    if given > len(helper.params) and not helper.rest:
        raise source.error(
            places[len(helper.params)],
            _("“%(helper)s” takes no more than %(most)s values. It is written: %(usage)s")
            % {"helper": helper.name, "most": len(helper.params), "usage": helper.usage},
        )
    if given > 30:
        raise source.error(
            call.offset, _("“%(helper)s” takes no more than %(most)s values.") % {"helper": helper.name, "most": 30}
        )
    if helper.options.get("size") == "width" and given < 2 and "size" not in call.options:
        raise source.error(
            call.offset,
            _("“%(helper)s” needs a width. It is written: %(usage)s") % {"helper": helper.name, "usage": helper.usage},
        )
    for number, param in enumerate(call.params[: len(helper.params)]):
        _check_value(helper.params[number], param, source, places[number])
    for name, option in call.options.items():
        _check_value(helper.options[name], option, source, places[name])
    if helper.name == "abbreviate" and isinstance(call.params[1], Literal) and int(str(call.params[1].value)) < 4:
        raise source.error(places[1], _("The width must be 4 or more: the dots alone take 3."))
    if helper.name in ("divide", "modulo") and call.params[1] == Literal(Decimal(0)):
        raise source.error(places[1], _("Nothing can be divided by 0."))


def _check_value(kind: str, value: Expression, source: Source, offset: int) -> None:
    if kind == "pattern":
        if not isinstance(value, Literal) or not isinstance(value.value, str):
            raise source.error(offset, _('A format is written in quotes: "full", "yyyy-MM-dd".'))
        try:
            dates.check(value.value)
        except dates.BadPattern as bad:
            raise source.error(
                offset,
                _(
                    "“%(found)s” is unknown in a format. It is full, long, medium, short, or made of letters such as yyyy-MM-dd HH:mm."
                )
                % {"found": bad},
            ) from None
    if not isinstance(value, Literal):
        return
    if kind == "zone" and dates.zone(str(value.value)) is None:
        raise source.error(
            offset,
            _("There is no time zone “%(zone)s”. They are called Asia/Seoul, America/Los_Angeles, UTC …") % {"zone": value.value},
        )
    text = str(value.value)
    if kind == "width" and not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= WIDEST):
        raise source.error(offset, _("A whole number from 0 to %(limit)s is expected.") % {"limit": WIDEST})
    if kind == "number" and not isinstance(value.value, Decimal) and as_number(text) is None:
        raise source.error(offset, _("A number is expected, not “%(found)s”.") % {"found": text[:40]})
