"""Opens and clicks, answered in front of Django: verify, keep the hit, answer. No database, no sessions, no middleware."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterable
from typing import Any

from analytics.hits import queue
from analytics.links import BadToken, SignedHit, read_token
from analytics.models import EventKind
from core import clock
from core.callers import caller_address

_log = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_OPEN, _CLICK = "/t/o/", "/t/c/"
_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_NOT_CACHED = ("Cache-Control", "no-store, no-cache, must-revalidate, max-age=0")
_STRICT = ("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
_BAD_LINK = {
    "ko": "<!doctype html><html lang=ko><meta charset=utf-8><title>열 수 없는 링크</title><h1>이 링크는 열 수 없습니다</h1>"
    "<p>링크가 잘렸거나 바뀌었습니다. 받은 메일에서 다시 눌러 주세요.</p></html>",
    "en": "<!doctype html><html lang=en><meta charset=utf-8><title>This link can't be opened</title>"
    "<h1>This link can't be opened</h1><p>It was cut off or changed. Please open it again from the mail you received.</p></html>",
}


def hits_in_front_of(application: Application) -> Application:
    """A WSGI application that answers ``/t/o/…`` and ``/t/c/…`` itself and hands on the rest."""

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(_CLICK):
            return _click(environ, start_response, path[len(_CLICK) :])
        if path.startswith(_OPEN):
            return _open(environ, start_response, path[len(_OPEN) :])
        return application(environ, start_response)

    return answer


def _open(environ: Environ, start_response: StartResponse, token: str) -> Iterable[bytes]:
    try:
        hit = read_token(token)
    except BadToken:
        hit = None  # a picture is answered all the same: a mail must not show a broken one
    if hit is not None and hit.kind == "open":
        _keep(environ, EventKind.EMAIL_OPEN, hit)
    headers = [("Content-Type", "image/gif"), ("Content-Length", str(len(_PIXEL))), _NOT_CACHED]
    start_response("200 OK", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [_PIXEL]


def _click(environ: Environ, start_response: StartResponse, token: str) -> Iterable[bytes]:
    try:
        hit = read_token(token)
        if hit.kind != "click" or not _is_safe(hit.target):
            raise BadToken("not a click")
    except BadToken:
        return _refuse(environ, start_response)
    _keep(environ, EventKind.EMAIL_CLICK, hit)
    start_response(
        "302 Found",
        [("Location", hit.target), ("Content-Length", "0"), ("Referrer-Policy", "no-referrer"), _NOT_CACHED, _STRICT],
    )
    return []


def _is_safe(target: str) -> bool:
    return target.startswith(("http://", "https://")) and target.isascii() and all(" " < char < "\x7f" for char in target)


def _refuse(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    language = "ko" if environ.get("HTTP_ACCEPT_LANGUAGE", "").lower().startswith("ko") else "en"
    body = _BAD_LINK[language].encode()
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body))), _NOT_CACHED, _STRICT]
    start_response("404 Not Found", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _keep(environ: Environ, kind: EventKind, hit: SignedHit) -> None:
    """Keep the hit; a person's click is answered even when neither Redis nor the disk takes it."""
    try:
        queue.put_hit(
            kind=kind,
            token=hit,
            now=clock.now(),
            user_agent=environ.get("HTTP_USER_AGENT", ""),
            ip=caller_address(environ),
            method=environ["REQUEST_METHOD"],
        )
    except OSError:
        _log.critical("A hit is lost: neither Redis nor the spool took it", exc_info=True)
