from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.utils import translation

from core import outbound

Handler = Callable[[http.server.BaseHTTPRequestHandler, bytes], None]


@contextlib.contextmanager
def serving(answer: Handler) -> Iterator[str]:
    """A real HTTP server on loopback; its address."""

    class _Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        do_GET = do_HEAD = do_POST

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def said(handler: http.server.BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def test_a_call_is_answered() -> None:
    with serving(lambda handler, body: said(handler, body[::-1], X_Name="value")) as address:
        answer = outbound.call(address + "/a?b=c", body=b"abc", allow_private=True)

    assert (answer.status, answer.body, answer.headers["x-name"]) == (200, b"cba", "value")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://169.254.169.254/latest/meta-data/", "https://10.1.2.3/",
        "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/", "https://0.0.0.0/", "https://2130706433/",
        "https://0x7f.1/", "https://224.0.0.1/", "http://192.0.2.1/", "ftp://example.com/", "https://", "https:///x", "file:///etc/passwd",
        "https://user:word@93.184.215.14/", "https://no-such-host.invalid/", "https://[fe80::1%25lo]/", "\x00", "https://a\nb/",
        "https://xn--.invalid/", "https://" + "a" * 300 + ".com/",
    ],
)  # fmt: skip
def test_no_private_address_is_called(url: str) -> None:
    with pytest.raises(outbound.OutboundRefused):
        outbound.check(url)
    with pytest.raises(outbound.OutboundRefused):
        outbound.call(url, seconds=1)


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in ("93.184.215.14", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: both)

    with pytest.raises(outbound.OutboundRefused):
        outbound.check("https://two-faced.example.com/")


def test_the_connection_goes_where_was_looked_whatever_the_name_says_later(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def answer(handler: http.server.BaseHTTPRequestHandler, _body: bytes) -> None:
        seen.append(handler.headers.get("Host"))
        said(handler, b"here")

    asked: list[str] = []
    with serving(answer) as address:
        port = int(address.rpartition(":")[2])
        usual = socket.getaddrinfo

        def once(host: str, *args: object, **options: object) -> object:
            if host == "shop.example.com":
                asked.append(host)
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
            return usual(host, *args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", once)
        outbound.call(f"http://shop.example.com:{port}/", allow_private=True)

    assert (asked, seen) == (["shop.example.com"], [f"shop.example.com:{port}"])


def test_a_redirect_is_an_answer_like_others() -> None:
    visited: list[str] = []

    def answer(handler: http.server.BaseHTTPRequestHandler, _body: bytes) -> None:
        visited.append(handler.path)
        said(handler, b"", 302, Location="/elsewhere")

    with serving(answer) as address:
        assert outbound.call(address + "/here", allow_private=True).status == 302

    assert visited == ["/here"]


def test_whoever_answers_drop_by_drop_is_cut_off_in_time() -> None:
    def drip(handler: http.server.BaseHTTPRequestHandler, _body: bytes) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _number in range(200):
                handler.wfile.write(b"a")
                handler.wfile.flush()
                time.sleep(0.02)  # the slow server of this test, not a wait of the test

    with serving(drip) as address:
        begun = time.monotonic()
        with pytest.raises(outbound.OutboundError) as caught:
            outbound.call(address, seconds=0.3, allow_private=True)
        took = time.monotonic() - begun

    assert caught.value.was_sent
    assert took < 2


def test_an_answer_that_is_too_large_is_not_read() -> None:
    with serving(lambda handler, _body: said(handler, b"x" * 20_000)) as address, pytest.raises(outbound.OutboundError):
        outbound.call(address, limit=10_000, allow_private=True)


def test_what_could_not_be_connected_was_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(outbound.OutboundError) as caught:
        outbound.call(f"http://127.0.0.1:{port}/", allow_private=True)

    assert not caught.value.was_sent


def test_whoever_hangs_up_may_have_it() -> None:
    def hang_up(handler: http.server.BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)

    with serving(hang_up) as address, pytest.raises(outbound.OutboundError) as caught:
        outbound.call(address, body=b"x", allow_private=True)

    assert caught.value.was_sent


def test_a_refusal_speaks_the_readers_language() -> None:
    with translation.override("ko"), pytest.raises(outbound.OutboundRefused, match="https:// 주소만 호출합니다"):
        outbound.check_form("http://example.com", allow_private=False)
