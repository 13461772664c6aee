"""What web pages ask for, answered in front of Django: the script, and the events that it brings. No database but for the keys.

A request is answered when it is safe: in Redis, or in a synced file while Redis is away. ``endpoints.services.collecting`` writes it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from django.conf import settings
from django.utils import translation

from core import clock
from core.callers import caller_address, household
from endpoints.collecting import notes
from endpoints.collecting.batch import BATCHES, BatchRefused, read_batch
from endpoints.collecting.meter import Meter
from endpoints.collecting.script import VERSION, Script, script, script_of_key, version_of
from projects.public_keys import KnownKey
from projects.services import known_keys

PREFIX = "/w/"
BODY_LIMIT = 512 * 1024  # bytes of a request; the script sends 50 KB at the most

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Headers = list[tuple[str, str]]

_PUT = "/1/put"  # the 1 is the version of what a request holds
_UNIT = 16 * 1024  # bytes of a request that count as one
_YEAR, _HOUR, _MINUTES = 365 * 24 * 3600, 3600, 300  # seconds for which scripts are kept
_READABLE = ("Access-Control-Allow-Origin", "*")  # by scripts of any page: they must know that they shall stop
_OPEN: Headers = [("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "cross-origin")]

_log = logging.getLogger(__name__)
_meter = Meter()


def web_pages_in_front_of(application: Application) -> Application:
    """A WSGI application that answers ``/w/…`` itself and hands on the rest."""

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return application(environ, start_response)
        name = path[len(PREFIX) :]
        if name.endswith(_PUT):
            return _Request(environ, start_response).answered(name.removesuffix(_PUT))
        return _script(environ, start_response, name)

    return answer


# -- the script --------------------------------------------------------------------------------------------------------


def _script(environ: Environ, start_response: StartResponse, name: str) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return _said(start_response, 405, "MethodNotAllowed", "Ask with GET.", [*_OPEN, ("Allow", "GET, HEAD")])
    try:
        found, seconds = _found(name)
    except (known_keys.KeyUnknown, known_keys.KeyRevoked) as refused:
        return _said(start_response, 404, type(refused).__name__, refused.message, [*_OPEN, ("Cache-Control", "max-age=60")])
    except known_keys.KeysAway:
        return _said(start_response, 503, "Unavailable", "Not now. Try again.", [*_OPEN, ("Retry-After", "10")])
    if found is None:
        return _said(start_response, 404, "NoSuchScript", "There is no such script.", _OPEN)
    keeping = f"public, max-age={seconds}" + (", immutable" if seconds == _YEAR else "")
    headers = [*_OPEN, ("Cache-Control", keeping), ("ETag", found.etag), ("Access-Control-Allow-Origin", "*")]
    headers.append(("Vary", "Accept-Encoding"))
    if environ.get("HTTP_IF_NONE_MATCH", "") == found.etag:
        start_response("304 Not Modified", headers)
        return []
    is_zipped = "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "")
    body = found.zipped if is_zipped else found.body
    headers += [("Content-Type", "text/javascript; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers + ([("Content-Encoding", "gzip")] if is_zipped else []))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _found(name: str) -> tuple[Script | None, int]:
    """The script, and for how many seconds it may be kept."""
    if name == "pabal.js":
        return script(VERSION), _HOUR
    if version := version_of(name):
        return script(version), _YEAR
    if not name.endswith(".js"):
        return None, 0
    token = name.removesuffix(".js")
    return script_of_key(token, known_keys.find_key(token=token).needs_consent), _MINUTES


# -- what it brings ----------------------------------------------------------------------------------------------------


class _Request:
    """One request with events, and the headers that its answer has in any case."""

    def __init__(self, environ: Environ, start_response: StartResponse) -> None:
        self._environ, self._start_response = environ, start_response
        self._origin = environ.get("HTTP_ORIGIN", "")
        self._headers: Headers = [("Vary", "Origin"), ("Cache-Control", "no-store"), *_OPEN]

    def answered(self, token: str) -> Iterable[bytes]:
        key = None
        try:
            key = known_keys.find_key(token=token)
            known_keys.check_origin(key=key, origin=self._origin)
            self._headers.append(("Access-Control-Allow-Origin", self._origin))
            if self._environ["REQUEST_METHOD"] == "OPTIONS":
                return self._preflight()
            return self._taken(key)
        except known_keys.KeyUnknown as refused:
            return self._said(404, "KeyUnknown", refused.message, _READABLE)
        except known_keys.KeyRevoked as refused:
            return self._said(403, "KeyRevoked", refused.message, _READABLE)
        except known_keys.OriginRefused as refused:
            self._note(key, "OriginRefused", self._origin)
            return self._said(403, "OriginRefused", refused.message)
        except BatchRefused as refused:
            self._note(key, refused.code, "")
            return self._said(refused.status, refused.code, str(refused))
        except known_keys.KeysAway:
            return self._said(503, "Unavailable", "Not now. Try again.", ("Retry-After", "10"))
        except OSError:
            _log.critical("Events of web pages are refused: neither Redis nor the spool takes them", exc_info=True)
            return self._said(503, "Unavailable", "Not now. Try again.", ("Retry-After", "10"))

    def _preflight(self) -> Iterable[bytes]:
        self._start_response("204 No Content", [
            *self._headers, ("Access-Control-Allow-Methods", "POST"), ("Access-Control-Allow-Headers", "content-type"),
            ("Access-Control-Max-Age", "7200"),
        ])  # fmt: skip
        return []

    def _taken(self, key: KnownKey) -> Iterable[bytes]:
        """Raises ``BatchRefused`` and ``OSError``."""
        if self._environ["REQUEST_METHOD"] != "POST":
            return self._said(405, "MethodNotAllowed", "Bring events with POST.", ("Allow", "POST, OPTIONS"))
        length = self._length()
        if wait := self._wait(key, 1 + length // _UNIT):
            self._note(key, "TooManyRequests", "")
            return self._said(429, "TooManyRequests", f"Too many requests. Try again in {wait} s.", ("Retry-After", str(wait)))
        body = self._environ["wsgi.input"].read(length)
        with translation.override("en"):  # for programs, whatever page this thread made last
            agent = self._environ.get("HTTP_USER_AGENT", "")
            batch, left = read_batch(body=body, key=key, origin=self._origin, user_agent=agent, now=clock.now())
        BATCHES.put([batch.as_line()])
        if left.note[0]:
            self._note(key, *left.note)
        parts = {"Endpoint": left.endpoint, "Identity": left.identity, "Events": left.events}
        refused = {name: part for name, part in parts.items() if part}
        return self._answer("202 Accepted", {"EndpointId": batch.endpoint_id} | ({"Refused": refused} if refused else {}))

    def _length(self) -> int:
        """Raises ``BatchRefused``."""
        said = self._environ.get("CONTENT_LENGTH") or ""
        if not (said.isascii() and said.isdecimal()):
            raise BatchRefused(411, "LengthRequired", "Say the Content-Length.")
        if len(said) > 9 or int(said) > BODY_LIMIT:
            raise BatchRefused(413, "TooLarge", f"A request has {BODY_LIMIT // 1024} KB at most.")
        return int(said)

    def _wait(self, key: KnownKey, units: int) -> int:
        address = household(caller_address(self._environ))
        return _meter.take(name=f"address:{address}", units=units, limit=settings.WEB_REQUESTS_PER_ADDRESS) or _meter.take(
            name=f"key:{key.id}", units=units, limit=settings.WEB_REQUESTS_PER_KEY
        )

    @staticmethod
    def _note(key: KnownKey | None, code: str, detail: str) -> None:
        if key is not None:
            notes.note_refused(key_id=key.id, code=code, detail=detail, now=clock.now())

    def _said(self, status: int, code: str, message: str, *headers: tuple[str, str]) -> Iterable[bytes]:
        return _said(self._start_response, status, code, message, [*self._headers, *headers])

    def _answer(self, status: str, found: dict[str, Any]) -> Iterable[bytes]:
        body = orjson.dumps(found)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        self._start_response(status, self._headers + headers)
        return [body]


_REASONS = {
    400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 411: "Length Required", 413: "Content Too Large",
    429: "Too Many Requests", 503: "Service Unavailable",
}  # fmt: skip


def _said(start_response: StartResponse, status: int, code: str, message: str, headers: Headers) -> Iterable[bytes]:
    """A refusal: ``Error`` for programs, ``Message`` for people."""
    body = orjson.dumps({"Error": code, "Message": message})
    more = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {_REASONS[status]}", [*headers, *more])
    return [body]
