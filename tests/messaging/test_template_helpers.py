"""Every helper of Pinpoint, as its page shows it, and what the page leaves open (docs/adr/0015)."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest

from messaging.rendering import MessageContent, TemplateError, compile_content, render
from messaging.rendering.language.catalogue import HELPERS

NOW = datetime.datetime(2026, 11, 24, 15, 30, 5, tzinfo=datetime.UTC)
DOCUMENT: dict[str, Any] = {
    "Id": "m-1",
    "Address": "kim@example.com",
    "EffectiveDate": "2026-11-24T15:30:00.000Z",
    "Demographic": {"Timezone": "Asia/Seoul", "Locale": "ko_KR"},
    "Location": {"City": "Los Angeles"},
    "Attributes": {
        "one": ["apple"], "three": ["apple", "banana", "체리"], "empty": [], "blank": [""], "many": [str(n) for n in range(40)],
        "date": ["09/19/2020"], "broken": ["soon"], "yes": ["true"], "N": ["N"], "tag": ["<p>Hi <b>there</b></p> 1 < 2"],
        "ko": ["가나 다라"], "age": ["17"], "no": ["false"], "cafe": ["Café de l'Été"], "b64": ["가나"],
    },
    "Metrics": {"zero": 0.0, "age": 17.0, "spend": 12.5, "huge": 1e300},
    "User": {"UserId": "u1", "UserAttributes": {"FirstName": ["Alejandro"], "Last Name": ["rosalez ruiz"]}},
}  # fmt: skip


def text_of(source: str, document: dict[str, Any] | None = None, **fields: Any) -> str:
    content = MessageContent(**{"from_address": "a@example.com", "subject": "", "html": "", "text": source} | fields)
    return render(compile_content(content), document=DOCUMENT if document is None else document, now=NOW).text


DOCUMENTED = [
    # built-in
    ("{{#each Attributes.three}}{{this}} {{@index}},{{else}}none{{/each}}", "apple 0,banana 1,체리 2,"),
    ("{{#each Attributes.none}}{{this}}{{else}}none{{/each}}", "none"),
    ("{{#if User.UserAttributes.FirstName}}yes{{else}}no{{/if}}", "yes"),
    ("{{#if Attributes.none}}yes{{else}}no{{/if}}", "no"),
    # conditions
    ("{{and Location.City User.UserId yes='y' no='n'}}|{{and Location.City Attributes.none yes='y' no='n'}}", "y|n"),
    ("{{#and Location.City User.UserId}}both{{else}}not{{/and}}", "both"),
    ("{{or Attributes.none Location.City yes='y' no='n'}}|{{or Attributes.none Attributes.empty yes='y' no='n'}}", "y|n"),
    ("{{#or Attributes.none User.UserId}}one{{else}}none{{/or}}", "one"),
    ("{{not Attributes.none}}|{{#not (eq Location.City 'Seoul')}}elsewhere{{else}}Seoul{{/not}}", "true|elsewhere"),
    ("{{eq Location.City 'Los Angeles' yes='y' no='n'}}|{{#eq Location.City 'x'}}a{{else}}b{{/eq}}", "y|b"),
    ("{{neq Location.City 'Los Angeles' yes='y' no='n'}}|{{#neq Location.City 'x'}}a{{else}}b{{/neq}}", "n|a"),
    ("{{gt Metrics.age 16 yes='y' no='n'}}|{{#gt Attributes.age.[0] '17'}}a{{else}}b{{/gt}}", "y|b"),
    ("{{gte Metrics.age 17 yes='y' no='n'}}|{{#gte Attributes.age.[0] '18'}}a{{else}}b{{/gte}}", "y|b"),
    ("{{lt Metrics.age 17 yes='y' no='n'}}|{{#lt Attributes.age.[0] '18'}}a{{else}}b{{/lt}}", "n|a"),
    ('{{lte Metrics.age 17 yes="y" no="n"}}|{{#lte Attributes.age.[0] "17"}}a{{else}}b{{/lte}}', "y|a"),
    # strings
    ("{{abbreviate User.UserAttributes.FirstName.[0] 6}}", "Ale..."),
    ("{{capitalize User.UserAttributes.[Last Name].[0]}}", "Rosalez Ruiz"),
    ("{{capitalizeFirst User.UserAttributes.[Last Name].[0]}}", "Rosalez ruiz"),
    ('[{{center Location.City size=19 pad=" "}}]', "[    Los Angeles    ]"),
    ('{{cut User.UserAttributes.FirstName.[0] "e"}}|{{cut Location.City}}', "Aljandro|LosAngeles"),
    ('{{dateFormat Attributes.date.[0] inputFormat="MM/dd/yyyy" outputFormat="full" tz=America/Los_Angeles}}',
     "Saturday, September 19, 2020"),
    ('{{dateFormat Attributes.date.[0] inputFormat="MM/dd/yyyy" outputFormat="long"}}', "September 19, 2020"),
    ('{{dateFormat Attributes.date.[0] inputFormat="MM/dd/yyyy"}}', "Sept 19, 2020"),
    ('{{dateFormat Attributes.date.[0] inputFormat="MM/dd/yyyy" outputFormat="short"}}', "9/19/20"),
    ("{{inflect 3 apple apples includeCount=true}}|{{inflect 1 'apple' 'apples'}}", "3 apples|apple"),
    ('{{join Attributes.three ", " prefix="(" suffix=")"}}', "(apple, banana, 체리)"),
    ('[{{ljust Location.City 15 pad=" "}}]', "[Los Angeles    ]"),
    ('[{{rjust Location.City 15 pad="."}}]', "[....Los Angeles]"),
    ("{{lower Location.City}}|{{upper User.UserAttributes.[Last Name].[0]}}", "los angeles|ROSALEZ RUIZ"),
    ('{{now "medium" tz=America/Los_Angeles}}|{{now "short" tz=Asia/Seoul}}|{{now}}', "Nov 24, 2026|11/25/26|Nov 24, 2026"),
    ("{{ordinalize 22}} {{ordinalize 11}} {{ordinalize 1}} {{ordinalize 103}}", "22nd 11th 1st 103rd"),
    ('{{replace Location.City " " "_"}}', "Los_Angeles"),
    ("{{slugify Location.City}}", "los-angeles"),
    ("{{stripTags Attributes.tag.[0]}}", "Hi there 1 < 2"),
    ("{{substring Location.City 4 9}}|{{substring Location.City 4}}", "Angel|Angeles"),
    ("{{yesno Attributes.yes.[0] yes='y' no='n' maybe='m'}}|{{yesno Attributes.no.[0]}}|{{yesno Attributes.none}}",
     "y|no|maybe"),
    # math and encoding
    ("{{add 5 2.3}} {{subtract 5 2.3}} {{multiply 5 2.3}} {{divide 5 2.3}} {{modulo 7 2}}", "7.3 2.7 11.5 2.17391304 1"),
    ("{{ceiling 5.23}} {{floor 5.23}} {{round 5.23}}", "6 5 5"),
    ('{{encode64 "Hello World"}}|{{decode64 "SGVsbG8gV29ybGQ="}}', "SGVsbG8gV29ybGQ=|Hello World"),
    ('{{md5 "s"}}', "03c7c0ace395d80182db07ae2c30f034"),
    ('{{sha256 "s"}}', "043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89"),
    ('{{sha512 "s"}}',
     "2c1ee68372215b1ce064426b5cdbd4ef2581ace0dd3b21fa2be27f364827242e83f68b68be03f5b3e24be5d1b4315f98a0a96d19713fb3a19dc455fb6adc3431"),
    # partials and nesting
    ('{{#* inline "fullName"}}{{User.UserAttributes.FirstName}} {{capitalize User.UserAttributes.[Last Name].[0]}}{{/inline}}'
     "Hello {{> fullName}}!", "Hello Alejandro Rosalez Ruiz!"),
    ('{{capitalizeFirst (lower "JANE")}}', "Jane"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "result"), DOCUMENTED)
def test_a_documented_example_gives_what_it_gave(source: str, result: str) -> None:
    assert text_of(source) == result


def test_all_helpers_are_there_and_shown() -> None:
    assert len(HELPERS) == 44
    shown = " ".join(source for source, _result in DOCUMENTED)
    assert [name for name in HELPERS if not re.search(rf"[{{(#]{name}\b", shown)] == ["uuid"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text_of("{{uuid}}"))
    assert text_of("{{uuid}}") != text_of("{{uuid}}")


@pytest.mark.parametrize("helper", HELPERS.values(), ids=list(HELPERS))
def test_the_usage_that_is_shown_compiles(helper: Any) -> None:
    source = re.sub(r"\b([vabd])\b(?=[ }])", "Attributes.one", helper.usage)
    assert compile_content(MessageContent(from_address="a@example.com", subject=source)).subject


@pytest.mark.parametrize("name", [name for name in HELPERS if name not in ("each",)])
def test_every_helper_has_a_block_form(name: str) -> None:
    """A helper that is no condition gives its result as ``this``."""
    arguments = {"now": "", "uuid": "", "inflect": " 2 'a' 'b'", "replace": " Location.City 'L' 'X'"}.get(
        name, " Attributes.age 5"
    )
    if len(HELPERS[name].params) == 1 and not HELPERS[name].rest:
        arguments = " Attributes.age"
    if name in ("dateFormat",):
        arguments = " EffectiveDate"
    source = f"{{{{#{name}{arguments}}}}}A{{{{else}}}}B{{{{/{name}}}}}"
    assert text_of(source) in ("A", "B")


UNDOCUMENTED = [
    # truth: as in Handlebars
    ("{{if Metrics.zero yes=y no=n}}{{if Attributes.empty yes=y no=n}}{{if Attributes.blank yes=y no=n}}{{if 'false' yes=y no=n}}",
     "nnny"),
    ("{{if true yes=y no=n}}{{if false yes=y no=n}}{{if null yes=y no=n}}{{if 0 yes=y no=n}}{{if '0' yes=y no=n}}", "ynnny"),
    ("{{and true (or false Id) (not Attributes.none) yes=y}}", "y"),
    # equality and order
    ("{{eq '007' '7' yes=y no=n}}{{eq '007' 7 yes=y no=n}}{{eq Metrics.age '17' yes=y no=n}}{{eq Attributes.none '' yes=y no=n}}",
     "nyyy"),
    ("{{eq Attributes.three 'apple' yes=y no=n}}{{lt 'a' 'b' yes=y no=n}}{{lt Attributes.none 1 yes=y no=n}}{{gte Attributes.none 1}}",
     "yynfalse"),
    ("{{gt '10' '9' yes=y no=n}}{{gt '12345678901234567891' '12345678901234567890' yes=y no=n}}", "yy"),
    ("{{eq 1 1}}{{eq 1 2}}{{eq 1 1 yes=''}}", "truefalse"),
    # a list in place of a text is its first value
    ("{{upper Attributes.three}}|{{Attributes.three}}|{{Attributes.three.[2]}}|{{Attributes.three.[9]}}|", "APPLE|apple|체리||"),
    ("{{join Attributes.one Location.City '-'}}|{{join Attributes.three}}|{{join Attributes.none ','}}|",
     "apple-Los Angeles|applebanana체리||"),
    # missing values make no text
    ("{{upper Attributes.none}}{{md5 Attributes.none}}{{cut Attributes.none}}{{slugify Attributes.none}}{{add Attributes.none 1}}|",
     "|"),
    # numbers
    ("{{add 0.1 0.2}}|{{add Attributes.age '1'}}|{{add Attributes.one 1}}|{{round 2.5}} {{round -2.5}}|{{ceiling -0.5}}",
     "0.3|18||3 -2|0"),
    ("{{divide 1 Metrics.zero}}|{{modulo 1 Metrics.zero}}|{{multiply Metrics.huge Metrics.huge}}|{{Metrics.huge}}|{{modulo -7 2}}",
     "||||-1"),
    ("{{Metrics.age}}|{{Metrics.spend}}|{{multiply 1000000 1000000}}|{{divide 1 3}}|{{divide 6 3}}",
     "17|12.5|1000000000000|0.33333333|2"),
    ("{{ordinalize Metrics.spend}}|{{ordinalize Attributes.one}}|{{inflect Attributes.one a b}}|{{inflect 0 a b includeCount=true}}",
     "|||0 b"),
    # texts
    ("{{abbreviate Attributes.ko.[0] 4}}|{{abbreviate Location.City Metrics.zero}}|{{abbreviate Attributes.age 4}}",
     "가...|L...|17"),
    ("[{{center Attributes.ko 8 pad='*'}}]|{{rjust 7 3 pad='0'}}|{{ljust Location.City 3}}|{{rjust 'a' 4 pad='xyz'}}",
     "[*가나 다라**]|007|Los Angeles|xyza"),
    ("{{slugify Attributes.ko}}|{{slugify Attributes.cafe}}|{{slugify '  A -- b_c! '}}", "가나-다라|cafe-de-lete|a-b-c"),
    ("{{substring Location.City 20 30}}|{{substring Location.City 9 4}}|{{substring Attributes.ko 0 2}}", "||가나"),
    ("{{replace Location.City '' 'x'}}|{{cut Location.City ''}}|{{capitalize 'john SMITH' fully=true}}",
     "Los Angeles|Los Angeles|John Smith"),
    ("{{decode64 (encode64 Attributes.b64)}}|{{decode64 Attributes.one}}|{{decode64 '////'}}|", "가나|||"),
    ("{{yesno Attributes.N}}|{{yesno Attributes.N no='아니요'}}|{{yesno Metrics.zero}}|{{yesno Attributes.blank maybe='?'}}",
     "no|아니요|no|?"),
    ('{{upper "a\\"b"}}|{{upper \'a"b\'}}|{{upper &quot;x&quot;}}|{{upper "가나 abc"}}', 'A"B|A"B|X|가나 ABC'),
    # dates
    ('{{dateFormat EffectiveDate "yyyy-MM-dd HH:mm" tz=Asia/Seoul}}|{{dateFormat EffectiveDate "yyyy-MM-dd HH:mm z"}}',
     "2026-11-25 00:30|2026-11-24 15:30 UTC"),
    ('{{dateFormat EffectiveDate outputFormat="full" tz=Demographic.Timezone locale=Demographic.Locale}}', "2026년 11월 25일 수요일"),
    ('{{dateFormat EffectiveDate "long" "ko"}}|{{dateFormat EffectiveDate "medium" locale=ko}}|'
     '{{dateFormat EffectiveDate "short" locale=ko}}',
     "2026년 11월 24일|2026. 11. 24.|26. 11. 24."),
    ('{{dateFormat EffectiveDate "a h:mm" locale=ko tz=Asia/Seoul}}|{{dateFormat EffectiveDate "h:mm a"}}', "오전 12:30|3:30 PM"),
    ('{{dateFormat EffectiveDate "yyyy년 M월 d일 (E)" locale=ko}}|{{dateFormat EffectiveDate "\'at\' H \'o\'\'clock\'"}}',
     "2026년 11월 24일 (화)|at 15 o'clock"),
    ("{{dateFormat Attributes.broken}}|{{dateFormat Attributes.none}}|{{dateFormat Attributes.date inputFormat='yyyy-MM-dd'}}|",
     "|||"),
    ('{{dateFormat "2026-02-30"}}|{{dateFormat "13/40/2020" inputFormat="MM/dd/yyyy"}}|'
     '{{dateFormat "0001-01-01T00:00:00Z" tz=America/Los_Angeles}}|',
     "|||"),
    ('{{dateFormat "1764000000000" "yyyy"}}|{{dateFormat "20261124" "yy.MM.dd"}}|{{dateFormat "2026-11-24" tz=America/Los_Angeles}}',
     "2025|26.11.24|Nov 24, 2026"),
    ('{{dateFormat "24-Sep-07 9:05 PM +0900" inputFormat="dd-MMM-yy h:mm a Z" outputFormat="yyyy-MM-dd\'T\'HH:mm:ssXXX"}}',
     "2007-09-24T21:05:00+09:00"),
    ('{{dateFormat "2027-01-02" "D w W F u EEE, MMM SSS k K G Y X"}}', "2 1 1 1 6 Sat, Jan 000 24 0 AD 2027 Z"),
    ('{{now "EEEE d MMMM yyyy, HH:mm:ss"}}', "Tuesday 24 November 2026, 15:30:05"),
    ("{{dateFormat EffectiveDate tz=Attributes.broken}}", "Nov 24, 2026"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "result"), UNDOCUMENTED)
def test_what_the_page_leaves_open_is_decided(source: str, result: str) -> None:
    assert text_of(source) == result


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{{uper Address}}", "no helper “uper”. Did you mean “upper”"),
        ("{{#iff Address}}{{/iff}}", "no helper “iff”. Did you mean “if”"),
        ("{{upper}}", "needs 1 values, and 0 are here"),
        ("{{upper Address Id}}", "no more than 1 values"),
        ("{{replace Address 'a'}}", "needs 3 values"),
        ("{{center Address}}", "needs a width"),
        ("{{center Address size=5000}}", "from 0 to 1000"),
        ("{{abbreviate Address 3}}", "4 or more"),
        ("{{abbreviate Address 'x'}}", "whole number"),
        ("{{divide 1 0}}", "divided by 0"),
        ("{{add 1 'x'}}", "A number is expected"),
        ("{{upper Address size=3}}", "no option “size=”"),
        ("{{center Address size=1 size=2}}", "stands here twice"),
        ("{{center size=1 Address}}", "must stand before the options"),
        ("{{dateFormat EffectiveDate outputFormat='jjjj'}}", "“j” is unknown in a format"),
        ('{{dateFormat EffectiveDate outputFormat="yyyy \'at"}}', "is unknown in a format"),
        ("{{dateFormat EffectiveDate outputFormat=Id}}", "written in quotes"),
        ("{{now tz=Asia/Soul}}", "no time zone “Asia/Soul”"),
        ("{{#eq Id 'x' yes='a'}}{{/eq}}", "without a block"),
        ("{{each Attributes.three}}", "{{#each"),
        ("{{upper apple}}", "no variable “apple”"),
        ("{{Adress}}", "Did you mean “Address”"),
        ("{{Address Id}}", "is a variable, where the name of a helper is expected"),
        ("{{(upper Id)}}", None),
    ],
)
def test_a_helper_that_is_written_wrongly_is_refused_when_it_is_saved(source: str, says: str | None) -> None:
    if says is None:
        assert text_of(source) == "M-1"
        return
    with pytest.raises(TemplateError, match=re.escape(says)) as caught:
        text_of(source)
    assert (caught.value.part, caught.value.line) == ("text", 1)


def test_defaults_stand_in_for_missing_values_within_helpers_too() -> None:
    defaults = {"Attributes.none": "guest", "Attributes.three.[9]": "last"}
    source = "{{upper Attributes.none}} {{#if Attributes.none}}y{{/if}} {{#each Attributes.none}}{{this}}{{/each}} {{Attributes.three.[9]}}"
    assert text_of(source, defaults=defaults) == "GUEST y guest last"
