"""Counted links marked on the page of a message, whatever they stand around."""

from __future__ import annotations

import re

import pytest

from messaging.rendering import Badge, Drawn, Marks, MessageContent, compile_content, drawn, render


def marked(html: str, document: dict[str, object] | None = None) -> Drawn:
    program = compile_content(MessageContent(from_address="a@shop.kr", subject="s", html=html))
    marks = Marks(word="m123")
    page = render(program, document=document or {}, links=marks).html

    def badge_of(number: int | None) -> Badge:
        return Badge("out", 0) if number is None else Badge(f"<{number}>", 1 + number)

    return drawn(page, marks=marks, badge_of=badge_of, head="<base>")


@pytest.mark.parametrize(
    ("html", "page"),
    [
        (
            "<p><a href='https://shop.kr/?a=1&amp;b=2'>보기</a></p>",
            "<base><p><a data-pabal-heat=\"1\" href='https://shop.kr/?a=1&amp;b=2'>"
            '<span data-pabal-badge="1" id="pabal-link-0">&lt;0&gt;</span>보기</a></p>',
        ),
        (
            '<!DOCTYPE html><a class=x href=https://shop.kr/1 title="a > b"><img src="https://shop.kr/1.png"></a>',
            '<!DOCTYPE html><base><a data-pabal-heat="1" class=x href="https://shop.kr/1" title="a > b">'
            '<span data-pabal-badge="1" id="pabal-link-0">&lt;0&gt;</span><img src="https://shop.kr/1.png"></a>',
        ),
        (
            '<map><area shape="rect" href="https://shop.kr/1"></map>',
            '<base><map><area data-pabal-heat="1" shape="rect" href="https://shop.kr/1"></map>',
        ),
        (
            '<a href="{{UnsubscribeUrl}}">수신 거부</a> {{UnsubscribeUrl}}',
            '<base><a data-pabal-heat="0" href="#"><span data-pabal-badge="0" id="pabal-link-out">out</span>수신 거부</a> #',
        ),
        (
            '<a href="mailto:a@shop.kr">메일</a><a href="#top">위</a>',
            '<base><a href="mailto:a@shop.kr">메일</a><a href="#top">위</a>',
        ),
    ],
)
def test_a_badge_stands_in_the_link_and_the_link_leads_where_it_was_aimed(html: str, page: str) -> None:
    assert re.sub(r'<img src="data:[^>]*>', "", marked(html).page) == page


def test_a_link_by_a_value_leads_to_the_members_own_page_and_a_repeated_one_has_one_id() -> None:
    html = '{{#each Attributes.codes}}<a href="https://shop.kr/{{this}}">{{this}}</a>{{/each}}'

    found = marked(html, {"Attributes": {"codes": ["가", 'b"><script>']}})

    assert found.page.count('data-pabal-badge="1"') == 2
    assert found.page.count('id="pabal-link-0"') == 1
    assert 'href="https://shop.kr/%EA%B0%80"' in found.page
    assert "<script" not in found.page
    assert "m123" not in found.page


def test_links_that_this_member_or_a_browser_does_not_see_are_told_apart() -> None:
    html = (
        '<!--[if mso]><a href="https://shop.kr/0">0</a><![endif]-->'
        '<!--[if !mso]><!--><a href="https://shop.kr/1">1</a><!--<![endif]-->'
        '{{#if Attributes.vip}}<a href="https://shop.kr/2">2</a>{{/if}}<a href="https://shop.kr/3">3</a>'
    )

    assert marked(html).seen == {1, 3}
    assert marked(html, {"Attributes": {"vip": ["y"]}}).seen == {1, 2, 3}


def test_nobody_is_told_that_the_page_was_opened() -> None:
    page = marked("<body><p>x</p></body>").page

    assert re.findall(r'<img src="([^"]*)"', page) == [
        "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    ]
