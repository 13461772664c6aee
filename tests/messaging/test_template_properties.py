"""Whatever is written and whatever the data: never a crash, never markup out of a value, never long; and the right result."""

from __future__ import annotations

import html
import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from analytics.links import LinkContext, RunLinks
from messaging.rendering import MessageContent, MimeBuilder, TemplateError, compile_content, find_warnings, render
from tests.messaging.naive_templates import Interpreter, nodes, source_of
from tests.messaging.test_template_helpers import NOW

LINKS = RunLinks(context=LinkContext(1, 2, 3), key=(1, b"k" * 32), base_url="https://t.example.com")
SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8)
NAMES = [
    "Attributes.a",
    "Attributes.b",
    "Metrics.m",
    "User.UserAttributes.[Last Name]",
    "Location.City",
    "EffectiveDate",
    "Address",
]
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "Address": JSON, "EffectiveDate": JSON, "Attributes": st.dictionaries(st.sampled_from("ab"), JSON) | JSON,
        "Metrics": st.dictionaries(st.just("m"), JSON) | JSON, "Location": st.dictionaries(st.just("City"), JSON),
        "User": JSON | st.dictionaries(st.just("UserAttributes"), st.dictionaries(st.just("Last Name"), JSON) | JSON),
    },
)  # fmt: skip
SYNTAX = st.lists(
    st.sampled_from(
        ["{{", "}}", "{{{", "}}}", "{{#if ", "{{/if}}", "{{else}}", "{{#each ", "{{/each}}", "{{> p}}", '{{#* inline "p"}}', "{{/inline}}",
         "{{!", "--}}", "this", "@index", "(", ")", '"', "'", "=", "[", "]", ".", "~", "^", "\\", "&quot;",
         "upper ", "dateFormat ", "join ",
         "tz=Asia/Seoul", "outputFormat='yyyy'", "size=5 ", "pad='x'", " ", "\n", "1", "-2.5", "true", "<a href=", '<a href="', ">", "<b ",
         "</b>", "<!--", "-->", "<style>", "</style>", "b{color:red}", "<script>", "</script>", "<body>", "</body>", "가", "&amp;", *NAMES,
         "{{Address}}", "{{upper Attributes.a}}", "{{#if Address}}", "{{#each Attributes.a}}", "{{this}}",
         "{{/if}}", "{{/each}}", "{{else}}"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


def content(source: str, **fields: Any) -> MessageContent:
    return MessageContent(**{"from_address": "a@example.com", "subject": "", "html": source} | fields)


@SETTINGS
@given(source=SYNTAX | TEXTS, document=DOCUMENTS, allow=st.booleans())
def test_whatever_is_written_it_compiles_or_says_what_is_wrong(source: str, document: dict[str, Any], allow: bool) -> None:
    places = []
    for fields in ({"html": source}, {"html": "", "text": source, "subject": source, "preheader": source}):
        message = content("", **fields)
        try:
            program = compile_content(message, allow_unescaped=allow)
        except TemplateError as refused:
            places.append((refused.part, refused.line, refused.column))
            continue
        find_warnings(program=program, known_names=[])
        for links in (None, LINKS):
            rendered = render(program, document=document, links=links, endpoint_id=9, now=NOW)
            builder = MimeBuilder(content=message, project_id="p")
            builder.build(rendered=rendered, recipient="a@example.com", message_id="m", now=NOW)
    assert all(part in ("html", "text", "subject", "preheader") and min(line, column) >= 1 for part, line, column in places)


@SETTINGS
@given(calls=st.lists(st.sampled_from([
    "{{upper %s}}", "{{abbreviate %s %s}}", "{{capitalize %s}}", "{{center %s %s pad=%s}}", "{{cut %s %s}}",
    "{{dateFormat %s tz=%s locale=%s}}",
    "{{dateFormat %s inputFormat='MMM d, yyyy h:mm a Z' outputFormat='GGGG yyyy w W u E k K X z'}}", "{{inflect %s %s %s includeCount=%s}}",
    "{{join %s %s %s prefix=%s}}", "{{ordinalize %s}}", "{{replace %s %s %s}}", "{{slugify %s}}",
    "{{stripTags %s}}", "{{substring %s %s %s}}",
    "{{yesno %s yes=%s maybe=%s}}", "{{add %s %s}}", "{{divide %s %s}}", "{{multiply %s (multiply %s %s)}}", "{{modulo %s %s}}",
    "{{round %s}}", "{{ceiling %s}}", "{{floor %s}}", "{{encode64 %s}}", "{{decode64 %s}}", "{{sha256 %s}}", "{{eq %s %s}}", "{{gt %s %s}}",
    "{{and %s %s yes=%s no=%s}}", "{{not (or %s %s)}}", "{{#each %s}}{{this}}{{upper this}}{{@last}}{{/each}}",
    "{{#lower %s}}{{this}}{{/lower}}",
    "{{ljust %s size=%s}}", "{{now tz=%s}}", "<b style='color:%s'></b>".replace("%s", "{{lower %s}}"),
    "<a href='{{lower %s}}/{{upper %s}}'>",
]), min_size=1, max_size=6), names=st.lists(st.sampled_from(NAMES), min_size=8), document=DOCUMENTS)  # fmt: skip
def test_whatever_the_data_no_helper_raises(calls: list[str], names: list[str], document: dict[str, Any]) -> None:
    count = iter(range(10_000))
    source = re.sub("%s", lambda _found: names[next(count) % len(names)], "\n".join(calls))
    rendered = render(compile_content(content(source, subject=source)), document=document, links=LINKS, endpoint_id=1, now=NOW)
    assert isinstance(rendered.html, str)


class _Structure(HTMLParser):
    """Tags with the names of their attributes, and the addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _value in attrs]))
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "background")]

    def handle_endtag(self, tag: str) -> None:
        self.found.append("/" + tag)

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")


def _structure(page: str) -> _Structure:
    reader = _Structure()
    reader.feed(page)
    reader.close()
    return reader


EVIL = st.lists(
    st.sampled_from(
        ["<script>", "</script>", "\"", "'", ">", "<", "&", "&#106;", "javascript:", "JaVa\tScript:",
        "\x01javascript:", "data:text/html,", "vbscript:",
         " onclick=", "x=1 ", "-->", "--!>", "<!--", "</title>", "</style>", "</textarea>", ";}", "url(",
         "expression(", "/", "`", "\n", "=", "가", "a", "//"]
    ),
    min_size=1, max_size=6,
).map("".join)  # fmt: skip
PLACES = [
    "<p>@</p>", "<p title=\"@\" class='@' id=@ data-x = @>x</p>", "<a href='@'>x</a>", '<a href="@">x</a>', "<a href=@>x</a>",
    '<a href="https://x.example.com/@?q=@">x</a>', "<img src='@' alt=\"@\">", "<img src=https://i/@.png alt=x>", "<a href='mailto:@'>x</a>",
    "<td background='@'>", "<b style='color:@;width:@px'>x</b>", "<style>b{color:@}</style>", "<title>@</title>", "<!-- @ -->",
    "<textarea>@</textarea>", "<!--[if mso]><p title='@'>@</p><![endif]-->", "<a title='@' href='java@'>x</a>",
]  # fmt: skip
VALUES = [
    "{{Attributes.a}}", "{{lower Attributes.a}}", "{{replace Attributes.a 'z' 'y'}}", "{{#each Attributes.a}}{{this}}{{/each}}",
    "{{#if Attributes.a}}{{Attributes.a}}{{/if}}", "{{if Attributes.a yes=Attributes.a}}",
    "{{#* inline 'p@n'}}{{Attributes.a}}{{/inline}}{{> p@n}}",
]  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    places=st.lists(st.sampled_from(PLACES), min_size=1, max_size=4),
    values=st.lists(st.sampled_from(VALUES), min_size=5),
    evil=EVIL,
)
def test_no_value_makes_markup_or_runs_anything(places: list[str], values: list[str], evil: str) -> None:
    count = iter(range(10_000))

    def value(_found: re.Match[str]) -> str:
        number = next(count)
        return values[number % len(values)].replace("@n", str(number))

    try:
        program = compile_content(content(re.sub("@", value, "".join(places))))
    except TemplateError as refused:
        assume("goes on differently" not in str(refused))  # a block where a value has no quotes
        raise

    for links in (None, LINKS):
        page, plain = (
            _structure(render(program, document={"Attributes": {"a": [text]}}, links=links, endpoint_id=3, now=NOW).html)
            for text in (evil, "abc")
        )
        assert page.found == plain.found
        for address in page.addresses:
            bare = re.sub(r"[\x00-\x20\x7f-\xa0\u2028\u2029]", "", address).lower()
            assert not bare.startswith(("javascript:", "vbscript:", "data:"))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=nodes(), values=st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from(["", "x", "<b>&'\"",
       "김 민준", "12", "-3.5"]), max_size=18)),
       metric=st.none() | st.integers(-50, 50).map(float) | st.just(2.5), default=st.sampled_from(["", "고객 <"]))  # fmt: skip
def test_a_compiled_message_is_what_a_plain_interpreter_gives(tree: list[Any], values: Any, metric: Any, default: str) -> None:
    document = {"Attributes": values, "Metrics": {} if metric is None else {"m": metric}}
    defaults = {"Attributes.a": default}
    source = source_of(tree)
    try:
        program = compile_content(content(source, text=source or " ", defaults=defaults))
    except TemplateError as refused:
        assume("counts 15 times" not in str(refused))
        raise

    rendered = render(program, document=document, now=NOW)

    assert rendered.text == (Interpreter(document, defaults, str).text(tree) if source else " ")
    assert rendered.html == Interpreter(document, defaults, html.escape).text(tree)


HEAVY = [
    "{{Id}}", "{{Attributes.x}}", "{{#each Attributes.x}}{{this}}{{Id}}{{/each}}",
    "{{#each Attributes.x}}{{#each Attributes.x}}{{this}}{{/each}}{{/each}}",
    "{{slugify Id}}", '{{dateFormat Attributes.d outputFormat="full" tz=Asia/Seoul}}', "{{join Attributes.x Id}}",
    "{{replace Id ' ' Address}}",
    "{{uuid}}", "{{upper (lower (upper (lower (upper (lower (upper Id))))))}}", "<a href='http://x.y/'>", '<a href="http://x.y/{{Id}}">',
    "<a href='{{Id}}'>", "<img src='{{Id}}'>", "<b style='{{Id}}'>", "{{capitalize Id}}", "{{center Id size=1000 pad='ab'}}", "{{md5 Id}}",
    "{{#each Attributes.x}}" + "x" * 5_000 + "{{/each}}", "가" * 1_000,
]  # fmt: skip


@pytest.mark.parametrize("piece", HEAVY, ids=[piece[:30] for piece in HEAVY])
def test_no_accepted_template_takes_longer_than_fifty_milliseconds(piece: str) -> None:
    """The most of one piece that is accepted, with values of a megabyte."""
    count = min(600_000 // len(piece), 2_500)
    program = None
    while program is None and count:
        try:
            program = compile_content(content(piece * count))
        except TemplateError:
            count = count * 2 // 3
    assert program is not None
    for value in ("kim", "<'\"& 가나" * 150_000):
        document = {"Id": value, "Address": value, "Attributes": {"x": [value] * 200, "d": ["2026-11-24T01:30:00Z"]}}
        times = []
        for _turn in range(5):
            begun = time.process_time()
            render(program, document=document, links=LINKS, endpoint_id=5, now=NOW)
            times.append(time.process_time() - begun)
        assert min(times) < 0.05


def test_what_repeats_itself_is_counted_before_it_is_compiled() -> None:
    doubling = '{{#* inline "p0"}}xxxxxxxxxx{{/inline}}' + "".join(
        f'{{{{#* inline "p{number}"}}}}{{{{> p{number - 1}}}}}{{{{> p{number - 1}}}}}{{{{/inline}}}}' for number in range(1, 30)
    )
    chain = "".join(f'{{{{#* inline "p{number}"}}}}{{{{> p{number + 1}}}}}{{{{/inline}}}}' for number in range(2_000))
    for source in (
        doubling + "{{> p29}}",
        chain + '{{#* inline "p2000"}}{{/inline}}{{> p0}}',
        "{{#each Attributes.x}}" * 10 + "{{this}}" + "{{/each}}" * 10,
        "{{#if Id}}" * 30 + "{{/if}}" * 30,
        "{{#if Id}}" + "{{else if Id}}" * 200 + "{{/if}}",
        "{{upper " + "(upper " * 50 + "Id" + ")" * 50 + "}}",
        "{{#each Attributes.x}}" + "x" * 500_000 + "{{/each}}",
    ):
        with pytest.raises(TemplateError):
            compile_content(content(source))
