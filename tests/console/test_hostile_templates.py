"""Templates that are too long, or take a reader long."""

from __future__ import annotations

import time

import pytest

from messaging import rendering
from tests.console.hostile import url
from tests.console.world import logged_in, make_world


@pytest.mark.django_db
def test_a_template_of_a_megabyte_is_refused_with_a_reason() -> None:
    world = make_world()
    step = url("campaigns:edit-campaign", world, campaign_id=world.draft.public_id, step="message")
    client = logged_in(world.owner)

    for field in ("html", "text", "preheader", "subject", "defaults"):
        answer = client.post(
            step, {"sender": "shop@example.com", "subject": "x", "html": "x", field: "가" * 350_000 + "x" * 650_000}
        )
        assert answer.status_code == 200, field
        assert field in answer.context["form"].errors
    assert client.post(step, {"html": "x" * (5 << 20)}).status_code == 400
    world.draft.refresh_from_db()
    assert world.draft.version == 1


# Nothing whole, or more values, links or styles than a message may have.
REFUSED = (
    "{{Address}}", "<a href=http://x.y/>", '<a href="', "<a href='x' ", "{{#if Address}}", "{{#if Address}}{{/if}}", "{{", "{{{",
    "{{&quot;", "{{/if}}", "{{else}}", "{{(", "{{!--", "\\{{", "<style>b{color:red}</style><b>",
)  # fmt: skip


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a ",
        '<a href="',
        "<a href='x' ",
        "<body ",
        "</body ",
        "<!--",
        "<![CDATA[",
        "<?",
        "</",
        "<b></i>",
        "<b>",
        "{{Address}}",
        "&#",
        "<p></b x",
        "<a href=http://x.y/>",
        "<img src=x>",
        " href",
        "<!",
        "<!--[if mso]>",
        "<![endif]-->",
        "<style>",
        "<style>b{color:red}</style><b>",
        "{{!x}}",
        "{{!--",
        "{{#if Address}}",
        "{{#if Address}}{{/if}}",
        "{{/if}}",
        "{{else}}",
        "{{",
        "{{{",
        "{{(",
        "{{&quot;",
        "\\{{",
        "\ue0f01\ue0f1",
    ],
)
def test_no_template_keeps_a_worker_busy(piece: str) -> None:
    """Many of one piece, and the same closed at its end: what reads it must not begin again at each of them."""
    for html in (piece * (150_000 // len(piece)), piece * (150_000 // len(piece)) + "\"' >"):
        begun = time.process_time()

        content = rendering.MessageContent(from_address="a@example.com", subject="x", html=html)
        if piece in REFUSED:
            with pytest.raises(rendering.TemplateError):
                rendering.compile_content(content)
        else:
            program = rendering.compile_content(content)
            rendering.find_warnings(program=program, known_names=["Attributes.x"])
            rendering.render(program, document={"Address": "a@example.com"})

        assert time.process_time() - begun < 8, "seconds; a quadratic reader takes minutes"


@pytest.mark.parametrize("index", ["²", "٣", "9" * 5_000, "-1", "1e3", "", " "])
def test_an_index_that_is_no_number_is_refused(index: str) -> None:
    with pytest.raises(rendering.TemplateError):
        rendering.compile_content(
            rendering.MessageContent(from_address="a@b.c", subject="x", html="{{Attributes.x.[" + index + "]}}")
        )
