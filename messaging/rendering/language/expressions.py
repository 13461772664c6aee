"""What stands between {{ and }}: a variable, a helper with its arguments, a value. Read from left to right, once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _

from messaging.rendering.language import checking, variables
from messaging.rendering.language.catalogue import HELPERS, Helper
from messaging.rendering.language.nodes import Call, Expression, Literal, Loop, Source, Variable

DEEPEST = 8  # parentheses within each other
_LOOP = ("this", "@index", "@first", "@last")
_WORDS: dict[str, Literal] = {"true": Literal(True), "false": Literal(False), "null": Literal(None), "undefined": Literal(None)}
_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_BARE = re.compile(r"[^\W\d][\w/+-]*")
# &quot; and &#39; are what editors of HTML make of quotes.
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<close>~?\}\})
    | (?P<string>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | &quot;.*?&quot; | &\#39;.*?&\#39;)
    | (?P<paren>[()])
    | (?P<word>(?:\[[^\[\]{}]*\] | [^\s\[\]{}()"'=|~&] | &(?!quot;|\#39;))+)(?P<equals>\s*=)?
    | (?P<wrong>.)
    | (?P<end>\Z) )""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    kind: str  # close, string, paren, word, key, wrong, end
    text: str
    offset: int


class Reader:
    """Reads the tokens of one tag. ``has_this``, ``has_index``: whether a block around it gives ``this`` and ``@index``.

    The names of variables are added to ``found``.
    """

    def __init__(self, source: Source, position: int, *, has_this: bool, has_index: bool, found: set[str]) -> None:
        self.source = source
        self.position = position
        self._opened = position
        self._has_this = has_this
        self._has_index = has_index
        self._found = found

    def next(self) -> Token:
        match = _TOKEN.match(self.source.text, self.position)
        assert match is not None  # one of its branches takes anything
        kind = next(name for name in ("close", "string", "paren", "word", "wrong", "end") if match[name] is not None)
        text, offset = match[kind], match.start(kind)
        self.position = match.end()
        if kind == "end" or (kind == "wrong" and text in "{}"):
            raise self.source.error(self._start(), _("“{{” is opened here and never closed. “}}” is expected."))
        if kind == "wrong":
            if text in "\"'":
                raise self.source.error(
                    offset, _("The quote is opened here and never closed. %(quote)s is expected.") % {"quote": text}
                )
            raise self.source.error(
                offset, _("“%(found)s” can't stand here. A variable, a number or a text in quotes is expected.") % {"found": text}
            )
        if kind == "word" and match["equals"] is not None:
            return Token("key", text, offset)
        return Token(kind, text, offset)

    def peek(self) -> Token:
        before = self.position
        token = self.next()
        self.position = before
        return token

    def close(self) -> Token:
        """The end of the tag, and nothing else."""
        token = self.next()
        if token.kind != "close":
            raise self.source.error(
                token.offset, _("“%(found)s” is too much here. “}}” is expected.") % {"found": token.text[:40]}
            )
        return token

    def whole(self) -> Expression:
        """All up to the closing braces."""
        first = self.next()
        if first.kind == "close":
            raise self.source.error(self._start(), _("The name of a variable is expected between {{ and }}."))
        expression = self._operand(first, depth=0, is_head=True)
        self._end = self.close()
        return expression

    @property
    def end(self) -> Token:
        return self._end

    def call(self, name: Token) -> Call:
        """A block's helper, its name taken, with its arguments up to the closing braces."""
        call = self._call(name, depth=0, at=self._start(), is_block=True)
        self._end = self.close()
        return call

    def _operand(self, token: Token, *, depth: int, is_head: bool = False, words: bool = False) -> Expression:
        if token.kind == "paren" and token.text == "(":
            return self._nested(token, depth + 1)
        if token.kind == "string":
            return Literal(_unquoted(token.text))
        if token.kind != "word":
            expected = _("A variable, a number or a text in quotes is expected, not “%(found)s”.")
            raise self.source.error(token.offset, expected % {"found": token.text + ("=" if token.kind == "key" else "")})
        if token.text in _WORDS:
            return _WORDS[token.text]
        if _NUMBER.fullmatch(token.text):
            return Literal(Decimal(token.text))
        if is_head and (token.text in HELPERS or self.peek().kind != "close"):
            return self._call(token, depth=depth, at=self._start())
        return self._name(token, words=words, at=self._start() if is_head else token.offset)

    def _nested(self, opening: Token, depth: int) -> Expression:
        if depth > DEEPEST:
            raise self.source.error(opening.offset, _("Parentheses can be nested %(limit)s deep.") % {"limit": DEEPEST})
        name = self.next()
        if name.kind != "word":
            raise self.source.error(name.offset, _("The name of a helper is expected after “(”."))
        call = self._call(name, depth=depth)
        closing = self.next()
        if closing.text != ")":
            raise self.source.error(opening.offset, _("“(” is opened here and never closed. “)” is expected."))
        return call

    def _start(self) -> int:
        """Where the tag begins."""
        return self.source.text.rfind("{{", 0, self._opened)

    def _call(self, name: Token, *, depth: int, at: int | None = None, is_block: bool = False) -> Call:
        helper = self.helper(name, at)
        if helper.is_block and not is_block:
            raise self.source.error(
                name.offset if at is None else at,
                _("“%(helper)s” is a block. It is written: %(usage)s") % {"helper": helper.name, "usage": helper.usage},
            )
        params: list[Expression] = []
        options: dict[str, Expression] = {}
        places: dict[str | int, int] = {}
        while (token := self.peek()).kind in ("word", "string", "key") or token.text == "(":
            self.next()
            if token.kind == "key":
                self._option(helper, token, options, depth)
                places[token.text] = token.offset
                continue
            if options:
                raise self.source.error(
                    token.offset, _("“%(found)s” must stand before the options.") % {"found": token.text[:40]}
                )
            places[len(params)] = token.offset
            params.append(self._operand(token, depth=depth, words=helper.words and bool(params)))
        call = Call(helper=helper, params=tuple(params), options=options, offset=name.offset if at is None else at)
        checking.check(call, self.source, places)
        return call

    def _option(self, helper: Helper, key: Token, options: dict[str, Expression], depth: int) -> None:
        if key.text not in helper.options:
            known = ", ".join(f"{name}=" for name in helper.options) or "–"
            raise self.source.error(
                key.offset,
                _("“%(helper)s” has no option “%(found)s=”. It has: %(known)s")
                % {"helper": helper.name, "found": key.text[:40], "known": known},
            )
        if key.text in options:
            raise self.source.error(key.offset, _("The option “%(found)s=” stands here twice.") % {"found": key.text})
        options[key.text] = self._operand(self.next(), depth=depth, words=True)

    def helper(self, name: Token, at: int | None = None) -> Helper:
        """The helper of this name; ``at`` is where an error is shown, else at the name."""
        offset = name.offset if at is None else at
        helper = HELPERS.get(name.text)
        if helper is not None:
            return helper
        path = variables.split(name.text)
        if path is not None and variables.exists(path[0]):
            raise self.source.error(
                offset,
                _(
                    "“%(name)s” is a variable, where the name of a helper is expected, such as {{#if %(name)s}} or {{upper %(name)s}}."
                )
                % {"name": name.text[:60]},
            )
        message = _("There is no helper “%(name)s”.") % {"name": name.text[:60]}
        raise self.source.error(offset, message + nearest(name.text, HELPERS))

    def _name(self, token: Token, *, words: bool, at: int) -> Expression:
        word, offset = token.text, at
        if word in _LOOP:
            if not (self._has_this if word == "this" else self._has_index):
                raise self.source.error(offset, _("“%(name)s” is known only within {{#each}}.") % {"name": word})
            return Loop(name=word, offset=offset)
        split = variables.split(word)
        if split is not None and variables.exists(split[0]):
            variable = Variable(path=split[0], index=split[1], offset=offset)
            self._found.add(variable.name)
            return variable
        if words and _BARE.fullmatch(word):
            return Literal(word)
        if split is None or word[0] in "@.":
            raise self.source.error(offset, _("“%(expression)s” is not the name of a variable.") % {"expression": word[:60]})
        raise self.source.error(
            offset,
            _(
                "There is no variable “%(name)s”. Variables are called Address, Attributes.name, Metrics.name, User.UserId, "
                "User.UserAttributes.name, Location.City …"
            )
            % {"name": word[:60]}
            + nearest(word, [*variables.NAMES, *HELPERS]),
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """“ Did you mean …?”, or nothing."""
    lowered = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word[:60].lower(), lowered, n=1)
    return " " + _("Did you mean “%(name)s”?") % {"name": lowered[found[0]]} if found else ""


def _unquoted(text: str) -> str:
    if text[0] == "&":
        quote = "&quot;" if text.startswith("&quot;") else "&#39;"
        return text[len(quote) : -len(quote)].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return text[1:-1].replace("\\" + text[0], text[0])
