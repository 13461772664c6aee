"""What is signed here verifies with another implementation, whatever the message; what was changed does not."""

from __future__ import annotations

import datetime
import re

import dkim as dkimpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.domains import dkim, keys
from messaging.rendering import MessageContent, MimeBuilder, Rendered

NOW = datetime.datetime(2026, 11, 26, 1, 0, tzinfo=datetime.UTC)
PAIR = keys.make_pair()
SIGNER = dkim.Signer(domain="example.com", selector="s1", key=keys.load(PAIR.private))
HEAD = b"From: shop@example.com\r\nTo: kim@example.com\r\nSubject: x\r\n"


def verifies(message: bytes, public: str = PAIR.public) -> bool:
    asked = []

    def answer(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return f"v=DKIM1; k=rsa; p={public}".encode()

    is_good = dkimpy.verify(message, dnsfunc=answer)
    assert set(asked) <= {b"s1._domainkey.example.com."}
    return bool(is_good)


def signed_names(message: bytes) -> list[str]:
    found = re.search(rb"\bh=([a-z:-]+);", message)
    assert found is not None
    return found[1].decode().split(":")


_WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=120)
_BODIES = st.lists(
    st.one_of(
        st.sampled_from([b"", b" ", b"\t", b" \t ", b".", b"..", b"a  b\t\tc ", b" lead", b"trail  ", b"=\xa0\xff"]),
        st.binary(max_size=40).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"")),
    ),
    max_size=12,
).map(b"\r\n".join)


@settings(max_examples=60)
@given(
    subject=_WORDS, name=_WORDS, text=_WORDS, html=_WORDS, reply=st.booleans(), url=st.sampled_from(["", "https://x.example/u/1"])
)
def test_messages_of_runs_verify(subject: str, name: str, text: str, html: str, reply: bool, url: str) -> None:
    content = MessageContent(
        from_address="shop@example.com", from_name=name.strip(), subject="", reply_to="help@example.com" if reply else ""
    )
    builder = MimeBuilder(content=content, project_id="p1", run_id="r1", campaign_id="c1", list_name=name.strip(), signer=SIGNER)
    rendered = Rendered(subject=subject, preheader="", html=html, text=text, unsubscribe_url=url)

    message = builder.build(rendered=rendered, recipient="kim@example.com", message_id="m1", now=NOW)

    assert verifies(message)
    names = ["from", "from", "to", "subject", "date", "message-id", "mime-version", "content-type"]
    names += ["list-unsubscribe", "list-unsubscribe-post"] if url else []
    assert signed_names(message) == [*names, "list-id", "feedback-id", *(["reply-to"] if reply else [])]


@settings(max_examples=200)
@given(body=_BODIES, ending=st.sampled_from([b"", b"\r\n", b"\r\n\r\n \r\n\t\r\n", b" "]))
def test_odd_bodies_verify(body: bytes, ending: bytes) -> None:
    signed = SIGNER.sign(HEAD + b"\r\n" + body + ending, now=NOW)

    assert verifies(signed if signed.endswith(b"\r\n") else signed + b"\r\n")  # as SMTP ends it


@settings(max_examples=100)
@given(
    values=st.lists(
        st.lists(st.sampled_from(["a", "=?utf-8?B?6rCA?=", "", "\t", "  ", "x:y", "<z>"]), min_size=1, max_size=5), max_size=4
    ),
    colon=st.sampled_from([":", ": ", ":\t ", ":\r\n "]),
)
def test_folded_and_repeated_headers_verify(values: list[list[str]], colon: str) -> None:
    lines = "".join(f"Subject{colon}" + "\r\n\t".join(one) + "\r\n" for one in values)
    message = (
        b"FROM:shop@example.com\r\nTo: a@example.com,\r\n  b@example.com\r\nX-Other: 1\r\n" + lines.encode() + b"\r\nbody\r\n"
    )

    signed = SIGNER.sign(message, now=NOW)

    assert verifies(signed)
    assert signed.endswith(message)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Subject: x", b"Subject: y"),
        (b"To: kim@", b"To: lee@"),
        (
            b"From: shop@example.com\r\n",
            b"From: shop@example.com\r\nFrom: other@example.com\r\n",
        ),  # a second one is shown by some
        (b"hello", b"hullo"),
    ],
)
def test_what_was_changed_does_not_verify(before: bytes, after: bytes) -> None:
    signed = SIGNER.sign(HEAD + b"\r\nhello\r\n", now=NOW)
    head, _found, rest = signed.partition(b"From:")

    changed = head + (b"From:" + rest).replace(before, after, 1)

    assert verifies(signed)
    assert changed != signed
    assert not verifies(changed)


def test_another_key_does_not_verify() -> None:
    assert not verifies(SIGNER.sign(HEAD + b"\r\nx\r\n", now=NOW), public=keys.make_pair().public)


def test_headers_that_a_vendor_writes_anew_can_be_left_out() -> None:
    signer = dkim.Signer(domain="example.com", selector="s1", key=keys.load(PAIR.private), without=dkim.REWRITTEN_BY_SES)
    message = HEAD + b"Date: Thu, 26 Nov 2026 01:00:00 +0000\r\nMessage-ID: <a@example.com>\r\n\r\nx\r\n"

    rewritten = signer.sign(message, now=NOW).replace(b"<a@example.com>", b"<0100@ap-northeast-2.amazonses.com>")

    assert verifies(rewritten)


def test_a_message_without_an_end_of_its_head_is_not_signed() -> None:
    with pytest.raises(ValueError, match="empty line"):
        SIGNER.sign(b"From: a@example.com\r\n", now=NOW)


def test_no_line_is_too_long_and_the_signature_stands_first() -> None:
    signed = SIGNER.sign(HEAD + b"\r\nx\r\n", now=NOW)

    assert signed.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com;\r\n s=s1; t=1795654800;")
    assert max(map(len, signed.split(b"\r\n"))) < 200


def test_the_keys_are_of_2048_bits_and_each_is_another() -> None:
    assert keys.load(PAIR.private).key_size == 2048
    assert keys.make_pair().public != PAIR.public
    assert keys.make_selector() != keys.make_selector()
