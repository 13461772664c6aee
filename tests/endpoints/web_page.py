"""A web page's side of the collector: real HTTP to what stands in front of Django, and what a page says."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.db import connection

from endpoints.collecting import visitors
from endpoints.collecting.door import web_pages_in_front_of
from projects.models import PublicKey
from projects.public_keys import signed
from projects.services import public_keys

SHOP = "https://shop.example.com"
PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
_number = itertools.count(1)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = False  # closing waits for them


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def _answer(environ: dict[str, Any], start_response: Any) -> Any:
    try:
        return web_pages_in_front_of(_django)(environ, start_response)
    finally:
        connection.close()  # of a thread that ends with the request


def _django(_environ: object, _start: object) -> list[bytes]:
    raise AssertionError("handed on to Django")


@contextlib.contextmanager
def collector() -> Iterator[str]:
    """Its address."""
    server = make_server("127.0.0.1", 0, _answer, server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


def ask(url: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    request = urllib.request.Request(
        url, data=body, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, {name.lower(): value for name, value in refused.headers.items()}, refused.read())


@dataclass
class Page:
    """One browser on a page of an origin."""

    address: str
    key: PublicKey
    number: str = field(default_factory=lambda: f"{next(_number):032x}")
    origin: str = SHOP

    @property
    def endpoint_id(self) -> str:
        return visitors.endpoint_id(project_public_id=self.key.project.public_id, number=self.number)

    def put(self, *, headers: dict[str, str] | None = None, **parts: Any) -> Answer:
        body = json.dumps({"Visitor": self.number, "Version": "1.0.0"} | parts).encode()
        return self.post(body, **(headers or {}))

    def post(self, body: bytes, **headers: str) -> Answer:
        given = {"Origin": self.origin, "Content_Type": "text/plain;charset=UTF-8", "User_Agent": PERSON} | headers
        return ask(f"{self.address}/w/{self.key.token}/1/put", method="POST", body=body, **given)

    def identity(self, user_id: str, *, email: str = "", **more: Any) -> dict[str, Any]:
        """As the project's own server signs it."""
        secret = public_keys.secret_of(self.key).encode()
        named = {"UserId": user_id, "Signature": signed(secret, user_id=user_id, email=email)}
        return named | ({"Email": email} if email else {}) | more
