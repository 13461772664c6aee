"""The 44 helpers of Pinpoint (reference, section 5.3): what each takes, what it costs, and what does its work.

How an argument is handed over (``params``, ``rest``, ``options``):

- value: as it lies in the document
- text: as text, missing is empty
- number: a ``Decimal``, None where it is none
- width: a whole number from 0 to 1,000, known when the template is saved or held there
- items: a list, of one item where it is a single value
- pattern: text in quotes, read when the template is saved
- zone: an IANA zone

Words without quotes stand for themselves in options and where ``words`` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from messaging.rendering.language import conditions, numbers, texts
from messaging.rendering.language.values import are_equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """``needed``: how many of ``params`` there must be; ``rest``: the kind of any further ones.

    ``cost`` is the time it may take, in lookups of a variable. ``is_pure``: the same arguments give the same, always.
    """

    name: str
    usage: str
    about: Any  # a sentence, translated when it is shown
    params: tuple[str, ...] = ()
    needed: int = 1
    rest: str = ""
    options: dict[str, str] = field(default_factory=dict)
    run: Callable[..., Any] | None = None
    is_condition: bool = False
    is_pure: bool = True
    is_block: bool = False  # and nothing else
    words: bool = False
    cost: int = 3


_CHOICE = {"yes": "text", "no": "text"}
_PAD = {"size": "width", "pad": "text"}
_DATES = {"format": "pattern", "outputFormat": "pattern", "tz": "zone", "locale": "text"}


def _condition(name: str, run: Callable[..., Any] | None, usage: str, about: Any, *, needed: int = 2, rest: str = "") -> Helper:
    return Helper(
        name=name, usage=usage, about=about, params=("value",) * needed, needed=needed, rest=rest, options=_CHOICE, run=run,
        is_condition=True,
    )  # fmt: skip


def _text(name: str, run: Callable[..., Any], usage: str, about: Any, *params: str, **fields: Any) -> Helper:
    return Helper(name=name, usage=usage, about=about, params=("text", *params), run=run, **fields)


def _math(name: str, run: Callable[..., Any], usage: str, about: Any, *, needed: int = 2) -> Helper:
    return Helper(name=name, usage=usage, about=about, params=("number",) * needed, needed=needed, run=run)


_ALL = [
    Helper(
        name="each", usage="{{#each v}}{{this}} {{@index}}{{else}}…{{/each}}", about=_("For each value of a list, 15 at most."),
        params=("items",), is_block=True,
    ),
    _condition("if", bool, "{{#if v}}…{{else}}…{{/if}}", _("When there is a value."), needed=1),
    _condition("and", conditions.every, "{{#and a b}}…{{/and}}", _("When all of them are true."), rest="value"),
    _condition("or", conditions.some, "{{#or a b}}…{{/or}}", _("When one of them is true."), rest="value"),
    _condition("not", conditions.negated, "{{#not v}}…{{/not}}", _("When there is no value."), needed=1),
    _condition("eq", are_equal, "{{#eq a b}}…{{/eq}}", _("When both are the same.")),
    _condition("neq", conditions.differ, "{{#neq a b}}…{{/neq}}", _("When they are not the same.")),
    _condition("gt", conditions.is_greater, "{{#gt a 17}}…{{/gt}}", _("When the first is greater.")),
    _condition("gte", conditions.is_greater_or_equal, "{{#gte a 17}}…{{/gte}}", _("When the first is greater, or they are equal.")),
    _condition("lt", conditions.is_less, "{{#lt a 17}}…{{/lt}}", _("When the first is less.")),
    _condition("lte", conditions.is_less_or_equal, "{{#lte a 17}}…{{/lte}}", _("When the first is less, or they are equal.")),
    _text("abbreviate", texts.abbreviate, "{{abbreviate v 6}}", _("Cuts off what is longer, with dots."), "width", needed=2),
    _text("capitalize", texts.capitalize, "{{capitalize v}}", _("Each word with a capital."), options={"fully": "value"}),
    _text("capitalizeFirst", texts.capitalize_first, "{{capitalizeFirst v}}", _("The first letter as a capital.")),
    _text("center", texts.center, '{{center v size=19 pad=" "}}', _("Fills up both sides."), "width", options=_PAD),
    _text("cut", texts.cut, '{{cut v "e"}}', _("Takes a text out, or all spaces."), "text"),
    Helper(
        name="dateFormat", usage='{{dateFormat d inputFormat="MM/dd/yyyy" outputFormat="full" tz=Asia/Seoul}}',
        about=_("A date in another form: full, long, medium, short, or a pattern such as yyyy-MM-dd."),
        params=("value", "pattern", "text"), options=_DATES | {"inputFormat": "pattern"}, cost=12,
    ),
    Helper(
        name="inflect", usage="{{inflect 3 apple apples includeCount=true}}", about=_("The singular or the plural, by a number."),
        params=("number", "text", "text"), needed=3, options={"includeCount": "value"}, run=texts.inflect, words=True,
    ),
    Helper(
        name="join", usage='{{join v ", " prefix="" suffix=""}}', about=_("All values of a list, with a text between them."),
        params=("items",), rest="items", options={"prefix": "text", "suffix": "text"}, run=texts.join, cost=12,
    ),
    _text("ljust", texts.left, '{{ljust v 15 pad=" "}}', _("Fills up the right side."), "width", options=_PAD),
    _text("rjust", texts.right, '{{rjust v 15 pad=" "}}', _("Fills up the left side."), "width", options=_PAD),
    _text("lower", str.lower, "{{lower v}}", _("In small letters.")),
    _text("upper", str.upper, "{{upper v}}", _("In capitals.")),
    Helper(
        name="now", usage='{{now "medium" tz=Asia/Seoul}}', about=_("The day of sending: full, long, medium, short, or a pattern."),
        params=("pattern", "text"), needed=0, options=_DATES, is_pure=False, cost=12,
    ),
    Helper(
        name="ordinalize", usage="{{ordinalize 22}}", about=_("1st, 2nd, 3rd, in English."),
        params=("number",), run=texts.ordinalize,
    ),
    _text("replace", texts.replace, '{{replace v " " "_"}}', _("Puts one text in place of another."), "text", "text", needed=3),
    _text("slugify", texts.slugify, "{{slugify v}}", _("Small letters with hyphens, for addresses."), cost=24),
    _text("stripTags", texts.strip_tags, "{{stripTags v}}", _("Without HTML tags.")),
    _text("substring", texts.substring, "{{substring v 4 9}}", _("From one place up to another, counted from 0."),
          "width", "width", needed=2),
    Helper(
        name="yesno", usage='{{yesno v yes="yes" no="no" maybe="maybe"}}', about=_("A word each for yes, no and missing."),
        params=("value",), options=_CHOICE | {"maybe": "text"}, run=conditions.yes_no,
    ),
    _math("add", numbers.add, "{{add 5 2.3}}", _("The sum.")),
    _math("subtract", numbers.subtract, "{{subtract 5 2.3}}", _("The difference.")),
    _math("multiply", numbers.multiply, "{{multiply 5 2.3}}", _("The product.")),
    _math("divide", numbers.divide, "{{divide 5 2.3}}", _("The quotient, with 8 decimals.")),
    _math("modulo", numbers.modulo, "{{modulo 7 2}}", _("What a division leaves.")),
    _math("ceiling", numbers.ceiling, "{{ceiling 5.23}}", _("The next whole number up."), needed=1),
    _math("floor", numbers.floor, "{{floor 5.23}}", _("The next whole number down."), needed=1),
    _math("round", numbers.nearest, "{{round 5.23}}", _("The nearest whole number."), needed=1),
    _text("encode64", texts.encode64, "{{encode64 v}}", _("Written in Base64.")),
    _text("decode64", texts.decode64, "{{decode64 v}}", _("Read from Base64.")),
    _text("md5", texts.digest("md5"), "{{md5 v}}", _("Its MD5 digest.")),
    _text("sha256", texts.digest("sha256"), "{{sha256 v}}", _("Its SHA-256 digest.")),
    _text("sha512", texts.digest("sha512"), "{{sha512 v}}", _("Its SHA-512 digest.")),
    Helper(name="uuid", usage="{{uuid}}", about=_("A random identifier, another one each time."), needed=0, is_pure=False, cost=6),
]  # fmt: skip
HELPERS = {helper.name: helper for helper in _ALL}
