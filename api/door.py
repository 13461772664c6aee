"""A call of the API from the wire to an operation and back: route, size, signature, rate, rights, input, project, operation, answer.

In this order, so that nobody who is not known learns anything, and what is refused costs little. Whatever happens, the answer is one of
the API's.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from api.identity import held, idempotency, keys, rates, replays
from api.identity.sigv4 import SignedRequest
from api.models import AccessKey
from api.operations import TABLE
from api.operations.contract import Call, Served
from api.protocol import parsing, routes, serialising
from api.protocol.errors import ApiError, Away, BadRequest, Forbidden, NotFound, NotServed, PayloadTooLarge
from api.protocol.limits import BODY_BYTES
from api.protocol.model import Operation
from core import clock
from core.errors import Refusal
from core.sql import is_away
from projects.access import RANKS
from projects.models import Project, Role

_log = logging.getLogger(__name__)
_ALLOWED_HEADERS = (
    "authorization, content-type, idempotency-key, x-amz-date, x-amz-security-token, x-amz-content-sha256, x-amz-user-agent, "
    "amz-sdk-invocation-id, amz-sdk-request, x-amzn-trace-id"
)
_EXPOSED = "x-amzn-RequestId, x-amzn-ErrorType, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"


def answer(request: HttpRequest) -> HttpResponse:
    request_id = str(uuid.uuid4())
    with translation.override("en"):
        response = _preflight() if request.method == "OPTIONS" else _answer(request, request_id)
    response.headers["x-amzn-RequestId"] = request_id
    if "Origin" in request.headers:
        # Browsers of any origin: a signature says who calls, never a cookie.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    return response


def _preflight() -> HttpResponse:
    return HttpResponse(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE", "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": "86400",
        },
    )  # fmt: skip


def _answer(request: HttpRequest, request_id: str) -> HttpResponse:
    headers: dict[str, str] = {}
    try:
        status, body = _carry_out(request, request_id, headers)
        return _response(status, body, headers)
    except ApiError as error:
        return _refused(error, request_id, headers)
    except Refusal as refusal:
        return _refused(BadRequest(refusal.message), request_id, headers)
    except Exception as fault:  # noqa: BLE001  (the edge: a caller gets an answer of the API's, the log the reason)
        if isinstance(fault, DatabaseError) and is_away(fault):
            _log.error("The database is away: %s", fault)
            return _refused(Away("The database is away. Try again."), request_id, headers)
        _log.exception("A call of the API failed: %s %s (%s)", request.method, request.path_info[:200], request_id)
        return _refused(
            ApiError("An internal error occurred. The server's log has it under this RequestID."), request_id, headers
        )


def _carry_out(request: HttpRequest, request_id: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """``headers`` gathers those of the answer, whether it is a success or not."""
    now = clock.now()
    path, query = _on_the_wire(request)
    route = routes.find(request.method or "", path)
    entry = TABLE[route.operation.name]
    body = _body(request, entry.body_bytes if isinstance(entry, Served) else BODY_BYTES)
    signed = SignedRequest(method=request.method or "", path=path, query=query, headers=_headers(request), body=body)
    key, role = keys.authenticate(signed, now=now)
    allowance = rates.take(key_id=key.pk, operation=route.operation.name)
    if allowance is not None:
        headers |= allowance.headers
    if not isinstance(entry, Served):
        raise NotServed(f"{route.operation.name}: {entry.reason}")
    _check_rights(key, role, entry, route.operation)
    params = parsing.parse(route.operation, parameters=route.parameters, query=parsing.parse_query(query), body=body)
    call = Call(key=key, params=params, now=now, request_id=request_id, found=_project(key, params))

    def carry_out() -> tuple[int, bytes]:
        if entry.sends:
            replays.check_first(signed)
        return route.operation.status, serialising.serialise(route.operation, entry.function(call))

    repeated = request.headers.get("Idempotency-Key")
    if repeated is None or request.method == "GET":
        return carry_out()
    print_ = idempotency.fingerprint(signed.method.encode(), path.encode(), query.encode(), body)
    found, is_replayed = idempotency.once(
        access_key=key, key=repeated, print_=print_, sends=entry.sends, now=now, carry_out=carry_out
    )
    if is_replayed:
        headers["Idempotency-Replayed"] = "true"
    return found


def _on_the_wire(request: HttpRequest) -> tuple[str, str]:
    """Path and query as they were sent: gunicorn hands them over as ``RAW_URI``, others as ``REQUEST_URI``.

    A server that gives neither has decoded ``%2F`` already; then only resources without a slash in their names can be reached.
    """
    raw = request.META.get("RAW_URI") or request.META.get("REQUEST_URI")
    if not raw:
        return quote(request.path_info, safe="/~"), request.META.get("QUERY_STRING", "")
    if not raw.startswith("/"):
        split = urlsplit(raw)
        return split.path, split.query
    path, _mark, query = raw.partition("?")
    return path, query


def _headers(request: HttpRequest) -> Mapping[str, str]:
    found = {name[5:].replace("_", "-").lower(): value for name, value in request.META.items() if name.startswith("HTTP_")}
    found |= {
        name.replace("_", "-").lower(): str(request.META[name])
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        if request.META.get(name)
    }
    return found


def _body(request: HttpRequest, most: int) -> bytes:
    """Raises ``PayloadTooLarge``, before it is read where its size is stated."""
    stated = request.META.get("CONTENT_LENGTH") or ""
    if stated.isdecimal() and int(stated) > most:
        raise PayloadTooLarge(f"The body has {int(stated):,} bytes; {most:,} are possible.")
    if not stated and request.META.get("wsgi.input_terminated"):  # sent in chunks
        body: bytes = request.META["wsgi.input"].read(most + 1)
    else:
        body = request.read(most + 1)
    if len(body) > most:
        raise PayloadTooLarge(f"The body has more than {most:,} bytes.")
    return body


def _check_rights(key: AccessKey, role: Role, entry: Served, operation: Operation) -> None:
    if key.is_for_apps and entry.for_apps:
        return
    lacking = sorted(right.value for right in entry.rights if right not in key.rights)
    if lacking:
        raise Forbidden(f"This access key may not call {operation.name}: it lacks the right {' and '.join(lacking)}.")
    if RANKS[role] < RANKS[entry.at_least]:
        raise Forbidden(
            f"This access key may not call {operation.name}: whoever made it is a {role}, and a {entry.at_least} may."
        )


def _project(key: AccessKey, params: Mapping[str, Any]) -> Project | None:
    """The project of the call. A key of a project learns of no other whether it exists."""
    public_id = params.get("ApplicationId")
    if public_id is None:
        return None
    if key.project is not None:
        if key.project.public_id != public_id:
            raise Forbidden("This access key is of another project.")
        return key.project
    found = held.project(public_id)
    if found is None:
        raise NotFound("Application not found")
    return found


def _response(status: int, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
    response = HttpResponse(body, status=status, content_type="application/json", headers=dict(headers))
    response.headers["Content-Length"] = str(len(body))
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would log every refusal as a warning
    return response


def _refused(error: ApiError, request_id: str, headers: Mapping[str, str]) -> HttpResponse:
    body = serialising.error_body(request_id, error.message)
    return _response(error.status, body, {**headers, **error.headers, "x-amzn-ErrorType": error.type})
