"""Blocks, partials and values in a page: escaped by their place, links counted wherever they stand, styles inlined."""

from __future__ import annotations

import email
import email.policy
from typing import Any

import pytest

from analytics.links import LinkContext, RunLinks, read_token
from messaging.rendering import MimeBuilder, TemplateError, compile_content, find_warnings, render
from tests.messaging.test_rendering import DOCUMENT, NOW, content, html_of

LINKS = RunLinks(context=LinkContext(1, 2, 3), key=(1, b"k" * 32), base_url="https://t.example.com")
EVIL = {
    "Id": "m",
    "Attributes": {"x": ["\"'><script>alert(1)</script>&"], "js": ["java\tscript:alert(1)"], "list": ["<a>", "&", "'"]},
}


def page_of(source: str, document: dict[str, Any], **options: Any) -> str:
    return render(compile_content(content(html=source), **options), document=document).html


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("{{#if Location.City}}{{Location.City}}{{else}}x{{/if}}", "서울"),
        ("{{#if Attributes.none}}a{{else if Location.City}}b{{else}}c{{/if}}", "b"),
        ("{{#if Attributes.none}}a{{else eq Location.City '부산'}}b{{else}}c{{/if}}", "c"),
        ("{{^if Attributes.none}}none{{else}}some{{/if}}|{{#if Id}}a{{^}}b{{/if}}", "none|a"),
        ("{{#each User.UserAttributes.MBR_FULLNM}}<b>{{@index}} {{this}} {{Location.City}}{{#if @last}}!{{/if}}</b>{{/each}}",
         "<b>0 김민준 서울</b><b>1 둘째 서울!</b>"),
        ("{{#each User.UserAttributes.MBR_FULLNM}}{{#each Attributes.code}}{{this}}{{/each}}{{this}}{{@first}} {{/each}}",
         "가&amp;b김민준true 가&amp;b둘째false "),
        ("{{#* inline 'who'}}<i>{{User.UserAttributes.MBR_FULLNM}}</i>{{/inline}}{{> who}}{{&gt; who}}", "<i>김민준</i><i>김민준</i>"),
        ("{{#* inline 'row'}}{{this}},{{/inline}}{{#each User.UserAttributes.MBR_FULLNM}}{{> row}}{{/each}}", "김민준,둘째,"),
        ("a {{~ Location.City ~}} b{{! a comment }}{{!-- with }} in it --}}c", "a서울bc"),
        ("\\{{Location.City}} {{Location.City}}}", "{{Location.City}} 서울}"),
        ("{{upper '<b>'}}{{replace Address '@' '<b>'}}{{stripTags User.UserAttributes.[Last Name].[0]}}",
         "&lt;B&gt;kim&lt;b&gt;example.comalert(1)"),
        ("{{#upper Location.City}}{{this}}{{else}}none{{/upper}}{{#upper Attributes.none}}{{this}}{{else}}none{{/upper}}", "서울none"),
        ("<td{{#if Id}} class='a'{{/if}}>{{#if Id}}<b title=\"{{Address}}\">{{else}}<b>{{/if}}</b></td>",
         "<td class='a'><b title=\"kim@example.com\"></b></td>"),
    ],
)  # fmt: skip
def test_blocks_and_partials(source: str, result: str) -> None:
    assert html_of(source) == result


def test_each_reads_fifteen_values_at_the_most() -> None:
    document = {"Attributes": {"many": [str(number) for number in range(50)]}}
    assert page_of("{{#each Attributes.many}}{{this}} {{/each}}", document) == " ".join(map(str, range(15))) + " "


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("<p title='{{Attributes.x}}'>", "<p title='&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;'>"),
        ("<p title={{Attributes.x}}>", "<p title=&#34;&#39;&#62;&#60;script&#62;alert(1)&#60;&#47;script&#62;&#38;>"),
        ("<a href='{{Attributes.js}}'>", "<a href='#'>"),
        ("<img src={{Attributes.js}}>", '<img src="#">'),
        ("<img src='https://i.example.com/{{Attributes.x.[0]}}.png'>",
         "<img src='https://i.example.com/&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;.png'>"),
        ("<a href='{{#if Id}}{{Attributes.js}}{{/if}}'><form action=\"{{Attributes.js}}\">", "<a href='#'><form action=\"#\">"),
        ("<a href='java{{substring Attributes.js 5}}x'>", "<a href='#'>"),
        ("<a href='&{{replace Attributes.js \"java\tscript\" \"#106;avascript\"}}'>", "<a href='&amp;#106;avascript:alert(1)'>"),
        ("<p style='color:{{Attributes.x}}'>", "<p style='color:'>"),
        ("<p style='color:{{lower \"#FFF\"}};background:url({{replace \"https://a/b.png\" \"b\" \"c\"}})'>",
         "<p style='color:#fff;background:url(https://a/c.png)'>"),
        ("<title>{{Attributes.x}}</title><!-- {{Attributes.x}} -->",
         "<title>&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;</title>"
         "<!-- &quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp; -->"),
        ("{{#each Attributes.list}}<a href=mailto:{{this}}>{{/each}}",
         '<a href="mailto:&lt;a&gt;"><a href="mailto:&amp;"><a href="mailto:&#x27;">'),
    ],
)  # fmt: skip
def test_a_value_stays_a_value_wherever_it_stands(source: str, result: str) -> None:
    assert page_of(source, EVIL) == result


def test_values_are_put_in_as_they_are_only_where_the_project_allows_it() -> None:
    for source in ("{{{Attributes.x}}}", "{{&Attributes.x}}"):
        with pytest.raises(TemplateError, match="unescaped"):
            compile_content(content(html=source))
        assert page_of(source, EVIL, allow_unescaped=True) == "\"'><script>alert(1)</script>&"
    with pytest.raises(TemplateError, match="only between tags"):
        compile_content(content(html="<a title='{{{Attributes.x}}}'>"), allow_unescaped=True)
    with pytest.raises(TemplateError, match="only between tags"):
        compile_content(content(html="<a href='{{{Attributes.x}}}'>"), allow_unescaped=True)
    with pytest.raises(TemplateError, match="unescaped"):
        compile_content(content(preheader="{{{Attributes.x}}}"), allow_unescaped=True)


def test_links_are_counted_within_blocks_and_with_values_of_helpers() -> None:
    source = (
        "{{#if Id}}<a href='https://a.example.com/1'>1</a>{{else}}<a href='https://a.example.com/2'>2</a>{{/if}}"
        "{{#each User.UserAttributes.MBR_FULLNM}}"
        '<a href="https://a.example.com/{{this}}?n={{@index}}&amp;c={{upper Attributes.code}}">x</a>'
        "{{/each}}"
        "<a href='{{#if Attributes.none}}https://b.example.com{{else}}https://c.example.com/{{/if}}{{Location.City}}'>3</a>"
        "<a href={{Attributes.url}}>4</a><a href='{{#if Id}}{{UnsubscribeUrl}}{{/if}}'>5</a><a href='#top'>6</a>"
    )
    program = compile_content(content(html=source))

    page = render(program, document=DOCUMENT, links=LINKS, endpoint_id=7).html

    assert program.links == [
        "https://a.example.com/1",
        "https://a.example.com/2",
        "https://a.example.com/{{this}}?n={{@index}}&c={{upper Attributes.code}}",
        "{{#if Attributes.none}}https://b.example.com{{else}}https://c.example.com/{{/if}}{{Location.City}}",
        "{{Attributes.url}}",
    ]
    tokens = [part.partition("'")[0].partition('"')[0] for part in page.split("https://t.example.com/t/c/")[1:]]
    assert len(tokens) == 5
    assert page.count("https://t.example.com/u/") == 1
    assert page.count("/t/o/") == 1
    assert program.has_unsubscribe
    preview = render(program, document=DOCUMENT).html
    assert "https://a.example.com/%EA%B9%80%EB%AF%BC%EC%A4%80?n=0&amp;c=%EA%B0%80%26B" in preview
    assert "https://c.example.com/%EC%84%9C%EC%9A%B8" in preview


@pytest.mark.django_db
def test_a_link_in_a_loop_is_one_number_with_a_target_each() -> None:
    from analytics.links import run_links

    program = compile_content(content(html="{{#each Attributes.list}}<a href='https://x.example.com/{{this}}'>x</a>{{/each}}"))
    page = render(program, document=EVIL, links=run_links(context=LinkContext(1, 2, 3)), endpoint_id=5).html

    hits = [read_token(part.partition("'")[0]) for part in page.split("/t/c/")[1:]]
    assert [hit.target for hit in hits] == [
        "https://x.example.com/%3Ca%3E",
        "https://x.example.com/%26",
        "https://x.example.com/%27",
    ]
    assert {hit.link_number for hit in hits} == {0}


def test_the_text_part_is_made_of_the_page_with_its_blocks() -> None:
    source = (
        "<style>{{#if Id}}b{color:red}{{/if}}</style><h1>{{upper 'a  b'}}</h1>{{#if Attributes.none}}<p>gone</p>{{else}}<p>안녕</p>{{/if}}"
        "<ul>{{#each User.UserAttributes.MBR_FULLNM}}<li>{{this}}</li>{{/each}}</ul>"
        "<a href='{{#if Id}}https://a/{{/if}}'>link</a><img {{#if Id}}alt='x'{{/if}}>"
        "<b class='{{#each Attributes.code}}{{this}}{{/each}}'>end</b>"
    )
    text = render(compile_content(content(html=source)), document=DOCUMENT).text
    assert [line for line in text.split("\n") if line] == ["A  B", "안녕", "- 김민준", "- 둘째", "link (https://a/)end"]


def test_variables_are_listed_wherever_they_are_used() -> None:
    program = compile_content(
        content(
            subject="{{upper Attributes.a}}", preheader="{{#if Attributes.b}}x{{/if}}", text="{{join Attributes.c ','}}",
            html="{{#* inline 'p'}}{{Attributes.d}}{{/inline}}<a href='https://x/{{#each Attributes.e}}{{eq this Metrics.f}}{{/each}}'>"
            "{{add (multiply Metrics.g 2) 1}}{{now tz=Demographic.Timezone}}",
        )
    )  # fmt: skip
    assert program.variables == [
        "Attributes.a", "Attributes.b", "Attributes.c", "Attributes.d", "Attributes.e", "Demographic.Timezone", "Metrics.f", "Metrics.g",
    ]  # fmt: skip


def test_blocks_are_no_broken_html() -> None:
    source = (
        "{{#if Id}}<div class='a'>{{else}}<div>{{/if}}<td {{#if Id}}width='3'{{/if}}>{{UnsubscribeUrl}}</td></div>\n"
        "{{#each Attributes.x}}<b>{{this}}</b>{{/each}}<a href='{{Attributes.x}}'>x</a>\n<i>"
    )
    found = find_warnings(program=compile_content(content(html=source)), known_names=["Attributes.x"])
    assert [(warning.code, warning.line) for warning in found] == [("broken_html", 3)]


def test_the_body_holds_preheader_and_pixel_whatever_stands_around_it() -> None:
    source = "<html><head><title>x</title></head><body {{#if Id}}class='a'{{/if}}>A{{#if Id}}</body>{{/if}}B</body></html>"
    program = compile_content(content(html=source, preheader="{{upper 'hi'}} <b>"))
    page = render(program, document=DOCUMENT, links=LINKS, endpoint_id=7).html
    assert page.startswith("<html><head><title>x</title></head><body class='a'><div style=\"display:none")
    assert "HI &lt;b&gt;</div>A" in page
    assert page.endswith('style="display:block;border:0"></body></html>')


STYLED = """\
<html><head><style>
td.a, p { color: red; font-family: "Apple Gothic", serif }
b { color: {{Attributes.color}} }
a:hover { color: blue }
@media (max-width: 600px) { td { width: 100% !important } }
</style><style media="print">p { display: none }</style></head><body>
<!--[if mso]><table><tr><td><![endif]-->
<table>{{#each Attributes.rows}}<tr>\
<td class="a" {{#if Id}}data-x="1" {{/if}}style="width:{{Metrics.w}}px">\
{{this}} &copy; <b>1</b></td></tr>{{/each}}</table>
<p {{#if Id}}class="a>b"{{/if}}>R&D <a href="https://x.example.com/?a=1&b={{Attributes.color}}">x</a>
</body></html>"""


def test_styles_are_written_into_elements_and_the_rest_of_the_page_stays() -> None:
    document = {"Id": "1", "Attributes": {"color": ["#abc"], "rows": ["가", "나"]}, "Metrics": {"w": 30.0}}
    page = page_of(STYLED, document)

    family = "font-family: &#x27;Apple Gothic&#x27;, serif;"
    assert page.count(f'<tr><td class="a" data-x="1" style="color: red;{family}width: 30px">') == 2
    assert f'<p style="color: red;{family}" class="a>b">' in page
    assert page.count('<b style="color: #abc;">1</b>') == 2
    assert "@media (max-width: 600px) { td { width: 100% !important } }" in page
    assert "a:hover { color: blue }" in page
    assert "<!--[if mso]><table><tr><td><![endif]-->" in page
    assert "display: none;" not in page
    assert "R&D" in page
    assert 'href="https://x.example.com/?a=1&amp;b=%23abc"' in page


def test_previews_and_messages_have_the_same_styles() -> None:
    message = content(html="<style>p{color:red}</style><p>{{Location.City}}</p>")
    program = compile_content(message)
    shown = '<p style="color: red;">서울</p>'

    sent = render(program, document=DOCUMENT, links=LINKS, endpoint_id=7)
    raw = MimeBuilder(content=message, project_id="p").build(rendered=sent, recipient="a@example.com", message_id="m", now=NOW)

    part = email.message_from_bytes(raw, policy=email.policy.default).get_body(("html",))
    assert part is not None
    assert shown in part.get_content()
    assert shown in render(program, document=DOCUMENT).html


def test_a_page_without_styles_stays_as_it_is() -> None:
    source = "<P Class=x>&nbsp;<BR/><td>x</P>"
    assert html_of(source) == source


def test_an_error_in_a_styled_page_names_the_place_where_it_was_written() -> None:
    with pytest.raises(TemplateError) as caught:
        compile_content(content(html="<style>b{color:red}</style><b>x</b><b>y</b>\n<i {{Address}}>"))
    assert (caught.value.line, caught.value.column) == (2, 4)


@pytest.mark.parametrize(
    "source",
    [
        "<style>b{color:red}</style>" + "<div>" * 5_000,
        "<style>b{color:red}</style>" + "".join(f"<b class=c{number}>" for number in range(200)) + "<p>x" * 2_000,
        "<style>" + "b{color:red}" * 4_000 + "</style>" + "<b></b>" * 9_000,
    ],
    ids=["deep", "formats", "much"],
)
def test_styles_that_would_take_minutes_are_refused(source: str) -> None:
    with pytest.raises(TemplateError, match="styles"):
        compile_content(content(html=source))


@pytest.mark.parametrize(
    "source",
    [
        "<style>b:has(~ i ~ b){color:red}</style>" + "<b></b>" * 4_000,
        "<style>b:not(i ~ b ~ b){color:red}</style>" + "<b></b><p></p>" * 2_000,
    ],
)
def test_selectors_that_would_take_minutes_are_left_out(source: str) -> None:
    assert "color: red" not in html_of(source)
