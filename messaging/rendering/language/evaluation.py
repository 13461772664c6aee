"""Expressions become small functions from a recipient to a value, a text, a truth or a list. None of them raises."""

from __future__ import annotations

import datetime
import functools
import operator
import uuid
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from messaging.rendering.language import dates, texts
from messaging.rendering.language.limits import EACH_ITEMS
from messaging.rendering.language.nodes import Call, Expression, Literal, Loop, Source, Variable
from messaging.rendering.language.runtime import Get, GetText, Recipient
from messaging.rendering.language.texts import WIDEST
from messaging.rendering.language.values import LIST_ITEMS, as_number, as_text, is_true
from messaging.rendering.language.variables import UNSUBSCRIBE

_KEYWORDS = {"size": "width", "includeCount": "included"}  # options whose names differ from the functions' arguments


class Evaluation:
    """Compiles the expressions of one part. ``longest``: the characters of a value that are used at the most."""

    def __init__(self, *, source: Source, defaults: dict[str, str], longest: int) -> None:
        self._source = source
        self._defaults = defaults
        self.longest = longest
        self.has_this = False
        self.has_index = False
        self._lookups: dict[tuple[object, ...], GetText] = {}

    def value(self, expression: Expression) -> Get:
        """As it lies in the document, a list whole."""
        if isinstance(expression, Literal):
            constant = expression.value
            return lambda recipient: constant
        if isinstance(expression, Loop):
            return self._loop(expression)
        if isinstance(expression, Variable):
            return self._lookup(expression)
        return self._call(expression)

    def text(self, expression: Expression) -> GetText:
        if isinstance(expression, Literal):
            constant = as_text(expression.value)
            return lambda recipient: constant
        if isinstance(expression, Variable):
            return self._text_lookup(expression)
        value, longest = self.value(expression), self.longest

        def text(recipient: Recipient) -> str:
            found = value(recipient)
            written = found if isinstance(found, str) else as_text(found)
            return written if len(written) <= longest else written[:longest]

        return text

    def written(self, expression: Expression, escape: Callable[[str], str]) -> GetText:
        """Its text, escaped for the place where it is put out."""
        if isinstance(expression, Variable):
            return self._text_lookup(expression, escape)
        text = self.text(expression)
        return lambda recipient: escape(text(recipient))

    def test(self, expression: Expression) -> Callable[[Recipient], bool]:
        """Whether it is true; a condition's ``yes=`` and ``no=`` don't matter."""
        if isinstance(expression, Call) and expression.helper.is_condition:
            return self._condition(expression)
        value = self.value(expression)
        return lambda recipient: is_true(value(recipient))

    def items(self, expression: Expression, most: int = EACH_ITEMS) -> Callable[[Recipient], list[Any]]:
        """A list's values; a single value is a list of one, and a list of nothing but empty ones is empty."""
        value = self.value(expression)

        def items(recipient: Recipient) -> list[Any]:
            found = value(recipient)
            values = found if isinstance(found, list) else [found]
            return values[:most] if any(item is not None and item != "" for item in values) else []

        return items

    def constant(self, expression: Expression) -> str | None:
        """The text of what is the same for everybody; None for all else."""
        if not _is_constant(expression):
            return None
        return self.text(expression)(_NOBODY)

    def _loop(self, loop: Loop) -> Get:
        if not (self.has_this if loop.name == "this" else self.has_index):
            raise self._source.error(loop.offset, _("“%(name)s” is known only within {{#each}}.") % {"name": loop.name})
        if loop.name == "this":
            return lambda recipient: recipient.this
        if loop.name == "@index":
            return lambda recipient: recipient.index
        if loop.name == "@first":
            return lambda recipient: recipient.index == 0
        return lambda recipient: recipient.is_last

    def _default(self, variable: Variable) -> str:
        """What a missing value becomes; a default for one index goes before the one for the name."""
        named = self._defaults.get(variable.name, "")
        return named if variable.index is None else self._defaults.get(f"{variable.name}.[{variable.index}]", named)

    def _lookup(self, variable: Variable) -> Get:
        index, longest, default = variable.index, self.longest, self._default(variable) or None
        read = _reader(variable.path)
        if variable.name == UNSUBSCRIBE:
            return _unsubscribe

        def lookup(recipient: Recipient) -> Any:
            try:
                found = read(recipient.document)
                if type(found) is list:
                    if index is None:
                        held = [one[:longest] if type(one) is str else one for one in found[:LIST_ITEMS]]
                        return held if held and held != [""] else default
                    found = found[index]
            except (LookupError, TypeError):
                return default
            if type(found) is str:
                return found[:longest] or default
            return default if found is None or isinstance(found, (list, dict)) else found

        return lookup

    def _text_lookup(self, variable: Variable, escape: Callable[[str], str] = str) -> GetText:
        """The way that most of a message goes: a name within its group, a list with its one value.

        The same function for the same variable: who puts several pieces together calls it once.
        """
        key = (variable.path, variable.index, escape)
        if key not in self._lookups:
            self._lookups[key] = self._made_text_lookup(variable, escape)
        return self._lookups[key]

    def _made_text_lookup(self, variable: Variable, escape: Callable[[str], str]) -> GetText:
        if variable.name == UNSUBSCRIBE:
            return lambda recipient: escape(recipient.unsubscribe or "#")
        index, longest = variable.index or 0, self.longest
        default = escape(self._default(variable))
        read = _reader(variable.path)

        def text(recipient: Recipient) -> str:
            try:
                found = read(recipient.document)
                if type(found) is list:
                    found = found[index]
            except (LookupError, TypeError):
                return default
            written: str = found if type(found) is str else as_text(found)
            if len(written) > longest:
                written = written[:longest]
            return escape(written) if written else default

        return text

    def _call(self, call: Call) -> Get:
        helper = call.helper
        if helper.is_condition:
            return self._choice(call)
        if helper.name == "uuid":
            return lambda recipient: str(uuid.uuid4())
        if helper.name in ("dateFormat", "now"):
            made = self._date(call)
        elif helper.name == "join":
            made = self._joined(call)
        else:
            made = self._applied(call)
        if _is_constant(call):
            constant = made(_NOBODY)
            return lambda recipient: constant
        return made

    def _condition(self, call: Call) -> Callable[[Recipient], bool]:
        run = call.helper.run
        assert run is not None
        if call.helper.name in ("if", "not", "and", "or"):
            tests = [self.test(param) for param in call.params]
            first = tests[0]
            if call.helper.name == "if":
                return first
            if call.helper.name == "not":
                return lambda recipient: not first(recipient)
            every = all if call.helper.name == "and" else any
            return lambda recipient: every(test(recipient) for test in tests)
        one, other = (self.value(param) for param in call.params)
        return lambda recipient: run(one(recipient), other(recipient))

    def _choice(self, call: Call) -> Get:
        """A condition without a block: what its ``yes=`` or ``no=`` says, else true or false."""
        test = self._condition(call)
        yes = self.value(call.options.get("yes", Literal(True)))
        no = self.value(call.options.get("no", Literal(False)))
        return lambda recipient: yes(recipient) if test(recipient) else no(recipient)

    def _applied(self, call: Call) -> Get:
        kinds = [*call.helper.params, *[call.helper.rest] * len(call.params)]
        getters = [self._argument(kind, param) for kind, param in zip(kinds, call.params, strict=False)]
        run, options = self._with_options(call)
        longest = self.longest
        if options:

            def applied(recipient: Recipient) -> Any:
                found = run(*[get(recipient) for get in getters], **{name: get(recipient) for name, get in options.items()})
                return found[:longest] if type(found) is str else found

        elif len(getters) == 1:
            get = getters[0]

            def applied(recipient: Recipient) -> Any:
                found = run(get(recipient))
                return found[:longest] if type(found) is str else found

        else:

            def applied(recipient: Recipient) -> Any:
                found = run(*[get(recipient) for get in getters])
                return found[:longest] if type(found) is str else found

        return applied

    def _with_options(self, call: Call) -> tuple[Callable[..., Any], dict[str, Get]]:
        """The helper's function with its fixed options in place, and the options that the recipient decides."""
        run, waiting, fixed = call.helper.run, {}, {}
        assert run is not None
        for name, option in call.options.items():
            get = self._argument(call.helper.options[name], option)
            keyword = _KEYWORDS.get(name, name)
            if keyword == "width" and len(call.params) > 1:
                continue  # the width stands among the values already
            if _is_constant(option):
                fixed[keyword] = get(_NOBODY)
            else:
                waiting[keyword] = get
        return functools.partial(run, **fixed) if fixed else run, waiting

    def _argument(self, kind: str, expression: Expression) -> Get:
        if kind == "text":
            return self.text(expression)
        if kind == "items":
            return self.items(expression, LIST_ITEMS)
        value = self.value(expression)
        if kind == "number":
            return lambda recipient: as_number(value(recipient))
        if kind == "width":
            return lambda recipient: _width(value(recipient))
        return value

    def _joined(self, call: Call) -> Get:
        """The last of several values is what stands between the others."""
        lists = [self.items(param, LIST_ITEMS) for param in call.params[: max(1, len(call.params) - 1)]]
        separator = self.text(call.params[-1]) if len(call.params) > 1 else _nothing
        prefix, suffix = (self.text(call.options.get(name, Literal(""))) for name in ("prefix", "suffix"))
        longest = self.longest

        def joined(recipient: Recipient) -> str:
            values = [item for items in lists for item in items(recipient)][:LIST_ITEMS]
            return texts.join(values, separator(recipient), prefix(recipient), suffix(recipient))[:longest]

        return joined

    def _date(self, call: Call) -> Get:
        options, params = call.options, list(call.params)
        value = self.value(params.pop(0)) if call.helper.name == "dateFormat" else None
        style = _literal(options.get("outputFormat") or options.get("format") or (params and params[0]) or Literal("medium"))
        pattern = _literal(options.get("inputFormat") or Literal(""))
        locale = self.text(options.get("locale") or (params[1] if len(params) > 1 else Literal("")))
        zone = self.text(options["tz"]) if "tz" in options else None

        def date(recipient: Recipient) -> str:
            found = recipient.now if value is None else as_text(value(recipient))[:200]
            return dates.rewritten(found, pattern, style, dates.locale_of(locale(recipient)), zone and zone(recipient))

        return date


def _reader(path: tuple[str, ...]) -> Callable[[Any], Any]:
    """What lies at this path of a document; raises ``LookupError`` or ``TypeError`` where nothing does."""
    if len(path) == 1:
        return operator.itemgetter(path[0])
    if len(path) == 2:
        group, name = path
        return lambda document: document[group][name]
    group, inner, name = path
    return lambda document: document[group][inner][name]


def _literal(expression: Any) -> str:
    return as_text(expression.value)


def _is_constant(expression: Expression) -> bool:
    if isinstance(expression, Call):
        return expression.helper.is_pure and all(map(_is_constant, (*expression.params, *expression.options.values())))
    return isinstance(expression, Literal)


def _width(value: Any) -> int:
    number = as_number(value)
    return 0 if number is None or number < 0 else int(number) if number < WIDEST else WIDEST


def _nothing(recipient: Recipient) -> str:
    return ""


def _unsubscribe(recipient: Recipient) -> str:
    return recipient.unsubscribe or "#"


_NOBODY = Recipient(
    document={}, links=None, endpoint_id=0, unsubscribe="", now=datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
)
