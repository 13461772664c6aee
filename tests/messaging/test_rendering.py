from __future__ import annotations

import datetime
import email
import email.policy
import re
from typing import Any

import pytest

from analytics.links import LinkContext, RunLinks, read_token
from messaging.rendering import MessageContent, MimeBuilder, TemplateError, compile_content, find_warnings, render

NOW = datetime.datetime(2026, 11, 24, 1, 30, tzinfo=datetime.UTC)
DOCUMENT: dict[str, Any] = {
    "Id": "m-1",
    "Address": "kim@example.com",
    "Attributes": {"code": ["가&b"], "url": ["https://shop.example.com/x?y=1"], "bad": ["javascript:alert(1)"]},
    "Metrics": {"spend": 12.0},
    "Location": {"City": "서울"},
    "User": {
        "UserId": "u1",
        "UserAttributes": {"MBR_FULLNM": ["김민준", "둘째"], "Last Name": ["<script>alert(1)</script>"], "e": []},
    },
}


def content(**fields: Any) -> MessageContent:
    return MessageContent(**{"from_address": "shop@example.com", "subject": "안녕", "html": "<p>x</p>"} | fields)


def html_of(source: str, **fields: Any) -> str:
    return render(compile_content(content(html=source, **fields)), document=DOCUMENT).html


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("{{User.UserAttributes.MBR_FULLNM}}님", "김민준님"),
        ("{{ User.UserAttributes.MBR_FULLNM.[1] }}", "둘째"),
        ("{{User.UserAttributes.[Last Name].[0]}}", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("{{Metrics.spend}} {{Location.City}} {{Address}}", "12 서울 kim@example.com"),
        ("{{Attributes.none}}|{{User.UserAttributes.e}}|", "||"),
    ],
)
def test_variables_give_the_members_values_escaped(source: str, result: str) -> None:
    assert html_of(source) == result


def test_a_missing_value_takes_its_default_in_every_part() -> None:
    message = content(
        subject="{{Attributes.none}}", preheader="{{Attributes.none}}", html="{{Attributes.none}}", text="{{Attributes.none}}",
        defaults={"Attributes.none": "고객 & 님"},
    )  # fmt: skip

    rendered = render(compile_content(message), document=DOCUMENT)

    assert (rendered.subject, rendered.preheader, rendered.text) == ("고객 & 님",) * 3
    assert rendered.html.endswith("고객 &amp; 님")


def test_a_name_that_is_written_again_and_again_is_looked_up_once_for_each_way_of_writing_it() -> None:
    class Counted(dict[str, Any]):
        asked = 0

        def __getitem__(self, name: str) -> Any:
            self.asked += name == "Attributes"
            return super().__getitem__(name)

    document = Counted(DOCUMENT)
    source = "<p title='{{Attributes.code}}'>{{Attributes.code}}, {{Attributes.code}} {{Attributes.code.[1]}}</p><b>{{Attributes.code}}</b>"
    program = compile_content(content(html=source, text="{{Attributes.code}} {{Attributes.code}}"))

    rendered = render(program, document=document)

    assert rendered.html.endswith("<p title='가&amp;b'>가&amp;b, 가&amp;b </p><b>가&amp;b</b>")
    assert rendered.text == "가&b 가&b"
    assert document.asked == 3, "in HTML, another value of the list, in the text"


@pytest.mark.parametrize(
    ("source", "line", "column", "says"),
    [
        ("a\n b {{User", 2, 4, "never closed"),
        ("a\n\n  {{#if Address}}\nx", 3, 3, "“{{#if}}” is opened here and never closed. “{{/if}}” is expected"),
        ("{{#if Address}}\n{{#each Attributes.code}}\n{{/if}}", 3, 1, "“{{/each}}” is expected: “{{#each}}” of line 2 is open"),
        ("x{{/if}}", 1, 2, "closes nothing"),
        ("{{else}}", 1, 1, "stands in no block"),
        ("{{#if Address}}{{else}}\n{{else}}{{/if}}", 2, 1, "There is an {{else}} before"),
        ("{{#iff Address}}x{{/iff}}", 1, 1, "Did you mean “if”"),
        ("x\n{{upper (lowr Address)}}", 2, 10, "Did you mean “lower”"),
        ("{{upper 'x}}", 1, 9, "The quote is opened here"),
        ("{{upper (lower Address}}", 1, 9, "“(” is opened here"),
        ("{{upper Address)}}", 1, 16, "is too much here"),
        ("{{> gone}}", 1, 1, "There is no partial “gone”"),
        ('{{#* inline "a"}}{{> a}}{{/inline}}', 1, 18, "calls itself"),
        ('{{#* inline "a"}}{{> b}}{{/inline}}{{#* inline "b"}}{{> a}}{{/inline}}', 1, 53, "calls itself"),
        ('{{#* inline "a"}}{{/inline}}{{#* inline "a"}}{{/inline}}', 1, 29, "two partials"),
        ("{{this}}", 1, 1, "only within {{#each}}"),
        ("{{#if Id}}{{@index}}{{/if}}", 1, 11, "only within {{#each}}"),
        ("{{#each Attributes.code}}{{else}}{{this}}{{/each}}", 1, 34, "only within {{#each}}"),
        ('{{#* inline "a"}}{{this}}{{/inline}}{{> a}}', 1, 18, "only within {{#each}}"),
        ("{{!-- x", 1, 1, "comment is opened here"),
        ("<{{Address}}>", 1, 2, "Write &lt;"),
        ("<b {{Address}}>", 1, 4, "within the tag <b>"),
        ("<b title={{#if Id}}'a{{else}}\"b{{/if}}>", 1, 10, "goes on differently"),
        ("{{#if Id}}<!--{{/if}}-->", 1, 1, "goes on differently"),
        ("<script>x={{Address}}</script>", 1, 11, "within a script"),
        ('<b onclick="{{Address}}">', 1, 13, "run as a script"),
        ('<a href="https://x/{{#if Id}}a">b{{/if}}', 1, 30, "ends within a block"),
        ("{{#if Id}}<a href='https://x/{{/if}}a'>", 1, 20, "begins within a block"),
        ("{{{Address}}}", 1, 1, "unescaped"),
        ("x{{Adress}}", 1, 2, "no variable"),
        ("{{}}", 1, 1, "expected"),
    ],
)
def test_an_error_names_its_place(source: str, line: int, column: int, says: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(says)) as caught:
        compile_content(content(html=source))
    assert (caught.value.part, caught.value.line, caught.value.column) == ("html", line, column)


def test_links_are_signed_for_each_member_and_the_unsubscribe_link_is_not_counted() -> None:
    source = (
        '<html><body><a class="b" href="https://shop.example.com/?c={{Attributes.code}}&amp;d=1">1</a>'
        "<a href='{{Attributes.url}}'>2</a><a href={{Attributes.bad}}>3</a><a href=\"mailto:a@example.com\">4</a>"
        '<a href="{{UnsubscribeUrl}}">끊기</a></body></html>'
    )
    program = compile_content(content(html=source, preheader="미리보기"))
    links = RunLinks(context=LinkContext(1, 2, 3), key=(1, b"k" * 32), base_url="https://t.example.com")

    rendered = render(program, document=DOCUMENT, links=links, endpoint_id=77)

    assert program.links == ["https://shop.example.com/?c={{Attributes.code}}&d=1", "{{Attributes.url}}", "{{Attributes.bad}}"]
    assert rendered.html.count("https://t.example.com/t/c/") == 2
    assert rendered.html.count("https://t.example.com/u/") == 1
    assert "javascript" not in rendered.html
    assert rendered.html.index("미리보기") < rendered.html.index("shop") if "shop" in rendered.html else True
    assert rendered.html.index("/t/o/") < rendered.html.index("</body>")
    preview = render(program, document=DOCUMENT).html
    assert 'href="https://shop.example.com/?c=%EA%B0%80%26b&amp;d=1"' in preview
    assert "/t/o/" not in preview


@pytest.mark.django_db
def test_a_signed_target_is_the_members_own(settings: Any) -> None:
    from analytics.links import run_links

    program = compile_content(content(html='<a href="https://x.example.com/{{Attributes.code}}">x</a>'))

    page = render(program, document=DOCUMENT, links=run_links(context=LinkContext(1, 2, 3)), endpoint_id=5).html

    token = page.partition("/t/c/")[2].partition('"')[0]
    assert read_token(token).target == "https://x.example.com/%EA%B0%80%26b"


def test_a_whole_message_reads_back_as_it_was_written() -> None:
    subject = "(광고) 아주 긴 제목입니다 🎉 " * 6
    message = content(
        subject=subject, from_name='파발 "상점"', html="<p>{{User.UserAttributes.MBR_FULLNM}}</p>", reply_to="r@example.com"
    )
    builder = MimeBuilder(content=message, project_id="p" * 32, run_id="r" * 32, campaign_id="c" * 32, list_name="가게")
    links = RunLinks(context=LinkContext(1, 2, 3), key=(1, b"k" * 32), base_url="https://t.example.com")

    raw = builder.build(
        rendered=render(compile_content(message), document=DOCUMENT, links=links, endpoint_id=7),
        recipient="kim@한국.kr", message_id="abc", now=NOW,
    )  # fmt: skip

    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert parsed["Subject"] == subject.strip()
    assert parsed["From"].addresses[0].display_name == '파발 "상점"'
    assert parsed["To"] == "kim@xn--3e0b707e.kr"
    assert parsed["List-Unsubscribe"].startswith("<https://t.example.com/u/")
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    html = parsed.get_body(("html",))
    text = parsed.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert "김민준" in html.get_content()
    assert text.get_content().strip() == "김민준"
    assert max(map(len, raw.split(b"\r\n"))) < 998
    assert raw.count(b"\n") == raw.count(b"\r\n")


@pytest.mark.parametrize("evil", ["a\r\nBcc: x@example.com", "a\nX: y", "\u2028Bcc: z"])
def test_no_value_adds_a_header(evil: str) -> None:
    message = content(subject="{{Attributes.code}}", from_name=evil)
    document = DOCUMENT | {"Attributes": {"code": [evil]}}
    raw = MimeBuilder(content=message, project_id="p").build(
        rendered=render(compile_content(message), document=document), recipient="a@example.com", message_id="m", now=NOW
    )

    parsed = email.message_from_bytes(raw)
    assert set(parsed.keys()) == {
        "From",
        "MIME-Version",
        "Content-Type",
        "X-Pabal-Project",
        "To",
        "Subject",
        "Date",
        "Message-ID",
    }
    with pytest.raises(ValueError, match="line end"):
        MimeBuilder(content=message, project_id="p").build(
            rendered=render(compile_content(message), document=DOCUMENT), recipient="a@b.c\r\nRCPT", message_id="m", now=NOW
        )


def test_a_message_of_a_megabyte_is_refused_with_a_reason() -> None:
    with pytest.raises(TemplateError, match="600000"):
        compile_content(content(html="x" * 1_000_000))


def test_what_is_odd_is_said() -> None:
    program = compile_content(content(html="<div><b>{{User.UserAttributes.MBR_FULNM}}</div>\n<img src=x><script>1</script>"))

    found = find_warnings(program=program, known_names=["User.UserAttributes.MBR_FULLNM"])

    assert [warning.code for warning in found] == [
        "unknown_variable", "no_unsubscribe", "broken_html", "image_without_alt", "script",
    ]  # fmt: skip
    assert "MBR_FULLNM" in found[0].message
